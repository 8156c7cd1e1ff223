/* The sweep of one generation: pack by pack, in the order of their numbers, so that one page of bitmaps is enough. What to
 * do with a pack follows from what is there now, never from a plan made before:
 *
 *   nothing of it is needed          every revision goes
 *   older revisions beside a newer   an earlier run was interrupted: when the newest has all that is needed, they go
 *   less than half is needed         the next revision is written, then the older ones go
 *
 * So it may be killed between any two steps. The collect record comes before the first of them: whoever has built an
 * index on what was there learns it anew before trusting it, also when the run ended right after the record. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "gc_internal.h"
#include "keeper.h"
#include "sys/file.h"

enum { TRIES = 16, REVISION_MAX = 255 };

struct sweep {
    struct host_log *log;
    struct gc_live *l;
    struct gc_report *r;
    bool dry_run, told; /* told: the collect record of this run stands */
    uint32_t next_pack;
    size_t begins, commits; /* of the log that was judged */
};

/* Between two steps: 1 when the host's session wants the lease, so that the rest is for another time. */
static int session_came(struct sweep *s, struct err *e) {
    int live = s->dry_run ? 0 : presence_live(s->log->v, s->log->host, e);
    if (live > 0) s->r->stopped = true;
    return live;
}

/* Before the first step that takes something away. If interrupted after the record, agents learn their indexes anew for
 * nothing. */
static int collect_tell(struct sweep *s, struct err *e) {
    struct buf raw;
    const struct log_collect *last = log_collect_of(s->log, s->l->generation);
    struct record r = {.type = REC_COLLECT,
        .collect = {.counter = last ? last->counter + 1 : 1, .next_pack = s->next_pack}};
    if (s->told) return 0;
    if (last && last->next_pack > s->next_pack) r.collect.next_pack = last->next_pack;
    memcpy(r.collect.generation, s->l->generation, SEAL_ID);
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = 1;
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) {
        rc = log_append(s->log, &r, &raw, e);
        /* Pins and removals may come at any time; an upload may not, under the lease. */
        if (s->log->begins_n != s->begins || s->log->commits_n != s->commits) rc = -1;
        if (rc == -1 && !e->id) err_set(e, ZE_BUSY, s->log->host, _("an upload was begun"));
    }
    buf_free(&raw);
    if (rc == 1) rc = err_set(e, ZE_BUSY, s->log->host, _("others write to its log all the time"));
    s->told = rc == 0;
    return rc;
}

static int revisions_delete(struct sweep *s, const struct pack_item *it, size_t n, struct err *e) {
    char name[STORE_NAME_MAX];
    if (s->dry_run) return 0;
    if (collect_tell(s, e) < 0) return -1;
    /* Oldest first: if interrupted here, what stays is the newest revision, which counts. */
    for (size_t i = 0; i < n; i++) {
        pack_name(name, s->log->host, s->l->generation, it[i].pack, it[i].revision);
        if (store_delete(&s->log->v->store, name, e) < 0) return -1;
    }
    return 0;
}

struct weight {
    uint64_t all, live, firm;
};

static struct weight pack_weigh(const struct pack_index *x, const uint8_t *live, const uint8_t *firm) {
    struct weight w = {0};
    for (uint32_t i = 0; i < x->trailer.count; i++) {
        struct pack_row row;
        pack_row_get(&row, x->rows + (size_t)i * PACK_ROW);
        w.all += row.len;
        if (gc_bit(live, row.slot)) w.live += row.len;
        if (gc_bit(firm, row.slot)) w.firm += row.len;
    }
    return w;
}

/* A pack of which something is needed; ${n} revisions, the newest last. */
static int pack_keep(struct sweep *s, const struct pack_item *it, size_t n, const uint8_t *live, const uint8_t *firm,
    struct err *e) {
    const struct pack_item *top = &it[n - 1];
    char name[STORE_NAME_MAX];
    struct pack_index x;
    CLEANUP_FD int fd = gc_pack_open(s->log, s->l->generation, top, &x, name, &s->r->why);
    if (fd < 0) return 0; /* damaged: for scrub and the next backup to heal; nothing of this pack is touched */
    struct weight w = pack_weigh(&x, live, firm);
    int rc = 0;
    uint64_t older = 0;
    for (size_t i = 0; i + 1 < n; i++) older += it[i].size;
    bool whole = n == 1 || gc_pack_whole(fd, &x, live, name, &s->r->why) == 0;
    if (n > 1 && whole) {
        rc = revisions_delete(s, it, n - 1, e);
        s->r->deleted_bytes += older;
    }
    bool rewrite = rc == 0 && whole && w.live * 2 < w.all && top->revision < REVISION_MAX;
    if (rewrite && !s->dry_run) rc = collect_tell(s, e);
    if (rc == 0 && rewrite && !s->dry_run) {
        struct err why = ERR_INIT;
        rewrite = gc_pack_rewrite(s->log, s->l->generation, fd, &x, top, live, &why) == 0;
        if (!rewrite) s->r->why = why;
        /* If interrupted here, both revisions are there and mean the same; the next run takes the older one away. */
        if (rewrite) rc = revisions_delete(s, top, 1, e);
    }
    if (rewrite) s->r->rewritten++, s->r->rewritten_bytes += w.all - w.live;
    else s->r->slack_bytes += w.all - w.live;
    s->r->grace_bytes += w.live - w.firm;
    pack_index_free(&x);
    return rc;
}

/* All revisions of one pack: 0, 1 when a session came, <0. */
static int pack_sweep(struct sweep *s, const struct pack_item *it, size_t n, struct err *e) {
    static const uint8_t none[GC_BITMAP];
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += it[i].size;
    s->r->packs++, s->r->bytes += bytes;
    if (it->pack >= s->l->upload_from) return s->r->upload_bytes += bytes, 0;
    if (gc_live_page(s->l, it->pack / GC_PAGE, e) < 0) return -1;
    if (s->l->blind.id) return s->r->why = s->l->blind, 0;
    int came = session_came(s, e);
    if (came) return came;
    const uint8_t *live = s->l->live[it->pack % GC_PAGE], *firm = s->l->firm[it->pack % GC_PAGE];
    if (memcmp(live, none, GC_BITMAP) != 0) return pack_keep(s, it, n, live, firm, e);
    s->r->deleted++, s->r->deleted_bytes += bytes;
    return revisions_delete(s, it, n, e);
}

static int packs_sweep(struct sweep *s, struct err *e) {
    struct pack_list list = {.n = 0};
    int rc = pack_list_all(&list, &s->log->v->store, s->log->host, s->l->generation, e);
    if (rc == 0 && list.n) s->next_pack = list.item[list.n - 1].pack + 1;
    for (size_t i = 0, n; rc == 0 && i < list.n; i += n) {
        for (n = 1; i + n < list.n && list.item[i + n].pack == list.item[i].pack; n++) continue;
        rc = pack_sweep(s, &list.item[i], n, e);
    }
    pack_list_free(&list);
    return rc;
}

static int page_sweep(void *arg, const char *hex, uint64_t size, struct err *e) {
    struct sweep *s = arg;
    uint8_t hash[SEAL_HASH];
    char name[STORE_NAME_MAX];
    if (strlen(hex) != 2 * SEAL_HASH || !text_unhex(hash, sizeof hash, hex) || gc_live_names(s->l, hash)) return 0;
    s->r->pages++;
    if (s->dry_run) return 0;
    used_name(name, s->log->host, s->l->generation, hash);
    return store_delete(&s->log->v->store, name, e);
}

int gc_sweep(struct host_log *log, struct gc_live *l, bool dry_run, struct gc_report *r, struct err *e) {
    struct sweep s = {.log = log, .l = l, .r = r, .dry_run = dry_run, .begins = log->begins_n, .commits = log->commits_n};
    char packs[STORE_NAME_MAX], used[STORE_NAME_MAX];
    pack_dir(packs, log->host, l->generation);
    snprintf(used, sizeof used, "hosts/%s/used/%s", log->host, r->generation);
    if (!dry_run && (store_sweep(&log->v->store, packs, e) < 0 || store_sweep(&log->v->store, used, e) < 0)) return -1;
    /* A newer revision that was found is what an older one goes for. */
    if (!dry_run && store_settle(&log->v->store, packs, e) < 0) return -1;
    int rc = packs_sweep(&s, e);
    if (rc != 0) return rc;
    gc_live_by_hash(l);
    rc = store_names(&log->v->store, used, page_sweep, &s, e);
    /* Directories that are empty now go as well. */
    if (rc == 0 && !dry_run) rc = store_sweep(&log->v->store, packs, e);
    if (rc == 0 && !dry_run) rc = store_sweep(&log->v->store, used, e);
    if (l->grace_until && r->grace_bytes) r->grace_until = l->grace_until;
    return rc;
}
