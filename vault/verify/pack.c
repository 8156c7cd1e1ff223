/* Checking one pack. The trailer's hash covers header and index, the index covers each segment, and the segments
 * must lie one after the other from the header to the index: so every byte of the file is covered by some hash,
 * and what cannot be read costs the other segments nothing. */
#include "pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wrap/seal.h"

void pack_index_free(struct pack_index *ix) {
    free(ix->row);
    *ix = (struct pack_index){0};
}

static int header_check(const uint8_t *header, const char *name, const struct generation *g, const struct pack *p,
    struct pack_index *ix, struct err *e) {
    struct rd r = rd_of(header, PACK_HEADER);
    if (memcmp(rd_take(&r, 4), "ZBPK", 4) != 0) return err_set(e, ZE_DAMAGED, name, _("not a pack"));
    uint16_t version = rd_u16(&r);
    if (version > 1) return err_set(e, ZE_NEWER, name, _("version %u is newer than this program"), version);
    ix->kind = rd_u8(&r);
    if (version != 1 || (ix->kind != PACK_META && ix->kind != PACK_DATA) || rd_u8(&r) != 0)
        return err_set(e, ZE_DAMAGED, name, _("malformed header"));
    const uint8_t *system = rd_take(&r, 16), *host = rd_take(&r, 16), *generation = rd_take(&r, 16);
    uint32_t number = rd_u32(&r), revision = rd_u32(&r);
    bool ours = !g->ids_known || (memcmp(host, g->host_id, 16) == 0 && memcmp(system, g->system_id, 16) == 0);
    if (!ours || memcmp(generation, g->id, 16) != 0 || number != p->number || revision != p->revision)
        return err_set(e, ZE_DAMAGED, name, _("it is another pack than its name says"));
    return 0;
}

static int by_offset(const void *a, const void *b) {
    const struct pack_row *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int by_slot(const void *a, const void *b) {
    const struct pack_row *x = a, *y = b;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Rows by offset must touch each other; this finds overlaps and gaps alike. Leaves them in the order of slots. */
static bool rows_ok(struct pack_index *ix, uint64_t index_at) {
    for (uint32_t i = 0; i < ix->n; i++)
        if (ix->row[i].slot >= ZB_PACK_SLOTS_MAX || !ix->row[i].len || ix->row[i].len > ZB_SEALED_MAX ||
            (i && ix->row[i].slot <= ix->row[i - 1].slot))
            return false;
    if (ix->n) qsort(ix->row, ix->n, sizeof *ix->row, by_offset);
    uint64_t at = PACK_HEADER;
    for (uint32_t i = 0; i < ix->n; i++) {
        if (ix->row[i].offset != at) return false;
        at += ix->row[i].len;
    }
    if (ix->n) qsort(ix->row, ix->n, sizeof *ix->row, by_slot);
    ix->bytes = at - PACK_HEADER;
    return at == index_at;
}

static int index_parse(
    const struct buf *b, uint32_t count, uint64_t index_at, const char *name, struct pack_index *ix, struct err *e) {
    struct rd r = rd_of(b->p + PACK_HEADER, b->len - PACK_HEADER);
    if (!(ix->row = calloc(count ? count : 1, sizeof *ix->row))) return err_set(e, ZE_NOMEM, name, "index");
    for (ix->n = 0; ix->n < count; ix->n++) {
        struct pack_row *row = &ix->row[ix->n];
        row->slot = rd_u32(&r);
        rd_take(&r, 32); /* identity */
        row->offset = rd_u32(&r);
        row->len = rd_u32(&r);
        rd_copy(&r, row->hash, 32);
    }
    if (rd_end(&r) && rows_ok(ix, index_at)) return 0;
    return err_set(e, ZE_DAMAGED, name, _("malformed index"));
}

int pack_index_load(int fd, const char *name, uint64_t size, const struct generation *g, const struct pack *p,
    struct pack_index *ix, struct err *e) {
    *ix = (struct pack_index){0};
    uint8_t tail[PACK_TRAILER], header[PACK_HEADER], hash[32];
    if (store_read(fd, name, 0, header, sizeof header, e) < 0 || header_check(header, name, g, p, ix, e) < 0) return -1;
    if (size > ZB_PACK_MAX) return err_set(e, ZE_DAMAGED, name, _("larger than any pack can be"));
    if (size < PACK_HEADER + PACK_TRAILER) return err_set(e, ZE_TRUNCATED, name, _("no trailer"));
    if (store_read(fd, name, size - PACK_TRAILER, tail, sizeof tail, e) < 0) return -1;
    struct rd r = rd_of(tail, sizeof tail);
    uint64_t index_at = rd_u64(&r);
    uint32_t count = rd_u32(&r);
    const uint8_t *expect = rd_take(&r, 32);
    if (memcmp(rd_take(&r, 4), "ZBPE", 4) != 0)
        return err_set(e, ZE_TRUNCATED, name, _("it does not end with a trailer"));
    if (count > ZB_PACK_SLOTS_MAX || index_at < PACK_HEADER || index_at > size ||
        size - index_at != (uint64_t)count * PACK_ROW + PACK_TRAILER)
        return err_set(e, ZE_DAMAGED, name, _("malformed trailer"));
    struct buf b;
    buf_init(&b, PACK_HEADER + ZB_PACK_SLOTS_MAX * PACK_ROW);
    buf_put(&b, header, sizeof header);
    uint8_t *rows = buf_reserve(&b, (size_t)count * PACK_ROW + 1);
    int rc = -1;
    if (!rows) err_set(e, ZE_NOMEM, name, "index");
    else if (store_read(fd, name, index_at, rows, (size_t)count * PACK_ROW, e) == 0) {
        b.len += (size_t)count * PACK_ROW;
        seal_hash(hash, b.p, b.len);
        if (memcmp(hash, expect, 32) != 0)
            err_set(e, ZE_DAMAGED, name, _("header or index differ from the trailer's hash"));
        else rc = index_parse(&b, count, index_at, name, ix, e);
    }
    buf_free(&b);
    if (rc < 0) pack_index_free(ix);
    return rc;
}

static void finding(struct verify *v, struct pack *p, const struct err *why) {
    int f = report_err(v->report, why, 0);
    if (p->finding < 0) p->finding = f;
}

static void mark_good(struct pack *p, uint32_t slot) { p->good.bits[slot >> 3] |= (uint8_t)(1u << (slot & 7)); }

/* Hash each segment; those that differ are named together, since one scratch often hits several. */
static void segments_check(
    struct verify *v, int fd, const char *name, const struct pack_index *ix, struct pack *p, uint8_t *buf) {
    char bad[200] = "";
    size_t at = 0;
    unsigned bad_n = 0;
    for (uint32_t i = 0; i < ix->n; i++) {
        const struct pack_row *row = &ix->row[i];
        uint8_t hash[32];
        struct err why;
        v->report->seen.segments++;
        if (store_read(fd, name, row->offset, buf, row->len, &why) < 0) {
            finding(v, p, &why);
            continue;
        }
        seal_hash(hash, buf, row->len);
        report_step(v->report, row->len);
        if (memcmp(hash, row->hash, 32) == 0) {
            mark_good(p, row->slot);
            continue;
        }
        bad_n++;
        if (at < sizeof bad - 16) at += (size_t)snprintf(bad + at, sizeof bad - at, "%s%u", at ? ", " : "", row->slot);
        else if (at < sizeof bad - 4) at += (size_t)snprintf(bad + at, sizeof bad - at, ", …");
    }
    if (!bad_n) return;
    int f = report_add(v->report, ZE_DAMAGED, name, 0,
        P_("%u segment differs from its hash: slot %s", "%u segments differ from their hash: slots %s", bad_n), bad_n,
        bad);
    if (p->finding < 0) p->finding = f;
}

int pack_object(struct verify *v, const struct generation *g, struct pack *p, char name[OBJECT_NAME_MAX],
    uint64_t *size, struct err *e) {
    unsigned listed = p->revision;
    for (unsigned r = listed; r <= 255 && r < listed + REVISIONS_AHEAD; r++) {
        p->revision = (uint8_t)r;
        pack_name(name, g, p);
        int fd = store_object(&v->store, name, size, e);
        if (fd >= 0 || e->id != ZE_MISSING) return fd;
    }
    p->revision = (uint8_t)listed;
    pack_name(name, g, p);
    return err_set(e, ZE_MISSING, name, _("the pack is not there"));
}

static int pack_check(struct verify *v, const struct generation *g, struct pack *p, uint8_t *buf, struct err *e) {
    char name[OBJECT_NAME_MAX];
    uint64_t size;
    struct err why;
    struct pack_index ix;
    SCOPE_FD int fd = pack_object(v, g, p, name, &size, &why);
    if (fd < 0 && why.id == ZE_MISSING) return 0; /* gone since it was listed: those that need it say so */
    v->report->seen.packs++;
    if (fd < 0) return finding(v, p, &why), 0;
    v->report->seen.pack_bytes += size;
    if (pack_index_load(fd, name, size, g, p, &ix, &why) < 0) return finding(v, p, &why), 0;
    p->kind = ix.kind;
    uint32_t len = ix.n ? (ix.row[ix.n - 1].slot >> 3) + 1 : 0;
    p->good = (struct slots){.pack = p->number, .bits = calloc(len ? len : 1, 1), .len = len};
    if (p->good.bits) segments_check(v, fd, name, &ix, p, buf);
    else err_set(e, ZE_NOMEM, name, "slots");
    pack_index_free(&ix);
    return p->good.bits ? 0 : -1;
}

int generation_check(struct verify *v, struct generation *g, const struct slot_set *only, struct err *e) {
    uint8_t *buf = malloc(ZB_SEALED_MAX);
    int rc = buf ? 0 : err_set(e, ZE_NOMEM, NULL, "segment");
    for (size_t i = 0; rc == 0 && i < g->n; i++)
        if (!only || slot_set_find(only, g->pack[i].number)) rc = pack_check(v, g, &g->pack[i], buf, e);
    free(buf);
    return rc;
}
