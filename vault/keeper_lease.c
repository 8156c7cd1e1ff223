/* The lease has two halves: a lock that lives as long as its process (so nobody has to remove a stale one), and in the
 * log an epoch with an end (so a writer that outlives its lock cannot commit, and one that is stopped for ever cannot
 * keep others out). Whoever finds the lock held and the end passed puts a new lock in its place; the epoch of his begin
 * record shuts the old holder out. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "gc.h"
#include "keeper.h"
#include "sys/file.h"

enum { GC_STEPS = 300, GC_STEP_MS = 100, END_STEPS = 40, END_STEP_MS = 50 };

static int64_t now_of(struct keeper *k) {
    bool uncertain;
    return log_time(&k->log, &uncertain);
}

/* A collection holds the lease too, and lets go of it at its next step when it sees a session. Return the lock that
 * keeps the next one out meanwhile. */
static int collection_ended(struct keeper *k, struct err *e) {
    char name[80];
    snprintf(name, sizeof name, GC_LOCK, k->host);
    for (int step = 0;; step++) {
        int fd = lock_file(k->v, name, e);
        if (fd >= 0 || e->id != ZE_BUSY || step == GC_STEPS) return fd;
        nanosleep(&(struct timespec){.tv_nsec = GC_STEP_MS * 1000000L}, NULL);
    }
}

static int lease_supersede(struct keeper *k, struct err *e) {
    char path[128];
    struct err held = *e;
    CLEANUP_FD int no_collection = collection_ended(k, e);
    if (no_collection < 0) return -1;
    int lease = lock_file(k->v, k->host, e);
    if (lease >= 0 || e->id != ZE_BUSY) return lease;
    if (log_refresh(&k->log, e) < 0) return -1;
    const struct log_begin *last = log_last_begin(&k->log);
    if (!last || last->lease_until >= now_of(k)) {
        *e = held;
        return -1;
    }
    snprintf(path, sizeof path, "keeper/lock/%s", k->host);
    unlinkat(k->v->fd, path, 0);
    return lock_file(k->v, k->host, e);
}

int keeper_lease(struct keeper *k, struct err *e) {
    if (k->lease >= 0) return 0;
    k->lease = lock_file(k->v, k->host, e);
    if (k->lease < 0 && e->id == ZE_BUSY) k->lease = lease_supersede(k, e);
    /* A session whose connection was cut may still be on its way out: whoever starts again at once need not hear of it. */
    for (int step = 0; k->lease < 0 && e->id == ZE_BUSY && step < END_STEPS; step++) {
        nanosleep(&(struct timespec){.tv_nsec = END_STEP_MS * 1000000L}, NULL);
        k->lease = lock_file(k->v, k->host, e);
    }
    return k->lease < 0 ? -1 : 0;
}

/* A failure is no harm: the next request tries again, and whoever was superseded hears it at COMMIT. */
void lease_renew(struct keeper *k) {
    const struct log_begin *last = log_last_begin(&k->log);
    struct err ignored = ERR_INIT;
    if (!k->begun || !last || last->n != k->begin.n || last->lease_until - now_of(k) > LEASE_S * NS_PER_S / 2) return;
    struct record r = {.type = REC_LEASE, .lease = {.epoch = last->epoch, .until = now_of(k) + LEASE_S * NS_PER_S}};
    memcpy(r.lease.upload, last->upload, SEAL_ID);
    (void)!log_append(&k->log, &r, &k->raw, &ignored);
}
