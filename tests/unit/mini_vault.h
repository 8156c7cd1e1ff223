/**
 * A very small agent that calls the keeper's handlers in this process, and the oracle for what it was promised: no
 * sockets, no serve, no processes, so that a test can make, cut and judge thousands of vaults.
 */
#ifndef TESTS_MINI_VAULT_H
#define TESTS_MINI_VAULT_H

#include "keeper.h"

struct mini {
    struct keeper k;
    bool has_parent;
};

/** What one backup stores: pack first is meta, pack first+1 data; its used set is these and all that the parent used. */
struct mini_shape {
    uint32_t meta_slots, data_slots;
};

/** An acknowledged point: what the agent has in its hands. */
struct mini_point {
    uint8_t upload, hash[SEAL_HASH];
    uint32_t point;
    uint64_t n;
};

/** A clock that stands where it is put. */
struct mini_clock {
    struct clock clock;
    int64_t now;
};
void mini_clock_init(struct mini_clock *c, int64_t now);

/** mini_open: bind to the host and HELLO, as a new connection; mini_close ends it. mini_enrol makes the host, local. */
int mini_open(struct mini *m, struct vault *v, const char *host, struct err *e) MUST_CHECK;
void mini_close(struct mini *m);
int mini_enrol(struct vault *v, const char *host, struct err *e) MUST_CHECK;

/** The steps of one backup; mini_backup is all of them, in a connection of its own. ${upload}: 16 equal bytes.
 * mini_used gives the hash of the used page, mini_commit takes it, in this or in a later connection. */
int mini_begin(struct mini *m, uint8_t kind, uint8_t upload, struct err *e) MUST_CHECK;
int mini_packs(struct mini *m, const struct mini_shape *s, struct err *e) MUST_CHECK;
int mini_used(struct mini *m, const struct mini_shape *s, uint8_t page[SEAL_HASH], struct err *e) MUST_CHECK;
int mini_commit(struct mini *m, uint8_t upload, const uint8_t page[SEAL_HASH], struct mini_point *done,
    struct err *e) MUST_CHECK;
int mini_backup(struct vault *v, const char *host, uint8_t kind, uint8_t upload, const struct mini_shape *s,
    struct mini_point *done, struct err *e) MUST_CHECK;

/**
 * mini_judge(v, host, told, n, points, e):
 * The log is whole; each of the ${n} points of ${told} is in it with the hash that was told; every point in it is
 * complete: all that it uses is there and has the bytes that were sent. ${points} gets how many there are.
 */
int mini_judge(struct vault *v, const char *host, const struct mini_point *told, size_t n, size_t *points,
    struct err *e) MUST_CHECK;

#endif
