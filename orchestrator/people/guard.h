/**
 * Against guessing and flooding: how long somebody who failed must wait, and how many requests a source may make. Pure: times
 * are handed in, the state is the caller's.
 */
#ifndef PEOPLE_GUARD_H
#define PEOPLE_GUARD_H

#include <stdint.h>

/** Failures that cost nothing: of one user, and from one source, which may stand for many people. */
enum { GUARD_USER_FREE = 5, GUARD_SOURCE_FREE = 20, GUARD_WAIT_S = 30, GUARD_WAIT_MAX_S = 3600 };

/** guard_wait_s(failures, free, failed_s, now_s): seconds until the next try: none for the first ${free} failures, then 30
 * from the last failure, doubling to an hour. A clock that went back waits no longer than that. */
int64_t guard_wait_s(int64_t failures, int64_t free, int64_t failed_s, int64_t now_s);

/** Token buckets for the ${RATES} most recent names; the one not used for longest gives way, so that memory is bounded. */
enum { RATES = 512 };
struct rates {
    struct {
        char name[80];
        int64_t at_ns, left; /* thousandths of a request */
    } of[RATES];
};

/** rates_take(r, name, mono_ns, per_s, burst): 0 when ${name} may go on, else whole seconds (>= 1) until it may. */
int rates_take(struct rates *r, const char *name, int64_t mono_ns, int64_t per_s, int64_t burst);

#endif
