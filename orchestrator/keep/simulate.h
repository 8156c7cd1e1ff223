/**
 * What a plan will do: its runs, and which points are kept until when and why, by the same decisions as zaibeid's own. Each run
 * is taken to begin when its window opens, to be at once complete, and each pass to take place at midnight UTC.
 */
#ifndef KEEP_SIMULATE_H
#define KEEP_SIMULATE_H

#include "keep/keep.h"

enum { SIMULATE_POINTS_MAX = 20000, SIMULATE_DAYS_MAX = 3700 };

struct simulation {
    const struct schedule *schedule;
    const struct zone *zone;
    const struct workdays *table;
    const struct keep_rules *rules;
    int64_t floor_s; /* how long each point is protected: the longer of the plan's least time and the host's floor */
    int64_t now_s, until_s; /* from the next run after now */
};

struct simulated {
    struct keep_point point; /* its ${why}: at the end, or at the last pass before it goes */
    int64_t gone_s;          /* the pass that lets it go; 0: it is there at the end */
    bool existing;
};

/**
 * keep_simulate(s, existing, n, out, out_n, e):
 * All points from ${existing} (of one host and plan) and from runs until then, sorted by time, in an array to be freed.
 * Return 0, 1 when it was cut at SIMULATE_POINTS_MAX (s->until_s is then the time of the last one), <0 without memory.
 */
int keep_simulate(struct simulation *s, const struct keep_point *existing, size_t n, struct simulated **out,
    size_t *out_n, struct err *e) MUST_CHECK;

#endif
