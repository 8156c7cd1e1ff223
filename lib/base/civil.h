/** Dates of the Gregorian calendar, and the instants that follow from them. No time zones but fixed offsets, no locale. */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

struct civil {
    int year, month, day; /* month 1…12, day 1…31 */
};

/** civil_number(c): days since 1970-01-01. civil_of_days: the date that many days after it. */
int64_t civil_number(struct civil c);
struct civil civil_of_days(int64_t days);

/** civil_add_months(c, months): the same day of a later month; where that month is too short, its last day. */
struct civil civil_add_months(struct civil c, unsigned months);

/** civil_day_end(date): the instant (ns since 1970 UTC) at which the day is over everywhere: its end at UTC−12. */
int64_t civil_day_end(struct civil date);

/**
 * civil_pin_end(now_ns, months):
 * The end of a pin of ${months} calendar months, asked for at ${now_ns}: today's date where it is latest (UTC+14), that
 * many months on, and of that day the end where it ends last (UTC−12). In no zone does the pin end a day early.
 * civil_pin_round: the first end of a day that is not before ${ns}.
 */
int64_t civil_pin_end(int64_t now_ns, unsigned months);
int64_t civil_pin_round(int64_t ns);

/** civil_time_get(s, ns): an RFC 3339 time in UTC ("2026-11-22T01:02:03Z", also with a fraction, which is dropped, or
 * +00:00) of the years 1970 to 2261; false for anything else. */
bool civil_time_get(const char *s, int64_t *ns);

#endif
