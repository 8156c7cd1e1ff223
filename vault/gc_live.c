/* What counts. A used page is read once for each distinct hash, however many points share it, and one page's bitmaps
 * (256 packs, 1 MiB) are all that is held of a generation. Whatever cannot be read counts as needing everything: a
 * mistake here may only ever keep too much. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "gc_internal.h"
#include "keeper.h"
#include "small.h"

enum { USED_MAX = 1 << 20 };

static int ref_cmp(const void *a, const void *b) {
    const struct gc_ref *x = a, *y = b;
    if (x->page != y->page) return x->page < y->page ? -1 : 1;
    return memcmp(x->hash, y->hash, SEAL_HASH);
}

/* Sorted, each once. */
static void refs_settle(struct gc_live *l) {
    size_t kept = 0;
    if (l->n) qsort(l->ref, l->n, sizeof *l->ref, ref_cmp);
    for (size_t i = 0; i < l->n; i++) {
        if (kept && ref_cmp(&l->ref[kept - 1], &l->ref[i]) == 0) l->ref[kept - 1].firm |= l->ref[i].firm;
        else l->ref[kept++] = l->ref[i];
    }
    l->n = kept;
}

static int ref_add(struct gc_live *l, const struct used_ref *ref, bool firm, struct err *e) {
    if (l->n == l->cap) refs_settle(l);
    if (l->n >= l->cap / 2) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        void *p = realloc(l->ref, cap * sizeof *l->ref);
        if (!p) return err_set(e, ZE_NOMEM, l->log->host, _("no memory"));
        l->ref = p, l->cap = cap;
    }
    struct gc_ref *r = &l->ref[l->n++];
    *r = (struct gc_ref){.page = ref->page, .firm = firm};
    memcpy(r->hash, ref->hash, SEAL_HASH);
    return 0;
}

static int commit_add(struct gc_live *l, const struct log_commit *c, bool firm, struct err *e) {
    struct record r;
    if (log_load(l->log, c->n, &r, NULL, e) < 0) return -1;
    int rc = r.type == REC_COMMIT ? 0 : err_set(e, ZE_DAMAGED, l->log->host, _("its log is not as it was"));
    for (size_t i = 0; rc == 0 && i < r.commit.used_n; i++) rc = ref_add(l, &r.commit.used[i], firm, e);
    record_free(&r);
    return rc;
}

/* The unfinished upload, and the attempts since the last commit that it continues: what they have sent is its second
 * parent. */
static void upload_find(struct gc_live *l, uint32_t *parent) {
    const struct log_begin *last = log_pending(l->log);
    const struct host_log *log = l->log;
    l->upload_from = UINT64_MAX, *parent = 0;
    if (!last || memcmp(last->generation, l->generation, SEAL_ID) != 0) return;
    uint64_t since = log->commits_n ? log->commits[log->commits_n - 1].n : 0;
    for (size_t i = 0; i < log->begins_n; i++) {
        const struct log_begin *b = &log->begins[i];
        if (b->n < since || memcmp(b->generation, l->generation, SEAL_ID) != 0) continue;
        if (b->first_pack < l->upload_from) l->upload_from = b->first_pack;
    }
    *parent = last->parent;
}

int gc_live_open(struct gc_live *l, struct host_log *log, const uint8_t generation[SEAL_ID], int64_t now,
    int64_t grace_s, struct err *e) {
    uint32_t parent;
    *l = (struct gc_live){.log = log, .page = UINT64_MAX};
    memcpy(l->generation, generation, SEAL_ID);
    upload_find(l, &parent);
    l->live = calloc(GC_PAGE, sizeof *l->live);
    l->firm = calloc(GC_PAGE, sizeof *l->firm);
    int rc = l->live && l->firm ? 0 : err_set(e, ZE_NOMEM, log->host, _("no memory"));
    for (size_t i = 0; rc == 0 && i < log->commits_n; i++) {
        const struct log_commit *c = &log->commits[i];
        if (memcmp(c->generation, generation, SEAL_ID) != 0) continue;
        bool firm = !c->removed || c->point == parent;
        int64_t until = c->removed_at + grace_s * NS_PER_S;
        if (!firm && until <= now) continue;
        if (!firm && until > l->grace_until) l->grace_until = until;
        rc = commit_add(l, c, firm, e);
    }
    if (rc == 0) refs_settle(l);
    return rc;
}

void gc_live_close(struct gc_live *l) {
    free(l->ref);
    free(l->live);
    free(l->firm);
    *l = (struct gc_live){.page = UINT64_MAX};
}

struct merging {
    struct gc_live *l;
    bool firm;
};

static int merge_pack(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct merging *m = arg;
    uint8_t *live = m->l->live[pack % GC_PAGE], *firm = m->l->firm[pack % GC_PAGE];
    for (size_t i = 0; i < len && i < GC_BITMAP; i++) live[i] |= bitmap[i], firm[i] |= m->firm ? bitmap[i] : 0;
    return 0;
}

static int merge_page(struct gc_live *l, const struct gc_ref *ref, struct buf *page, struct err *e) {
    char name[STORE_NAME_MAX];
    struct merging m = {l, ref->firm};
    used_name(name, l->log->host, l->generation, ref->hash);
    buf_reset(page);
    if (small_load(l->log->small, &l->log->v->store, name, ref->hash, USED_MAX, page, e) < 0) {
        /* Of a removed point: a run with a shorter grace has collected it, and what it alone needed with it. */
        if (ref->firm || e->id != ZE_NOTFOUND) return -1;
        *e = (struct err)ERR_INIT;
        return 0;
    }
    return used_page_get(page->p, page->len, l->generation, ref->page, merge_pack, &m, e);
}

int gc_live_page(struct gc_live *l, uint32_t page, struct err *e) {
    struct buf b;
    if (l->page == page) return 0;
    buf_init(&b, USED_MAX);
    memset(l->live, 0, GC_PAGE * sizeof *l->live);
    memset(l->firm, 0, GC_PAGE * sizeof *l->firm);
    l->page = page, l->blind = (struct err)ERR_INIT;
    for (size_t i = 0; i < l->n && !l->blind.id; i++)
        if (l->ref[i].page == page) (void)!merge_page(l, &l->ref[i], &b, &l->blind);
    buf_free(&b);
    return l->blind.id == ZE_NOMEM ? err_set(e, ZE_NOMEM, l->log->host, _("no memory")) : 0;
}

static int hash_cmp(const void *a, const void *b) {
    return memcmp(((const struct gc_ref *)a)->hash, ((const struct gc_ref *)b)->hash, SEAL_HASH);
}

void gc_live_by_hash(struct gc_live *l) {
    if (l->n) qsort(l->ref, l->n, sizeof *l->ref, hash_cmp);
    l->page = UINT64_MAX;
}

bool gc_live_names(const struct gc_live *l, const uint8_t hash[SEAL_HASH]) {
    struct gc_ref key = {.page = 0};
    memcpy(key.hash, hash, SEAL_HASH);
    return l->n && bsearch(&key, l->ref, l->n, sizeof *l->ref, hash_cmp);
}
