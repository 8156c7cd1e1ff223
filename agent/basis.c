/* The old version. The signature is believed only when its strong sums give the digest that the sealed manifest holds,
 * with holes where the manifest has them; its weak sums need no proof, a wrong one only misses a match. */
#include "basis.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sigs.h"
#include "sys/file.h"

enum { ROWS_AT_ONCE = 4096 };

static int index_extents(struct basis *b, uint64_t at, struct err *e) {
    if (b->n > b->start_cap) {
        uint64_t *s = reallocarray(b->start, b->n, sizeof *s);
        if (!s) return err_set(e, ZE_NOMEM, NULL, "extents");
        b->start = s, b->start_cap = b->n;
    }
    for (size_t i = 0; i < b->n; i++) b->start[i] = at, at += b->x[i].len;
    return 0;
}

static int load_page(struct basis *b, size_t i, struct err *e) {
    if (!b->pages || b->loaded == i) return 0;
    uint64_t at = (uint64_t)i << b->xpage_shift, len = (uint64_t)1 << b->xpage_shift;
    if (b->size - at < len) len = b->size - at;
    b->loaded = SIZE_MAX;
    if (fetch_one(b->fetch, b->sealer, b->keys, SEG_EXTENTS, b->pages[i], &b->plain, e) < 0) return -1;
    if (xpage_get(b->plain.p, b->plain.len, len, &b->x, &b->cap, &b->n, &b->stretches, "extent page", e) < 0) return -1;
    b->loaded = i;
    return index_extents(b, at, e);
}

static size_t find_extent(const struct basis *b, uint64_t off) {
    size_t lo = 0, hi = b->n;
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (b->start[mid] <= off) lo = mid;
        else hi = mid;
    }
    return lo;
}

int basis_each(struct basis *b, uint64_t off, uint64_t len, int (*each)(void *, const struct extent *, struct err *),
    void *arg, struct err *e) {
    if (off > b->size || len > b->size - off) return err_set(e, ZE_INTERNAL, NULL, "copy past the end of the old version");
    while (len) {
        if (load_page(b, b->pages ? (size_t)(off >> b->xpage_shift) : 0, e) < 0) return -1;
        for (size_t i = find_extent(b, off); len && i < b->n; i++) {
            struct extent part = b->x[i];
            uint64_t skip = off - b->start[i];
            part.len -= skip;
            if (!part.hole) part.offset += (uint32_t)skip;
            if (part.len > len) part.len = len;
            if (each(arg, &part, e) < 0) return -1;
            off += part.len, len -= part.len;
        }
    }
    return 0;
}

int basis_stretch(struct basis *b, uint64_t off, uint64_t len, const uint8_t identity[SEAL_HASH], struct err *e) {
    if (!b->pages || b->xpage_shift != XPAGE_SHIFT || off >= b->size || len > b->size - off) return 0;
    if (load_page(b, (size_t)(off >> XPAGE_SHIFT), e) < 0) return -1;
    unsigned i = (unsigned)(off / STRETCH % STRETCHES);
    return (b->stretches.known >> i & 1) && memcmp(b->stretches.id[i], identity, SEAL_ID) == 0;
}

const uint8_t *basis_rows(struct basis *b, uint64_t first, uint64_t n) {
    if (n > ROWS_AT_ONCE || first + n > b->rows) return NULL;
    if (first < b->rows_first || first + n > b->rows_first + b->rows_n) {
        uint64_t k = b->rows - first < ROWS_AT_ONCE ? b->rows - first : ROWS_AT_ONCE;
        size_t bytes = (size_t)k * RDIFF_SIG_ROW;
        b->rows_n = 0;
        if (file_pread_full(b->sig, b->rows_buf, bytes, (off_t)(RDIFF_SIG_HEAD + first * RDIFF_SIG_ROW)) != (ssize_t)bytes)
            return NULL;
        b->rows_first = first, b->rows_n = k;
    }
    return b->rows_buf + (first - b->rows_first) * RDIFF_SIG_ROW;
}

/* ---- checking the signature ---- */

struct checking {
    struct basis *b;
    struct digest d;
    uint64_t at, block;
    bool data_in_block, bad;
};

static void end_block(struct checking *c) {
    const uint8_t *row = basis_rows(c->b, c->block++, 1);
    if (!row) c->bad = true;
    else digest_block(&c->d, c->data_in_block ? row + 4 : NULL);
    c->data_in_block = false;
}

static int check_extent(void *arg, const struct extent *x, struct err *e) {
    (void)e;
    struct checking *c = arg;
    uint64_t block_len = (uint64_t)1 << c->b->block_shift, left = x->len;
    while (left && !c->bad) {
        uint64_t room = block_len - c->at % block_len, n = left < room ? left : room;
        if (!x->hole) c->data_in_block = true;
        c->at += n, left -= n;
        if (c->at % block_len == 0 || c->at == c->b->size) end_block(c);
    }
    return 0;
}

static int signature_is_right(struct basis *b, bool *right, struct err *e) {
    struct checking c = {.b = b};
    uint8_t digest[SEAL_HASH];
    digest_init(&c.d, b->block_shift, b->size);
    if (basis_each(b, 0, b->size, check_extent, &c, e) < 0) return -1;
    digest_final(&c.d, digest);
    *right = !c.bad && c.block == b->rows && memcmp(digest, b->digest, SEAL_HASH) == 0;
    return 0;
}

int basis_open(struct basis *b, const struct entry *en, struct fetch *fetch, struct sealer *s, const struct gen_keys *keys,
    int sigfd, struct err *e) {
    *b = (struct basis){.fetch = fetch, .sealer = s, .keys = keys, .size = en->size, .block_shift = en->block_shift,
        .xpage_shift = en->xpage_shift, .loaded = SIZE_MAX, .sig = -1};
    buf_init(&b->plain, ZB_SEGMENT_MAX);
    memcpy(b->digest, en->digest, SEAL_HASH);
    b->rows = (b->size + ((uint64_t)1 << b->block_shift) - 1) >> b->block_shift;
    if (en->flags & EF_XPAGES) {
        b->pages_n = en->xpages_n;
        b->pages = reallocarray(NULL, en->xpages_n + 1, sizeof *b->pages);
        if (b->pages) memcpy(b->pages, en->xpages, en->xpages_n * sizeof *b->pages);
    } else {
        b->n = b->cap = en->extents_n;
        b->x = reallocarray(NULL, en->extents_n + 1, sizeof *b->x);
        if (b->x) memcpy(b->x, en->extents, en->extents_n * sizeof *b->x);
    }
    b->rows_buf = malloc((size_t)ROWS_AT_ONCE * RDIFF_SIG_ROW);
    if ((!b->pages && !b->x) || !b->rows_buf) return err_set(e, ZE_NOMEM, NULL, "basis");
    if (b->x && index_extents(b, 0, e) < 0) return -1;
    b->sig = b->rows ? sig_open(sigfd, b->digest, 1u << b->block_shift, b->rows) : -1;
    bool right = true;
    if (b->sig >= 0 && signature_is_right(b, &right, e) < 0) return -1;
    if (b->sig >= 0 && !right) {
        close(b->sig);
        b->sig = -1;
    }
    return 0;
}

void basis_close(struct basis *b) {
    if (b->rows_buf && b->sig >= 0) close(b->sig);
    free(b->pages);
    free(b->x);
    free(b->start);
    free(b->rows_buf);
    buf_free(&b->plain);
    *b = (struct basis){.sig = -1};
}
