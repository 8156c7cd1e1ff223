/**
 * Deadlines in working days (R16; Sichuan 18, 22; Jiyuan 14, 16, 17; Huizhou 12–16): a step that is due in n working days is
 * due at the end of the n-th working day after the day it began on. Pure.
 */
#ifndef PLAN_DEADLINE_H
#define PLAN_DEADLINE_H

#include "calendar/workdays.h"
#include "calendar/zone.h"

/** What waits for somebody, each with its own number of working days. */
enum deadline { DEADLINE_REVIEW, DEADLINE_APPROVAL, DEADLINE_EXECUTION, DEADLINES };
const char *deadline_name(enum deadline d); /* "review" */

/** deadline_s(since_s, n, z, t): the first second, UTC, after the last day of the time limit; ${t}: the working days. */
int64_t deadline_s(int64_t since_s, unsigned n, const struct zone *z, const struct workdays *t);

#endif
