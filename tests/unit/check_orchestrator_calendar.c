/* The calendar: month ends, clocks that jump, days that fall together. Offsets were taken from another reader of the TZ database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "calendar/calendar.h"
#include "suite.h"

static struct zone *open_zone(const char *name) {
    struct err e = ERR_INIT;
    struct zone *z = zone_open(name, &e);
    ck_assert_msg(z, "%s: %s", name, e.msg);
    return z;
}

static int64_t at(const char *t) { /* "2026-11-22T01:02:03Z" */
    unsigned y, mo, d, h, mi, s;
    ck_assert_int_eq(sscanf(t, "%u-%u-%uT%u:%u:%uZ", &y, &mo, &d, &h, &mi, &s), 6);
    return civil_days(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
}

/* The next run after ${*now} starts at ${start}, lasts ${minutes}, is ${kind} with ${labels}; *now moves on to it. */
static void next_is(const struct schedule *s, const struct zone *z, int64_t *now, const char *start, int minutes,
    const char *kind, const char *labels) {
    struct run run;
    char text[32], words[RUN_LABELS];
    ck_assert(calendar_next(s, z, NULL, *now, &run));
    text_time(text, run.start_s * 1000000000);
    run_labels_text(run.labels, words);
    ck_assert_str_eq(text, start);
    ck_assert_int_eq(run.end_s - run.start_s, minutes * 60);
    ck_assert_str_eq(run_kind_name(run.kind), kind);
    ck_assert_str_eq(words, labels);
    *now = run.start_s;
}

START_TEST(dates_and_days_convert_both_ways_over_four_centuries) {
    for (int64_t day = -200000; day < 200000; day++) {
        int64_t y;
        unsigned m, d;
        civil_date(day, &y, &m, &d);
        bool right = m >= 1 && m <= 12 && d >= 1 && d <= civil_month_len(y, m) && civil_days(y, m, d) == day;
        if (!right) ck_abort_msg("day %lld is %lld-%u-%u", (long long)day, (long long)y, m, d);
    }
    ck_assert_uint_eq(civil_weekday(0), 4);                        /* 1970-01-01 was a Thursday */
    ck_assert_uint_eq(civil_weekday(civil_days(2026, 11, 22)), 7); /* a Sunday */
    ck_assert_uint_eq(civil_month_len(2000, 2) * 100 + civil_month_len(2100, 2), 2928);
}
END_TEST

START_TEST(offsets_follow_the_tz_database_before_within_and_after_its_table) {
    static const struct {
        const char *zone, *when;
        int offset;
    } rows[] = {
        {"Asia/Shanghai", "2026-11-22T00:00:00Z", 28800},
        {"Asia/Shanghai", "1988-07-01T00:00:00Z", 32400},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
        {"Europe/Berlin", "2090-07-01T00:00:00Z", 7200},
        {"Europe/Berlin", "2090-01-01T00:00:00Z", 3600},
        {"America/New_York", "2090-03-12T06:59:59Z", -18000},
        {"America/New_York", "2090-03-12T07:00:00Z", -14400},
        {"Australia/Sydney", "2090-01-01T00:00:00Z", 39600},
        {"Australia/Sydney", "2090-07-01T00:00:00Z", 36000},
        {"Asia/Kathmandu", "2026-01-01T00:00:00Z", 20700},
        {"UTC", "2026-01-01T00:00:00Z", 0},
        {"UTC+08:00", "2026-01-01T00:00:00Z", 28800},
        {"UTC-03:30", "2026-01-01T00:00:00Z", -12600},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);
        ck_assert_msg(zone_offset(z, at(rows[i].when)) == rows[i].offset, "%s %s: %d", rows[i].zone, rows[i].when,
            zone_offset(z, at(rows[i].when)));
        zone_free(z);
    }
}
END_TEST

/* faults: D3 */
START_TEST(a_wall_time_in_a_gap_is_the_end_of_the_gap_and_one_that_comes_twice_is_the_first) {
    struct zone *z = open_zone("Europe/Berlin");
    ck_assert_int_eq(zone_utc(z, at("2026-03-29T01:59:59Z")), at("2026-03-29T00:59:59Z"));
    ck_assert_int_eq(zone_utc(z, at("2026-03-29T02:00:00Z")), at("2026-03-29T01:00:00Z"));
    ck_assert_int_eq(zone_utc(z, at("2026-03-29T02:30:00Z")), at("2026-03-29T01:00:00Z"));
    ck_assert_int_eq(zone_utc(z, at("2026-03-29T03:00:00Z")), at("2026-03-29T01:00:00Z"));
    ck_assert_int_eq(zone_utc(z, at("2026-10-25T02:30:00Z")), at("2026-10-25T00:30:00Z"));
    ck_assert_int_eq(zone_utc(z, at("2026-10-25T03:00:00Z")), at("2026-10-25T02:00:00Z"));
    zone_free(z);
}
END_TEST

/* faults: D3 */
START_TEST(names_that_are_no_zone_and_files_that_are_damaged_are_refused) {
    static const char *const bad[] = {
        "", "Nowhere/City", "../etc/passwd", "/etc/passwd", "UTC+8", "UTC+08:60", "UTC+19:00", "Asia", "UTC+08:00x"};
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(!zone_open(bad[i], &e), "%s", bad[i]);
        ck_assert_int_eq(e.id, ZE_CONFIG);
    }
    ck_assert_ptr_null(zone_parse("x", "TZif2", 5, &e));
}
END_TEST

START_TEST(daily_weekly_and_monthly_on_one_day_are_one_run_and_full_wins) {
    struct zone *z = open_zone("Asia/Shanghai");
    struct schedule s = {RUN_INCREMENTAL, RUN_FULL, RUN_FULL, 60, 240, 7, 1};
    int64_t now = at("2026-10-30T00:00:00Z");
    next_is(&s, z, &now, "2026-10-30T17:00:00Z", 240, "incremental", "daily");         /* Saturday 31st */
    next_is(&s, z, &now, "2026-10-31T17:00:00Z", 240, "full", "daily,weekly,monthly"); /* Sunday 1 November */
    next_is(&s, z, &now, "2026-11-01T17:00:00Z", 240, "incremental", "daily");
    s.monthly = RUN_INCREMENTAL, s.daily = RUN_NONE;
    now = at("2026-10-30T00:00:00Z");
    next_is(&s, z, &now, "2026-10-31T17:00:00Z", 240, "full", "weekly,monthly");
    next_is(&s, z, &now, "2026-11-07T17:00:00Z", 240, "full", "weekly");
    zone_free(z);
}
END_TEST

/* faults: D4 */
START_TEST(the_31st_is_the_last_day_of_shorter_months) {
    struct zone *z = open_zone("UTC");
    struct schedule s = {RUN_NONE, RUN_NONE, RUN_FULL, 0, 60, 7, 31};
    int64_t now = at("2027-12-31T00:00:00Z");
    next_is(&s, z, &now, "2028-01-31T00:00:00Z", 60, "full", "monthly");
    next_is(&s, z, &now, "2028-02-29T00:00:00Z", 60, "full", "monthly");
    next_is(&s, z, &now, "2028-03-31T00:00:00Z", 60, "full", "monthly");
    next_is(&s, z, &now, "2028-04-30T00:00:00Z", 60, "full", "monthly");
    s.monthly_day = 30, now = at("2027-01-30T00:00:00Z");
    next_is(&s, z, &now, "2027-02-28T00:00:00Z", 60, "full", "monthly");
    zone_free(z);
}
END_TEST

START_TEST(a_window_over_midnight_belongs_to_the_day_on_which_it_opens) {
    struct zone *z = open_zone("UTC+08:00");
    struct schedule s = {RUN_NONE, RUN_FULL, RUN_NONE, 22 * 60, 360, 6, 1};
    int64_t now = at("2026-11-21T14:00:00Z"); /* Saturday 22:00: exactly its start is not after it */
    next_is(&s, z, &now, "2026-11-28T14:00:00Z", 360, "full", "weekly");
    now = at("2026-11-21T13:59:59Z");
    next_is(&s, z, &now, "2026-11-21T14:00:00Z", 360, "full", "weekly");
    zone_free(z);
}
END_TEST

/* faults: D3 */
START_TEST(runs_stay_one_a_day_when_clocks_change) {
    struct zone *z = open_zone("Europe/Berlin");
    struct schedule s = {RUN_INCREMENTAL, RUN_NONE, RUN_NONE, 150, 90, 7, 1}; /* 02:30-04:00 */
    int64_t now = at("2026-03-28T00:00:00Z");
    next_is(&s, z, &now, "2026-03-28T01:30:00Z", 90, "incremental", "daily");
    next_is(&s, z, &now, "2026-03-29T01:00:00Z", 60, "incremental", "daily"); /* 02:30 does not exist: 03:00 */
    next_is(&s, z, &now, "2026-03-30T00:30:00Z", 90, "incremental", "daily");
    now = at("2026-10-24T12:00:00Z");
    next_is(
        &s, z, &now, "2026-10-25T00:30:00Z", 150, "incremental", "daily"); /* the first 02:30; 04:00 is winter time */
    next_is(&s, z, &now, "2026-10-26T01:30:00Z", 90, "incremental", "daily");
    s.window_start_min = 120, s.window_len_min = 30, now = at("2026-03-29T00:00:00Z"); /* wholly in the gap */
    next_is(&s, z, &now, "2026-03-29T01:00:00Z", 1, "incremental", "daily");
    zone_free(z);
}
END_TEST

START_TEST(nothing_scheduled_gives_nothing) {
    struct zone *z = open_zone("UTC");
    struct schedule s = {.window_len_min = 60, .weekly_day = 1, .monthly_day = 1};
    struct run run;
    ck_assert(!calendar_next(&s, z, NULL, 0, &run));
    zone_free(z);
}
END_TEST

START_TEST(labels_read_back_and_unknown_words_are_skipped) {
    char t[RUN_LABELS];
    for (unsigned l = 0; l < 32; l++) {
        run_labels_text(l, t);
        ck_assert_uint_eq(run_labels_of(t), l);
    }
    ck_assert_uint_eq(run_labels_of("manual,weekly,,x"), LABEL_WEEKLY);
}
END_TEST

int main(void) {
    Suite *s = suite_create("calendar");
    TCase *t = tcase_create("calendar");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, dates_and_days_convert_both_ways_over_four_centuries);
    tcase_add_test(t, offsets_follow_the_tz_database_before_within_and_after_its_table);
    tcase_add_test(t, a_wall_time_in_a_gap_is_the_end_of_the_gap_and_one_that_comes_twice_is_the_first);
    tcase_add_test(t, names_that_are_no_zone_and_files_that_are_damaged_are_refused);
    tcase_add_test(t, daily_weekly_and_monthly_on_one_day_are_one_run_and_full_wins);
    tcase_add_test(t, the_31st_is_the_last_day_of_shorter_months);
    tcase_add_test(t, a_window_over_midnight_belongs_to_the_day_on_which_it_opens);
    tcase_add_test(t, runs_stay_one_a_day_when_clocks_change);
    tcase_add_test(t, nothing_scheduled_gives_nothing);
    tcase_add_test(t, labels_read_back_and_unknown_words_are_skipped);
    suite_add_tcase(s, t);
    return suite_run(s);
}
