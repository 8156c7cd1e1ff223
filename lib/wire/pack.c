/* Packs and used pages as bytes. All offsets and counts of an index are held against the file's length before anybody
 * seeks by them; overlapping segments are harmless, since each has its own hash. */
#include "wire/pack.h"

#include <string.h>

#include "base/i18n.h"

_Static_assert(4 + 2 + 1 + 1 + 3 * SEAL_ID + 4 + 4 == PACK_HEADER, "FORMAT.md §5");
_Static_assert(4 + SEAL_HASH + 4 + 4 + SEAL_HASH == PACK_ROW, "FORMAT.md §5");
_Static_assert(8 + 4 + SEAL_HASH + 4 == PACK_TRAILER, "FORMAT.md §5");

static uint8_t *le_put(uint8_t *p, uint64_t v, unsigned n) {
    for (unsigned i = 0; i < n; i++) p[i] = (uint8_t)(v >> (8 * i));
    return p + n;
}

static uint8_t *bytes_put(uint8_t *p, const void *from, size_t n) {
    memcpy(p, from, n);
    return p + n;
}

void pack_header_put(uint8_t out[PACK_HEADER], const struct pack_header *h) {
    uint8_t *p = bytes_put(out, "ZBPK", 4);
    p = le_put(p, ZB_FORMAT_VERSION, 2);
    *p++ = h->kind;
    *p++ = 0;
    p = bytes_put(p, h->system_id, SEAL_ID);
    p = bytes_put(p, h->host_id, SEAL_ID);
    p = bytes_put(p, h->generation, SEAL_ID);
    p = le_put(p, h->pack, 4);
    le_put(p, h->revision, 4);
}

int pack_header_get(struct pack_header *h, const uint8_t in[PACK_HEADER], const char *object, struct err *e) {
    struct rd r = rd_of(in, PACK_HEADER);
    if (memcmp(rd_take(&r, 4), "ZBPK", 4) != 0)
        return err_set(e, ZE_DAMAGED, object, _("it does not begin like a pack"));
    uint16_t version = rd_u16(&r);
    if (version > ZB_FORMAT_VERSION) return err_set(e, ZE_NEWER, object, _("format version %u"), version);
    h->kind = rd_u8(&r);
    uint8_t zero = rd_u8(&r);
    rd_copy(&r, h->system_id, SEAL_ID);
    rd_copy(&r, h->host_id, SEAL_ID);
    rd_copy(&r, h->generation, SEAL_ID);
    h->pack = rd_u32(&r);
    h->revision = rd_u32(&r);
    if (version != ZB_FORMAT_VERSION || zero || (h->kind != PACK_META && h->kind != PACK_DATA))
        return err_set(e, ZE_DAMAGED, object, _("its header is malformed"));
    return 0;
}

void pack_row_put(uint8_t out[PACK_ROW], const struct pack_row *r) {
    uint8_t *p = le_put(out, r->slot, 4);
    p = bytes_put(p, r->identity, SEAL_HASH);
    p = le_put(p, r->offset, 4);
    p = le_put(p, r->len, 4);
    bytes_put(p, r->hash, SEAL_HASH);
}

void pack_row_get(struct pack_row *r, const uint8_t in[PACK_ROW]) {
    struct rd rd = rd_of(in, PACK_ROW);
    r->slot = rd_u32(&rd);
    rd_copy(&rd, r->identity, SEAL_HASH);
    r->offset = rd_u32(&rd);
    r->len = rd_u32(&rd);
    rd_copy(&rd, r->hash, SEAL_HASH);
}

void pack_trailer_put(uint8_t out[PACK_TRAILER], const struct pack_trailer *t) {
    uint8_t *p = le_put(out, t->index_at, 8);
    p = le_put(p, t->count, 4);
    p = bytes_put(p, t->hash, SEAL_HASH);
    bytes_put(p, "ZBPE", 4);
}

int pack_trailer_get(
    struct pack_trailer *t, const uint8_t in[PACK_TRAILER], uint64_t file_len, const char *object, struct err *e) {
    struct rd r = rd_of(in, PACK_TRAILER);
    t->index_at = rd_u64(&r);
    t->count = rd_u32(&r);
    rd_copy(&r, t->hash, SEAL_HASH);
    if (memcmp(rd_take(&r, 4), "ZBPE", 4) != 0)
        return err_set(e, ZE_TRUNCATED, object, _("it does not end like a pack"));
    if (file_len > ZB_PACK_MAX || t->count > ZB_PACK_SLOTS_MAX || t->index_at < PACK_HEADER || t->index_at > file_len ||
        file_len - t->index_at != (uint64_t)t->count * PACK_ROW + PACK_TRAILER)
        return err_set(e, ZE_DAMAGED, object, _("its trailer does not fit its length"));
    return 0;
}

int pack_index_check(const uint8_t *rows, const struct pack_trailer *t, const char *object, struct err *e) {
    uint32_t next = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        struct pack_row r;
        pack_row_get(&r, rows + (size_t)i * PACK_ROW);
        if (r.slot < next || r.slot >= ZB_PACK_SLOTS_MAX)
            return err_set(e, ZE_DAMAGED, object, _("row %u of its index: slot %u"), i, r.slot);
        if (!r.len || r.len > ZB_SEALED_MAX || r.offset < PACK_HEADER || (uint64_t)r.offset + r.len > t->index_at)
            return err_set(e, ZE_DAMAGED, object, _("row %u of its index lies outside the segments"), i);
        next = r.slot + 1;
    }
    return 0;
}

void used_page_put(struct buf *out, const uint8_t generation[SEAL_ID], uint32_t page, uint8_t *const bitmaps[256],
    const size_t lens[256]) {
    size_t len[256], n = 0;
    for (unsigned i = 0; i < 256; i++) {
        len[i] = bitmaps[i] ? lens[i] : 0;
        while (len[i] && !bitmaps[i][len[i] - 1]) len[i]--;
        n += len[i] > 0;
    }
    buf_put(out, "ZBUS", 4);
    buf_u16(out, ZB_FORMAT_VERSION);
    buf_u16(out, 0);
    buf_put(out, generation, SEAL_ID);
    buf_u32(out, page);
    buf_vu(out, n);
    for (unsigned i = 0; i < 256; i++) {
        if (!len[i]) continue;
        buf_vu(out, i);
        buf_blob(out, bitmaps[i], len[i]);
    }
}

static int used_head(struct rd *r, const uint8_t *generation, uint32_t page, struct err *e) {
    const uint8_t *magic = rd_take(r, 4);
    uint16_t version = rd_u16(r);
    uint8_t gen[SEAL_ID];
    if (!magic || memcmp(magic, "ZBUS", 4) != 0) return err_set(e, ZE_DAMAGED, _("used page"), _("not a used page"));
    if (version > ZB_FORMAT_VERSION) return err_set(e, ZE_NEWER, _("used page"), _("format version %u"), version);
    rd_u16(r);
    rd_copy(r, gen, SEAL_ID);
    uint32_t number = rd_u32(r);
    if (!rd_ok(r) || version != ZB_FORMAT_VERSION || number != page || memcmp(gen, generation, SEAL_ID) != 0)
        return err_set(e, ZE_DAMAGED, _("used page"), _("it belongs to another generation or number"));
    return 0;
}

int used_page_get(const void *p, size_t n, const uint8_t generation[SEAL_ID], uint32_t page,
    int (*each)(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e), void *arg, struct err *e) {
    struct rd r = rd_of(p, n);
    if (used_head(&r, generation, page, e) < 0) return -1;
    uint64_t count = rd_vu(&r), next = 0;
    if (count > 256 || page > UINT32_MAX / 256) r.bad = true;
    for (uint64_t i = 0; i < count && rd_ok(&r); i++) {
        size_t len;
        uint64_t k = rd_vu(&r);
        const uint8_t *bitmap = rd_blob(&r, &len, ZB_PACK_SLOTS_MAX / 8);
        if (k < next || k > 255 || !bitmap || !len || !bitmap[len - 1]) r.bad = true;
        if (!rd_ok(&r)) break;
        if (each && each(arg, page * 256 + (uint32_t)k, bitmap, len, e) < 0) return -1;
        next = k + 1;
    }
    return rd_end(&r) ? 0 : err_set(e, ZE_DAMAGED, _("used page"), _("it is malformed"));
}
