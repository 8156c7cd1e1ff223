/** Between the parts of the collection: the live set, one page of a generation at a time, and the work on packs. */
#ifndef VAULT_GC_INTERNAL_H
#define VAULT_GC_INTERNAL_H

#include "gc.h"

enum { GC_PAGE = 256, GC_BITMAP = ZB_PACK_SLOTS_MAX / 8 };

/** A used page that counts. firm: a point that exists names it, or the unfinished upload's parent; else only points that
 * were removed within the grace. */
struct gc_ref {
    uint32_t page;
    bool firm;
    uint8_t hash[SEAL_HASH];
};

struct gc_live {
    struct host_log *log;
    uint8_t generation[SEAL_ID];
    struct gc_ref *ref; /* ascending by page and hash, each once */
    size_t n, cap;
    int64_t grace_until;  /* when the last of those that are not firm ends; 0: none */
    uint64_t upload_from; /* packs from here on belong to the unfinished upload; UINT64_MAX: there is none */
    uint64_t page;        /* the one that is loaded; UINT64_MAX: none */
    struct err blind;     /* id not 0: a used page of it cannot be read, so nothing of it may be touched */
    uint8_t (*live)[GC_BITMAP], (*firm)[GC_BITMAP]; /* of the page's packs */
};

/** gc_live_open(l, log, generation, now, grace_s, e): which used pages count; gc_live_close releases, also after a failure.
 * gc_live_page: load the bitmaps of packs 256·page …; a page that cannot be read makes l->blind. */
int gc_live_open(struct gc_live *l, struct host_log *log, const uint8_t generation[SEAL_ID], int64_t now,
    int64_t grace_s, struct err *e) MUST_CHECK;
void gc_live_close(struct gc_live *l);
int gc_live_page(struct gc_live *l, uint32_t page, struct err *e) MUST_CHECK;
/** gc_live_by_hash(l): after the last page: from here on only gc_live_names(l, hash): whether a used page counts. */
void gc_live_by_hash(struct gc_live *l);
bool gc_live_names(const struct gc_live *l, const uint8_t hash[SEAL_HASH]);

/** What the index of a pack says about a bitmap: bytes of its segments that are in it. */
static inline bool gc_bit(const uint8_t bitmap[GC_BITMAP], uint32_t slot) { return bitmap[slot / 8] >> (slot & 7) & 1; }

/** gc_pack_open(log, generation, it, x, name, e): a descriptor and the checked index of one revision; a header that names
 * another pack is ZE_DAMAGED. */
int gc_pack_open(struct host_log *log, const uint8_t generation[SEAL_ID], const struct pack_item *it,
    struct pack_index *x, char name[STORE_NAME_MAX], struct err *e) MUST_CHECK;
/** gc_pack_whole: every slot of ${live} is in the pack, with its right bytes. */
int gc_pack_whole(int fd, const struct pack_index *x, const uint8_t live[GC_BITMAP], const char *name,
    struct err *e) MUST_CHECK;
/** gc_pack_rewrite: the next revision, with the slots of ${live} only, durable when it returns. */
int gc_pack_rewrite(struct host_log *log, const uint8_t generation[SEAL_ID], int fd, const struct pack_index *x,
    const struct pack_item *it, const uint8_t live[GC_BITMAP], struct err *e) MUST_CHECK;

/**
 * gc_sweep(log, l, dry_run, r, e):
 * The packs and used pages of a generation. Return 0; 1 when a session came (r->stopped); <0 when the host must be left
 * alone. What is wrong with single packs is in r->why.
 */
int gc_sweep(struct host_log *log, struct gc_live *l, bool dry_run, struct gc_report *r, struct err *e) MUST_CHECK;

#endif
