/**
 * What a power cut can leave of a recorded directory (crash_log.h). The disk promises little: bytes are safe when their
 * file was fsynced, a name (made, taken away, or replaced) when its directory was. Of everything later any part may have
 * reached the disk, in any order: each name by itself, each file up to any length with any of its 512-byte sectors, the
 * others zero.
 */
#ifndef TESTS_CRASH_STATE_H
#define TESTS_CRASH_STATE_H

#include "crash_log.h"

enum crash_lie { LIE_NONE, LIE_FILES, LIE_NAMES };

struct crash_options {
    unsigned cap;      /* at most so many states after one operation: all, or when there are more, a sample */
    unsigned torn;     /* of each length of a file of more than 4 unsynced sectors: so many random tears */
    uint64_t seed;
    uint64_t only;     /* not 0: of all states only this one, counted from 1, is visited */
    enum crash_lie lie; /* the disk says that a file, or a directory, is synced, and it is not */
    unsigned stride;   /* only each so-many-th distinct state is visited; all are counted. 0 and 1: all */
};

struct crash_point {
    size_t op;         /* the power went after so many operations past the base */
    unsigned acked;    /* how many crash_ack came before it */
    uint64_t number;   /* of the state, from 0: it comes again with the same log and options */
    uint64_t hash;     /* of names and bytes */
};

/**
 * crash_states(l, o, dir, visit, arg, distinct):
 * For each distinct state: make it below ${dir} (made and removed each time) and call ${visit}; what that returns other
 * than 0 ends it and is returned. ${distinct} is raised by the number of states; it may be NULL.
 */
int crash_states(const struct crash_log *l, const struct crash_options *o, const char *dir,
    int (*visit)(void *arg, const struct crash_point *p), void *arg, uint64_t *distinct);

/** crash_describe(l, op, out, cap): the operation after which the power went, for people. */
void crash_describe(const struct crash_log *l, size_t op, char *out, size_t cap);

/** crash_remove(dir): with all that is in it. */
void crash_remove(const char *dir);

/** crash_random(state): splitmix64. */
uint64_t crash_random(uint64_t *state);

#endif
