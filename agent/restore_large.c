/* Files with extent pages, a stretch at a time: one page, 64 MiB of the file, and what is needed of it. The edits of a day share
 * a segment and lie all over the file: pages in many pieces are taken together, or each would fetch all those segments again. The
 * digest goes along, one stretch behind: a worker reads back what was written while the next is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "restore_internal.h"

enum { PIECE_SMALL = 256 << 10 }; /* on the average: "many pieces" */
#define STRETCH_BYTES (512ull << 20) /* what is read back should be in memory still */

struct large {
    const struct entry *en;
    struct digest d;
    struct buf page;
    struct extents_of {
        struct extent *x;
        size_t n, cap;
    } one, own[2], *at; /* of a page; of the stretch at hand, and of the one that is read back */
    bool hashing;
    int rc;        /* of the stretch that was hashed last; <0: why */
    struct err why;
};

/* Write what these extents name, which begin at ${at}; 1 when the file is given up. */
static int write_extents(struct run *r, const struct large *l, uint64_t at, struct err *e) {
    const struct extents_of *x = l->at;
    for (size_t k = 0; k < x->n;) {
        size_t part = x->n - k < BATCH_JOBS ? x->n - k : BATCH_JOBS;
        if (batch_extents(r, 0, x->x + k, part, at, e) < 0 || batch_write(r, e) < 0) return -1;
        for (size_t end = k + part; k < end; k++) at += x->x[k].len;
    }
    return r->batch.items[0].failed;
}

void file_large_hashed(struct large *l, const struct reading *f, int rc, const struct err *why) {
    l->hashing = false;
    l->d = f->digest, l->rc = rc, l->why = *why;
}

/* Until what was written before is hashed. */
static int until_hashed(struct run *r, struct large *l, struct err *e) {
    if (l->hashing && ahead_all(r->ahead, e) < 0) return -1;
    if (l->rc < 0) *e = l->why;
    return l->rc;
}

static int hash_stretch(struct run *r, struct large *l, int fd, uint64_t at, uint64_t end, struct err *e) {
    struct reading f = {.fd = fd, .shift = l->en->block_shift, .at = at, .end = end, .x = l->at->x, .n = l->at->n, .digest = l->d,
        .arg = r->batch.items};
    l->hashing = ahead_hash(r->ahead, &f);
    if (l->hashing) return 0;
    int rc = file_hash(r, &f, e);
    l->d = f.digest;
    return rc;
}

/* The extents of page ${i}, ${bytes} of the file, after those of the stretch. */
static int add_page(struct run *r, struct large *l, size_t i, uint64_t bytes, struct err *e) {
    struct seg_addr a = l->en->xpages[i];
    char name[64];
    snprintf(name, sizeof name, "pack %08x slot %u", a.pack, a.slot);
    if (run_cancelled(r, e) < 0) return -1;
    if (fetch_one(r->s->fetch, r->sealer, r->o->keys, SEG_EXTENTS, a, &l->page, e) < 0) return -1;
    if (xpage_get(l->page.p, l->page.len, bytes, &l->one.x, &l->one.cap, &l->one.n, NULL, name, e) < 0) return -1;
    if (batch_grow(&l->at->x, &l->at->cap, l->at->n + l->one.n, sizeof *l->at->x, e) < 0) return -1;
    memcpy(l->at->x + l->at->n, l->one.x, l->one.n * sizeof *l->at->x);
    l->at->n += l->one.n;
    return 0;
}

/* The stretch that begins with page ${*i}; ${*i} is the page after it then. */
static int one_stretch(struct run *r, struct large *l, size_t *i, struct err *e) {
    const struct entry *en = l->en;
    uint64_t at = (uint64_t)*i << en->xpage_shift, end = at;
    l->at = l->at == l->own ? l->own + 1 : l->own;
    l->at->n = 0;
    do {
        uint64_t from = end;
        end = from + (1ull << en->xpage_shift) < en->size ? from + (1ull << en->xpage_shift) : en->size;
        if (add_page(r, l, (*i)++, end - from, e) < 0) return -1;
    } while (*i < en->xpages_n && end - at < STRETCH_BYTES && l->at->n < BATCH_JOBS / 2 && l->at->n > (end - at) / PIECE_SMALL);
    int rc = write_extents(r, l, at, e), fd = rc ? -1 : file_fd(r, r->batch.items, e);
    if (rc != 0 || fd < 0) return rc ? rc : -1;
    if (r->q->compared) return 0;
    return until_hashed(r, l, e) < 0 ? -1 : hash_stretch(r, l, fd, at, end, e);
}

/* All of it: 0 and the digest, 1 when the file was given up and that was told, <0. */
static int stretches(struct run *r, const struct entry *en, uint8_t out[SEAL_HASH], struct err *e) {
    struct large l = {.en = en};
    int rc = 0;
    buf_init(&l.page, ZB_SEGMENT_MAX);
    digest_init(&l.d, en->block_shift, en->size);
    r->large = &l;
    for (size_t i = 0; rc == 0 && i < en->xpages_n;) rc = one_stretch(r, &l, &i, e);
    if (rc == 0) rc = until_hashed(r, &l, e);
    else if (l.hashing) ahead_drop(r->ahead);
    r->large = NULL;
    digest_final(&l.d, out);
    buf_free(&l.page);
    free(l.one.x);
    free(l.own[0].x);
    free(l.own[1].x);
    return rc;
}

int file_large(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    uint8_t got[SEAL_HASH];
    struct err why = ERR_INIT;
    if (batch_add_file(r, en, path, n, e) < 0) return -1;
    struct item *it = r->batch.items;
    int rc = stretches(r, en, got, &why);
    if (rc == 0) return file_finish(r, it, got, e);
    file_drop(r, it);
    if (rc > 0) return 0; /* told already, and no reason to end */
    it->failed = true;
    return run_problem(r, path, n, &why, e);
}
