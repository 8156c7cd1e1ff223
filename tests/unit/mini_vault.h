/**
 * A very small agent that calls the keeper's handlers in this process, and the oracle for what it was promised: no
 * sockets, no serve, no processes, so that a test can make, cut and judge thousands of vaults.
 */
#ifndef TESTS_MINI_VAULT_H
#define TESTS_MINI_VAULT_H

#include "acts.h"
#include "keeper.h"

struct mini {
    struct keeper k;
    bool has_parent;
    const char *ticket; /* shown at the next begin; NULL: none */
};

/** What one backup stores: pack first is meta, pack first+1 data; its used set is these and all that the parent used, or of
 * the parent's packs only the slots whose bits are set in ${keep}, which has a byte for each pack. */
struct mini_shape {
    uint32_t meta_slots, data_slots;
    const uint8_t *keep; /* or NULL */
};

/** What somebody was told: a point is there, is pinned until then, is removed; a collection, or a scrubbing that healed, is
 * done. */
enum mini_what { TOLD_POINT, TOLD_PIN, TOLD_REMOVED, TOLD_DONE };
struct mini_point {
    enum mini_what what;
    uint32_t point;
    uint16_t upload;
    uint8_t hash[SEAL_HASH]; /* TOLD_POINT: the upload, its commit record and that record's number */
    uint64_t n;
    bool going;    /* its removal was asked for: it may be gone before that is told */
    int64_t until; /* TOLD_PIN */
};

/** A clock that stands where it is put, on a machine that never slept. */
struct mini_clock {
    struct clock clock;
    int64_t now, moved; /* what it is, and by how much the clock shows more */
};
void mini_clock_init(struct mini_clock *c, int64_t now);

/** mini_open: bind to the host and HELLO, as a new connection; mini_close ends it. mini_enrol makes the host, local. */
int mini_open(struct mini *m, struct vault *v, const char *host, struct err *e) MUST_CHECK;
void mini_close(struct mini *m);
int mini_enrol(struct vault *v, const char *host, struct err *e) MUST_CHECK;

/** The steps of one backup; mini_backup is all of them, in a connection of its own. ${upload}: its id is made from it.
 * mini_used gives the hash of the used page, mini_commit takes it, in this or in a later connection. */
int mini_begin(struct mini *m, uint8_t kind, uint16_t upload, struct err *e) MUST_CHECK;
int mini_packs(struct mini *m, const struct mini_shape *s, struct err *e) MUST_CHECK;
int mini_used(struct mini *m, const struct mini_shape *s, uint8_t page[SEAL_HASH], struct err *e) MUST_CHECK;
int mini_commit(struct mini *m, uint16_t upload, const uint8_t page[SEAL_HASH], struct mini_point *done,
    struct err *e) MUST_CHECK;
int mini_backup(struct vault *v, const char *host, uint8_t kind, uint16_t upload, const struct mini_shape *s,
    struct mini_point *done, struct err *e) MUST_CHECK;

/** mini_pin, mini_remove: as the platform asks for them over control; mini_act: any operation, ${q} is freed. */
int mini_act(struct vault *v, act_run *run, struct js *q, struct err *e) MUST_CHECK;
int mini_pin(struct vault *v, const char *host, uint32_t point, const char *until, struct mini_point *done,
    struct err *e) MUST_CHECK;
int mini_remove(struct vault *v, const char *host, uint32_t point, struct mini_point *done, struct err *e) MUST_CHECK;

/**
 * mini_judge(v, host, told, n, points, e):
 * The log is whole; all ${n} things of ${told} hold, each point with the record that was told; every point that is in it
 * is complete: all that it uses is there and has the bytes that were sent. ${points} gets how many there are. Bytes that the
 * vault takes for right and that are not what was sent are ZE_INTERNAL: whatever was done to the vault, that must not be.
 */
int mini_judge(struct vault *v, const char *host, const struct mini_point *told, size_t n, size_t *points,
    struct err *e) MUST_CHECK;

#endif
