/* Block by block. The digest has no leaf for a block that lies wholly in a hole, so what is in such a block on the disk would not
 * be seen by it: it is looked at by itself and has to be zeros. */
#include "digester.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

struct digester {
    struct source *s;
    const struct opened *o;
    struct sealer *sealer;
    struct buf page;
    struct extent *x; /* of the page at hand */
    size_t x_n, x_cap;
    uint8_t *window;               /* [have, have_end) of the file */
    uint64_t have, have_end, data; /* data: the file has none from the last position asked for up to here */
    struct digest d;
    struct leaves leaves;
    unsigned blocks;
    bool (*stop)(void *arg);
    void *stop_arg;
};

enum { BLOCKS_A_STEP = 64 };

struct digester *digester_new(struct source *s, const struct opened *o) {
    struct digester *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->s = s, d->o = o;
    buf_init(&d->page, ZB_SEGMENT_MAX);
    d->sealer = sealer_new();
    d->window = malloc(ZB_SEGMENT_MAX);
    if (d->sealer && d->window) return d;
    digester_free(d);
    return NULL;
}

void digester_free(struct digester *d) {
    if (!d) return;
    sealer_free(d->sealer);
    buf_free(&d->page);
    free(d->x);
    free(d->window);
    free(d);
}

void digester_stops(struct digester *d, bool (*stop)(void *arg), void *arg) { d->stop = stop, d->stop_arg = arg; }

static bool stopped(struct digester *d) {
    return ++d->blocks % BLOCKS_A_STEP == 0 && d->stop && d->stop(d->stop_arg);
}

/* ${len} bytes at ${at}, or NULL when they are not there. */
static const uint8_t *bytes(struct digester *d, int fd, uint64_t at, uint64_t len) {
    if (at < d->have || at + len > d->have_end) {
        leaves_end(&d->leaves);
        ssize_t got = file_pread_full(fd, d->window, ZB_SEGMENT_MAX, (off_t)at);
        d->have = at, d->have_end = at + (got > 0 ? (uint64_t)got : 0);
    }
    return at + len <= d->have_end ? d->window + (at - d->have) : NULL;
}

static bool zeros(struct digester *d, int fd, uint64_t at, uint64_t len) {
    if (at + len <= d->data) return true;
    off_t data = lseek(fd, (off_t)at, SEEK_DATA);
    d->data = data >= 0 ? (uint64_t)data : errno == ENXIO ? UINT64_MAX : at;
    if (at + len <= d->data) return true;
    const uint8_t *p = bytes(d, fd, at, len);
    return p && p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* The extents ${x} cover [at, end): its blocks into the digest. 0 when a hole is none. */
static int stretch(struct digester *d, int fd, const struct entry *en, uint64_t at, uint64_t end, const struct extent *x,
    size_t n, struct err *e) {
    uint64_t start = at; /* of x[i] */
    for (size_t i = 0; at < end;) {
        uint64_t len = end - at < 1ull << en->block_shift ? end - at : 1ull << en->block_shift, from = start;
        bool hole = true;
        if (stopped(d)) return err_set(e, ZE_CANCELLED, d->s->host, _("a file was being compared"));
        while (i < n && start + x[i].len <= at) from = start += x[i++].len;
        for (size_t k = i; k < n && from < at + len; from += x[k++].len) hole = hole && x[k].hole;
        const uint8_t *p = hole ? NULL : bytes(d, fd, at, len);
        if (hole ? !zeros(d, fd, at, len) : !p) return 0;
        if (hole) leaves_hole(&d->leaves);
        else leaves_block(&d->leaves, p, len);
        at += len;
    }
    leaves_end(&d->leaves);
    return 1;
}

static int pages(struct digester *d, int fd, const struct entry *en, struct err *e) {
    int rc = 1;
    for (size_t i = 0; rc > 0 && i < en->xpages_n; i++) {
        uint64_t at = (uint64_t)i << en->xpage_shift, end = at + (1ull << en->xpage_shift);
        if (end > en->size) end = en->size;
        if (fetch_one(d->s->fetch, d->sealer, d->o->keys, SEG_EXTENTS, en->xpages[i], &d->page, e) < 0) return -1;
        if (xpage_get(d->page.p, d->page.len, end - at, &d->x, &d->x_cap, &d->x_n, NULL, d->s->host, e) < 0) return -1;
        rc = stretch(d, fd, en, at, end, d->x, d->x_n, e);
    }
    return rc;
}

int digester_same(struct digester *d, int fd, const struct entry *en, struct err *e) {
    uint8_t got[SEAL_HASH];
    d->have = d->have_end = d->data = 0;
    digest_init(&d->d, en->block_shift, en->size);
    leaves_begin(&d->leaves, &d->d);
    int rc = en->flags & EF_XPAGES ? pages(d, fd, en, e)
                                   : stretch(d, fd, en, 0, en->size, en->extents, en->extents_n, e);
    digest_final(&d->d, got);
    return rc <= 0 ? rc : seal_equal(got, en->digest, SEAL_HASH);
}
