/**
 * What workers do for a restore while its own thread receives and writes: they open segments, make the files that a segment holds
 * whole, and hash what was written. All else stays with the thread of the restore; so does everything that is told. Memory: OPENING
 * segments twice, HASHING windows.
 */
#ifndef AGENT_RESTORE_AHEAD_H
#define AGENT_RESTORE_AHEAD_H

#include "pool.h"
#include "wire/manifest.h"

struct ahead;

/** A segment that was opened: ${have} bytes at ${plain}, or <0 and ${why}. ${i} is the caller's. Where ${fd} is not -1 what is
 * needed of it was written there, or ${written} is <0 with ${why}. */
struct opened_segment {
    size_t i;
    struct seg_addr addr;
    int fd, have, written;
    const uint8_t *plain;
    struct err why;
};

/** A stretch of a file to be read back: [at, end) of ${fd} goes into ${digest}; ${x} cover that range. ${arg} is the caller's. */
struct reading {
    int fd;
    uint8_t shift;
    uint64_t at, end;
    const struct extent *x;
    size_t n;
    struct digest digest;
    void *arg;
};

enum { READING_WINDOW = 256 << 10 };

struct ahead_setup {
    const struct gen_keys *keys;
    /** Called by a worker, one at a time: write what is needed of an opened segment to ${s->fd}. */
    int (*pieces)(void *arg, const struct opened_segment *s, struct err *e);
    /** Called by a worker: a segment that was opened, and has no ${fd}; ${window}: READING_WINDOW bytes. */
    void (*inside)(void *arg, const struct opened_segment *s, uint8_t *window);
    /** Called by the thread of the restore: a segment; a stretch (${rc} <0: ${why}). <0 with ${e} ends the call that brought it. */
    int (*segment)(void *arg, const struct opened_segment *s, struct err *e);
    int (*stretch)(void *arg, const struct reading *f, int rc, const struct err *why, struct err *e);
    void *arg;
};

/** ahead_new(s, e): NULL with ${e}. ahead_free waits for the workers, and forgets what they did. */
struct ahead *ahead_new(const struct ahead_setup *s, struct err *e);
void ahead_free(struct ahead *a);

/** ahead_open(a, i, addr, fd, sealed, len, e): have a segment opened, and its pieces written to ${fd}, or -1; it stays open until the
 * segment was brought back. ${sealed} is copied. Waits when too many are under way. */
int ahead_open(struct ahead *a, size_t i, struct seg_addr addr, int fd, const uint8_t *sealed, size_t len, struct err *e) MUST_CHECK;

/** piece_write(s, offset, len, fd, at, e): ${len} bytes from ${offset} of an opened segment to ${at} of ${fd}, by any thread. */
int piece_write(const struct opened_segment *s, uint32_t offset, uint32_t len, int fd, uint64_t at, struct err *e) MUST_CHECK;

/** ahead_hash(a, f): have a stretch hashed, or false when enough is under way: then the caller does it (reading_hash). The extents
 * and the descriptor stay as they are until it was brought back. */
bool ahead_hash(struct ahead *a, const struct reading *f);

/** ahead_segments(a, e): until all segments are brought. ahead_all(a, e): and all stretches. After an error too: with
 * ahead_drop, which brings nothing. */
int ahead_segments(struct ahead *a, struct err *e) MUST_CHECK;
int ahead_all(struct ahead *a, struct err *e) MUST_CHECK;
void ahead_drop(struct ahead *a);

/** reading_hash(f, window, cancelled, arg, e): the same by the caller's thread; ${window}: READING_WINDOW bytes; ${cancelled} may be
 * NULL, else what it says (<0) is returned. */
int reading_hash(struct reading *f, uint8_t *window, int (*cancelled)(void *arg, struct err *e), void *arg,
    struct err *e) MUST_CHECK;

#endif
