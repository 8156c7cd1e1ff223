/** What drills show when they are looked at together: whether a system comes back faster or slower than before, and whether it
 * would come back in time if it were lost now. Pure. */
#ifndef DRILL_TREND_H
#define DRILL_TREND_H

#include "drill/measure.h"

/** drill_trend(records): of a system's records of one level, oldest first: {greens, reds, since_red (green ones in a row at the
 * end), rto: {last, best, worst, median}, rpo: the same, bytes_per_s: the same}; figures are of green drills and in ms, absent
 * without one. To be freed. */
struct js *drill_trend(const struct js *records);

struct drill_forecast {
    int64_t ms; /* from request to the last check, -1: cannot be said */
    enum drill_goal goal;
};
/** drill_forecast(record, bytes, target_s): what a restore of ${bytes} would take at the throughput of a green drill's record, with
 * all else as long as it was then. */
struct drill_forecast drill_forecast(const struct js *record, int64_t bytes, int64_t target_s);

#endif
