/* Reading and growing a host log. The next record is whatever put-new says it is: when two processes want the same
 * number, one gets 1, reads the other's record and thinks again, so no lock is needed for correctness. A gap cannot
 * arise, since a record is made only after the one before was read. */
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "kept.h"
#include "keys.h"
#include "log_acts.h"
#include "log_cache.h"
#include "log_chain.h"
#include "reserve.h"
#include "small.h"

void log_record_name(const struct host_log *l, uint64_t n, char out[STORE_NAME_MAX]) {
    snprintf(out, STORE_NAME_MAX, "hosts/%s/log/%016llx", l->host, (unsigned long long)n);
}

/* Room for one more element of an array that grows. */
void *log_grow(void *array, size_t n, size_t *cap, size_t size, struct err *e) {
    if (n < *cap) return array;
    size_t want = *cap ? *cap * 2 : 16;
    void *p = realloc(array, want * size);
    if (p) *cap = want;
    else err_set(e, ZE_NOMEM, "", _("no memory for the host log"));
    return p;
}

static int note_begin(struct host_log *l, const struct record *r, struct err *e) {
    void *p = log_grow(l->begins, l->begins_n, &l->begins_cap, sizeof *l->begins, e);
    if (!p) return -1;
    l->begins = p;
    struct log_begin *b = &l->begins[l->begins_n++];
    *b = (struct log_begin){.n = r->n,
        .epoch = r->begin.epoch,
        .lease_until = r->begin.lease_until,
        .time = r->time,
        .point = r->begin.point,
        .kind = r->begin.kind,
        .parent = r->begin.parent,
        .first_pack = r->begin.first_pack};
    memcpy(b->generation, r->begin.generation, SEAL_ID);
    memcpy(b->upload, r->begin.upload, SEAL_ID);
    return 0;
}

static int note_commit(struct host_log *l, const struct record *r, struct err *e) {
    void *p = log_grow(l->commits, l->commits_n, &l->commits_cap, sizeof *l->commits, e);
    if (!p) return -1;
    l->commits = p;
    struct log_commit *c = &l->commits[l->commits_n++];
    *c = (struct log_commit){.n = r->n,
        .point = r->commit.point,
        .bytes_stored = r->commit.bytes_stored,
        .state = r->commit.state,
        .uncertain = r->flags & 1,
        .time = r->time,
        .retain_until = r->commit.retain_until};
    memcpy(c->generation, r->commit.generation, SEAL_ID);
    memcpy(c->upload, r->commit.upload, SEAL_ID);
    memcpy(c->hash, r->hash, SEAL_HASH);
    if (c->point > l->last_point) l->last_point = c->point;
    return 0;
}

static int note_host(struct host_log *l, const struct record *r, struct err *e) {
    if (r->n == 0) memcpy(l->host_id, r->host_id, SEAL_ID), l->enrolled = r->time;
    if (strcmp(r->host.host, l->host) != 0)
        return err_set(e, ZE_DAMAGED, l->host, _("its log is that of %s"), r->host.host);
    l->host_n = r->n;
    memcpy(l->system_id, r->host.system_id, SEAL_ID);
    memcpy(l->ssh_pub, r->host.ssh_pub, sizeof l->ssh_pub);
    snprintf(l->system, sizeof l->system, "%s", r->host.system);
    return 0;
}

/* What the record changes in our view; called for each in order, read or written. */
static int note(struct host_log *l, const struct record *r, struct err *e) {
    int rc = 0;
    if (r->type == REC_HOST) rc = note_host(l, r, e);
    if (r->type == REC_BEGIN) rc = note_begin(l, r, e);
    if (r->type == REC_COMMIT) rc = note_commit(l, r, e);
    if (r->type == REC_REVOKE) l->revoked = true;
    if (r->type == REC_LEASE && l->begins_n && l->begins[l->begins_n - 1].epoch == r->lease.epoch)
        l->begins[l->begins_n - 1].lease_until = r->lease.until;
    if (rc == 0) rc = log_note_acts(l, r, e);
    if (rc < 0) return rc;
    memcpy(l->head, r->hash, SEAL_HASH);
    l->key = r->key;
    l->next = r->n + 1;
    return 0;
}

/* The hash of record ${n}, where it is known: a commit that was read before. */
static const uint8_t *hash_known(const struct host_log *l, uint64_t n) {
    size_t lo = 0, hi = l->commits_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->commits[mid].n == n) return l->commits[mid].hash;
        if (l->commits[mid].n < n) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

/* By one of the vault's keys; one that has just come is known to the vault's log. */
static int decode(struct vault *v, struct record *r, const struct buf *raw, struct err *e) {
    if (keychain_decode(r, raw->p, raw->len, v->header.id, &v->keys, e) == 0) return 0;
    if (e->id != ZE_VAULTKEY || !keys_catch_up(v)) return -1;
    return keychain_decode(r, raw->p, raw->len, v->header.id, &v->keys, e);
}

/* What was read before has the same bytes as then, when its signature was checked. */
static int load_from(
    struct host_log *l, const char *name, uint64_t n, struct record *r, struct buf *raw, struct err *e) {
    const uint8_t *hash = hash_known(l, n);
    buf_reset(raw);
    int rc = hash ? small_load(l->small, &l->v->store, name, hash, ZB_RECORD_MAX, raw, e)
                  : store_load(&l->v->store, name, ZB_RECORD_MAX, raw, e);
    if (rc < 0 && e->id == ZE_NOTFOUND) err_set(e, ZE_MISSING, name, _("no such record"));
    if (rc == 0)
        rc = hash ? record_decode(r, raw->p, raw->len, l->v->header.id, NULL, e) : decode(l->v, r, raw, e);
    if (rc < 0 && e->id != ZE_MISSING) snprintf(e->object, sizeof e->object, "%s", name);
    if (rc < 0 || r->n == n) return rc;
    rc = err_set(e, ZE_DAMAGED, name, _("it is another record"));
    record_free(r);
    return rc;
}

int log_load(struct host_log *l, uint64_t n, struct record *r, struct buf *raw, struct err *e) {
    char name[STORE_NAME_MAX];
    struct buf own;
    struct record decoded = {0};
    struct err ignored = ERR_INIT;
    buf_init(&own, ZB_RECORD_MAX);
    if (!raw) raw = &own;
    log_record_name(l, n, name);
    int rc = load_from(l, name, n, &decoded, raw, e);
    if (rc < 0 && e->id != ZE_NOMEM) {
        kept_name(name, l->host, n);
        rc = load_from(l, name, n, &decoded, raw, &ignored);
    }
    buf_free(&own);
    if (rc < 0) return rc;
    if (r) *r = decoded;
    else record_free(&decoded);
    return 0;
}

int log_follow(struct host_log *l, const struct record *r, bool gap, struct err *e) {
    bool chained = gap || memcmp(r->prev, l->head, SEAL_HASH) == 0;
    if (!chained || (r->n && memcmp(r->host_id, l->host_id, SEAL_ID) != 0) || (!r->n && r->type != REC_HOST))
        return err_set(e, ZE_DAMAGED, l->host, _("record %llu does not continue its log"), (unsigned long long)r->n);
    if (r->key < l->key) return err_set(e, ZE_OLDKEY, l->host, _("record %llu"), (unsigned long long)r->n);
    return note(l, r, e);
}

static int read_on(struct host_log *l, bool gap, struct err *e) {
    for (;; gap = false) {
        struct record r = {0};
        if (log_load(l, l->next, &r, NULL, e) < 0) return e->id == ZE_MISSING ? 0 : -1;
        int rc = log_follow(l, &r, gap, e);
        record_free(&r);
        if (rc < 0) return rc;
    }
}

int log_refresh(struct host_log *l, struct err *e) {
    struct err ignored = ERR_INIT;
    (void)!vaultlog_refresh(l->v, &ignored); /* unreadable: time is in doubt, and the host's own log still counts */
    return read_on(l, false, e);
}

/* A record counts from its link on, and its writer may have been killed before the fsync of the directory. Whoever adds one
 * to the log settles the others with it; who only answers does it here. */
int log_settle(struct host_log *l, struct err *e) {
    char dir[STORE_NAME_MAX];
    if (l->settled == l->next) return 0;
    snprintf(dir, sizeof dir, "hosts/%s/log", l->host);
    if (store_settle(&l->v->store, dir, e) < 0) return -1;
    l->settled = l->next;
    return 0;
}

/* Pass over records that are lost: what comes after them still counts. One that a writer has made meanwhile is none. */
static int gaps_pass(struct host_log *l, struct err *e) {
    for (;;) {
        uint64_t next, had = l->next;
        int rc = kept_next(l, &next, e);
        if (rc <= 0) return rc;
        if (read_on(l, false, e) < 0) return -1;
        if (l->next != had) continue;
        if (!had) return err_set(e, ZE_LOGGAP, l->host, _("the record of its enrolment"));
        next += next == had; /* its name is still there, in kept/ alone, with nothing behind it that can be read */
        l->gaps += (unsigned)(next - had), l->next = next;
        if (read_on(l, true, e) < 0) return -1;
    }
}

int log_open(struct host_log *l, struct vault *v, const char *host, struct err *e) {
    *l = (struct host_log){.v = v};
    if (!text_name_ok(host)) return err_set(e, ZE_USAGE, host, _("a host's name has letters a-z, digits and - only"));
    snprintf(l->host, sizeof l->host, "%s", host);
    log_cache_load(l);
    if (!log_chain(l)) {
        log_free(l);
        *l = (struct host_log){.v = v};
        snprintf(l->host, sizeof l->host, "%s", host);
    }
    if (log_refresh(l, e) < 0 || gaps_pass(l, e) < 0) return -1;
    log_cache_save(l);
    return 0;
}

void log_small(struct host_log *l) {
    log_small_end(l, false);
    l->small = small_open(l->v, l->host);
}

void log_small_end(struct host_log *l, bool all) {
    small_close(l->small, all);
    l->small = NULL;
}

void log_free(struct host_log *l) {
    log_small_end(l, false);
    free(l->begins);
    free(l->commits);
    free(l->pins);
    free(l->collects);
    free(l->kept);
    *l = (struct host_log){0};
}

/* Records without which no space can be won, and those that protect. */
static bool makes_room(uint8_t type) {
    return type == REC_REMOVE || type == REC_COLLECT || type == REC_ABANDON || type == REC_PIN || type == REC_CONFIRM ||
        type == REC_KEY;
}

int log_append_as_is(struct host_log *l, struct record *r, struct buf *raw, struct err *e) {
    char name[STORE_NAME_MAX];
    bool uncertain;
    r->n = l->next;
    memcpy(r->prev, l->head, SEAL_HASH);
    r->time = log_time(l, &uncertain);
    r->flags = uncertain;
    if (l->next) memcpy(r->host_id, l->host_id, SEAL_ID);
    if (keys_signing(l->v, e) < 0 || record_encode(r, l->v->header.id, l->v->sec, raw, e) < 0) return -1;
    r->key = (uint8_t)(l->v->keys.n - 1);
    log_record_name(l, r->n, name);
    int rc = store_put_new(&l->v->store, name, raw->p, raw->len, e);
    while (rc < 0 && e->id == ZE_NOSPACE && makes_room(r->type) && reserve_release(l->v, RESERVE_FOR_RECORD))
        rc = store_put_new(&l->v->store, name, raw->p, raw->len, e);
    /* If interrupted here, the record counts, and whoever asked will ask again and get the same answer. */
    if (rc == 0) rc = note(l, r, e);
    else if (rc == 1) return log_refresh(l, e) < 0 ? -1 : 1;
    if (rc == 0) l->settled = l->next;
    if (rc == 0) kept_follow(l, raw);
    return rc;
}

int log_append(struct host_log *l, struct record *r, struct buf *raw, struct err *e) {
    struct err ignored = ERR_INIT;
    (void)!vaultlog_refresh(l->v, &ignored);
    int rc = log_mark(l, e);
    return rc ? rc : log_append_as_is(l, r, raw, e);
}

const struct log_begin *log_last_begin(const struct host_log *l) {
    return l->begins_n ? &l->begins[l->begins_n - 1] : NULL;
}

const struct log_collect *log_collect_of(const struct host_log *l, const uint8_t generation[SEAL_ID]) {
    for (size_t i = 0; i < l->collects_n; i++)
        if (memcmp(l->collects[i].generation, generation, SEAL_ID) == 0) return &l->collects[i];
    return NULL;
}

const struct log_begin *log_pending(const struct host_log *l) {
    const struct log_begin *b = log_last_begin(l);
    return b && !b->ended && !log_upload(l, b->upload) ? b : NULL;
}

const struct log_commit *log_last_point(const struct host_log *l) {
    for (size_t i = l->commits_n; i; i--)
        if (!l->commits[i - 1].removed) return &l->commits[i - 1];
    return NULL;
}

const struct log_commit *log_upload(const struct host_log *l, const uint8_t upload[SEAL_ID]) {
    for (size_t i = l->commits_n; i; i--)
        if (memcmp(l->commits[i - 1].upload, upload, SEAL_ID) == 0) return &l->commits[i - 1];
    return NULL;
}

struct names {
    char (*name)[64];
    size_t n, cap;
};

static int name_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct names *l = arg;
    if (!text_name_ok(name)) return 0;
    void *p = log_grow(l->name, l->n, &l->cap, sizeof *l->name, e);
    if (!p) return -1;
    l->name = p;
    snprintf(l->name[l->n++], sizeof *l->name, "%s", name);
    return 0;
}

static int name_cmp(const void *a, const void *b) { return strcmp(a, b); }

int hosts_each(struct vault *v, int (*each)(void *arg, const char *host, struct err *e), void *arg, struct err *e) {
    struct names l = {0};
    int rc = store_names(&v->store, "hosts", name_add, &l, e);
    if (rc == 0 && l.n) qsort(l.name, l.n, sizeof *l.name, name_cmp);
    for (size_t i = 0; rc == 0 && i < l.n; i++) rc = each(arg, l.name[i], e);
    free(l.name);
    return rc < 0 ? rc : 0;
}
