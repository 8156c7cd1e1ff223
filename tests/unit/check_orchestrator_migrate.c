/* Migrations, the pure part: the table of states against the page that tells people of it; the end of the window
 * against glibc's calendar on every day of nine years in zones that shift, skip midnight or lie at the edges of the
 * day; reminders by the table of working days; the weekly look. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/civil.h"
#include "migrate/case.h"
#include "migrate/window.h"
#include "suite.h"
#include "sys/file.h"

enum { DAY = 86400 };

/* ---- states ---- */

START_TEST(the_page_shows_the_table_of_states_and_acts) {
    char want[8000], path[400];
    struct buf page;
    struct err e = ERR_INIT;
    size_t n = (size_t)sprintf(want, "| state |");
    for (int a = 0; a < CASE_ACTS; a++) n += (size_t)sprintf(want + n, " %s |", case_act_name(a));
    n += (size_t)sprintf(want + n, "\n|");
    for (int a = 0; a <= CASE_ACTS; a++) n += (size_t)sprintf(want + n, " --- |");
    for (int s = 0; s < CASE_STATES; s++) {
        n += (size_t)sprintf(want + n, "\n| %s |", case_name(s));
        for (int a = 0; a < CASE_ACTS; a++) {
            int to = case_next(s, a);
            n += (size_t)sprintf(want + n, to >= 0 ? " %s |" : " |", case_name(to));
        }
    }
    snprintf(path, sizeof path, "%s/docs/MIGRATION.md", getenv("ZAIBEI_ROOT") ? getenv("ZAIBEI_ROOT") : ".");
    buf_init(&page, 1 << 20);
    ck_assert_msg(file_load(AT_FDCWD, path, 1 << 20, &page, &e) == 0, "%s: %s", path, e.msg);
    buf_u8(&page, 0);
    ck_assert_msg(strstr((char *)page.p, want), "docs/MIGRATION.md does not show:\n%s", want);
    buf_free(&page);
}
END_TEST

START_TEST(every_state_has_its_word_and_comes_back_from_it) {
    for (int s = 1; s < CASE_STATES; s++) ck_assert_int_eq(case_of(case_name(s)), s);
    ck_assert_int_eq(case_of("none"), CASE_NONE);
    ck_assert_int_lt(case_next(CASE_STATES, CASE_BEGIN), 0);
    ck_assert_int_lt(case_next(CASE_BEGUN, CASE_ACTS), 0);
    struct err e = ERR_INIT;
    ck_assert_int_lt(case_step(CASE_WINDOW, CASE_CLOSE, "shop", &e), 0);
    ck_assert_int_eq(e.id, ZE_CASESTATE);
}
END_TEST

/* From the cutover on, closed is reached through the end and another person's consent only, whatever is tried in
 * whatever order. */
START_TEST(no_way_leads_out_of_the_window_past_its_end_and_another_person) {
    bool seen[CASE_STATES] = {[CASE_WINDOW] = true};
    for (int round = 0; round < CASE_STATES; round++)
        for (int s = 0; s < CASE_STATES; s++)
            for (int a = 0; seen[s] && a < CASE_ACTS; a++)
                if (a != CASE_END && case_next(s, a) >= 0) seen[case_next(s, a)] = true;
    ck_assert(!seen[CASE_ENDED] && !seen[CASE_CLOSING] && !seen[CASE_CLOSED]);
    for (int s = 0; s < CASE_STATES; s++)
        for (int a = 0; a < CASE_ACTS; a++)
            if (case_counts(s) && case_next(s, a) == CASE_CLOSED) ck_assert(s == CASE_CLOSING && a == CASE_APPROVE);
    for (int s = CASE_WINDOW; s <= CASE_ROLLED_BACK; s++) ck_assert_int_ge(case_next(s, CASE_EXTEND), 0);
}
END_TEST

/* ---- the end ---- */

static void into(const char *tz) {
    setenv("TZ", tz, 1);
    tzset();
}

static int date_of(time_t t) {
    struct tm g;
    localtime_r(&t, &g);
    return (g.tm_year + 1900) * 10000 + (g.tm_mon + 1) * 100 + g.tm_mday;
}

/* The first quarter of an hour in which the wall shows a later date than that ${months} after ${from}. */
static time_t oracle_end(time_t from, int months) {
    static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct tm g;
    localtime_r(&from, &g);
    int y = g.tm_year + 1900 + (g.tm_mon + months) / 12, m = (g.tm_mon + months) % 12;
    int most = len[m] + (m == 1 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)));
    int d = g.tm_mday > most ? most : g.tm_mday, last = y * 10000 + (m + 1) * 100 + d;
    struct tm noon = {.tm_year = y - 1900, .tm_mon = m, .tm_mday = d, .tm_hour = 12};
    time_t t = timegm(&noon) - 15 * 3600;
    while (date_of(t) <= last) t += 900;
    return t;
}

static const char *const zones[][2] = {{"Asia/Shanghai", "Asia/Shanghai"}, {"UTC", "UTC"},
    {"America/New_York", "America/New_York"}, {"Africa/Cairo", "Africa/Cairo"}, {"America/Havana", "America/Havana"},
    {"Australia/Lord_Howe", "Australia/Lord_Howe"}, {"Pacific/Kiritimati", "Pacific/Kiritimati"},
    {"UTC-12:00", "Etc/GMT+12"}, {"Asia/Kathmandu", "Asia/Kathmandu"}};

/* faults: D4 D5 */
START_TEST(on_every_day_the_window_has_its_whole_months_and_the_pin_outlasts_it) {
    static const int of_day[] = {0, 57599, 57600, 86399}, months[] = {3, 3, 4, 12};
    struct err e = ERR_INIT;
    struct zone *z = zone_open(zones[_i][0], &e);
    ck_assert_msg(z, "%s", e.msg);
    into(zones[_i][1]);
    struct civil first = {2024, 1, 1}, last = {2032, 12, 31};
    int n = 0;
    for (int64_t day = civil_number(first); day <= civil_number(last); day++)
        for (int k = 0; k < 4; k++, n++) {
            time_t from = day * DAY + of_day[k], want = oracle_end(from, months[k]);
            int64_t end = window_end(z, from, (unsigned)months[k]);
            ck_assert_msg(end == want, "%s, from %lld: %lld instead of %lld", zones[_i][0], (long long)from,
                (long long)end, (long long)want);
            ck_assert(civil_pin_end(from * 1000000000LL, (unsigned)months[k]) >= end * 1000000000LL);
        }
    ck_assert_int_eq(n, 3288 * 4);
    zone_free(z);
}
END_TEST

START_TEST(fewer_than_three_months_are_three) {
    struct err e = ERR_INIT;
    struct zone *z = zone_open("Asia/Shanghai", &e);
    struct civil c = {2026, 11, 30}, last = {2027, 2, 28};
    int64_t from = civil_number(c) * DAY + 2 * 3600; /* 10:00 there */
    for (unsigned m = 0; m <= 3; m++) ck_assert_int_eq(window_last_day(z, from, m), civil_number(last));
    ck_assert_int_eq(window_end(z, from, 3), civil_number(last) * DAY + 16 * 3600);
    ck_assert_int_eq(window_last_day(z, from - 10 * 3600 - 1, 3), civil_number(last)); /* the 29th, clamped too */
    zone_free(z);
}
END_TEST

/* ---- reminders and weeks ---- */

START_TEST(reminders_come_in_working_days_before_the_last_day) {
    static const unsigned n[] = {30, 14, 7, 1};
    size_t len;
    struct err e = ERR_INIT;
    const char *json = workdays_first(&len);
    struct workdays *t = workdays_parse("first", json, len, &e);
    struct zone *z = zone_open("Asia/Shanghai", &e);
    ck_assert(t && z);
    struct civil c = {2025, 10, 10}, monday = {2025, 11, 10}; /* the days off of October lie between */
    int64_t last = civil_number(c), end = window_day_end(z, last);
    for (int i = 0; i < 4; i++) {
        int64_t due = window_reminder_s(z, t, end, n[i]), day = window_day(z, due), between = 0;
        ck_assert(workdays_is(t, day) && window_day(z, due - 1) == day - 1);
        for (int64_t x = day; x < last; x++) between += workdays_is(t, x);
        ck_assert_int_eq(between, n[i]);
        ck_assert_uint_eq(window_reminder(z, t, end, due), n[i]);
        ck_assert_uint_eq(window_reminder(z, t, end, due - 1), i ? n[i - 1] : 0);
        ck_assert_int_eq(window_left(z, t, end, due), n[i] - !workdays_is(t, last));
    }
    /* One working day before a day that follows the eight days off is before them. */
    c = (struct civil){2025, 10, 9};
    ck_assert_int_eq(window_day(z, window_reminder_s(z, t, window_day_end(z, civil_number(c)), 1)),
        civil_number((struct civil){2025, 9, 30}));
    ck_assert_uint_eq(window_reminder(z, t, end, end), 0);
    ck_assert_uint_eq(window_reminder(z, t, end, end - 1), 1);
    ck_assert_int_lt(window_left(z, t, end, civil_number(monday) * DAY), 0);
    workdays_free(t);
    zone_free(z);
}
END_TEST

START_TEST(the_points_are_looked_at_each_week_however_often_they_were_meanwhile) {
    int64_t from = 1795000000, week = 7 * DAY, at = from;
    ck_assert_int_eq(window_verify_s(from, 0), from + week);
    ck_assert_int_eq(window_verify_s(from, from + DAY), from + week);
    for (int i = 1; i < 60; i++) {
        ck_assert_int_eq(window_verify_s(from, at), from + i * week);
        at = window_verify_s(from, at) + i % 3 * DAY; /* late, perhaps */
    }
    ck_assert_int_eq(window_verify_s(from, from + 5 * week + 3), from + 6 * week); /* weeks that were missed are one */
}
END_TEST

int main(void) {
    Suite *s = suite_create("migrate");
    TCase *t = tcase_create("case"), *w = tcase_create("window");
    tcase_add_test(t, the_page_shows_the_table_of_states_and_acts);
    tcase_add_test(t, every_state_has_its_word_and_comes_back_from_it);
    tcase_add_test(t, no_way_leads_out_of_the_window_past_its_end_and_another_person);
    tcase_set_timeout(w, 60);
    tcase_add_loop_test(
        w, on_every_day_the_window_has_its_whole_months_and_the_pin_outlasts_it, 0, sizeof zones / sizeof *zones);
    tcase_add_test(w, fewer_than_three_months_are_three);
    tcase_add_test(w, reminders_come_in_working_days_before_the_last_day);
    tcase_add_test(w, the_points_are_looked_at_each_week_however_often_they_were_meanwhile);
    suite_add_tcase(s, t);
    suite_add_tcase(s, w);
    return suite_run(s);
}
