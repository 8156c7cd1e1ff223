/** What filer.c (reading) and filer_chunk.c (deciding) share. */
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
    uint8_t *p;
    uint64_t off;
    uint32_t len;
    struct range ranges[RANGES_MAX];
    size_t ranges_n;
    struct block *blocks;
    size_t blocks_n;
    bool hashed;
};
enum { CHUNKS = 4 };

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
    uint64_t size, bytes_read;

    struct delta *delta; /* open over a changed stretch */
    struct rdiff_delta parser;
    struct delta_window *window;
    uint64_t window_first, window_n; /* blocks of the old version in it */
    uint8_t window_of[SEAL_HASH];    /* digest of the version it belongs to */
    uint64_t fed, literal;           /* since the delta was opened or last judged */
    int64_t skew;                    /* old offset − new offset of the last match */
    bool damaged;
    uint64_t skip_until, backoff;    /* no librsync before this offset: what was tried there matched nothing */
};

/** filer_store_chunk(f, e): store f->c, which was read and hashed. */
int filer_store_chunk(struct filer *f, struct err *e) MUST_CHECK;
/** filer_new_data: bytes into packed segments, extents appended. */
int filer_new_data(struct filer *f, const uint8_t *p, size_t n, const struct leaf *leaves, size_t leaves_n, struct err *e)
    MUST_CHECK;
int filer_delta_end(struct filer *f, struct err *e) MUST_CHECK;
void filer_delta_reset(struct filer *f);
void filer_delta_free_window(struct filer *f);
/** filer_basis_damaged: 1 when the old version needs a segment that the vault says is damaged. */
int filer_basis_damaged(struct filer *f, struct basis *b, struct err *e) MUST_CHECK;

#endif
