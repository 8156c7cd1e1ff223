/* COMMIT: the one moment at which a restore point comes to be. Everything it uses is looked at first, its record is
 * made by put-new last; who loses the race for the number reads the winner's record and judges anew. The same upload
 * always gets the same record, so an agent whose connection was cut here just asks again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keeper.h"

enum { TRIES = 16 };

static int commit_get(struct keeper *k, struct rd *r, struct rec_commit *c, struct err *e) {
    size_t n;
    rd_copy(r, c->upload, SEAL_ID);
    c->state = rd_u8(r);
    c->walk_start = (int64_t)rd_u64(r);
    c->files = rd_u64(r), c->bytes = rd_u64(r), c->bytes_read = rd_u64(r), c->bytes_sent = rd_u64(r);
    const uint8_t *root = rd_blob(r, &n, ZB_SEALED_MAX);
    uint64_t used = rd_vu(r);
    if (!rd_ok(r) || !n || !used || used > r->left / (4 + SEAL_HASH) ||
        (c->state != STATE_COMPLETE && c->state != STATE_PARTIAL))
        return keeper_malformed(k, e);
    c->root = malloc(n);
    c->used = calloc(used, sizeof *c->used);
    if (!c->root || !c->used) return err_set(e, ZE_NOMEM, k->host, _("no memory for the commit"));
    memcpy(c->root, root, c->root_len = n);
    for (c->used_n = 0; c->used_n < used; c->used_n++) {
        struct used_ref *u = &c->used[c->used_n];
        u->page = rd_u32(r);
        rd_copy(r, u->hash, SEAL_HASH);
        if (c->used_n && u->page <= u[-1].page) r->bad = true;
    }
    return rd_end(r) ? 0 : keeper_malformed(k, e);
}

static int refuse(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e) {
    return err_set(e, why->id, why->object, "%s", why->msg);
}

static const struct used_ref *same_page(const struct rec_commit *parent, const struct used_ref *ref) {
    for (size_t i = 0; i < parent->used_n; i++)
        if (parent->used[i].page == ref->page) return &parent->used[i];
    return NULL;
}

/* Pages that the parent has just the same were judged when this upload began, and need no second look if all was well. Of
 * others, what was stored earlier and the parent does not need is read again: an agent may name it by its identity. */
static int used_judge(struct keeper *k, const struct rec_commit *c, bool parent_whole, struct err *e) {
    struct record parent = {0};
    const struct log_commit *last = log_last_point(&k->log);
    const struct log_begin *begun = log_last_begin(&k->log);
    if (c->parent && last && last->point == c->parent && log_load(&k->log, last->n, &parent, NULL, e) < 0) return -1;
    bool same_generation = parent.type == REC_COMMIT && memcmp(parent.commit.generation, c->generation, SEAL_ID) == 0;
    int rc = 0;
    for (size_t i = 0; i < c->used_n && rc == 0; i++) {
        const struct used_ref *ref = &c->used[i], *had = same_generation ? same_page(&parent.commit, ref) : NULL;
        if (parent_whole && had && memcmp(had->hash, ref->hash, SEAL_HASH) == 0) continue;
        rc = used_check_revived(k, c->generation, ref, had, begun ? begun->first_pack : 0, refuse, NULL, e);
    }
    record_free(&parent);
    return rc;
}

/* The begin record that this commit ends: the latest one, or the writer was superseded. */
static int begin_judge(struct keeper *k, const uint8_t *upload, struct record *begin, struct err *e) {
    const struct log_begin *b = log_last_begin(&k->log);
    if (!b || memcmp(b->upload, upload, SEAL_ID) != 0)
        return err_set(e, ZE_STALE, k->host, _("another upload was begun after this one"));
    if (b->ended) return err_set(e, ZE_STALE, k->host, _("this upload was given up"));
    return log_load(&k->log, b->n, begin, NULL, e);
}

/* What this upload has added: all packs from the first begin of it on. */
static int stored_sum(struct keeper *k, struct rec_commit *c, struct err *e) {
    uint32_t first = UINT32_MAX;
    for (size_t i = 0; i < k->log.begins_n; i++) {
        const struct log_begin *b = &k->log.begins[i];
        if (memcmp(b->upload, c->upload, SEAL_ID) == 0 && memcmp(b->generation, c->generation, SEAL_ID) == 0 &&
            b->first_pack < first)
            first = b->first_pack;
    }
    if (pack_list_load(&k->packs, &k->v->store, k->host, c->generation, e) < 0) return -1;
    c->bytes_stored = 0;
    for (size_t i = 0; i < k->packs.n; i++)
        if (k->packs.item[i].pack >= first) c->bytes_stored += k->packs.item[i].size;
    return 0;
}

static int commit_fill(struct keeper *k, struct rec_commit *c, bool *parent_whole, struct err *e) {
    struct record begin = {0}, host = {0};
    if (begin_judge(k, c->upload, &begin, e) < 0) return -1;
    const struct rec_begin *b = &begin.begin;
    c->begin_n = begin.n, c->point = b->point, c->parent = b->parent, c->kind = b->kind, c->epoch = b->epoch;
    memcpy(c->generation, b->generation, SEAL_ID);
    memcpy(c->system_id, k->log.system_id, SEAL_ID);
    memcpy(c->ticket, b->ticket, sizeof c->ticket);
    memcpy(c->plan_hash, b->plan_hash, SEAL_HASH);
    c->labels = b->labels;
    c->retain_until = b->retain_until;
    *parent_whole = b->damaged_n == 0;
    record_free(&begin);
    if (log_load(&k->log, k->log.host_n, &host, NULL, e) < 0) return -1;
    c->keys = host.host.keys;
    record_free(&host);
    return 0;
}

/* Packs and pages that were found may be those of a session that was killed before it had synced their names. */
static int generation_settle(struct keeper *k, const uint8_t generation[SEAL_ID], struct err *e) {
    char packs[STORE_NAME_MAX], used[STORE_NAME_MAX], hex[HEX_ID];
    pack_dir(packs, k->host, generation);
    text_hex(hex, generation, SEAL_ID);
    snprintf(used, sizeof used, "hosts/%s/used/%s", k->host, hex);
    return store_settle(&k->v->store, packs, e) < 0 ? -1 : store_settle(&k->v->store, used, e);
}

static int commit_try(struct keeper *k, struct record *r, struct err *e) {
    const struct log_commit *done = log_upload(&k->log, r->commit.upload);
    if (done) return log_load(&k->log, done->n, NULL, &k->raw, e);
    bool parent_whole = false;
    if (commit_fill(k, &r->commit, &parent_whole, e) < 0 || used_judge(k, &r->commit, parent_whole, e) < 0 ||
        stored_sum(k, &r->commit, e) < 0 || generation_settle(k, r->commit.generation, e) < 0)
        return -1;
    /* If interrupted here, packs and used pages are durable and no point exists: the next upload goes on from them. */
    return log_append(&k->log, r, &k->raw, e);
}

int keeper_commit(struct keeper *k, struct rd *r, struct err *e) {
    struct record rec = {.type = REC_COMMIT};
    int rc = commit_get(k, r, &rec.commit, e);
    if (rc == 0) rc = log_refresh(&k->log, e);
    if (rc == 0 && !log_upload(&k->log, rec.commit.upload)) rc = keeper_lease(k, e);
    if (rc == 0) rc = 1;
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) rc = commit_try(k, &rec, e);
    if (rc == 1) rc = err_set(e, ZE_BUSY, k->host, _("others write to its log all the time"));
    if (rc == 0) rc = log_settle(&k->log, e);
    if (rc == 0) {
        /* If interrupted here, the point exists; the ticket stays, and is used up by whoever names it again or
         * expires. */
        ticket_drop(k->v, k->host, rec.commit.ticket);
        k->begun = false;
        buf_blob(&k->out, k->raw.p, k->raw.len);
    }
    record_free(&rec);
    return rc < 0 ? rc : F_COMMITTED;
}
