/* Every byte of a file is read in order, cut into blocks, and hashed into the digest. A block that lies wholly in
 * a hole is 32 zero bytes there; one that lies partly in a hole is hashed with zeros in their place, which is why
 * a block only begins to be hashed when the first byte outside a hole arrives. */
#include "contents.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wrap/seal.h"

static const uint8_t zeros[16384];

struct digesting {
    struct hash_state all, block;
    uint32_t fill, size; /* bytes of the block so far; its whole length */
    bool any;            /* some of them outside a hole */
};

static void digest_begin(struct digesting *d, const struct entry *en) {
    uint8_t head[12 + 1 + 8];
    struct buf b = {.p = head, .cap = sizeof head, .max = sizeof head};
    buf_put(&b, "zaibei-file", 12);
    buf_u8(&b, en->shift);
    buf_u64(&b, en->size);
    hash_init(&d->all, NULL);
    hash_update(&d->all, head, b.len);
    d->fill = 0;
    d->any = false;
    d->size = 1u << en->shift;
}

static void block_end(struct digesting *d) {
    uint8_t leaf[32] = {0};
    if (d->any) hash_final(&d->block, leaf);
    hash_update(&d->all, leaf, sizeof leaf);
    d->fill = 0;
    d->any = false;
}

static void digest_bytes(struct digesting *d, const uint8_t *p, size_t n) {
    while (n) {
        if (!d->any) {
            hash_init(&d->block, NULL);
            hash_update(&d->block, zeros, d->fill);
            d->any = true;
        }
        size_t k = d->size - d->fill < n ? d->size - d->fill : n;
        hash_update(&d->block, p, k);
        d->fill += (uint32_t)k;
        p += k, n -= k;
        if (d->fill == d->size) block_end(d);
    }
}

static void digest_hole(struct digesting *d, uint64_t n) {
    while (n) {
        uint64_t k = d->size - d->fill < n ? d->size - d->fill : n;
        if (d->any) hash_update(&d->block, zeros, k);
        d->fill += (uint32_t)k;
        n -= k;
        if (d->fill == d->size) block_end(d);
    }
}

static bool digest_ok(struct digesting *d, const struct entry *en) {
    uint8_t hash[32];
    if (d->fill) block_end(d);
    hash_final(&d->all, hash);
    return memcmp(hash, en->digest, 32) == 0;
}

/* The table is open, at most half full; a hash of 16 bytes is its own key. */
static size_t known_at(const struct known *k, const uint8_t hash[16]) {
    uint64_t at;
    memcpy(&at, hash, 8);
    static const uint8_t none[16];
    for (at &= k->cap - 1; memcmp(k->hash[at], none, 16) != 0 && memcmp(k->hash[at], hash, 16) != 0;)
        at = (at + 1) & (k->cap - 1);
    return at;
}

static void known_add(struct known *k, const uint8_t hash[16]) {
    if (k->n * 2 >= k->cap) {
        struct known more = {.cap = k->cap ? 2 * k->cap : 1024, .n = k->n};
        if (!(more.hash = calloc(more.cap, 16))) return; /* then it is only read again */
        static const uint8_t none[16];
        for (size_t i = 0; i < k->cap; i++)
            if (memcmp(k->hash[i], none, 16) != 0) memcpy(more.hash[known_at(&more, k->hash[i])], k->hash[i], 16);
        free(k->hash);
        *k = more;
    }
    size_t at = known_at(k, hash);
    k->n += memcmp(k->hash[at], hash, 16) != 0;
    memcpy(k->hash[at], hash, 16);
}

static bool known_has(const struct known *k, const uint8_t hash[16]) {
    return k->cap && memcmp(k->hash[known_at(k, hash)], hash, 16) == 0;
}

void contents_free(struct contents *c) {
    free(c->known.hash);
    c->known = (struct known){0};
}

int contents_used(const struct contents *c, struct addr at, struct err *e) {
    if (slots_has(slot_set_find(c->used, at.pack), at.slot)) return 0;
    char object[32];
    snprintf(object, sizeof object, "pack %" PRIu32, at.pack);
    return err_set(e, ZE_DAMAGED, object, _("slot %" PRIu32 " is needed, but not in the point's used pages"), at.slot);
}

/* ${n} extents that cover exactly ${len} bytes; hashed into ${d} unless it is NULL. */
static int extents_check(
    struct contents *c, struct rd r, uint64_t n, uint64_t len, struct digesting *d, struct err *e) {
    struct extent x;
    for (uint64_t i = 0; i < n; i++) {
        const char *what = extent_next(&r, &x);
        if (!what && x.len > len) what = _("the extents are longer than the file");
        if (what) return err_set(e, ZE_DAMAGED, NULL, "%s", what);
        len -= x.len;
        if (!x.hole && contents_used(c, x.at, e) < 0) return -1;
        if (!d) continue;
        const uint8_t *p;
        size_t plain;
        if (x.hole) digest_hole(d, x.len);
        else if (opener_get(c->opener, SEG_FILE, x.at, &p, &plain, e) < 0) return -1;
        else if (x.offset + x.len > plain) return err_set(e, ZE_DAMAGED, NULL, _("an extent leaves its segment"));
        else digest_bytes(d, p + x.offset, x.len);
        report_step(c->v->report, x.len);
    }
    return len == 0 ? 0 : err_set(e, ZE_DAMAGED, NULL, _("the extents are shorter than the file"));
}

static int xpage_check(struct contents *c, struct addr at, uint64_t len, struct digesting *d, struct err *e) {
    const uint8_t *p;
    size_t n;
    if (contents_used(c, at, e) < 0 || opener_get(c->opener, SEG_EXTENTS, at, &p, &n, e) < 0) return -1;
    uint8_t *copy = malloc(n ? n : 1); /* opening contents may push the page out of the cache */
    if (!copy) return err_set(e, ZE_NOMEM, NULL, "page");
    memcpy(copy, p, n);
    struct rd r = rd_of(copy, n);
    uint8_t version = rd_u8(&r), zero = rd_u8(&r);
    uint64_t count = rd_vu(&r);
    int rc =
        rd_ok(&r) && version == 1 && !zero && count <= n ? 0 : err_set(e, ZE_DAMAGED, NULL, _("malformed extent page"));
    if (rc == 0) rc = extents_check(c, r, count, len, d, e);
    free(copy);
    return rc;
}

static int xpages_check(struct contents *c, const struct entry *en, struct digesting *d, struct err *e) {
    struct rd r = en->refs;
    uint64_t part = UINT64_C(1) << en->xshift, left = en->size;
    for (uint64_t i = 0; i < en->refs_n; i++) {
        struct addr at = addr_get(&r);
        uint64_t len = left < part ? left : part;
        if (!len) return err_set(e, ZE_DAMAGED, NULL, _("more extent pages than the file is long"));
        if (xpage_check(c, at, len, d, e) < 0) return -1;
        left -= len;
    }
    return left == 0 ? 0 : err_set(e, ZE_DAMAGED, NULL, _("the extents are shorter than the file"));
}

int contents_check(struct contents *c, const struct entry *en, struct err *e) {
    struct digesting d;
    uint8_t words[32];
    seal_hash(words, en->words, en->words_len);
    words[0] ^= en->flags & EF_XPAGES;
    bool known = known_has(&c->known, words);
    digest_begin(&d, en);
    struct digesting *reading = known ? NULL : &d;
    int rc = en->flags & EF_XPAGES ? xpages_check(c, en, reading, e)
                                   : extents_check(c, en->refs, en->refs_n, en->size, reading, e);
    if (rc < 0 || known) return rc;
    if (!digest_ok(&d, en)) return err_set(e, ZE_DAMAGED, NULL, _("the contents differ from the file's digest"));
    known_add(&c->known, words);
    return 0;
}
