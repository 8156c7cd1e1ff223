/* Months are added to dates and never to seconds; a date becomes an instant only at the end, in the zone, where its
 * last second is that before the first of the next day: right where clocks change and where a day is skipped. The
 * vault's pin is asked for in months too and counts from the latest date on earth to the end of the day where it ends
 * last, so it never ends before the window: a test compares them on every day. */
#include "migrate/window.h"

#include "base/civil.h"

enum { DAY_S = 86400, WEEK_S = VERIFY_DAYS * DAY_S };

static const unsigned reminders[] = {1, 7, 14, 30}; /* working days; the nearest to the end first */

int64_t window_day(const struct zone *z, int64_t at_s) {
    int64_t wall = at_s + zone_offset(z, at_s);
    return (wall >= 0 ? wall : wall - (DAY_S - 1)) / DAY_S;
}

int64_t window_day_end(const struct zone *z, int64_t day) { return zone_utc(z, (day + 1) * DAY_S); }

int64_t window_last_day(const struct zone *z, int64_t from_s, unsigned months) {
    unsigned n = months < WINDOW_MONTHS ? WINDOW_MONTHS : months;
    return civil_number(civil_add_months(civil_of_days(window_day(z, from_s)), n));
}

int64_t window_end(const struct zone *z, int64_t from_s, unsigned months) {
    return window_day_end(z, window_last_day(z, from_s, months));
}

/* The n-th working day before ${day}. */
static int64_t workdays_before(const struct workdays *t, int64_t day, unsigned n) {
    while (n) n -= workdays_is(t, --day);
    return day;
}

int64_t window_reminder_s(const struct zone *z, const struct workdays *t, int64_t end_s, unsigned n) {
    return zone_utc(z, workdays_before(t, window_day(z, end_s - 1), n) * DAY_S);
}

unsigned window_reminder(const struct zone *z, const struct workdays *t, int64_t end_s, int64_t now_s) {
    if (now_s >= end_s) return 0;
    for (size_t i = 0; i < sizeof reminders / sizeof *reminders; i++)
        if (now_s >= window_reminder_s(z, t, end_s, reminders[i])) return reminders[i];
    return 0;
}

int64_t window_left(const struct zone *z, const struct workdays *t, int64_t end_s, int64_t now_s) {
    return workdays_between(t, window_day(z, now_s), window_day(z, end_s - 1));
}

int64_t window_verify_s(int64_t from_s, int64_t last_s) {
    int64_t weeks = last_s > from_s ? (last_s - from_s) / WEEK_S : 0;
    return from_s + (weeks + 1) * WEEK_S;
}
