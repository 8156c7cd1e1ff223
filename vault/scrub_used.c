/* What points need: their used pages, and the packs that these name. From them also the points that a finding harms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keeper.h"
#include "scrub.h"

enum { USED_MAX = 1 << 20, PER_PAGE = 256 };

/* The page of ${ref} from ${store}, whole. */
static int page_judge(struct scrub *s, struct store *store, const uint8_t *generation, const struct used_ref *ref,
    struct buf *out, struct err *e) {
    char name[STORE_NAME_MAX];
    uint8_t hash[SEAL_HASH];
    used_name(name, s->host, generation, ref->hash);
    buf_reset(out);
    if (store_load(store, name, USED_MAX, out, e) < 0) return -1;
    scrub_read(s, out->len);
    seal_hash(hash, out->p, out->len);
    if (memcmp(hash, ref->hash, SEAL_HASH) != 0) return err_set(e, ZE_DAMAGED, name, _("its hash is not its name"));
    return used_page_get(out->p, out->len, generation, ref->page, NULL, NULL, e);
}

struct needs {
    struct scrub *s;
    const struct scrub_point *p;
};

static int pack_there(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    const struct needs *q = arg;
    struct scrub *s = q->s;
    char name[STORE_NAME_MAX];
    struct err why = ERR_INIT, ignored = ERR_INIT;
    if (!len || pack_list_find(&s->packs, pack)) return 0;
    pack_name(name, s->host, s->packs.generation, pack, 0);
    if (heal_pack(s, &(struct pack_item){.pack = pack}, true, &ignored) == 1)
        return pack_list_load(&s->packs, &s->v->store, s->host, s->packs.generation, e);
    if (scrub_removed(s, q->p)) return 0;
    err_set(&why, ZE_MISSING, name, _("a pack is not in the vault"));
    size_t before = s->damage.n;
    int rc = scrub_found(s, name, DAMAGE_WHOLE, &why, e);
    s->sum->damaged += s->damage.n > before;
    return rc;
}

static int page_one(
    struct scrub *s, const struct scrub_point *p, const struct used_ref *ref, struct buf *page, struct err *e) {
    char name[STORE_NAME_MAX];
    struct err why = ERR_INIT, ignored = ERR_INIT;
    used_name(name, s->host, p->generation, ref->hash);
    damage_mark(&s->damage, name);
    int rc = 0, good = page_judge(s, &s->v->store, p->generation, ref, page, &why);
    if (good < 0 && s->from.fd >= 0 && page_judge(s, &s->from, p->generation, ref, page, &ignored) == 0)
        good = heal_object(s, name, page, &ignored) == 1 ? 0 : -1;
    bool bad = good < 0 && !(why.id == ZE_NOTFOUND && scrub_removed(s, p));
    if (bad) rc = scrub_found(s, name, DAMAGE_WHOLE, &why, e);
    damage_sweep(&s->damage);
    scrub_object(s, bad);
    if (good == 0) rc = used_page_get(page->p, page->len, p->generation, ref->page, pack_there, &(struct needs){s, p}, e);
    return rc;
}

static bool same_ref(const struct scrub_point *p, const struct scrub_point *before, const struct used_ref *ref) {
    if (!before || memcmp(p->generation, before->generation, SEAL_ID) != 0) return false;
    for (size_t i = 0; i < before->used_n; i++)
        if (before->used[i].page == ref->page) return memcmp(before->used[i].hash, ref->hash, SEAL_HASH) == 0;
    return false;
}

/* What is found whole may be what a killed scrubbing healed: it counts as healed when its name is durable. */
static int generation_settle(struct scrub *s, const uint8_t generation[SEAL_ID], struct err *e) {
    char dir[STORE_NAME_MAX], hex[HEX_ID];
    pack_dir(dir, s->host, generation);
    if (store_settle(&s->v->store, dir, e) < 0) return -1;
    text_hex(hex, generation, SEAL_ID);
    snprintf(dir, sizeof dir, "hosts/%s/used/%s", s->host, hex);
    return store_settle(&s->v->store, dir, e) < 0 ? -1
        : pack_list_load(&s->packs, &s->v->store, s->host, generation, e);
}

int scrub_used(struct scrub *s, struct err *e) {
    const struct scrub_point *before = NULL;
    struct buf page;
    int rc = 0;
    buf_init(&page, USED_MAX);
    for (size_t i = 0; i < s->points_n && rc == 0; i++) {
        const struct scrub_point *p = &s->points[i];
        if (p->removed) continue;
        if (!s->packs.loaded || memcmp(s->packs.generation, p->generation, SEAL_ID) != 0)
            rc = generation_settle(s, p->generation, e);
        for (size_t u = 0; u < p->used_n && rc == 0; u++)
            if (!same_ref(p, before, &p->used[u])) rc = page_one(s, p, &p->used[u], &page, e);
        if (!p->removed) before = p; /* by now: then its pages may not have been seen */
    }
    buf_free(&page);
    return rc;
}

/* ---- which points a finding harms ---- */

struct harm { /* one page of one point, or for ref NULL its record */
    struct scrub *s;
    const struct scrub_point *p;
};

/* The pack that the finding is about, by its name; false when it is about something else. */
static bool finding_pack(const struct scrub *s, const struct damage_item *d, uint8_t generation[SEAL_ID],
    uint32_t *pack, uint32_t *revision) {
    char hex[33];
    unsigned p, r;
    int from = 0;
    char prefix[128];
    snprintf(prefix, sizeof prefix, "hosts/%s/packs/", s->host);
    size_t n = strlen(prefix);
    if (strncmp(d->object, prefix, n) != 0) return false;
    if (sscanf(d->object + n, "%32[0-9a-f]/%8x.%2x%n", hex, &p, &r, &from) != 3 || d->object[n + (size_t)from])
        return false;
    *pack = p, *revision = r;
    return text_unhex(generation, SEAL_ID, hex);
}

static void point_note(struct damage_item *d, uint32_t point) {
    uint32_t last = d->points_n && d->points_n <= DAMAGE_POINTS ? d->points[d->points_n - 1] : 0;
    if (d->points_n && d->points_n <= DAMAGE_POINTS && last == point) return;
    if (d->points_n < DAMAGE_POINTS) d->points[d->points_n] = point;
    d->points_n++;
}

static int pack_harm(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct harm *h = arg;
    for (size_t i = 0; i < h->s->damage.n; i++) {
        struct damage_item *d = &h->s->damage.item[i];
        uint8_t generation[SEAL_ID];
        uint32_t p, r;
        if (!finding_pack(h->s, d, generation, &p, &r) || p != pack ||
            memcmp(generation, h->p->generation, SEAL_ID) != 0)
            continue;
        bool needs = d->slot == DAMAGE_WHOLE ? len > 0 : d->slot / 8 < len && bitmap[d->slot / 8] >> (d->slot & 7) & 1;
        if (needs) point_note(d, h->p->point);
    }
    return 0;
}

/* Findings about its record, and about the used page itself. */
static void name_harm(struct scrub *s, const struct scrub_point *p, const char *name) {
    for (size_t i = 0; i < s->damage.n; i++)
        if (strcmp(s->damage.item[i].object, name) == 0) point_note(&s->damage.item[i], p->point);
}

static bool page_matters(const struct scrub *s, const struct scrub_point *p, uint32_t page) {
    uint8_t generation[SEAL_ID];
    uint32_t pack, r;
    for (size_t i = 0; i < s->damage.n; i++)
        if (finding_pack(s, &s->damage.item[i], generation, &pack, &r) && pack / PER_PAGE == page &&
            memcmp(generation, p->generation, SEAL_ID) == 0)
            return true;
    return false;
}

static int point_harm(struct scrub *s, const struct scrub_point *p, struct buf *page, struct err *e) {
    char name[STORE_NAME_MAX];
    struct harm h = {s, p};
    struct err ignored = ERR_INIT;
    snprintf(name, sizeof name, "hosts/%s/log/%016llx", s->host, (unsigned long long)p->n);
    name_harm(s, p, name);
    snprintf(name, sizeof name, "kept/%s/%016llx", s->host, (unsigned long long)p->n);
    name_harm(s, p, name);
    for (size_t u = 0; u < p->used_n; u++) {
        used_name(name, s->host, p->generation, p->used[u].hash);
        name_harm(s, p, name);
        if (!page_matters(s, p, p->used[u].page)) continue;
        if (page_judge(s, &s->v->store, p->generation, &p->used[u], page, &ignored) < 0) continue;
        if (used_page_get(page->p, page->len, p->generation, p->used[u].page, pack_harm, &h, e) < 0) return -1;
    }
    return 0;
}

/* Whether a finding that no point needs may go: not what an upload under way relies on, nor a record. */
static int finding_unused(struct scrub *s, const struct damage_item *d, struct err *e) {
    uint8_t generation[SEAL_ID];
    uint32_t pack, revision;
    char used[128];
    snprintf(used, sizeof used, "hosts/%s/used/", s->host);
    if (strncmp(d->object, used, strlen(used)) == 0) return !d->points_n;
    if (!finding_pack(s, d, generation, &pack, &revision)) return 0;
    if (pack_list_load(&s->packs, &s->v->store, s->host, generation, e) < 0) return -1;
    const struct pack_item *it = pack_list_find(&s->packs, pack);
    if (it && it->revision != revision) return 1; /* replaced since */
    if (!it && d->slot != DAMAGE_WHOLE) return 1;
    if (d->points_n) return 0;
    return !(s->begun && pack >= s->begun_first && memcmp(generation, s->begun_generation, SEAL_ID) == 0);
}

int scrub_unused(struct scrub *s, struct err *e) {
    struct buf page;
    int rc = 0;
    if (!s->damage.n) return 0;
    buf_init(&page, USED_MAX);
    for (size_t i = 0; i < s->damage.n; i++) s->damage.item[i].points_n = 0;
    for (size_t i = 0; i < s->points_n && rc == 0; i++)
        if (!s->points[i].removed) rc = point_harm(s, &s->points[i], &page, e);
    buf_free(&page);
    for (size_t i = 0; i < s->damage.n && rc == 0; i++) {
        int unused = finding_unused(s, &s->damage.item[i], e);
        if (unused < 0) rc = -1;
        s->damage.item[i].stale = unused > 0;
    }
    s->damage.changed = true;
    damage_sweep(&s->damage);
    return rc;
}
