/* What all parts of the manifest share: the order of paths and which paths are allowed, extents as bytes, the file
 * digest. The order takes '/' as the lowest byte, so that everything below a directory follows it before its next
 * sibling. */
#include "wire/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/manifest_internal.h"

int path_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn) {
    size_t n = an < bn ? an : bn, i = 0;
    while (i < n && a[i] == b[i]) i++;
    if (i == n) return an < bn ? -1 : an > bn;
    int x = a[i] == '/' ? -1 : a[i], y = b[i] == '/' ? -1 : b[i];
    return x < y ? -1 : 1;
}

bool path_ok(const uint8_t *p, size_t n) {
    if (n == 0) return true;
    for (size_t at = 0; at <= n;) { /* one component a turn */
        const uint8_t *slash = at < n ? memchr(p + at, '/', n - at) : NULL;
        size_t len = slash ? (size_t)(slash - p) - at : n - at;
        if (len == 0 || (len == 1 && p[at] == '.') || (len == 2 && p[at] == '.' && p[at + 1] == '.')) return false;
        at += len + 1;
    }
    return !memchr(p, 0, n);
}

bool path_below(const uint8_t *p, size_t n, const uint8_t *dir, size_t dn) {
    if (dn == 0) return true;
    return n >= dn && memcmp(p, dir, dn) == 0 && (n == dn || p[dn] == '/');
}

void addr_put(struct buf *b, struct seg_addr a) {
    buf_vu(b, a.pack);
    buf_vu(b, a.slot);
}

struct seg_addr addr_get(struct rd *r) {
    uint64_t pack = rd_vu(r), slot = rd_vu(r);
    if (pack > UINT32_MAX || slot >= ZB_PACK_SLOTS_MAX) r->bad = true;
    return (struct seg_addr){.pack = (uint32_t)pack, .slot = (uint32_t)slot};
}

void extents_put(struct buf *b, const struct extent *x, size_t n) {
    buf_vu(b, n);
    for (size_t i = 0; i < n; i++) {
        if (x[i].len == 0 || x[i].len >> 63) b->bad = true;
        buf_vu(b, x[i].len << 1 | x[i].hole);
        if (x[i].hole) continue;
        addr_put(b, x[i].addr);
        buf_vu(b, x[i].offset);
    }
}

void *array_grow(void *p, size_t *cap, size_t want, size_t size) {
    if (want <= *cap) return p;
    size_t n = *cap ? *cap : 16;
    while (n < want) n *= 2;
    void *q = realloc(p, n * size);
    if (q) *cap = n;
    return q;
}

/* An extent is at least one byte long, so a count above what is left is a lie, and memory is bounded by the page. */
bool extents_get(struct rd *r, uint64_t len, struct extent **x, size_t *cap, size_t *n) {
    uint64_t count = rd_vu(r), sum = 0;
    *n = 0;
    if (!rd_ok(r) || count > r->left) return false;
    struct extent *grown = array_grow(*x, cap, (size_t)count, sizeof **x);
    if (count && !grown) return false;
    if (count) *x = grown;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = rd_vu(r), offset = 0;
        struct extent t = {.len = v >> 1, .hole = v & 1};
        if (!t.hole) t.addr = addr_get(r), offset = rd_vu(r);
        if (!rd_ok(r) || t.len == 0 || t.len > len - sum) return false;
        if (!t.hole && (offset > ZB_SEGMENT_MAX || t.len > ZB_SEGMENT_MAX - offset)) return false;
        t.offset = (uint32_t)offset;
        sum += t.len;
        (*x)[i] = t;
    }
    *n = (size_t)count;
    return rd_ok(r) && sum == len;
}

static void stretches_put(struct buf *out, const struct stretches *s) {
    buf_vu(out, s ? (uint64_t)__builtin_popcountll(s->known) : 0);
    for (unsigned i = 0; s && i < STRETCHES; i++)
        if (s->known >> i & 1) buf_u8(out, (uint8_t)i), buf_put(out, s->id[i], SEAL_ID);
}

static bool stretches_get(struct rd *r, struct stretches *s) {
    uint64_t n = rd_vu(r);
    s->known = 0;
    if (n > STRETCHES) return false;
    while (n--) {
        uint8_t i = rd_u8(r);
        if (i >= STRETCHES || s->known >> i) return false; /* they rise */
        rd_copy(r, s->id[i], SEAL_ID);
        s->known |= 1ull << i;
    }
    return rd_end(r);
}

int xpage_put(struct buf *out, const struct extent *x, size_t n, const struct stretches *s, struct err *e) {
    buf_u8(out, ZB_FORMAT_VERSION);
    buf_u8(out, 0);
    extents_put(out, x, n);
    stretches_put(out, s);
    if (!buf_ok(out) || out->len > ZB_SEGMENT_MAX)
        return err_set(e, ZE_INTERNAL, NULL, _("an extent page of %zu extents"), n);
    return 0;
}

int xpage_get(const void *p, size_t n, uint64_t len, struct extent **x, size_t *x_cap, size_t *x_n, struct stretches *s,
    const char *object, struct err *e) {
    struct rd r = rd_of(p, n);
    struct stretches unused;
    uint8_t version = rd_u8(&r), zero = rd_u8(&r);
    *x_n = 0;
    errno = 0;
    if (rd_ok(&r) && version > ZB_FORMAT_VERSION)
        return err_set(e, ZE_NEWER, object, _("extent page of version %u"), version);
    if (version != ZB_FORMAT_VERSION || zero != 0 || !extents_get(&r, len, x, x_cap, x_n) ||
        !stretches_get(&r, s ? s : &unused)) {
        *x_n = 0;
        return err_set(e, errno == ENOMEM ? ZE_NOMEM : ZE_DAMAGED, object, _("malformed extent page"));
    }
    return 0;
}

void digest_init(struct digest *d, uint8_t block_shift, uint64_t size) {
    uint8_t head[9] = {block_shift};
    for (unsigned i = 0; i < 8; i++) head[1 + i] = (uint8_t)(size >> (8 * i));
    hash_init(&d->h, NULL);
    hash_update(&d->h, "zaibei-file", sizeof "zaibei-file");
    hash_update(&d->h, head, sizeof head);
}

void digest_block(struct digest *d, const uint8_t *leaf) {
    static const uint8_t hole[SEAL_HASH];
    hash_update(&d->h, leaf ? leaf : hole, SEAL_HASH);
}

void digest_final(struct digest *d, uint8_t out[SEAL_HASH]) { hash_final(&d->h, out); }

void leaves_begin(struct leaves *l, struct digest *d) { l->d = d, l->n = 0; }

void leaves_end(struct leaves *l) {
    hash_many(l->m, l->n);
    for (size_t i = 0; i < l->n; i++) digest_block(l->d, l->leaf[i]);
    l->n = 0;
}

void leaves_block(struct leaves *l, const void *p, size_t n) {
    if (l->n == LEAVES) leaves_end(l);
    l->m[l->n] = (struct message){.p = p, .n = n, .hash = l->leaf[l->n]};
    l->n++;
}

void leaves_hole(struct leaves *l) {
    leaves_end(l);
    digest_block(l->d, NULL);
}
