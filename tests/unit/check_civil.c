/* Calendar arithmetic against glibc's: every day of 2024 to 2032, every whole month up to ten years, every zone from −12
 * to +14 by the quarter of an hour. The oracle steps with timegm and knows nothing of the code under test. */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/civil.h"
#include "suite.h"

enum { DAY = 86400, ZONE_FIRST = -12 * 4, ZONE_LAST = 14 * 4 };
#define NS 1000000000LL

static time_t at(int y, int m, int d) {
    struct tm t = {.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d};
    return timegm(&t);
}

START_TEST(every_day_there_and_back) {
    int n = 0;
    for (time_t t = at(2024, 1, 1); t < at(2033, 1, 1); t += DAY, n++) {
        struct tm g;
        gmtime_r(&t, &g);
        struct civil c = civil_of_days(t / DAY);
        ck_assert_int_eq(c.year, g.tm_year + 1900);
        ck_assert_int_eq(c.month, g.tm_mon + 1);
        ck_assert_int_eq(c.day, g.tm_mday);
        ck_assert_int_eq(civil_number(c), t / DAY);
    }
    ck_assert_int_eq(n, 3288);
    for (int64_t d = -800000; d < 800000; d += 13) {
        struct civil c = civil_of_days(d);
        ck_assert_int_eq(civil_number(c), d);
        ck_assert_int_eq(at(c.year, c.month, c.day) / DAY, d);
    }
}
END_TEST

/* The date ${months} after that of ${local} (a zone's own clock), as glibc normalises it: day 0 is the end of a month. */
static time_t oracle_add(time_t local, unsigned months) {
    struct tm g, last;
    gmtime_r(&local, &g);
    last = (struct tm){.tm_year = g.tm_year, .tm_mon = g.tm_mon + (int)months + 1, .tm_mday = 0};
    timegm(&last);
    struct tm day = {.tm_year = g.tm_year, .tm_mon = g.tm_mon + (int)months, .tm_mday = g.tm_mday};
    if (day.tm_mday > last.tm_mday) day.tm_mday = last.tm_mday;
    return timegm(&day);
}

/* faults: D4 */
START_TEST(months_are_calendar_months_clamped_at_their_end) {
    for (time_t t = at(2024, 1, 1); t < at(2033, 1, 1); t += DAY)
        for (unsigned months = 0; months <= 120; months++) {
            struct civil c = civil_add_months(civil_of_days(t / DAY), months);
            ck_assert_int_eq(civil_number(c), oracle_add(t, months) / DAY);
        }
    struct civil c = civil_add_months((struct civil){2026, 11, 30}, 3);
    ck_assert(c.year == 2027 && c.month == 2 && c.day == 28);
    c = civil_add_months((struct civil){2028, 2, 29}, 12);
    ck_assert(c.year == 2029 && c.month == 2 && c.day == 28);
}
END_TEST

enum { DAYS = 3288 };
static int64_t ends[DAYS + 2]
                   [3]; /* the oracle's end of a pin, on the zone's own clock, by the date asked: from 2023-12-31 */

/* faults: D4 D5 */
START_TEST(no_pin_ends_a_day_early_in_any_zone) {
    static const unsigned months[] = {1, 3, 12};
    static const int of_day[] = {0, 1, 35999, 36000, 43199, 43200, 86399};
    int64_t first = at(2023, 12, 31) / DAY;
    for (int d = 0; d < DAYS + 2; d++)
        for (int m = 0; m < 3; m++) ends[d][m] = oracle_add((first + d) * DAY, months[m]) + DAY;
    for (int i = 0; i < DAYS * 7 * 3; i++) {
        int64_t now = (first + 1 + i / 21) * DAY + of_day[i / 3 % 7], latest = 0;
        int64_t until = civil_pin_end(now * NS, months[i % 3]);
        for (int q = ZONE_FIRST; q <= ZONE_LAST; q++) {
            int64_t end = ends[(now + q * 900) / DAY - first][i % 3] - q * 900;
            if (end > latest) latest = end;
        }
        /* Not early, nor needlessly long: the date of the easternmost, the end of the westernmost. */
        if (until < latest * NS || until > (latest + DAY + 2 * 3600) * NS)
            ck_abort_msg("%lld + %u months", (long long)now, months[i % 3]);
    }
}
END_TEST

START_TEST(instants_are_rounded_up_to_the_end_of_a_day) {
    int64_t end = civil_day_end((struct civil){2026, 11, 22});
    ck_assert_int_eq(end, (int64_t)(at(2026, 11, 23) + DAY / 2) * NS);
    ck_assert_int_eq(civil_pin_round(end), end);
    ck_assert_int_eq(civil_pin_round(end - 1), end);
    ck_assert_int_eq(civil_pin_round(end + 1), end + DAY * NS);
    ck_assert_int_eq(civil_pin_round(end - DAY * NS + 1), end);
}
END_TEST

/* faults: D5 */
START_TEST(times_are_read_strictly) {
    static const char *const bad[] = {"", "2026-11-22", "2026-11-22T01:02:03", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
        "2262-04-12T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "2026-01-01T00:00:00+08:00",
        "2026-01-01T00:00:00Zx", "+026-01-01T00:00:00Z", "2026-01-01t00:00:00Z"};
    int64_t ns = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!civil_time_get(bad[i], &ns), "%s", bad[i]);
    ck_assert(!civil_time_get(NULL, &ns));
    ck_assert(civil_time_get("2038-01-19T03:14:08Z", &ns) && ns == 2147483648LL * NS);
    ck_assert(civil_time_get("2100-02-28T23:59:59.999Z", &ns) && ns == (at(2100, 3, 1) - 1) * NS);
    ck_assert(!civil_time_get("2100-02-29T00:00:00Z", &ns));
}
END_TEST

int main(void) {
    Suite *s = suite_create("civil");
    TCase *c = tcase_create("civil");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, every_day_there_and_back);
    tcase_add_test(c, months_are_calendar_months_clamped_at_their_end);
    tcase_add_test(c, no_pin_ends_a_day_early_in_any_zone);
    tcase_add_test(c, instants_are_rounded_up_to_the_end_of_a_day);
    tcase_add_test(c, times_are_read_strictly);
    suite_add_tcase(s, c);
    return suite_run(s);
}
