/* The collection, host by host. Two locks show it: the host's lease, so that no upload begins meanwhile, and a lock of its
 * own, by which a session that finds the lease taken knows that waiting a moment will do, and which keeps it from taking a
 * lease away that looks outlived. Sessions are looked for after the lease is held: one that comes later waits at BEGIN, and
 * what it reads before is not what goes.
 *
 * A generation that no record of the log names is left alone: its log may have been replaced by an older one. */
#include "gc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "gc_internal.h"
#include "keeper.h"
#include "kept.h"
#include "reserve.h"
#include "sys/file.h"

enum { TRIES = 16 };

struct collecting {
    struct vault *v;
    const struct gc_options *o;
    int (*each)(void *arg, const struct gc_report *r, struct err *e);
    void *arg;
    struct host_log *log;
    int64_t now;
    const char *dir; /* packs or used: where generations are listed */
    int rc;          /* of the host: 1 when a session came */
};

/* The latest sign of life of an upload: its begin, or the last time its lease was prolonged. */
static int64_t alive_at(const struct log_begin *b) {
    int64_t renewed = b->lease_until - LEASE_S * NS_PER_S;
    return renewed > b->time ? renewed : b->time;
}

static int64_t gives_up_at(const struct log_begin *b) { return alive_at(b) + GC_UPLOAD_DAYS * NS_PER_DAY; }

/* If interrupted after the record, the next run goes on from it. */
static int abandon(struct host_log *log, const char *reason, struct err *e) {
    struct record r = {.type = REC_ABANDON};
    struct buf raw;
    const struct log_begin *b = log_pending(log);
    int rc = b ? 1 : 0;
    if (b) r.abandon.begin_n = b->n;
    snprintf(r.abandon.reason, sizeof r.abandon.reason, "%s", reason);
    buf_init(&raw, ZB_RECORD_MAX);
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) {
        rc = log_append(log, &r, &raw, e);
        if (rc == 1 && log_pending(log) && log_pending(log)->n == r.abandon.begin_n) continue;
        if (rc == 1) rc = 0; /* somebody was faster: it is committed, or another one was begun */
    }
    buf_free(&raw);
    return rc == 1 ? err_set(e, ZE_BUSY, log->host, _("others write to its log all the time")) : rc;
}

/* The lease for us: its descriptor, or -1. One that is held beyond its end is held by a process that was stopped: its
 * upload is given up, so that it commits nothing when it wakes, but while it lives nothing is collected. */
static int lease_take(struct collecting *c, struct err *e) {
    int fd = lock_file(c->v, c->log->host, e);
    if (fd >= 0 || e->id != ZE_BUSY) return fd;
    struct err held = *e;
    const struct log_begin *b = log_pending(c->log);
    if (b && b->lease_until < c->now && abandon(c->log, "its lease ended while it was stopped", e) < 0) return -1;
    *e = held;
    return -1;
}

/* Everything that speaks against collecting in this host now; the locks in ${fds}. */
static int host_take(struct collecting *c, int fds[2], struct err *e) {
    char name[80];
    bool uncertain;
    snprintf(name, sizeof name, GC_LOCK, c->log->host);
    if (!c->o->dry_run && (fds[0] = lock_file(c->v, name, e)) < 0) return -1;
    if (log_refresh(c->log, e) < 0) return -1;
    if (c->log->gaps) return err_set(e, ZE_LOGGAP, c->log->host, _("what the lost record says is not known"));
    c->now = log_time(c->log, &uncertain);
    if (uncertain) return err_set(e, ZE_REFUSED, c->log->host, _("vault time is doubtful: nothing is collected"));
    if (c->o->dry_run) return 0;
    if ((fds[1] = lease_take(c, e)) < 0 || log_refresh(c->log, e) < 0 || log_settle(c->log, e) < 0) return -1;
    int live = presence_live(c->v, c->log->host, e);
    if (live > 0) return err_set(e, ZE_BUSY, c->log->host, _("a session of it is at work"));
    const struct log_begin *b = log_pending(c->log);
    if (live == 0 && b && gives_up_at(b) <= c->now) return abandon(c->log, "no session for 30 days", e);
    return live;
}

static bool generation_known(const struct host_log *log, const uint8_t *generation) {
    for (size_t i = 0; i < log->begins_n; i++)
        if (memcmp(log->begins[i].generation, generation, SEAL_ID) == 0) return true;
    return false;
}

static int generation_collect(struct collecting *c, const uint8_t *generation, struct gc_report *r, struct err *e) {
    struct gc_live l;
    const struct log_begin *b = log_pending(c->log);
    int rc = gc_live_open(&l, c->log, generation, c->now, c->o->grace_s, e);
    if (rc == 0) rc = gc_sweep(c->log, &l, c->o->dry_run, r, e);
    if (b && r->upload_bytes) r->upload_until = gives_up_at(b);
    gc_live_close(&l);
    return rc;
}

static int generation_each(void *arg, const char *hex, uint64_t size, struct err *e) {
    struct collecting *c = arg;
    struct gc_report r = {.why = ERR_INIT};
    uint8_t generation[SEAL_ID];
    char packs[STORE_NAME_MAX];
    if (c->rc || strlen(hex) != 2 * SEAL_ID || !text_unhex(generation, sizeof generation, hex)) return 0;
    pack_dir(packs, c->log->host, generation);
    /* Those that have packs were seen there. */
    if (strcmp(c->dir, "used") == 0 && faccessat(c->v->store.fd, packs, F_OK, 0) == 0) return 0;
    snprintf(r.host, sizeof r.host, "%s", c->log->host);
    text_hex(r.generation, generation, sizeof generation);
    int rc = 0;
    if (!generation_known(c->log, generation)) err_set(&r.why, ZE_REFUSED, hex, _("no record of its host names it"));
    else rc = generation_collect(c, generation, &r, e);
    if (rc < 0) r.why = *e;
    c->rc = rc;
    return c->each(c->arg, &r, e);
}

static int host_collect(struct collecting *c, struct err *e) {
    unsigned copies = 0;
    struct err ignored = ERR_INIT;
    static const char *const dirs[] = {"packs", "used"};
    /* Second copies that are missing; what cannot be made now is tried again by the next run. */
    if (!c->o->dry_run) (void)!kept_repair(c->log, &copies, &ignored);
    log_small(c->log);
    for (size_t i = 0; i < 2 && c->rc == 0; i++) {
        char dir[STORE_NAME_MAX];
        snprintf(dir, sizeof dir, "hosts/%s/%s", c->log->host, c->dir = dirs[i]);
        if (store_names(&c->v->store, dir, generation_each, c, e) < 0) return -1;
    }
    log_small_end(c->log, c->rc == 0);
    return 0;
}

/* One host. Its trouble goes into a report; <0 only when the run must end. */
static int host_each(void *arg, const char *host, struct err *e) {
    struct collecting *c = arg;
    struct host_log log;
    struct gc_report r = {.why = ERR_INIT};
    int fds[2] = {-1, -1}, rc = log_open(&log, c->v, host, &r.why);
    bool enrolled = log.next > 0;
    c->log = &log, c->rc = 0;
    snprintf(r.host, sizeof r.host, "%s", host);
    if (rc == 0 && enrolled) rc = host_take(c, fds, &r.why);
    if (rc < 0) rc = c->each(c->arg, &r, e);
    else if (enrolled) rc = host_collect(c, e);
    for (int i = 1; i >= 0; i--) file_close_ptr(&fds[i]);
    log_free(&log);
    return rc;
}

int gc_run(struct vault *v, const struct gc_options *o, int (*each)(void *arg, const struct gc_report *r, struct err *e),
    void *arg, struct err *e) {
    struct collecting c = {.v = v, .o = o, .each = each, .arg = arg};
    CLEANUP_FD int fd = o->dry_run ? -1 : lock_file(v, ".gc", e);
    if (fd < 0 && !o->dry_run)
        return e->id == ZE_BUSY ? err_set(e, ZE_BUSY, v->dir, _("another collection is running")) : -1;
    int rc = hosts_each(v, host_each, &c, e);
    if (!o->dry_run) reserve_make(v);
    return rc;
}
