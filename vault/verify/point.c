/* Walking the tree of pages in order. One path is kept from entry to entry, so that the order holds across pages,
 * a page begins where the page above says, and nothing lies below what is no directory. A page that cannot be read
 * is a finding; the walk goes on behind it, only counts are not compared any more. */
#include "point.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/seal.h"

struct walk {
    struct verify *v;
    const struct commit *c;
    struct contents contents;
    char object[96]; /* HOST/NUMBER */
    struct buf last; /* path of the last entry */
    uint8_t last_type;
    bool begun, incomplete;
    uint64_t entries, files, bytes;
};

/* A finding about ${path} of this point (NULL: about the point); what was found in a pack names the pack too. */
static void found(struct walk *w, const struct buf *path, enum err_id id, const char *object, const char *what) {
    char name[700], where[1200];
    size_t n = (size_t)snprintf(name, sizeof name, "%s", w->object);
    if (path && n < sizeof name - 2) {
        name[n++] = ':', name[n++] = '/';
        text_escape(name + n, sizeof name - n, (const char *)path->p, path->len);
    }
    snprintf(where, sizeof where, "%s%s%s", object && *object ? object : "", object && *object ? ": " : "", what);
    report_add(w->v->report, id, name, w->c->point, "%s", where);
}

static const char *entry_place(struct walk *w, const struct page *pg) {
    const struct buf *p = &pg->path;
    if (!w->begun) return NULL;
    if (path_cmp(w->last.p, w->last.len, p->p, p->len) >= 0) return _("the entries are not in order");
    size_t n = w->last.len;
    bool below = !n || (p->len > n && memcmp(p->p, w->last.p, n) == 0 && p->p[n] == '/');
    return below && w->last_type != ENT_DIR ? _("it lies below what is no directory") : NULL;
}

static void entry_check(struct walk *w, const struct page *pg, const struct entry *en) {
    const char *what = entry_place(w, pg);
    if (what) found(w, &pg->path, ZE_DAMAGED, NULL, what);
    buf_reset(&w->last);
    buf_put(&w->last, pg->path.p, pg->path.len);
    w->last_type = en->type;
    w->begun = true;
    w->entries++;
    if (en->type != ENT_FILE) return;
    w->files++;
    w->bytes += en->size;
    struct err e = ERR_INIT;
    w->v->report->seen.files++;
    w->v->report->seen.file_bytes += en->size;
    if (contents_check(&w->contents, en, &e) < 0) found(w, &pg->path, e.id, e.object, e.msg);
}

static void page_walk(struct walk *w, uint8_t level, struct addr at, const struct buf *first, uint64_t entries);

static const char *refs_walk(struct walk *w, struct page *pg) {
    struct ref ref;
    const char *what = NULL;
    while (pg->left && !(what = page_ref(pg, &ref)))
        page_walk(w, (uint8_t)(pg->level - 1), ref.at, &pg->path, ref.entries);
    return what;
}

static const char *entries_walk(struct walk *w, struct page *pg, const struct buf *first) {
    struct entry en;
    const char *what = NULL;
    for (bool begin = true; pg->left && !(what = page_entry(pg, &en)); begin = false) {
        if (begin && first && path_cmp(first->p, first->len, pg->path.p, pg->path.len) != 0)
            return _("the page begins with another path than the page above says");
        entry_check(w, pg, &en);
    }
    return what;
}

static void page_walk(struct walk *w, uint8_t level, struct addr at, const struct buf *first, uint64_t entries) {
    struct err e = ERR_INIT;
    struct page pg = {.left = 0};
    const uint8_t *p;
    size_t n;
    char object[64];
    snprintf(object, sizeof object, _("page at pack %" PRIu32 " slot %" PRIu32), at.pack, at.slot);
    if (contents_used(&w->contents, at, &e) < 0) found(w, NULL, e.id, e.object, e.msg);
    if (opener_get(w->contents.opener, SEG_PAGE, at, &p, &n, &e) < 0) {
        found(w, first, e.id, e.object, e.msg);
        w->incomplete = true;
        return;
    }
    uint8_t *copy = malloc(n ? n : 1); /* the cache will be needed for what is below */
    if (!copy) {
        found(w, first, ZE_NOMEM, object, "page");
        w->incomplete = true;
        return;
    }
    memcpy(copy, p, n);
    uint64_t before = w->entries;
    const char *what = page_open(&pg, copy, n, level);
    if (!what) what = level ? refs_walk(w, &pg) : entries_walk(w, &pg, first);
    if (!what) what = page_end(&pg);
    if (!what && !w->incomplete && first && w->entries - before != entries)
        what = _("the page above counts other entries");
    if (what) {
        found(w, first, ZE_DAMAGED, object, what);
        w->incomplete = true;
    }
    page_path_free(&pg);
    free(copy);
}

static void extra_check(struct walk *w, int kind, bool has, struct addr at) {
    struct err e = ERR_INIT;
    const uint8_t *p;
    size_t n;
    if (!has) return;
    if (contents_used(&w->contents, at, &e) < 0 || opener_get(w->contents.opener, kind, at, &p, &n, &e) < 0)
        found(w, NULL, e.id, e.object, e.msg);
}

static void root_walk(struct walk *w, const struct buf *plain) {
    struct root root;
    const char *what = root_parse(&root, plain->p, plain->len);
    if (what) {
        found(w, NULL, ZE_DAMAGED, NULL, what);
        return;
    }
    report_phase(w->v->report, w->object, root.bytes);
    extra_check(w, SEG_FACTS, root.has_facts, root.facts);
    extra_check(w, SEG_RUNLIST, root.has_runlist, root.runlist);
    page_walk(w, root.level, root.top, NULL, root.entries);
    if (w->incomplete) return;
    if (root.entries != w->entries || root.files != w->files || root.bytes != w->bytes)
        found(w, NULL, ZE_DAMAGED, NULL, _("the root counts other entries, files or bytes than there are"));
    if (w->c->files != root.files || w->c->bytes != root.bytes)
        found(w, NULL, ZE_DAMAGED, NULL, _("the commit record counts other files or bytes than the root"));
}

int point_check(struct verify *v, const struct generation *g, const struct commit *c, const struct slot_set *used,
    struct known *known, struct err *e) {
    struct walk w = {.v = v, .c = c, .contents = {.v = v, .used = used, .known = *known}};
    snprintf(w.object, sizeof w.object, "%s/%" PRIu32, g->host, c->point);
    struct rd slots = rd_of(c->slots, c->slots_len);
    struct err why = ERR_INIT;
    uint8_t *hk = secret_alloc(32);
    if (!hk) return err_set(e, ZE_NOMEM, w.object, _("secret memory"));
    int rc = key_open(&v->key, &slots, hk, &why);
    if (rc < 0 && why.id == ZE_WRONGKEY && v->key.kind == KEY_KIT && c->later) { /* the kit may have been added later */
        slots = rd_of(c->later, c->later_len);
        rc = key_open(&v->key, &slots, hk, &why);
    }
    if (rc == 0 && !(w.contents.opener = opener_new(v, g, hk))) rc = err_set(&why, ZE_NOMEM, NULL, "opener");
    secret_free(hk);
    struct buf plain;
    buf_init(&plain, ZB_SEGMENT_MAX);
    buf_init(&w.last, ZB_SEGMENT_MAX);
    if (rc == 0) rc = opener_root(w.contents.opener, c->point, c->root, c->root_len, &plain, &why);
    if (rc == 0) root_walk(&w, &plain);
    else if (why.id == ZE_WRONGKEY) v->report->locked++;
    else found(&w, NULL, why.id, why.object, why.msg);
    *known = w.contents.known;
    opener_free(w.contents.opener);
    buf_free(&plain);
    buf_free(&w.last);
    return 0;
}
