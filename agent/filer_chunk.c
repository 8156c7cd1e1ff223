/* What becomes of a chunk: equal blocks are copied from the old version, changed stretches are looked for elsewhere in it
 * (filer_delta.c) or are new. The order of extents is the order of the file: a tail that waits goes before anything else. */
#include <stdlib.h>
#include <string.h>

#include "filer_internal.h"

/* At 14 bytes at most each they fill less than half of an extent page; the other half is for holes and what lies between. */
enum { PIECES_MAX = 32 << 10 };

int filer_new_data(struct filer *f, const uint8_t *p, size_t n, const struct leaf *leaves, size_t leaves_n, struct err *e) {
    while (n) {
        struct seg_addr a;
        uint32_t offset;
        ssize_t took = upload_append(f->s.upload, p, n, leaves, leaves_n, &a, &offset, e);
        if (took < 0 || extents_data(&f->x, a, offset, (uint64_t)took, e) < 0) return -1;
        p += took, n -= (size_t)took, leaves = NULL;
    }
    return 0;
}

/* ---- copies from the old version ---- */

/* A hole then is zeros as data now. Of a stretch that is in many pieces already the rest is stored anew: a page of extents has
 * no room for more, and whoever reads it would look for each. */
static int take_extent(void *arg, const struct extent *x, struct err *e) {
    struct filer *f = arg;
    const uint8_t *p = f->copy;
    f->copy += x->len;
    if (x->hole || f->x.n >= PIECES_MAX) return filer_new_data(f, p, (size_t)x->len, NULL, 0, e);
    f->copied += x->len;
    return extents_add(&f->x, x, e);
}

int filer_copy_old(struct filer *f, uint64_t off, const uint8_t *p, uint64_t len, struct err *e) {
    f->copy = p;
    return basis_each(f->basis, off, len, take_extent, f, e);
}

static int see_extent(void *arg, const struct extent *x, struct err *e) {
    (void)e;
    struct filer *f = arg;
    if (!x->hole && upload_damaged(f->s.upload, x->addr)) f->damaged = true;
    return 0;
}

int filer_basis_damaged(struct filer *f, struct basis *b, struct err *e) {
    f->damaged = false;
    if (basis_each(b, 0, b->size, see_extent, f, e) < 0) return -1;
    return f->damaged;
}

/* ---- a chunk ---- */

/* The identity that the data of the chunk has as one segment; its length, 0 when all is hole. */
static uint32_t chunk_identity(struct filer *f, uint8_t identity[SEAL_HASH]) {
    struct leaf leaves[(ZB_SEGMENT_MAX >> 12) + RANGES_MAX];
    size_t n = 0, bytes = 0, bl = (size_t)1 << f->shift;
    const struct chunk *c = f->c;
    for (size_t i = 0; i < c->ranges_n; i++) {
        const struct range *r = &c->ranges[i];
        for (uint32_t at = r->at; at < r->at + r->len; n++) {
            uint32_t end = r->at + r->len, room = (uint32_t)(bl - at % bl), len = end - at < room ? end - at : room;
            const struct block *b = &c->blocks[at >> f->shift];
            leaves[n].len = len;
            if (len == b->leaf.len) memcpy(leaves[n].hash, b->leaf.hash, SEAL_HASH);
            else seal_hash(leaves[n].hash, c->p + at, len);
            at += len;
        }
        bytes += r->len;
    }
    segment_identity(f->s.keys, identity, SEG_FILE, (uint32_t)bytes, leaves, n);
    return (uint32_t)bytes;
}

/* The data of the chunk as one segment, unless it is stored already: 1 when it was. ${find}: only look. */
static int whole_segment(struct filer *f, const uint8_t *identity, uint32_t bytes, bool find, struct err *e) {
    struct chunk *c = f->c;
    struct seg_addr a;
    if (!bytes) return filer_delta_end(f, e) < 0 || extents_hole(&f->x, c->len, e) < 0 ? -1 : 1;
    int rc = upload_find(f->s.upload, identity, &a, e);
    if (rc < 0 || (rc == 0 && find)) return rc;
    const uint8_t *p = c->p;
    if (!rc && c->ranges_n == 1) p += c->ranges[0].at;
    else if (!rc) { /* move the ranges together; the chunk is not needed afterwards */
        uint32_t to = 0;
        for (size_t i = 0; i < c->ranges_n; to += c->ranges[i++].len)
            memmove(c->p + to, c->p + c->ranges[i].at, c->ranges[i].len);
    }
    if (filer_delta_end(f, e) < 0) return -1;
    if (!rc && upload_segment(f->s.upload, SEG_FILE, identity, p, bytes, &a, e) < 0) return -1;
    uint32_t at = 0, in_segment = 0;
    for (size_t i = 0; i < c->ranges_n; i++) {
        const struct range *r = &c->ranges[i];
        if (extents_hole(&f->x, r->at - at, e) < 0 || extents_data(&f->x, a, in_segment, r->len, e) < 0) return -1;
        in_segment += r->len, at = r->at + r->len;
    }
    return extents_hole(&f->x, c->len - at, e) < 0 ? -1 : 1;
}

/* Whether block ${i} of the chunk lies whole in ${r} and equals the old version's block at the same offset. */
static bool same_block(struct filer *f, uint64_t off, size_t i, const struct range *r) {
    uint32_t at = (uint32_t)(i << f->shift), len = f->c->blocks[i].leaf.len;
    uint64_t no = (off >> f->shift) + i;
    if (at < r->at || at + len > r->at + r->len || no >= f->basis->rows) return false;
    uint64_t old_len = f->basis->size - (no << f->shift);
    if (len != (old_len < (1ull << f->shift) ? old_len : 1ull << f->shift)) return false;
    const uint8_t *row = basis_rows(f->basis, no, 1);
    return row && memcmp(row + 4, f->c->blocks[i].leaf.hash, SEAL_HASH) == 0;
}

static int compare_range(struct filer *f, uint64_t off, const struct range *r, struct err *e) {
    uint32_t bl = 1u << f->shift, end = r->at + r->len;
    for (uint32_t at = r->at; at < end;) {
        bool same = same_block(f, off, at >> f->shift, r);
        uint32_t to = at;
        do to = (to / bl + 1) * bl;
        while (to < end && same_block(f, off, to >> f->shift, r) == same);
        if (to > end) to = end;
        if (same) {
            if (filer_delta_end(f, e) < 0 || filer_copy_old(f, off + at, f->c->p + at, to - at, e) < 0) return -1;
        } else if (filer_changed(f, off + at, f->c->p + at, to - at, to == f->c->len && off + to < f->size, e) < 0) {
            return -1;
        }
        at = to;
    }
    return 0;
}

static bool anything_same(struct filer *f, uint64_t off) {
    for (const struct range *r = f->c->ranges; r < f->c->ranges + f->c->ranges_n; r++)
        for (size_t i = r->at >> f->shift; i << f->shift < r->at + r->len; i++)
            if (same_block(f, off, i, r)) return true;
    return false;
}

/* Without a signature: a MiB that is stored is found by its identity; one that consists of pieces was noted with them. */
static int store_unseen(struct filer *f, uint64_t off, const uint8_t *identity, uint32_t bytes, struct err *e) {
    if (f->basis && bytes == f->c->len) {
        struct seg_addr a;
        int rc = upload_find(f->s.upload, identity, &a, e);
        int noted = rc == 0 ? basis_stretch(f->basis, off, bytes, identity, e) : rc;
        if (rc < 0 || noted < 0) return -1;
        if (rc == 0 && noted) return filer_copy_old(f, off, f->c->p, bytes, e);
    }
    return whole_segment(f, identity, bytes, false, e) < 0 ? -1 : 0;
}

int filer_store_chunk(struct filer *f, struct err *e) {
    uint8_t identity[SEAL_HASH];
    const struct chunk *c = f->c;
    uint64_t off = c->off;
    uint32_t len = c->len;
    uint32_t bytes = chunk_identity(f, identity);
    if (f->basis && bytes == len && extents_stretch(&f->x, off, len, identity, e) < 0) return -1;
    if (!f->basis || f->basis->sig < 0) return store_unseen(f, off, identity, bytes, e);
    if (!anything_same(f, off)) {
        /* Stored elsewhere, or a stretch where librsync has found nothing: one segment of its own. */
        int rc = whole_segment(f, identity, bytes, off >= f->skip_until, e);
        if (rc) return rc < 0 ? -1 : 0;
    }
    uint32_t at = 0;
    for (size_t i = 0; i < c->ranges_n; i++) {
        const struct range *r = &c->ranges[i];
        if (r->at > at && (filer_delta_end(f, e) < 0 || extents_hole(&f->x, r->at - at, e) < 0)) return -1;
        if (compare_range(f, off, r, e) < 0) return -1;
        at = r->at + r->len;
    }
    if (len > at && (filer_delta_end(f, e) < 0 || extents_hole(&f->x, len - at, e) < 0)) return -1;
    return 0;
}
