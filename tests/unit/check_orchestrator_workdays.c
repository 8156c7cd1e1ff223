/* Working days against the file itself, read line by line; what the file must not be; runs that happen once; freezes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "calendar/calendar.h"
#include "plan/plan.h"
#include "suite.h"

enum { DAY_S = 86400 };

static struct workdays *table(void) {
    size_t n;
    struct err e = ERR_INIT;
    const char *text = workdays_first(&n);
    struct workdays *t = workdays_parse("first", text, n, &e);
    ck_assert_msg(t, "%s: %s", e.object, e.msg);
    return t;
}

static int64_t day_of(const char *s) {
    unsigned y, m, d;
    ck_assert_int_eq(sscanf(s, "%u-%u-%u", &y, &m, &d), 3);
    return civil_days(y, m, d);
}

START_TEST(every_day_of_three_years_is_as_the_file_says) {
    size_t n;
    const char *text = workdays_first(&n);
    struct workdays *t = table();
    unsigned days = 0, off = 0, worked = 0;
    for (int64_t day = day_of("2024-01-01"); day <= day_of("2026-12-31"); day++, days++) {
        char time[32], quoted[16];
        text_time(time, day * DAY_S * 1000000000);
        snprintf(quoted, sizeof quoted, "\"%.10s\"", time);
        const char *found = strstr(text, quoted), *last_off = NULL, *last_work = NULL;
        for (const char *p = text; found && (p = strstr(p, "\"off\"")) && p < found; p++) last_off = p;
        for (const char *p = text; found && (p = strstr(p, "\"work\"")) && p < found; p++) last_work = p;
        bool want = found ? last_work > last_off : (day + 3) % 7 < 5;
        ck_assert_msg(workdays_is(t, day) == want, "%s", quoted);
        ck_assert_msg(!found == !*workdays_name(t, day), "%s", quoted);
        off += found && !want, worked += found && want;
    }
    ck_assert_uint_eq(days, 366 + 365 + 365);
    ck_assert_uint_eq(off, 89);
    ck_assert_uint_eq(worked, 19);
    ck_assert(
        workdays_knows(t, 2026) && !workdays_knows(t, 2027) && !workdays_knows(t, 1) && !workdays_knows(NULL, 2026));
    workdays_free(t);
}
END_TEST

START_TEST(beyond_the_table_weekends_are_days_off_and_a_warning_comes_in_december) {
    struct workdays *t = table();
    for (int64_t day = day_of("2027-01-01"); day < day_of("2029-01-01"); day++)
        ck_assert_int_eq(workdays_is(t, day), civil_weekday(day) <= 5);
    ck_assert_int_eq(workdays_is(NULL, day_of("2026-10-01")), true);
    ck_assert_int_eq(workdays_missing(t, day_of("2026-11-30")), 0);
    ck_assert_int_eq(workdays_missing(t, day_of("2026-12-01")), 2027);
    ck_assert_int_eq(workdays_missing(t, day_of("2025-12-31")), 0);
    ck_assert_int_eq(workdays_missing(t, day_of("2028-05-01")), 2028);
    workdays_free(t);
}
END_TEST

/* R16: 3 working days from Tuesday 2026-09-29 are over on 2026-10-09, after the days off from the 1st to the 7th. */
START_TEST(deadlines_are_counted_in_working_days) {
    struct workdays *t = table();
    int64_t asked = day_of("2026-09-29");
    ck_assert_int_eq(workdays_add(t, asked, 1), day_of("2026-09-30"));
    ck_assert_int_eq(workdays_add(t, asked, 2), day_of("2026-10-08"));
    ck_assert_int_eq(workdays_add(t, asked, 3), day_of("2026-10-09"));
    ck_assert_int_eq(workdays_add(t, asked, 4), day_of("2026-10-10")); /* a Saturday that is made up */
    ck_assert_int_eq(workdays_add(t, day_of("2026-10-03"), 0), day_of("2026-10-08"));
    ck_assert_int_eq(workdays_add(t, asked, 0), asked);
    ck_assert_int_eq(workdays_between(t, asked, day_of("2026-10-09")), 3);
    ck_assert_int_eq(workdays_between(t, day_of("2026-10-09"), asked), -3);
    ck_assert_int_eq(workdays_between(t, asked, asked), 0);
    for (int64_t day = day_of("2024-01-01"); day < day_of("2026-12-01"); day += 5)
        for (unsigned n = 1; n < 12; n++) {
            int64_t due = workdays_add(t, day, n), counted = 0;
            for (int64_t d = day + 1; d <= due; d++) counted += workdays_is(t, d);
            if (counted != n || !workdays_is(t, due) || workdays_between(t, day, due) != n) ck_abort_msg("%u", n);
        }
    workdays_free(t);
}
END_TEST

/* faults: H1 */
START_TEST(files_that_are_no_table_are_refused_by_the_day) {
    static const struct {
        const char *text, *object;
    } rows[] = {
        {"", "f"},
        {"[]", "f"},
        {"{}", "f"},
        {"{\"years\":{}}", "f"},
        {"{\"years\":{\"26\":{\"off\":{},\"work\":{}}}}", "f"},
        {"{\"years\":[]}", "f"},
        {"{\"years\":{\"2026\":{\"off\":{}}}}", "2026"},
        {"{\"years\":{\"2026\":{\"off\":{},\"work\":{},\"x\":{}}}}", "2026"},
        {"{\"years\":{\"2026\":{\"off\":{\"2026-02-29\":\"x\"},\"work\":{}}}}", "2026"},
        {"{\"years\":{\"2026\":{\"off\":{\"2025-01-01\":\"x\"},\"work\":{}}}}", "2026"},
        {"{\"years\":{\"2026\":{\"off\":{\"2026-01-01\":1},\"work\":{}}}}", "2026"},
        {"{\"years\":{\"2026\":{\"off\":{\"2026-01-01\":\"\"},\"work\":{}}}}", "2026-01-01"},
        {"{\"years\":{\"2026\":{\"off\":{\"2026-01-01\":\"a\\nb\"},\"work\":{}}}}", "2026-01-01"},
        {"{\"years\":{\"2026\":{\"off\":{\"2026-01-01\":\"x\"},\"work\":{\"2026-01-01\":\"x\"}}}}", "2026-01-01"},
        {"{\"years\":{\"2026\":{\"off\":{\"2026-01-01\":\"x\",\"2026-01-01\":\"x\"},\"work\":{}}}}", "f"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        struct workdays *t = workdays_parse("f", rows[i].text, strlen(rows[i].text), &e);
        ck_assert_msg(
            !t && e.id == ZE_WORKDAYS && !strcmp(e.object, rows[i].object), "%s: %s %s", rows[i].text, e.object, e.msg);
    }
}
END_TEST

/* ---- what a plan's schedule says ---- */

#define PLAN "name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\n"

/* The runs from ${from} on, as "2026-09-30T12:00+120 full extra; …": length in minutes. */
static const char *runs(const char *text, const char *from, int n) {
    static char out[2000];
    struct err e = ERR_INIT;
    struct plan p;
    struct run run;
    struct workdays *t = table();
    ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", &p, &e) == 0, "%s: %s", e.object, e.msg);
    *out = 0;
    for (int64_t at = day_of(from) * DAY_S - 1; n-- && plan_next(&p, t, at, &run); at = run.start_s) {
        char when[32], labels[RUN_LABELS];
        text_time(when, run.start_s * 1000000000);
        run_labels_text(run.labels, labels);
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%.16s+%d %s %s", *out ? "; " : "", when,
            (int)(run.end_s - run.start_s) / 60, run_kind_name(run.kind), labels);
    }
    plan_free(&p);
    workdays_free(t);
    return out;
}

static void refused(const char *text, const char *why) {
    struct err e = ERR_INIT;
    struct plan p;
    ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", &p, &e) < 0, "%s", text);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert_msg(strstr(e.msg, why), "%s: %s", text, e.msg);
}

START_TEST(events_stand_beside_the_forms_words_and_meet_in_one_run) {
    ck_assert_str_eq(runs(PLAN "schedule:\n  window: 01:00-05:00\n  events:\n"
                               "  - {when: \"mon..fri 02:00\", label: daily}\n"
                               "  - {when: \"*-*-01 02:00\", kind: full, label: [monthly, yearly], length: 6h}\n"
                               "  - {when: \"last-workday-of-month 22:00\", kind: full, length: 30m}\n",
                         "2026-09-29", 4),
        "2026-09-29T02:00+240 incremental daily; 2026-09-30T02:00+240 incremental daily; 2026-09-30T22:00+30 full "
        "extra; "
        "2026-10-01T02:00+360 full daily,monthly,yearly");
    ck_assert_str_eq(runs(PLAN "strategy: {daily: incremental}\nschedule:\n  window: 01:00-05:00\n  events:\n"
                               "  - {when: \"sun 01:00\", kind: full, label: weekly, length: 1h}\n",
                         "2026-11-21", 3),
        "2026-11-21T01:00+240 incremental daily; 2026-11-22T01:00+240 full daily,weekly; "
        "2026-11-23T01:00+240 incremental daily");
    ck_assert_str_eq(runs(PLAN "schedule: {events: [{when: \"holiday 03:00\"}]}\n", "2026-10-07", 3),
        "2026-10-07T03:00+240 incremental extra; 2026-10-11T03:00+240 incremental extra; "
        "2026-10-17T03:00+240 incremental extra"); /* Saturday the 10th is worked */
}
END_TEST

/* R21 */
START_TEST(runs_before_a_protected_period_happen_once_and_none_starts_in_a_freeze) {
    ck_assert_str_eq(
        runs(PLAN "strategy: {weekly: full}\nschedule:\n  weekly_day: wed\n  once:\n"
                  "  - {before: 国庆节, at: \"20:00\"}\n  - {at: 2026-10-10 08:00, kind: incremental, label: daily}\n"
                  "  freeze:\n  - {from: 2026-10-01, until: 2026-10-08, reason: 国庆保障}\n",
            "2026-09-30", 5),
        "2026-09-30T01:00+240 full weekly; 2026-09-30T20:00+240 full extra; 2026-10-10T08:00+240 incremental daily; "
        "2026-10-14T01:00+240 full weekly; 2026-10-21T01:00+240 full weekly");
    ck_assert_str_eq(runs(PLAN "strategy: {daily: full}\nschedule:\n  window: 22:00-04:00\n  freeze:\n"
                               "  - {from: 2026-03-03, until: 2026-03-04, reason: r}\n  - {from: 2026-03-04, until: "
                               "2026-03-05, reason: r}\n",
                         "2026-03-02", 2),
        "2026-03-02T22:00+120 full daily; 2026-03-06T22:00+360 full daily");
    ck_assert_str_eq(
        runs(PLAN "strategy: {monthly: full}\nschedule:\n  monthly_day: 31\n  once:\n"
                  "  - {before: 春节, at: \"20:00\", length: 1h}\n  - {before: 2026-02-20, at: \"21:30\"}\n",
            "2024-02-01", 9),
        "2024-02-09T20:00+60 full extra; 2024-02-29T01:00+240 full monthly; 2024-03-31T01:00+240 full monthly; "
        "2024-04-30T01:00+240 full monthly; 2024-05-31T01:00+240 full monthly; 2024-06-30T01:00+240 full monthly; "
        "2024-07-31T01:00+240 full monthly; 2024-08-31T01:00+240 full monthly; 2024-09-30T01:00+240 full monthly");
    ck_assert_str_eq(
        runs(PLAN "schedule:\n  events: [{when: \"2024-01-01 00:00\"}]\n  once:\n"
                  "  - {before: 春节, at: \"20:00\", length: 1h}\n  - {before: 中秋, at: \"21:30\", length: 2h}\n",
            "2024-02-09", 9),
        "2024-02-09T20:00+60 full extra; 2024-09-14T21:30+120 full extra; 2025-01-27T20:00+60 full extra; "
        "2025-09-30T21:30+120 full extra; 2026-02-14T20:00+60 full extra; 2026-09-24T21:30+120 full extra");
}
END_TEST

START_TEST(a_freeze_everywhere_leaves_nothing_and_comes_to_an_end) {
    ck_assert_str_eq(
        runs(PLAN
            "strategy: {daily: full}\nschedule:\n  freeze:\n  - {from: 1999-01-01, until: 2199-12-31, reason: r}\n",
            "2026-03-02", 1),
        "2200-01-01T01:00+240 full daily");
    ck_assert_str_eq(
        runs(PLAN "schedule:\n  events: [{when: \"*-02-30 00:00\"}, {when: \"2199-12-31 23:59\", length: 1m}]\n",
            "2026-03-02", 2),
        "2199-12-31T23:59+1 incremental extra");
}
END_TEST

/* faults: H1 */
START_TEST(what_a_schedule_does_not_mean_is_refused) {
    refused(PLAN "schedule: {events: []}\n", "expected daily, weekly or monthly");
    refused(PLAN "schedule: {events: [{when: daily}]}\n", "schedule.events[0].when: expected weekdays");
    refused(PLAN "schedule: {events: [{kind: full}]}\n", "when");
    refused(PLAN "schedule: {events: [{when: \"02:00\", lable: daily}]}\n", "label");
    refused(PLAN "schedule: {events: [{when: \"02:00\", label: hourly}]}\n", "expected one of daily");
    refused(PLAN "schedule: {events: [{when: \"02:00\", length: 25h}]}\n", "longer than a day");
    refused(PLAN "schedule: {events: \"02:00\"}\n", "expected a list");
    refused(PLAN "schedule: {events: [\"02:00\"]}\n", "events");
    refused(PLAN "strategy: {daily: full}\nschedule: {once: [{at: 2026-02-30 10:00}]}\n",
        "expected a time such as 2026-12-24");
    refused(
        PLAN "strategy: {daily: full}\nschedule: {once: [{at: \"10:00\"}]}\n", "expected a time such as 2026-12-24");
    refused(
        PLAN "strategy: {daily: full}\nschedule: {once: [{before: 春节, at: 2026-01-01 10:00}]}\n", "such as 20:00");
    refused(PLAN "strategy: {daily: full}\nschedule: {freeze: [{from: 2026-02-03, until: 2026-02-02, reason: x}]}\n",
        "before 2026-02-03");
    refused(PLAN "strategy: {daily: full}\nschedule: {freeze: [{from: 2026-02-01, until: 2026-02-02}]}\n", "reason");
    refused(PLAN "strategy: {daily: full}\nkeep: {last: 0}\n", "keep.last");
    refused(PLAN "strategy: {daily: full}\nkeep: {lost: 1}\n", "last");
}
END_TEST

int main(void) {
    Suite *s = suite_create("workdays");
    TCase *t = tcase_create("workdays");
    tcase_add_test(t, every_day_of_three_years_is_as_the_file_says);
    tcase_add_test(t, beyond_the_table_weekends_are_days_off_and_a_warning_comes_in_december);
    tcase_add_test(t, deadlines_are_counted_in_working_days);
    tcase_add_test(t, files_that_are_no_table_are_refused_by_the_day);
    tcase_add_test(t, events_stand_beside_the_forms_words_and_meet_in_one_run);
    tcase_add_test(t, runs_before_a_protected_period_happen_once_and_none_starts_in_a_freeze);
    tcase_add_test(t, a_freeze_everywhere_leaves_nothing_and_comes_to_an_end);
    tcase_add_test(t, what_a_schedule_does_not_mean_is_refused);
    suite_add_tcase(s, t);
    return suite_run(s);
}
