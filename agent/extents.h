/**
 * The extents of one file while it is being stored: up to 64 stay with the entry; from then on they go to extent pages cut at
 * fixed file offsets (FORMAT.md §6), each stored as soon as it is complete. Neighbours that continue each other are joined.
 */
#ifndef AGENT_EXTENTS_H
#define AGENT_EXTENTS_H

#include "upload.h"
#include "used.h"
#include "wire/manifest.h"

struct extents {
    struct upload *u;
    struct used *used;
    struct extent *x; /* of the whole file, or, once paged, of the page under way */
    size_t n, cap;
    struct seg_addr *pages;
    size_t pages_n, pages_cap;
    uint64_t at; /* file offset reached */
    bool paged;
    struct stretch *stretch; /* told by extents_stretch and not yet in a page, rising */
    size_t stretch_n, stretch_cap;
    struct buf page;
};

struct stretch {
    uint64_t off;
    uint32_t len;
    uint8_t id[SEAL_ID];
};

/** extents_init: once; the arrays are kept for the next file. extents_begin: a new file. */
void extents_init(struct extents *x, struct upload *u, struct used *used);
void extents_begin(struct extents *x);
void extents_free(struct extents *x);

/** Append data at an address, a hole, or an extent as it stands. Data marks its segment as used. */
int extents_data(struct extents *x, struct seg_addr a, uint32_t offset, uint64_t len, struct err *e) MUST_CHECK;
int extents_hole(struct extents *x, uint64_t len, struct err *e) MUST_CHECK;
int extents_add(struct extents *x, const struct extent *one, struct err *e) MUST_CHECK;

/** extents_stretch(x, off, len, identity, e): the MiB of the file at ${off} is all data and would have this identity as one
 * segment. It is kept with the extents where it turns out to be made of pieces. */
int extents_stretch(struct extents *x, uint64_t off, uint32_t len, const uint8_t identity[SEAL_HASH], struct err *e)
    MUST_CHECK;

/** extents_end(x, en, e): put what there is into ${en} (flags, extents or pages; the arrays stay ours until the next begin). */
int extents_end(struct extents *x, struct entry *en, struct err *e) MUST_CHECK;

#endif
