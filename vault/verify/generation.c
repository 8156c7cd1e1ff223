/* The packs of a generation and what its points use of them. Sets of slots are bitmaps no longer than their
 * highest slot, so a generation of ten thousand packs costs a few megabytes at most. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/i18n.h"
#include "base/text.h"
#include "pack.h"
#include "wrap/seal.h"

enum { USED_PAGE_MAX = 1 << 20, SLOT_BYTES_MAX = ZB_PACK_SLOTS_MAX / 8 };

bool slots_has(const struct slots *s, uint32_t slot) {
    return s && slot >> 3 < s->len && s->bits[slot >> 3] >> (slot & 7) & 1;
}

static int slots_cmp(const void *key, const void *row) {
    uint32_t a = *(const uint32_t *)key, b = ((const struct slots *)row)->pack;
    return a < b ? -1 : a > b;
}

const struct slots *slot_set_find(const struct slot_set *s, uint32_t pack) {
    return s->n ? bsearch(&pack, s->of, s->n, sizeof *s->of, slots_cmp) : NULL;
}

void slot_set_free(struct slot_set *s) {
    for (size_t i = 0; i < s->n; i++) free(s->of[i].bits);
    free(s->of);
    *s = (struct slot_set){0};
}

static int pack_cmp(const void *key, const void *row) {
    uint32_t a = *(const uint32_t *)key, b = ((const struct pack *)row)->number;
    return a < b ? -1 : a > b;
}

struct pack *generation_pack(const struct generation *g, uint32_t number) {
    return g->n ? bsearch(&number, g->pack, g->n, sizeof *g->pack, pack_cmp) : NULL;
}

void pack_name(char name[OBJECT_NAME_MAX], const struct generation *g, const struct pack *p) {
    char id[33];
    text_hex(id, g->id, 16);
    snprintf(name, OBJECT_NAME_MAX, "hosts/%s/packs/%s/%08" PRIx32 ".%02x", g->host, id, p->number, p->revision);
}

void generation_free(struct generation *g) {
    for (size_t i = 0; i < g->n; i++) free(g->pack[i].good.bits);
    free(g->pack);
    g->pack = NULL;
    g->n = 0;
}

static bool pack_parse(const char *name, uint32_t *number, uint8_t *revision) {
    uint8_t be[4];
    char digits[9];
    if (strlen(name) != 11 || name[8] != '.' || strspn(name, "0123456789abcdef") != 8 ||
        strspn(name + 9, "0123456789abcdef") != 2)
        return false;
    memcpy(digits, name, 8);
    digits[8] = 0;
    if (!text_unhex(be, 4, digits) || !text_unhex(revision, 1, name + 9)) return false;
    *number = (uint32_t)be[0] << 24 | (uint32_t)be[1] << 16 | (uint32_t)be[2] << 8 | be[3];
    return true;
}

/* Names come sorted, so revisions of a pack stand side by side and the last one counts. */
int generation_list(struct verify *v, struct generation *g, struct err *e) {
    char dir[OBJECT_NAME_MAX], id[33];
    text_hex(id, g->id, 16);
    snprintf(dir, sizeof dir, "hosts/%s/packs/%s", g->host, id);
    struct names names;
    struct err why;
    if (store_list(&v->store, dir, &names, &why) < 0) return report_err(v->report, &why, 0), 0;
    g->pack = calloc(names.n ? names.n : 1, sizeof *g->pack);
    for (size_t i = 0; g->pack && i < names.n; i++) {
        struct pack p = {.finding = -1};
        if (!pack_parse(names.name[i], &p.number, &p.revision)) continue;
        if (g->n && g->pack[g->n - 1].number == p.number) g->n--;
        g->pack[g->n++] = p;
    }
    names_free(&names);
    return g->pack ? 0 : err_set(e, ZE_NOMEM, dir, "packs");
}

static int used_add(struct slot_set *set, uint32_t pack, const uint8_t *bits, size_t len) {
    if ((set->n & (set->n - 1)) == 0) {
        struct slots *more = realloc(set->of, (set->n ? 2 * set->n : 1) * sizeof *more);
        if (!more) return -1;
        set->of = more;
    }
    uint8_t *copy = malloc(len);
    if (!copy) return -1;
    memcpy(copy, bits, len);
    set->of[set->n++] = (struct slots){.pack = pack, .bits = copy, .len = (uint32_t)len};
    return 0;
}

/* 1 when the page is malformed, <0 without memory. */
static int used_parse(const struct generation *g, uint32_t page, const struct buf *b, struct slot_set *set) {
    struct rd r = rd_of(b->p, b->len);
    const uint8_t *magic = rd_take(&r, 4);
    uint16_t version = rd_u16(&r);
    rd_u16(&r);
    const uint8_t *id = rd_take(&r, 16);
    if (!magic || memcmp(magic, "ZBUS", 4) != 0 || version != 1 || !id || memcmp(id, g->id, 16) != 0 ||
        rd_u32(&r) != page || page > UINT32_MAX / 256)
        return 1;
    uint64_t n = rd_vu(&r), low = 0;
    for (uint64_t i = 0; i < n && rd_ok(&r); i++) {
        size_t len;
        uint64_t pack = rd_vu(&r);
        const uint8_t *bits = rd_blob(&r, &len, SLOT_BYTES_MAX);
        if (!bits || pack < low || pack > 255 || len == 0 || bits[len - 1] == 0) return 1;
        if (used_add(set, page * 256 + (uint32_t)pack, bits, len) < 0) return -1;
        low = pack + 1;
    }
    return rd_end(&r) ? 0 : 1;
}

int used_load(
    struct verify *v, const struct generation *g, const struct commit *c, struct slot_set *set, struct err *e) {
    *set = (struct slot_set){0};
    struct buf b;
    buf_init(&b, USED_PAGE_MAX);
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < c->used_n; i++) {
        char name[OBJECT_NAME_MAX], id[33], hex[65];
        uint8_t hash[32];
        struct err why;
        text_hex(id, g->id, 16);
        text_hex(hex, c->used[i].hash, 32);
        snprintf(name, sizeof name, "hosts/%s/used/%s/%s", g->host, id, hex);
        if (store_load(&v->store, name, USED_PAGE_MAX, &b, &why) < 0) {
            report_err(v->report, &why, c->point);
            continue;
        }
        seal_hash(hash, b.p, b.len);
        if (memcmp(hash, c->used[i].hash, 32) != 0)
            report_add(v->report, ZE_DAMAGED, name, c->point, "%s", _("it differs from its hash"));
        else if ((rc = used_parse(g, c->used[i].page, &b, set)) == 1)
            report_add(v->report, ZE_DAMAGED, name, c->point, "%s", _("malformed used page"));
    }
    buf_free(&b);
    if (rc < 0) err_set(e, ZE_NOMEM, g->host, "used set"), slot_set_free(set);
    return rc < 0 ? -1 : 0;
}

/* Bits of ${used} that ${good} does not have; the first one in ${slot}. */
static unsigned absent(const struct slots *used, const struct slots *good, uint32_t *slot) {
    unsigned n = 0;
    for (uint32_t s = 0; s < used->len * 8; s++)
        if (slots_has(used, s) && !slots_has(good, s) && n++ == 0) *slot = s;
    return n;
}

void used_check(struct verify *v, struct generation *g, const struct commit *c, const struct slot_set *set) {
    for (size_t i = 0; i < set->n; i++) {
        struct pack *p = generation_pack(g, set->of[i].pack);
        uint32_t slot = 0;
        unsigned n = absent(&set->of[i], p && p->good.bits ? &p->good : NULL, &slot);
        if (!n) continue;
        char name[OBJECT_NAME_MAX];
        struct pack none = {.number = set->of[i].pack};
        pack_name(name, g, p ? p : &none);
        if (!p) report_add(v->report, ZE_MISSING, name, c->point, "%s", _("the pack is not there"));
        else if (p->finding >= 0) report_affects(v->report, p->finding, c->point);
        else
            report_add(v->report, ZE_MISSING, name, c->point, _("slot %" PRIu32 " is used, but not in the pack"), slot);
    }
}
