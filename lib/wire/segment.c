/* Segments and roots: compress, seal, and open again. The nonce is derived from fresh randomness and from what the
 * segment is (epoch, counter, identity), so that a machine that was rolled back, and with it its random numbers, still
 * does not use one nonce for two plaintexts. The associated data names system, host, generation and address: no sealed
 * object can stand in for another. Everything sealed is opened and compared before it may be sent. */
#include "wire/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wrap/bulk.h"
#include "wrap/comp.h"

enum { INNER_HEAD = 5, AD_HEAD = 7 + 3 * SEAL_ID, AD_MAX = AD_HEAD + 8 };
enum codec { CODEC_PLAIN = 0, CODEC_ZSTD = 1 };
_Static_assert(ZB_SEALED_MAX >= ZB_SEGMENT_MAX + SEG_EXTRA, "a sealed segment has room for nonce, head and tag");

struct gen_keys { /* bytes only, so that it may lie anywhere in locked memory */
    uint8_t data[SEAL_KEY], meta[SEAL_KEY], root[SEAL_KEY], identity[SEAL_KEY], cut[SEAL_KEY], nonce[SEAL_KEY];
    uint8_t system_id[SEAL_ID], host_id[SEAL_ID], generation[SEAL_ID];
};

struct sealer {
    struct comp *comp;
    uint8_t *inner, *plain; /* INNER_HEAD + ZB_SEGMENT_MAX + SEAL_TAG; ZB_SEGMENT_MAX */
};

static void put_le(uint8_t *out, uint64_t v, unsigned n) {
    for (unsigned i = 0; i < n; i++) out[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

struct gen_keys *gen_keys_new(
    const uint8_t host_key[SEAL_KEY], const struct host_ids *ids, const uint8_t generation[SEAL_ID]) {
    struct gen_keys *k = secret_alloc(sizeof *k);
    if (!k) return NULL;
    memcpy(k->system_id, ids->system_id, SEAL_ID);
    memcpy(k->host_id, ids->host_id, SEAL_ID);
    memcpy(k->generation, generation, SEAL_ID);
    seal_derive(k->data, host_key, "segment-data", generation, SEAL_ID);
    seal_derive(k->meta, host_key, "segment-meta", generation, SEAL_ID);
    seal_derive(k->root, host_key, "root", generation, SEAL_ID);
    seal_derive(k->identity, host_key, "identity", generation, SEAL_ID);
    seal_derive(k->cut, host_key, "page-cut", generation, SEAL_ID);
    seal_derive(k->nonce, host_key, "nonce", generation, SEAL_ID);
    return k;
}

void gen_keys_free(struct gen_keys *k) { secret_free(k); }
const uint8_t *gen_keys_generation(const struct gen_keys *k) { return k->generation; }

void key_check(uint8_t out[SEAL_ID], const uint8_t host_key[SEAL_KEY]) {
    uint8_t h[SEAL_KEY];
    seal_derive(h, host_key, "check", "", 0);
    memcpy(out, h, SEAL_ID);
    seal_wipe(h, sizeof h);
}

void page_cut_hash(const struct gen_keys *k, uint8_t out[SEAL_HASH], const void *path, size_t n) {
    seal_mac(out, k->cut, path, n);
}

void segment_identity(const struct gen_keys *k, uint8_t out[SEAL_HASH], uint8_t kind, uint32_t n,
    const struct leaf *leaves, size_t count) {
    struct hash_state h;
    uint8_t head[5] = {kind}, len[4];
    hash_init(&h, k->identity);
    put_le(head + 1, n, 4);
    hash_update(&h, head, sizeof head);
    for (size_t i = 0; i < count; i++) {
        put_le(len, leaves[i].len, 4);
        hash_update(&h, len, sizeof len);
        hash_update(&h, leaves[i].hash, SEAL_HASH);
    }
    hash_final(&h, out);
}

struct sealer *sealer_new(void) {
    struct sealer *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->comp = comp_new();
    s->inner = malloc(INNER_HEAD + ZB_SEGMENT_MAX + SEAL_TAG);
    s->plain = malloc(ZB_SEGMENT_MAX);
    if (s->comp && s->inner && s->plain) return s;
    sealer_free(s);
    return NULL;
}

void sealer_free(struct sealer *s) {
    if (!s) return;
    comp_free(s->comp);
    free(s->inner);
    free(s->plain);
    free(s);
}

static void make_nonce(const struct gen_keys *k, uint8_t out[SEAL_NONCE], uint64_t epoch, uint64_t counter,
    const uint8_t identity[SEAL_HASH]) {
    uint8_t in[SEAL_NONCE + 16 + SEAL_HASH], h[SEAL_HASH];
    seal_random(in, SEAL_NONCE);
    put_le(in + SEAL_NONCE, epoch, 8);
    put_le(in + SEAL_NONCE + 8, counter, 8);
    memcpy(in + SEAL_NONCE + 16, identity, SEAL_HASH);
    seal_mac(h, k->nonce, in, sizeof in);
    memcpy(out, h, SEAL_NONCE);
}

static void ad_head(uint8_t out[AD_HEAD], const char *word, uint8_t kind, const struct gen_keys *k) {
    memcpy(out, word, 6);
    out[6] = kind;
    memcpy(out + 7, k->system_id, SEAL_ID);
    memcpy(out + 7 + SEAL_ID, k->host_id, SEAL_ID);
    memcpy(out + 7 + 2 * SEAL_ID, k->generation, SEAL_ID);
}

/* codec, length and payload of ${in} into s->inner; compressed only where that saves at least one byte in 32. */
static size_t inner_make(struct sealer *s, const void *in, uint32_t n) {
    size_t room = n - n / 32, got = n > 64 ? comp_pack(s->comp, s->inner + INNER_HEAD, room, in, n, 1) : 0;
    s->inner[0] = got ? CODEC_ZSTD : CODEC_PLAIN;
    put_le(s->inner + 1, n, 4);
    if (!got && n) memcpy(s->inner + INNER_HEAD, in, n);
    return INNER_HEAD + (got ? got : n);
}

/* Open ${in} into ${out} (room for ZB_SEGMENT_MAX) by way of s->inner: the plaintext length, or -1. */
static int inner_open(struct sealer *s, const uint8_t *key, const uint8_t *ad, size_t ad_len, const uint8_t *in,
    size_t len, uint8_t *out) {
    if (len < SEG_EXTRA || len > ZB_SEALED_MAX || len - SEG_EXTRA > ZB_SEGMENT_MAX) return -1;
    if (!bulk_open(s->inner, key, in, ad, ad_len, in + SEAL_NONCE, len - SEAL_NONCE)) return -1;
    size_t payload = len - SEG_EXTRA;
    uint32_t n = get_u32(s->inner + 1);
    if (n > ZB_SEGMENT_MAX) return -1;
    if (s->inner[0] == CODEC_ZSTD) {
        if (comp_unpack(s->comp, out, n, s->inner + INNER_HEAD, payload) < 0) return -1;
    } else {
        if (s->inner[0] != CODEC_PLAIN || payload != n) return -1;
        memcpy(out, s->inner + INNER_HEAD, n);
    }
    return (int)n;
}

/* Seal ${in} into ${out}, open it again and compare: the sealed length, or -1. */
static int seal_checked(struct sealer *s, const uint8_t *key, const uint8_t nonce[SEAL_NONCE], const uint8_t *ad,
    size_t ad_len, const void *in, uint32_t n, uint8_t *out) {
    size_t inner = inner_make(s, in, n), len = SEAL_NONCE + inner + SEAL_TAG;
    memcpy(out, nonce, SEAL_NONCE);
    bulk_seal(out + SEAL_NONCE, key, nonce, ad, ad_len, s->inner, inner);
    if (inner_open(s, key, ad, ad_len, out, len, s->plain) != (int)n || (n && memcmp(s->plain, in, n) != 0)) return -1;
    return (int)len;
}

static const uint8_t *kind_key(const struct gen_keys *k, uint8_t kind) {
    return kind <= SEG_PACKED ? k->data : k->meta;
}

static void segment_ad(uint8_t ad[AD_MAX], const struct gen_keys *k, uint8_t kind, struct seg_addr addr) {
    ad_head(ad, "ZBSEG1", kind, k);
    put_le(ad + AD_HEAD, addr.pack, 4);
    put_le(ad + AD_HEAD + 4, addr.slot, 4);
}

int segment_seal(struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr, uint64_t epoch,
    uint64_t counter, const uint8_t identity[SEAL_HASH], const void *in, uint32_t n, uint8_t *out, struct err *e) {
    uint8_t ad[AD_MAX], nonce[SEAL_NONCE];
    char name[64];
    snprintf(name, sizeof name, "pack %08x slot %u", addr.pack, addr.slot);
    if (n > ZB_SEGMENT_MAX) return err_set(e, ZE_INTERNAL, name, _("a segment of %u bytes"), n);
    segment_ad(ad, k, kind, addr);
    make_nonce(k, nonce, epoch, counter, identity);
    int len = seal_checked(s, kind_key(k, kind), nonce, ad, sizeof ad, in, n, out);
    if (len < 0) return err_set(e, ZE_INTERNAL, name, _("what was sealed does not open again (defective memory?)"));
    return len;
}

int segment_open(struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr, const void *in,
    size_t len, uint8_t *out, struct err *e) {
    uint8_t ad[AD_MAX];
    char name[64];
    segment_ad(ad, k, kind, addr);
    int n = inner_open(s, kind_key(k, kind), ad, sizeof ad, in, len, out);
    if (n >= 0) return n;
    snprintf(name, sizeof name, "pack %08x slot %u", addr.pack, addr.slot);
    return err_set(e, ZE_DAMAGED, name, _("the segment does not open: its bytes are not those that were sealed"));
}

static size_t root_ad(uint8_t ad[AD_MAX], const struct gen_keys *k, uint32_t point) {
    ad_head(ad, "ZBROOT", 0, k);
    put_le(ad + AD_HEAD, point, 4);
    return AD_HEAD + 4;
}

int root_seal(struct sealer *s, const struct gen_keys *k, uint32_t point, uint64_t epoch, const void *in, size_t n,
    struct buf *out, struct err *e) {
    uint8_t ad[AD_MAX], nonce[SEAL_NONCE], identity[SEAL_HASH];
    char name[64];
    snprintf(name, sizeof name, "point %u", point);
    if (n > ZB_SEGMENT_MAX) return err_set(e, ZE_INTERNAL, name, _("a root of %zu bytes"), n);
    buf_reset(out);
    uint8_t *to = buf_reserve(out, n + SEG_EXTRA);
    if (!to) return err_set(e, ZE_NOMEM, name, _("sealing the root"));
    size_t ad_len = root_ad(ad, k, point);
    seal_mac(identity, k->identity, in, n);
    make_nonce(k, nonce, epoch, UINT64_MAX, identity);
    int len = seal_checked(s, k->root, nonce, ad, ad_len, in, (uint32_t)n, to);
    if (len < 0) return err_set(e, ZE_INTERNAL, name, _("what was sealed does not open again (defective memory?)"));
    out->len = (size_t)len;
    return 0;
}

int root_open(struct sealer *s, const struct gen_keys *k, uint32_t point, const void *in, size_t len, struct buf *out,
    struct err *e) {
    uint8_t ad[AD_MAX];
    char name[64];
    snprintf(name, sizeof name, "point %u", point);
    size_t ad_len = root_ad(ad, k, point);
    int n = inner_open(s, k->root, ad, ad_len, in, len, s->plain);
    if (n < 0) return err_set(e, ZE_DAMAGED, name, _("the root in the commit record does not open"));
    buf_reset(out);
    buf_put(out, s->plain, (size_t)n);
    return buf_ok(out) ? 0 : err_set(e, ZE_NOMEM, name, _("opening the root"));
}
