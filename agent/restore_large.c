/* Files with extent pages: one page at a time is fetched, and with it what is needed of 64 MiB of the file. The digest
 * goes along, one page behind: a worker reads back what was written while the next is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "restore_internal.h"

struct large {
    const struct entry *en;
    struct digest d;
    struct buf page;
    struct page_extents {
        struct extent *x;
        size_t n, cap;
    } own[2], *at; /* of the page at hand, and of the one that is read back */
    bool hashing;
    int rc;        /* of the stretch that was hashed last; <0: why */
    struct err why;
};

/* Write what these extents name, which begin at ${at}; 1 when the file is given up. */
static int write_extents(struct run *r, const struct large *l, uint64_t at, struct err *e) {
    const struct page_extents *x = l->at;
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

static int hash_page(struct run *r, struct large *l, int fd, uint64_t at, uint64_t end, struct err *e) {
    struct reading f = {.fd = fd, .shift = l->en->block_shift, .at = at, .end = end, .x = l->at->x, .n = l->at->n, .digest = l->d,
        .arg = r->batch.items};
    l->hashing = ahead_hash(r->ahead, &f);
    if (l->hashing) return 0;
    int rc = file_hash(r, &f, e);
    l->d = f.digest;
    return rc;
}

static int one_page(struct run *r, struct large *l, size_t i, struct err *e) {
    const struct entry *en = l->en;
    uint64_t at = (uint64_t)i << en->xpage_shift, end = at + (1ull << en->xpage_shift);
    char name[64];
    if (end > en->size) end = en->size;
    snprintf(name, sizeof name, "pack %08x slot %u", en->xpages[i].pack, en->xpages[i].slot);
    if (run_cancelled(r, e) < 0) return -1;
    l->at = &l->own[i % 2];
    if (fetch_one(r->s->fetch, r->sealer, r->o->keys, SEG_EXTENTS, en->xpages[i], &l->page, e) < 0) return -1;
    if (xpage_get(l->page.p, l->page.len, end - at, &l->at->x, &l->at->cap, &l->at->n, NULL, name, e) < 0) return -1;
    int rc = write_extents(r, l, at, e), fd = rc ? -1 : file_fd(r, r->batch.items, e);
    if (rc != 0 || fd < 0) return rc ? rc : -1;
    if (r->q->compared) return 0;
    return until_hashed(r, l, e) < 0 ? -1 : hash_page(r, l, fd, at, end, e);
}

/* Every page: 0 and the digest, 1 when the file was given up and that was told, <0. */
static int pages(struct run *r, const struct entry *en, uint8_t out[SEAL_HASH], struct err *e) {
    struct large l = {.en = en};
    int rc = 0;
    buf_init(&l.page, ZB_SEGMENT_MAX);
    digest_init(&l.d, en->block_shift, en->size);
    r->large = &l;
    for (size_t i = 0; rc == 0 && i < en->xpages_n; i++) rc = one_page(r, &l, i, e);
    if (rc == 0) rc = until_hashed(r, &l, e);
    else if (l.hashing) ahead_drop(r->ahead);
    r->large = NULL;
    digest_final(&l.d, out);
    buf_free(&l.page);
    free(l.own[0].x);
    free(l.own[1].x);
    return rc;
}

int file_large(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    uint8_t got[SEAL_HASH];
    struct err why = ERR_INIT;
    if (batch_add_file(r, en, path, n, e) < 0) return -1;
    struct item *it = r->batch.items;
    int rc = pages(r, en, got, &why);
    if (rc == 0) return file_finish(r, it, got, e);
    file_drop(r, it);
    if (rc > 0) return 0; /* told already, and no reason to end */
    it->failed = true;
    return run_problem(r, path, n, &why, e);
}
