/* Walking the page tree in order, one page of each level in memory. A page may lie about nothing that matters: its
 * level is the one expected, its first path is the one its parent names, and paths rise from page to page, so a
 * hostile tree ends. A page that is damaged or missing costs what is below it: its parent says from which path on, and
 * how many entries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "fetch.h"

struct level {
    struct buf bytes;
    struct page_iter it;
    struct buf path; /* of the reference that was descended into last */
    struct seg_addr addr;
    uint64_t entries;
    bool pending; /* one more was read and is not yet used: */
    struct buf pending_path;
    struct seg_addr pending_addr;
    uint64_t pending_entries;
    char name[64];
};

struct manifest_walk {
    struct fetch *f;
    const struct gen_keys *k;
    struct sealer *s;
    struct seg_addr top;
    uint64_t entries;
    manifest_bad bad;
    void *bad_arg;
    unsigned height, depth; /* levels in all; levels open: levels[0] is the top page */
    struct level *levels;
    struct buf first, last; /* where to start; last path given out at the end of a leaf page */
    bool started, skipping, fresh, any;
};

struct manifest_walk *manifest_walk_new(
    struct fetch *f, const struct gen_keys *k, const struct root *root, const char *first, size_t first_len) {
    struct manifest_walk *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (struct manifest_walk){.f = f,
        .k = k,
        .top = root->top,
        .entries = root->entries,
        .height = root->level + 1u,
        .skipping = first != NULL};
    buf_init(&w->first, 1 << 17);
    buf_init(&w->last, 1 << 17);
    w->s = sealer_new();
    w->levels = calloc(w->height, sizeof *w->levels);
    if (first) buf_put(&w->first, first, first_len);
    for (unsigned i = 0; w->levels && i < w->height; i++) {
        buf_init(&w->levels[i].bytes, ZB_SEGMENT_MAX);
        buf_init(&w->levels[i].path, 1 << 17);
        buf_init(&w->levels[i].pending_path, 1 << 17);
    }
    if (w->s && w->levels && buf_ok(&w->first)) return w;
    manifest_walk_free(w);
    return NULL;
}

void manifest_walk_free(struct manifest_walk *w) {
    if (!w) return;
    for (unsigned i = 0; w->levels && i < w->height; i++) {
        page_iter_free(&w->levels[i].it);
        buf_free(&w->levels[i].bytes);
        buf_free(&w->levels[i].path);
        buf_free(&w->levels[i].pending_path);
    }
    free(w->levels);
    sealer_free(w->s);
    buf_free(&w->first);
    buf_free(&w->last);
    free(w);
}

void manifest_walk_tolerate(struct manifest_walk *w, manifest_bad bad, void *arg) {
    w->bad = bad;
    w->bad_arg = arg;
}

/* What is wrong costs ${entries} from ${path} on: 0 when the walk goes on without them, <0 when it ends. */
static int lost(struct manifest_walk *w, const struct buf *path, uint64_t entries, struct err *e) {
    bool part =
        e->id == ZE_DAMAGED || e->id == ZE_TRUNCATED || e->id == ZE_MISSING || e->id == ZE_NEWER || e->id == ZE_IO;
    if (!part || !w->bad) return -1;
    struct err why = *e;
    return w->bad(w->bad_arg, path ? path->p : NULL, path ? path->len : 0, entries, &why, e);
}

/* The same for the rest of the page that is being read. */
static int leave_page(struct manifest_walk *w, struct err *e) {
    const struct level *up = w->depth > 1 ? &w->levels[w->depth - 2] : NULL;
    uint64_t left = w->levels[w->depth - 1].it.left + 1;
    if (w->depth < w->height && up) left = up->entries; /* of references, what is below them counts */
    w->depth--;
    w->fresh = false;
    return lost(w, up ? &up->path : NULL, left, e);
}

static int open_page(struct manifest_walk *w, struct seg_addr addr, struct err *e) {
    struct level *l = &w->levels[w->depth];
    snprintf(l->name, sizeof l->name, "pack %08x slot %u", addr.pack, addr.slot);
    page_iter_free(&l->it);
    if (fetch_one(w->f, w->s, w->k, SEG_PAGE, addr, &l->bytes, e) < 0) return -1;
    if (page_iter_init(&l->it, l->bytes.p, l->bytes.len, l->name, e) < 0) return -1;
    if (l->it.level != w->height - 1 - w->depth)
        return err_set(e, ZE_DAMAGED, l->name, _("a manifest page of the wrong level"));
    l->pending = false;
    w->fresh = true;
    w->depth++;
    return 0;
}

/* Whether what was just read at the top of a fresh page is what its parent promised. */
static int check_first(struct manifest_walk *w, const uint8_t *path, size_t n, struct err *e) {
    bool leaf = w->depth == w->height;
    const struct level *up = w->depth > 1 ? &w->levels[w->depth - 2] : NULL;
    bool ok = !up || (up->path.len == n && (n == 0 || memcmp(up->path.p, path, n) == 0));
    if (leaf && w->any && path_cmp(w->last.p, w->last.len, path, n) >= 0) ok = false;
    w->fresh = false;
    return ok ? 0
              : err_set(e, ZE_DAMAGED, w->levels[w->depth - 1].name, _("a manifest page that does not fit its parent"));
}

static void set_ref(struct level *l, const uint8_t *p, size_t n, struct seg_addr addr, uint64_t entries) {
    buf_reset(&l->path);
    buf_put(&l->path, p, n);
    l->addr = addr;
    l->entries = entries;
}

/* The next reference of an inner page into l->path and l->addr; while skipping, the last one at or before w->first,
 * which is known only when the one after it was read. */
static int next_ref(struct manifest_walk *w, struct level *l, struct err *e) {
    struct page_ref ref;
    bool have = l->pending;
    if (have) set_ref(l, l->pending_path.p, l->pending_path.len, l->pending_addr, l->pending_entries);
    l->pending = false;
    while (!have || w->skipping) {
        int rc = page_next_ref(&l->it, &ref, e);
        if (rc < 0) return -1;
        if (rc == 0) break;
        if (w->fresh && check_first(w, ref.path, ref.path_len, e) < 0) return -1;
        if (have && path_cmp(ref.path, ref.path_len, w->first.p, w->first.len) > 0) {
            buf_reset(&l->pending_path);
            buf_put(&l->pending_path, ref.path, ref.path_len);
            l->pending_addr = ref.addr, l->pending_entries = ref.entries;
            l->pending = true;
            break;
        }
        set_ref(l, ref.path, ref.path_len, ref.addr, ref.entries);
        have = true;
    }
    if (!buf_ok(&l->path) || !buf_ok(&l->pending_path)) return err_set(e, ZE_NOMEM, l->name, _("manifest page"));
    return have;
}

static int step(struct manifest_walk *w, struct entry *en, struct err *e) {
    struct level *l = &w->levels[w->depth - 1];
    bool leaf = w->depth == w->height;
    int rc = leaf ? page_next_entry(&l->it, en, e) : next_ref(w, l, e);
    if (rc < 0) return leave_page(w, e);
    if (rc == 0) { /* this page is done */
        if (leaf && l->it.started) {
            buf_reset(&w->last);
            buf_put(&w->last, l->it.path.p, l->it.path.len);
            w->any = true;
        }
        w->depth--;
        return 0;
    }
    if (!leaf) return open_page(w, l->addr, e) < 0 ? lost(w, &l->path, l->entries, e) : 0;
    if (w->fresh && check_first(w, en->path, en->path_len, e) < 0) return leave_page(w, e);
    if (w->skipping && path_cmp(en->path, en->path_len, w->first.p, w->first.len) < 0) return 0;
    w->skipping = false;
    return 1;
}

int manifest_walk_next(struct manifest_walk *w, struct entry *en, struct err *e) {
    if (!w->started) {
        w->started = true;
        if (open_page(w, w->top, e) < 0) return lost(w, NULL, w->entries, e);
    }
    while (w->depth > 0) {
        int rc = step(w, en, e);
        if (rc != 0) return rc;
    }
    return 0;
}
