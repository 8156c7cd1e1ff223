/** What filer.c (reading), filer_chunk.c (deciding) and filer_delta.c (searching) share. */
#ifndef AGENT_FILER_INTERNAL_H
#define AGENT_FILER_INTERNAL_H

#include "filer.h"
#include "sigs.h"
#include "wire/rdiff.h"
#include "wrap/delta.h"

enum { RANGES_MAX = 520 }; /* data ranges of one chunk: at most every other 4 KiB block, and a few for odd file systems */

struct range {
    uint32_t at, len; /* within the chunk */
};

struct block {
    struct leaf leaf;
    uint32_t weak; /* when the chunk is hashed for a signature */
    bool data;
};

/** A chunk on its way: read by the caller's thread, hashed by a worker, stored by the caller's thread. */
struct chunk {
    struct task task; /* first */
    struct filer *f;
    uint8_t *memory, *p; /* TAIL_MAX bytes of room before it */
    uint64_t off;
    uint32_t len;
    struct range ranges[RANGES_MAX];
    size_t ranges_n;
    struct block *blocks;
    size_t blocks_n;
    bool hashed;
};
enum { CHUNKS = 4, TAIL_MAX = 2 << 14 /* two blocks */ };

struct filer {
    struct filer_setup s;
    struct watch *watch; /* of the file under way */
    struct extents x;
    struct digest digest;
    struct sig_writer *sig;
    struct basis *basis; /* the old version; its signature only when that is right */
    uint8_t shift, zeros_shift, zeros[SEAL_HASH]; /* what a block of zeros hashes to */
    uint32_t zeros_weak;
    struct chunk chunks[CHUNKS]; /* a ring */
    struct line line;
    struct chunk *c; /* the one that is being stored */
    uint64_t size, copied, bytes_read;

    struct delta_window *window;
    uint64_t window_first, window_n; /* blocks of the old version in it */
    uint8_t window_of[SEAL_HASH];    /* digest of the version it belongs to */
    struct rdiff_delta parser;
    const uint8_t *copy;  /* the bytes of the copy under way, as they are now */
    const uint8_t *piece; /* that librsync has been given, from file offset … */
    uint64_t piece_off;
    size_t held; /* … and how much of it has matched nothing since the last match */
    bool in_step; /* the next byte is the start of a block of the old version, … */
    int64_t skew; /* … at this distance: old offset − new offset */
    uint8_t tail[TAIL_MAX]; /* the end of the last chunk, not stored yet */
    uint32_t tail_n, piece_len;
    uint64_t missed, skip_until, backoff; /* bytes searched in vain; nothing is searched before this offset */
    bool damaged;
};

/** filer_store_chunk(f, e): store f->c, which was read and hashed. */
int filer_store_chunk(struct filer *f, struct err *e) MUST_CHECK;
/** filer_new_data: bytes into packed segments, extents appended. */
int filer_new_data(struct filer *f, const uint8_t *p, size_t n, const struct leaf *leaves, size_t leaves_n, struct err *e)
    MUST_CHECK;
/** filer_copy_old: a part of the old version, which is equal to ${p}. filer_changed(f, off, p, n, open_end, e): ${n} bytes of f->c that differ from it;
 * ${open_end}: the next chunk may go on with it. filer_delta_end: nothing follows it. */
int filer_copy_old(struct filer *f, uint64_t off, const uint8_t *p, uint64_t len, struct err *e) MUST_CHECK;
int filer_changed(struct filer *f, uint64_t off, uint8_t *p, uint32_t n, bool open_end, struct err *e) MUST_CHECK;
int filer_delta_end(struct filer *f, struct err *e) MUST_CHECK;
void filer_delta_reset(struct filer *f);
void filer_delta_free_window(struct filer *f);
/** filer_basis_damaged: 1 when the old version needs a segment that the vault says is damaged. */
int filer_basis_damaged(struct filer *f, struct basis *b, struct err *e) MUST_CHECK;

#endif
