/**
 * What a clock that was wrong leaves in the catalog. A machine that wakes up with its clock ahead queues the runs of days that have not
 * come, and notes that they were queued; when the clock is right again they would never be queued.
 */
#ifndef DAEMON_CLOCK_JUMP_H
#define DAEMON_CLOCK_JUMP_H

#include "daemon.h"

struct clock_jump {
    bool begun;
    int64_t offset_ns; /* the wall's clock less the one that never jumps, at the last look */
};

/** clock_jump_look(d, j, e): at the beginning of each tick, ${j} zeroed before the first. Puts right what was noted in a future that is
 * more than an hour off, with a record; agents that could not be heard while zaibeid did not run or slept keep their jobs. */
int clock_jump_look(struct daemon *d, struct clock_jump *j, struct err *e) MUST_CHECK;

#endif
