/** Opening segments with a key (FORMAT.md §4): a small cache of plaintexts and of open packs. */
#ifndef VERIFY_SEGMENT_H
#define VERIFY_SEGMENT_H

#include "pack.h"

enum { SEG_FILE = 1, SEG_PACKED = 2, SEG_PAGE = 3, SEG_EXTENTS = 4, SEG_FACTS = 5, SEG_RUNLIST = 6 };

struct addr {
    uint32_t pack, slot;
};

struct opener;

/** opener_new(v, g, hk): NULL without memory. The host key is not kept. Memory: 24 MiB at most, mostly plaintexts. */
struct opener *opener_new(struct verify *v, const struct generation *g, const uint8_t hk[32]);
void opener_free(struct opener *o);

/**
 * opener_get(o, kind, at, p, n, e):
 * The plaintext of a segment, valid until the second call after this one. SEG_FILE also takes SEG_PACKED. Return 0, or
 * <0: ZE_MISSING, ZE_TRUNCATED, ZE_DAMAGED with the pack's name, ZE_NOMEM.
 */
int opener_get(struct opener *o, int kind, struct addr at, const uint8_t **p, size_t *n, struct err *e) MUST_CHECK;

/** opener_root(o, point, sealed, len, out, e): the plaintext of a point's root into ${out} (reset first). */
int opener_root(
    struct opener *o, uint32_t point, const uint8_t *sealed, size_t len, struct buf *out, struct err *e) MUST_CHECK;

#endif
