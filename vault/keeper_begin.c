/* BEGIN and ABANDON. A parent is offered only if a commit that builds on it can succeed: what of it is absent or damaged
 * is named in the begin record, and where even its metadata may be gone, the upload becomes a full. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "bounds.h"
#include "keeper.h"
#include "sys/proc.h"
#include "quota.h"

enum { DAMAGED_LIMIT = 65536, TRIES = 16 };

struct damage {
    struct rec_begin *begin;
    size_t cap;
    bool hopeless; /* the parent cannot be built upon */
};

static int damage_add(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e) {
    struct damage *d = arg;
    struct rec_begin *b = d->begin;
    if (kind != PACK_DATA || b->damaged_n >= DAMAGED_LIMIT) d->hopeless = true;
    if (d->hopeless) return err_set(e, ZE_DAMAGED, why->object, "%s", why->msg);
    if (b->damaged_n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 64;
        void *p = realloc(b->damaged, cap * sizeof *b->damaged);
        if (!p) return err_set(e, ZE_NOMEM, why->object, _("no memory"));
        b->damaged = p, d->cap = cap;
    }
    b->damaged[b->damaged_n++] = slot;
    return 0;
}

/* Whether the point ${c} can be built upon: 1, or 0, or <0. */
static int parent_sound(struct keeper *k, const struct rec_commit *c, struct rec_begin *b, struct err *e) {
    struct damage d = {.begin = b};
    for (size_t i = 0; i < c->used_n; i++) {
        struct err why = ERR_INIT;
        if (used_check(k, c->generation, &c->used[i], damage_add, &d, &why) == 0) continue;
        if (d.hopeless || why.id == ZE_MISSING || why.id == ZE_DAMAGED || why.id == ZE_TRUNCATED) return 0;
        return err_set(e, why.id, why.object, "%s", why.msg);
    }
    return 1;
}

/* An incremental: on the last point, if there is one that is sound. */
static int choose_parent(struct keeper *k, struct rec_begin *b, struct buf *parent, struct err *e) {
    struct record r;
    const struct log_commit *last = log_last_point(&k->log);
    if (b->kind != KIND_INCREMENTAL || !last) return 0;
    if (log_load(&k->log, last->n, &r, parent, e) < 0) {
        buf_reset(parent);
        return e->id == ZE_MISSING || e->id == ZE_DAMAGED || e->id == ZE_TRUNCATED ? 0 : -1;
    }
    int rc = parent_sound(k, &r.commit, b, e);
    if (rc == 1) {
        b->parent = r.commit.point;
        memcpy(b->generation, r.commit.generation, SEAL_ID);
    } else {
        buf_reset(parent);
        free(b->damaged);
        b->damaged = NULL, b->damaged_n = 0;
    }
    record_free(&r);
    return rc < 0 ? rc : 0;
}

/* A full: goes on where a full was begun and nothing of its generation was ever committed; else in a new generation. */
static void choose_generation(struct keeper *k, struct rec_begin *b) {
    const struct log_begin *full = NULL;
    for (size_t i = 0; i < k->log.begins_n; i++)
        if (k->log.begins[i].kind == KIND_FULL) full = &k->log.begins[i];
    for (size_t i = 0; full && i < k->log.commits_n; i++)
        if (memcmp(k->log.commits[i].generation, full->generation, SEAL_ID) == 0) full = NULL;
    b->kind = KIND_FULL;
    if (full) memcpy(b->generation, full->generation, SEAL_ID);
    else seal_random(b->generation, SEAL_ID);
}

static int ticket_apply(struct keeper *k, struct rec_begin *b, const char *name, struct err *e) {
    struct ticket t;
    bool uncertain;
    if (*name && ticket_load(k->v, k->host, name, &t, e) == 0) {
        snprintf(b->ticket, sizeof b->ticket, "%s", name);
        b->labels = t.labels;
        memcpy(b->plan_hash, t.plan_hash, SEAL_HASH);
        b->retain_until = t.retain_until;
        return 0;
    }
    if (*name && e->id != ZE_NOTFOUND) return -1;
    b->labels.n = 1;
    snprintf(b->labels.label[0], sizeof b->labels.label[0], "manual");
    b->retain_until = floor_from(log_time(&k->log, &uncertain), k->rights.floor_days);
    return 0;
}

/* Numbers are never used again, though the pack that had one is lost or collected: a point may name it, and whatever opens under
 * its number would be taken for it. What came after the latest begin only its own point names, and that is built upon whole. */
static uint32_t next_pack(struct keeper *k, const struct rec_begin *b) {
    const struct log_collect *gone = log_collect_of(&k->log, b->generation);
    uint32_t next = k->packs.n ? k->packs.item[k->packs.n - 1].pack + 1 : 0;
    if (gone && gone->next_pack > next) next = gone->next_pack;
    for (size_t i = 0; i < k->log.begins_n; i++) {
        const struct log_begin *was = &k->log.begins[i];
        if (was->first_pack > next && memcmp(was->generation, b->generation, SEAL_ID) == 0) next = was->first_pack;
    }
    return next;
}

static int begin_fill(struct keeper *k, struct rec_begin *b, const char *ticket, struct buf *parent, struct err *e) {
    const struct log_begin *last = log_last_begin(&k->log);
    bool uncertain;
    if (bounds_begin(&k->log, log_time(&k->log, &uncertain), e) < 0) return -1;
    if (choose_parent(k, b, parent, e) < 0 || ticket_apply(k, b, ticket, e) < 0) return -1;
    if (!b->parent) choose_generation(k, b);
    if (pack_list_load(&k->packs, &k->v->store, k->host, b->generation, e) < 0) return -1;
    b->first_pack = next_pack(k, b);
    b->point = k->log.last_point + 1;
    b->epoch = last ? last->epoch + 1 : 1;
    b->lease_until = log_time(&k->log, &uncertain) + LEASE_S * NS_PER_S;
    return quota_begin(k, b, e);
}

static int begin_answer(struct keeper *k, const struct buf *parent) {
    struct buf *b = &k->out;
    buf_put(b, k->log.system_id, SEAL_ID);
    buf_put(b, k->log.host_id, SEAL_ID);
    buf_put(b, k->begin.generation, SEAL_ID);
    buf_u32(b, k->begin.first_pack);
    buf_blob(b, k->raw.p, k->raw.len);
    buf_u8(b, parent->len > 0);
    if (parent->len) buf_blob(b, parent->p, parent->len);
    buf_u64(b, log_collected(&k->log, k->begin.generation));
    return F_BEGUN;
}

static int begin_try(
    struct keeper *k, const struct rec_begin *ask, const char *ticket, struct buf *parent, struct err *e) {
    struct record r = {.type = REC_BEGIN, .begin = *ask};
    buf_reset(parent);
    int rc = begin_fill(k, &r.begin, ticket, parent, e);
    if (rc == 0) rc = log_append(&k->log, &r, &k->raw, e);
    record_free(&r);
    return rc;
}

int keeper_begin(struct keeper *k, struct rd *r, struct err *e) {
    struct rec_begin ask = {.kind = rd_u8(r)};
    char ticket[64], dir[STORE_NAME_MAX];
    struct buf parent;
    rd_copy(r, ask.upload, SEAL_ID);
    rd_str(r, ticket, sizeof ticket);
    if (!rd_end(r) || (ask.kind != KIND_FULL && ask.kind != KIND_INCREMENTAL)) return keeper_malformed(k, e);
    if (keeper_lease(k, e) < 0) return -1;
    k->begun = false, k->placed = 0;
    spool_drop(k);
    buf_init(&parent, ZB_RECORD_MAX);
    int rc = log_refresh(&k->log, e);
    if (rc == 0) rc = 1;
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) rc = begin_try(k, &ask, ticket, &parent, e);
    /* If interrupted here, the begin record stands and protects nothing but pack numbers; the next begin supersedes
     * it. */
    if (rc == 1) rc = err_set(e, ZE_BUSY, k->host, _("others write to its log all the time"));
    if (rc == 0) {
        k->begin = *log_last_begin(&k->log);
        k->begun = true;
        proc_step_back(false); /* a restore goes before a backup */
        pack_dir(dir, k->host, k->begin.generation);
        rc = store_sweep(&k->v->store, dir, e);
    }
    if (rc == 0) rc = begin_answer(k, &parent);
    buf_free(&parent);
    return rc;
}

int keeper_abandon(struct keeper *k, struct rd *r, struct err *e) {
    struct record rec = {.type = REC_ABANDON};
    uint8_t upload[SEAL_ID];
    rd_copy(r, upload, sizeof upload);
    rd_str(r, rec.abandon.reason, sizeof rec.abandon.reason);
    if (!rd_end(r)) return keeper_malformed(k, e);
    if (!k->begun || memcmp(upload, k->begin.upload, SEAL_ID) != 0)
        return err_set(e, ZE_STALE, k->host, _("this session did not begin that upload"));
    rec.abandon.begin_n = k->begin.n;
    int rc = 1;
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) rc = log_append(&k->log, &rec, &k->raw, e);
    if (rc == 1) rc = err_set(e, ZE_BUSY, k->host, _("others write to its log all the time"));
    if (rc < 0) return rc;
    k->begun = false;
    return F_OKAY;
}
