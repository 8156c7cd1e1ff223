/* Opening segments. Manifests are read in order of paths, contents mostly lie in the order in which they were
 * written, so a few plaintexts and a few open packs are enough to open nearly every segment once per point; memory
 * stays fixed. */
#include "segment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wrap/comp.h"
#include "wrap/seal.h"

enum { CACHE = 16, PACKS = 8, INNER_HEAD = 5, SEALED_MIN = SEAL_NONCE + INNER_HEAD + SEAL_TAG };

struct plain {
    struct addr at;
    int kind;
    uint8_t *p;
    uint32_t n;
    uint64_t used; /* when; 0: empty */
};

struct open_pack {
    int fd;
    uint32_t number;
    struct pack_index ix;
    uint64_t used;
};

struct opener {
    struct verify *v;
    const struct generation *g;
    struct comp *comp;
    uint8_t *keys; /* data, meta, root: 32 bytes each, secret memory */
    struct plain cache[CACHE];
    struct open_pack packs[PACKS];
    uint64_t clock;
    uint8_t *sealed, *inner;
};

struct opener *opener_new(struct verify *v, const struct generation *g, const uint8_t hk[32]) {
    struct opener *o = calloc(1, sizeof *o);
    if (!o) return NULL;
    *o = (struct opener){.v = v,
        .g = g,
        .comp = comp_new(),
        .keys = secret_alloc(96),
        .sealed = malloc(ZB_SEALED_MAX),
        .inner = malloc(ZB_SEALED_MAX)};
    if (!o->comp || !o->keys || !o->sealed || !o->inner) return opener_free(o), NULL;
    seal_derive(o->keys, hk, "segment-data", g->id, 16);
    seal_derive(o->keys + 32, hk, "segment-meta", g->id, 16);
    seal_derive(o->keys + 64, hk, "root", g->id, 16);
    return o;
}

static void pack_forget(struct open_pack *p) {
    if (!p->used) return;
    fd_close_ptr(&p->fd);
    pack_index_free(&p->ix);
    p->used = 0;
}

void opener_free(struct opener *o) {
    if (!o) return;
    for (int i = 0; i < CACHE; i++) free(o->cache[i].p);
    for (int i = 0; i < PACKS; i++) pack_forget(&o->packs[i]);
    comp_free(o->comp);
    secret_free(o->keys);
    free(o->sealed);
    free(o->inner);
    free(o);
}

static struct open_pack *pack_get(struct opener *o, uint32_t number, char *name, struct err *e) {
    struct pack none = {.number = number}, *known = generation_pack(o->g, number);
    pack_name(name, o->g, known ? known : &none);
    if (!known) return err_set(e, ZE_MISSING, name, _("the pack is not there")), NULL;
    struct open_pack *oldest = &o->packs[0];
    for (int i = 0; i < PACKS; i++) {
        struct open_pack *p = &o->packs[i];
        if (p->used && p->number == number) return p->used = ++o->clock, p;
        if (p->used < oldest->used) oldest = p;
    }
    uint64_t size;
    pack_forget(oldest);
    int fd = pack_object(o->v, o->g, known, name, &size, e);
    if (fd < 0) return NULL;
    if (pack_index_load(fd, name, size, o->g, known, &oldest->ix, e) < 0) return fd_close_ptr(&fd), NULL;
    oldest->fd = fd;
    oldest->number = number;
    oldest->used = ++o->clock;
    return oldest;
}

static const struct pack_row *row_find(const struct pack_index *ix, uint32_t slot) {
    uint32_t low = 0, high = ix->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (ix->row[mid].slot < slot) low = mid + 1;
        else high = mid;
    }
    return low < ix->n && ix->row[low].slot == slot ? &ix->row[low] : NULL;
}

/* codec, length and payload become plaintext of exactly the said length: 0, or -1. */
static int inner_open(struct opener *o, const uint8_t *inner, size_t len, uint8_t *out, size_t cap, size_t *n) {
    struct rd r = rd_of(inner, len);
    uint8_t codec = rd_u8(&r);
    *n = rd_u32(&r);
    if (!rd_ok(&r) || *n > cap || codec > 1) return -1;
    if (codec == 1) return comp_unpack(o->comp, out, *n, r.p, r.left);
    if (r.left != *n) return -1;
    memcpy(out, r.p, *n);
    return 0;
}

static bool aead_try(struct opener *o, int kind, struct addr at, size_t len) {
    uint8_t ad[6 + 1 + 48 + 8];
    struct buf b = {.p = ad, .cap = sizeof ad, .max = sizeof ad};
    buf_put(&b, "ZBSEG1", 6);
    buf_u8(&b, (uint8_t)kind);
    buf_put(&b, o->g->system_id, 16);
    buf_put(&b, o->g->host_id, 16);
    buf_put(&b, o->g->id, 16);
    buf_u32(&b, at.pack);
    buf_u32(&b, at.slot);
    return aead_open(o->inner, o->keys + (kind <= SEG_PACKED ? 0 : 32), o->sealed, ad, b.len, o->sealed + SEAL_NONCE,
        len - SEAL_NONCE);
}

static int segment_load(struct opener *o, int kind, struct addr at, struct plain *out, struct err *e) {
    char name[OBJECT_NAME_MAX];
    struct open_pack *p = pack_get(o, at.pack, name, e);
    if (!p) return -1;
    const struct pack_row *row = row_find(&p->ix, at.slot);
    if (!row) return err_set(e, ZE_MISSING, name, _("slot %" PRIu32 " is not in the pack"), at.slot);
    if ((kind <= SEG_PACKED) != (p->ix.kind == PACK_DATA))
        return err_set(e, ZE_DAMAGED, name, _("a pack of the wrong kind"));
    if (row->len < SEALED_MIN) return err_set(e, ZE_DAMAGED, name, _("slot %" PRIu32 " is too short"), at.slot);
    if (store_read(p->fd, name, row->offset, o->sealed, row->len, e) < 0) return -1;
    uint8_t hash[32];
    size_t n;
    seal_hash(hash, o->sealed, row->len);
    if (memcmp(hash, row->hash, 32) != 0)
        return err_set(e, ZE_DAMAGED, name, _("slot %" PRIu32 " differs from its hash"), at.slot);
    if (!aead_try(o, kind, at, row->len) && (kind != SEG_FILE || !aead_try(o, SEG_PACKED, at, row->len)))
        return err_set(e, ZE_DAMAGED, name, _("slot %" PRIu32 " does not open with the key"), at.slot);
    if (!out->p && !(out->p = malloc(ZB_SEGMENT_MAX))) return err_set(e, ZE_NOMEM, name, "segment");
    if (inner_open(o, o->inner, row->len - SEAL_NONCE - SEAL_TAG, out->p, ZB_SEGMENT_MAX, &n) < 0)
        return err_set(e, ZE_DAMAGED, name, _("slot %" PRIu32 " cannot be decompressed"), at.slot);
    out->n = (uint32_t)n;
    return 0;
}

int opener_get(struct opener *o, int kind, struct addr at, const uint8_t **p, size_t *n, struct err *e) {
    struct plain *oldest = &o->cache[0];
    for (int i = 0; i < CACHE; i++) {
        struct plain *c = &o->cache[i];
        if (c->used && c->kind == kind && c->at.pack == at.pack && c->at.slot == at.slot) {
            c->used = ++o->clock;
            *p = c->p;
            *n = c->n;
            return 0;
        }
        if (c->used < oldest->used) oldest = c;
    }
    oldest->used = 0;
    if (segment_load(o, kind, at, oldest, e) < 0) return -1;
    oldest->at = at;
    oldest->kind = kind;
    oldest->used = ++o->clock;
    *p = oldest->p;
    *n = oldest->n;
    return 0;
}

int opener_root(struct opener *o, uint32_t point, const uint8_t *sealed, size_t len, struct buf *out, struct err *e) {
    uint8_t ad[7 + 48 + 4];
    struct buf b = {.p = ad, .cap = sizeof ad, .max = sizeof ad};
    buf_put(&b, "ZBROOT", 7);
    buf_put(&b, o->g->system_id, 16);
    buf_put(&b, o->g->host_id, 16);
    buf_put(&b, o->g->id, 16);
    buf_u32(&b, point);
    buf_reset(out);
    size_t n = 0;
    uint8_t *inner = len >= SEALED_MIN && len <= ZB_SEALED_MAX ? o->inner : NULL;
    if (!inner || !aead_open(inner, o->keys + 64, sealed, ad, b.len, sealed + SEAL_NONCE, len - SEAL_NONCE))
        return err_set(e, ZE_DAMAGED, NULL, _("the root does not open with the key"));
    uint8_t *p = buf_reserve(out, ZB_SEGMENT_MAX);
    if (!p) return err_set(e, ZE_NOMEM, NULL, "root");
    if (inner_open(o, inner, len - SEAL_NONCE - SEAL_TAG, p, ZB_SEGMENT_MAX, &n) < 0)
        return err_set(e, ZE_DAMAGED, NULL, _("the root cannot be decompressed"));
    out->len = n;
    return 0;
}
