/** What drills.c and the thread of one drill (drill_run.c) share. */
#ifndef DAEMON_DRILLS_INTERNAL_H
#define DAEMON_DRILLS_INTERNAL_H

#include "drills.h"

struct slot {
    struct drills *s;
    int64_t id; /* 0: free */
    pthread_t thread;
    bool over, running, woken; /* the thread has ended; it holds one of drills.at_once; it is to look into the catalog */
    char *grant;               /* not handed on yet; owned */
    struct js *progress;       /* owned */
};

struct drills {
    struct daemon *d;
    pthread_mutex_t lock; /* of the slots */
    atomic_bool stopping;
    bool unclean; /* `worker clean` has not been done since the start */
    struct slot slots[DRILLS_OPEN_MAX];
};

/** drill_thread(slot): the thread of one drill, from its worker's start to its record. */
void *drill_thread(void *slot);

/** drill_clean(d, left, e): `worker clean`: what it could not remove goes to ${left} (NULL: nobody asks). */
int drill_clean(struct daemon *d, struct js **left, struct err *e) MUST_CHECK;

/** drill_say_end(d, x, verdict, why, left): journal an end that the worker did not tell; ${left} may be NULL. */
void drill_say_end(struct daemon *d, const struct drill *x, const char *verdict, const struct err *why, const struct js *left);

#endif
