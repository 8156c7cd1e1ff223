/* Bounded buffers and readers: every length that comes from outside is checked here, once. */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max) { *b = (struct buf){.max = max}; }

void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf){.max = b->max};
}

uint8_t *buf_reserve(struct buf *b, size_t n) {
    if (b->bad) return NULL;
    if (n > b->max || b->len > b->max - n) {
        b->bad = true;
        return NULL;
    }
    if (b->len + n > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < b->len + n) cap = cap < ((size_t)1 << 20) ? cap * 2 : cap + cap / 2;
        if (cap > b->max) cap = b->max;
        uint8_t *p = realloc(b->p, cap);
        if (!p) {
            b->bad = true;
            return NULL;
        }
        b->p = p, b->cap = cap;
    }
    return b->p ? b->p + b->len : (uint8_t *)"";
}

void buf_put(struct buf *b, const void *p, size_t n) {
    uint8_t *at = buf_reserve(b, n);
    if (!at || !n) return;
    memcpy(at, p, n);
    b->len += n;
}

static void put_le(struct buf *b, uint64_t v, unsigned n) {
    uint8_t t[8];
    for (unsigned i = 0; i < n; i++) t[i] = (uint8_t)(v >> (8 * i));
    buf_put(b, t, n);
}

void buf_u8(struct buf *b, uint8_t v) { buf_put(b, &v, 1); }
void buf_u16(struct buf *b, uint16_t v) { put_le(b, v, 2); }
void buf_u32(struct buf *b, uint32_t v) { put_le(b, v, 4); }
void buf_u64(struct buf *b, uint64_t v) { put_le(b, v, 8); }

void buf_vu(struct buf *b, uint64_t v) {
    uint8_t t[10];
    unsigned n = 0;
    do t[n] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0)), n++;
    while (v >>= 7);
    buf_put(b, t, n);
}

void buf_vs(struct buf *b, int64_t v) { buf_vu(b, ((uint64_t)v << 1) ^ (v < 0 ? ~(uint64_t)0 : 0)); }
void buf_str(struct buf *b, const char *s) { buf_blob(b, s, strlen(s)); }

void buf_blob(struct buf *b, const void *p, size_t n) {
    buf_vu(b, n);
    buf_put(b, p, n);
}

const uint8_t *rd_take(struct rd *r, size_t n) {
    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    if (n) r->p += n;
    r->left -= n;
    return p;
}

void rd_copy(struct rd *r, void *out, size_t n) {
    const uint8_t *p = rd_take(r, n);
    if (p && n) memcpy(out, p, n);
    else memset(out, 0, n);
}

static uint64_t take_le(struct rd *r, unsigned n) {
    const uint8_t *p = rd_take(r, n);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t rd_u8(struct rd *r) { return (uint8_t)take_le(r, 1); }
uint16_t rd_u16(struct rd *r) { return (uint16_t)take_le(r, 2); }
uint32_t rd_u32(struct rd *r) { return (uint32_t)take_le(r, 4); }
uint64_t rd_u64(struct rd *r) { return take_le(r, 8); }

uint64_t rd_vu(struct rd *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t *p = rd_take(r, 1);
        if (!p) return 0;
        if (shift == 63 && *p > 1) break;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p & 0x80)) return v;
    }
    r->bad = true;
    return 0;
}

int64_t rd_vs(struct rd *r) {
    uint64_t v = rd_vu(r);
    return (int64_t)((v >> 1) ^ (~(v & 1) + 1));
}

void rd_str(struct rd *r, char *out, size_t cap) {
    size_t n;
    const uint8_t *p = rd_blob(r, &n, cap - 1);
    if (p && memchr(p, 0, n)) r->bad = true, p = NULL;
    if (p && n) memcpy(out, p, n);
    out[p ? n : 0] = 0;
}

const uint8_t *rd_blob(struct rd *r, size_t *n, size_t max) {
    uint64_t len = rd_vu(r);
    *n = 0;
    if (r->bad || len > max) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = rd_take(r, (size_t)len);
    if (p) *n = (size_t)len;
    return p;
}
