/**
 * What a plan will cost in space, before it is approved: its runs of a year, each with the bytes it will store, kept as
 * long as the plan's rules and least time say, by the decisions that will be made (keep/simulate.h). Pure: how large a
 * full and an incremental are is measured or guessed by the caller.
 *
 * An incremental refers to its generation, so the bytes of a generation go when the last of its points goes: an upper
 * bound, as an estimate for an approval has to be.
 */
#ifndef PLAN_COST_H
#define PLAN_COST_H

#include "plan/plan.h"

struct cost {
    int64_t year_bytes;   /* stored 365 days after the start */
    int64_t peak_bytes;   /* the most that is stored at any time of the year */
    int64_t runs, points; /* of one host in the year; points that are kept at its end */
};

/** cost_runs(p, t, from_s, r, e): the runs of the year that follows, the same for each host; ${t}: the working days.
 * What is stored right after each of them, and at the end of the year, as a number of fulls and of incrementals.
 * cost_runs_free. */
struct cost_stored {
    int64_t fulls, incrementals;
};
struct cost_runs {
    struct cost_stored *after, end;
    size_t n;
    int64_t points; /* at the end */
};
int cost_runs(const struct plan *p, const struct workdays *t, int64_t from_s, struct cost_runs *r, struct err *e) MUST_CHECK;
void cost_runs_free(struct cost_runs *r);

/** plan_cost(r, full, incremental, c): of one host, whose full and incremental store so many bytes. */
void plan_cost(const struct cost_runs *r, int64_t full, int64_t incremental, struct cost *c);

/** cost_size(text, out): what stands in the form as a size: "500 GiB", "2TB", "1.5 T"; decimal units are decimal.
 * False for anything else. */
bool cost_size(const char *text, int64_t *out);

#endif
