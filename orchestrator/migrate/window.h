/**
 * The rollback window (R5): at least three calendar months from the cutover, in the case's zone. Pure; all instants
 * are seconds since 1970 and are the vault's time. A day is never counted in part: the window ends when the last of
 * its days is over.
 */
#ifndef MIGRATE_WINDOW_H
#define MIGRATE_WINDOW_H

#include <stdbool.h>

#include "calendar/workdays.h"
#include "calendar/zone.h"

enum { WINDOW_MONTHS = 3, WINDOW_MONTHS_MAX = 119, VERIFY_DAYS = 7 };

/** window_day(z, at_s): the date in ${z}, as days since 1970-01-01. window_day_end(z, day): the first second after
 * it. */
int64_t window_day(const struct zone *z, int64_t at_s);
int64_t window_day_end(const struct zone *z, int64_t day);

/** window_last_day(z, from_s, months): the last day of a window that begins at ${from_s}: the same day ${months}
 * later; where that month is too short, its last. Fewer than three months count as three. */
int64_t window_last_day(const struct zone *z, int64_t from_s, unsigned months);
/** window_end(z, from_s, months): the first second at which such a window is over. */
int64_t window_end(const struct zone *z, int64_t from_s, unsigned months);

/** window_reminder(z, t, end_s, now_s): 30, 14, 7 or 1: the working days before the last day whose reminder is the
 * newest that is due; 0: none is yet, or the end has come. window_reminder_s(z, t, end_s, n): when that of ${n} is
 * due: the beginning of its day in ${z}. window_left(z, t, end_s, now_s): working days from today to the last day. */
unsigned window_reminder(const struct zone *z, const struct workdays *t, int64_t end_s, int64_t now_s);
int64_t window_reminder_s(const struct zone *z, const struct workdays *t, int64_t end_s, unsigned n);
int64_t window_left(const struct zone *z, const struct workdays *t, int64_t end_s, int64_t now_s);

/** window_verify_s(from_s, last_s): when the pinned points are looked at next: a week after the last time, counted in
 * whole weeks from the cutover, so that an extra look shifts nothing. ${last_s} 0: never yet. */
int64_t window_verify_s(int64_t from_s, int64_t last_s);

#endif
