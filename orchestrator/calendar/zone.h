/**
 * Time zones without setenv("TZ"): what the clock on the wall shows at an instant, and back. A zone is read once from the
 * TZ database (/usr/share/zoneinfo, TZif version 2 or later) or is a fixed offset; afterwards all functions are pure.
 * Seconds are counted from 1970; a wall-clock time is counted the same way, as if the wall stood in UTC.
 */
#ifndef ORCHESTRATOR_ZONE_H
#define ORCHESTRATOR_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct zone;

/** zone_open(name, e): "Asia/Shanghai", "UTC", or "UTC+08:00" (east of Greenwich). NULL with ZE_CONFIG. */
struct zone *zone_open(const char *name, struct err *e) MUST_CHECK;
/** zone_parse(name, p, n, e): the same from the bytes of a TZif file, which may be anybody's. */
struct zone *zone_parse(const char *name, const void *p, size_t n, struct err *e) MUST_CHECK;
void zone_free(struct zone *z);

/** zone_offset(z, utc_s): seconds that the wall is ahead of UTC at this instant. */
int32_t zone_offset(const struct zone *z, int64_t utc_s);
/** zone_utc(z, wall_s): the instant at which the wall shows ${wall_s}: the first where it does so twice; where it never does
 * (clocks go forward), the first instant after the gap. */
int64_t zone_utc(const struct zone *z, int64_t wall_s);

/** Days since 1970-01-01 of a date in the Gregorian calendar, and back; the weekday of a day: 1 Monday … 7 Sunday. */
int64_t civil_days(int64_t year, unsigned month, unsigned day);
void civil_date(int64_t days, int64_t *year, unsigned *month, unsigned *day);
unsigned civil_weekday(int64_t days);
unsigned civil_month_len(int64_t year, unsigned month);

#endif
