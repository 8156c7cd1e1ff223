/**
 * Working days (R16): the yearly notices of holidays and make-up days as a table, and counting with it. Days are counted
 * from 1970-01-01 as in zone.h. A table is read once and does not change; all functions take NULL for an empty one.
 *
 * In a year that the table does not know, Saturdays and Sundays are days off and nothing else is.
 */
#ifndef ORCHESTRATOR_WORKDAYS_H
#define ORCHESTRATOR_WORKDAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct workdays;

enum { WORKDAYS_YEAR_MIN = 1970, WORKDAYS_YEAR_MAX = 2199, WORKDAYS_NAME = 48, WORKDAYS_BYTES_MAX = 1 << 20 };

/**
 * workdays_parse(name, p, n, e):
 * From JSON: {"years": {"2026": {"off": {"2026-01-01": "元旦", …}, "work": {"2026-01-04": "元旦", …}}, …}}; further members
 * at the top are passed over. NULL with ZE_WORKDAYS, which names the day: anything that is no date of its year, a day that is
 * both, a name that is no line of text of at most 47 bytes, no year at all.
 */
struct workdays *workdays_parse(const char *name, const void *p, size_t n, struct err *e) MUST_CHECK;
void workdays_free(struct workdays *t); /* NULL is fine */

/** workdays_first(n): the table that comes with the product (dist/holidays-cn.json), as JSON of ${n} bytes. */
const char *workdays_first(size_t *n);

/** workdays_knows: whether the table has this year. workdays_is: whether people work on this day. */
bool workdays_knows(const struct workdays *t, int64_t year);
bool workdays_is(const struct workdays *t, int64_t day);
/** workdays_name: the holiday for which this day is off, or made up for; "" where it is an ordinary day. */
const char *workdays_name(const struct workdays *t, int64_t day);

/** workdays_holiday(t, name, from, first): the first day, not before ${from}, with which days off begin that follow each other
 * in the table and of which one is for ${name}. False: none. */
bool workdays_holiday(const struct workdays *t, const char *name, int64_t from, int64_t *first);

/** workdays_add(t, day, n): the n-th working day after ${day}; n = 0: ${day}, or the next working day where it is none. n is at
 * most 10,000. workdays_between(t, a, b): the working days after ${a} up to ${b}; negative when ${b} is before ${a}. */
int64_t workdays_add(const struct workdays *t, int64_t day, unsigned n);
int64_t workdays_between(const struct workdays *t, int64_t a, int64_t b);

/** workdays_missing(t, day): the year that should be in the table by now: this one, or from 1 December on the next one, or 0. */
int64_t workdays_missing(const struct workdays *t, int64_t day);

#endif
