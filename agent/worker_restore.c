/* The process that holds keys. It makes the key pair, takes the grant, restores each host and compares what then lies on the disk
 * with the point; then it ends, and with it every byte of memory that a key was ever in. Services, machines and checks are
 * children of another process (worker_inner.c), which has never had one.
 *
 * A host that cannot be restored costs itself only: the others go on, and its checks will be red. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "progress.h"
#include "restore.h"
#include "sys/file.h"
#include "wire/grant.h"
#include "worker.h"
#include "worker_early.h"

struct secrets {
    uint8_t pub[SEAL_KEY], sec[SEAL_KEY];
    struct grant grant;
};

/* ---- the grant ---- */

static void key_show(const struct worker *w, const struct secrets *s) {
    char text[64];
    CLEANUP_JS struct js *j = js_object();
    b64_encode(text, sizeof text, s->pub, SEAL_KEY);
    js_set_str(j, "event", "key");
    js_set_str(j, "public_key", text);
    (void)!sock_put(w->sock, j, NULL, 0);
}

static void grant_refused(const struct worker *w, const struct err *e) {
    char id[16];
    CLEANUP_JS struct js *j = js_object();
    snprintf(id, sizeof id, "ZB-%u", (unsigned)e->id);
    js_set_str(j, "event", "error");
    js_set_str(j, "id", id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", *e->msg ? e->msg : err_text(e->id));
    (void)!sock_put(w->sock, j, NULL, 0);
}

static int grant_fits(const struct worker *w, struct secrets *s, const char *text, struct err *e) {
    const struct worker_request *q = w->q;
    uint8_t sealed[GRANT_MAX + SEAL_BOX_EXTRA];
    int n = b64_decode(sealed, sizeof sealed, text, strlen(text));
    if (n < 0) return err_set(e, ZE_GRANT, q->id, _("it is malformed"));
    const char *purpose = q->op == WORKER_DRILL ? GRANT_DRILL : GRANT_RESTORE;
    int64_t now_s = w->clock->now_ns(w->clock) / 1000000000;
    if (grant_open(&s->grant, s->pub, s->sec, sealed, (size_t)n, purpose, q->id, now_s, e) < 0) return -1;
    for (size_t i = 0; i < q->hosts; i++)
        if (!grant_key(&s->grant, q->host[i].host, q->host[i].host_id)) {
            grant_wipe(&s->grant);
            return err_set(e, ZE_GRANT, q->host[i].host, _("it has no key of this host"));
        }
    return 0;
}

/* Until one fits, or the outer process has enough. */
static int grant_wait(const struct worker *w, struct secrets *s, struct err *e) {
    int fds[SOCK_FDS_MAX];
    key_show(w, s);
    for (;;) {
        struct err why = ERR_INIT;
        CLEANUP_JS struct js *j = sock_get(w->sock, fds);
        if (!j) return err_set(e, ZE_CANCELLED, w->q->id, _("while it waited for the grant"));
        const char *grant = js_str(j, "grant", NULL);
        if (grant && grant_fits(w, s, grant, &why) == 0) return 0;
        if (grant) grant_refused(w, &why);
    }
}

/* ---- one host ---- */

struct doing { /* what the restore asks now and then */
    const struct worker *w;
    const struct worker_host *h;
    struct progress progress;
    int64_t last_ns;
    uint64_t before; /* room that hosts before this one have taken */
    bool full;
};

/* Fits restore_request.cancelled. */
static bool doing_step(void *arg) {
    struct doing *d = arg;
    struct progress *p = &d->progress;
    int64_t now = d->w->clock->mono_ns(d->w->clock);
    if (d->w->q->disk && d->before + room_of(p->files, p->bytes) > d->w->q->disk) d->full = true;
    if (room_gone(d->w)) d->full = true;
    if (now - d->last_ns >= 1000000000) {
        d->last_ns = now;
        journal_progress(d->w, d->h->host, "restore", p->files, p->bytes, p->files_total, p->bytes_total);
    }
    return d->full;
}

/* Attributes and nodes that cannot be made by a root who is nobody outside. */
static void adapted_tell(const struct worker *w, const struct worker_host *h, const struct content *c) {
    if (c->devices) journal_adapted(w, h->host, _("device nodes not made: %llu"), (unsigned long long)c->devices);
    if (c->owners)
        journal_adapted(w, h->host, _("owners out of the range of ids, not set: %llu"), (unsigned long long)c->owners);
    if (c->attributes)
        journal_adapted(
            w, h->host, _("attributes that only the machine's root may set: %llu"), (unsigned long long)c->attributes);
}

static struct js *amount(uint64_t files, uint64_t bytes) {
    struct js *j = js_object();
    js_set_int(j, "files", (int64_t)files);
    js_set_int(j, "bytes", (int64_t)bytes);
    return j;
}

/* Open a session: the outer process starts the command that reads, and hands over its descriptors. */
static int host_session(
    const struct worker *w, const struct worker_host *h, const struct secrets *s, struct source *src, struct err *e) {
    int fds[SOCK_FDS_MAX];
    CLEANUP_JS struct js *ask = js_object();
    js_set_str(ask, "want", "read");
    js_set_str(ask, "host", h->host);
    if (!sock_put(w->sock, ask, NULL, 0)) return err_set(e, ZE_CANCELLED, h->host, _("the outer process is gone"));
    CLEANUP_JS struct js *answer = sock_get(w->sock, fds);
    if (!answer || fds[0] < 0 || fds[1] < 0)
        return err_set(e, err_known((unsigned)js_int(answer, "id", ZE_CANCELLED)), js_str(answer, "object", h->host),
            "%s", js_str(answer, "message", ""));
    const uint8_t *key = grant_key(&s->grant, h->host, h->host_id);
    return source_open_given(src, h->host, h->host_id, key, fds[0], fds[1], e);
}

/* ${second} is for the reader beside the restore, which can be done without. */
static int host_fetch(const struct worker *w, const struct worker_host *h, const struct secrets *s, struct source *src,
    struct source *second, struct opened *o, struct err *e) {
    char point[16];
    struct err ignored = ERR_INIT;
    snprintf(point, sizeof point, "%u", h->point);
    if (host_session(w, h, s, src, e) < 0 || point_open(src, point, o, e) < 0) return -1;
    (void)!host_session(w, h, s, second, &ignored);
    return 0;
}

static void told(void *arg, const struct restore_told *t) {
    char name[512];
    const struct doing *d = arg;
    text_escape(name, sizeof name, t->path, t->n);
    if (!t->restored) fprintf(stderr, "%s: %s: %s\n", d->h->host, name, t->why->msg);
}

/* What cannot be made here is no failure of the point: the comparison judges it. */
static int host_restore(
    struct doing *d, struct worker_host *h, struct source *src, struct opened *o, uint64_t *room, struct err *e) {
    struct restore_result res;
    const struct worker *w = d->w;
    const struct restore_request q = {.target = h->tree,
        .existing = EXISTING_REFUSE,
        .compared = w->q->op == WORKER_DRILL, /* by host_content; op "restore" is to leave what nobody has to doubt */
        .progress = &d->progress,
        .cancelled = doing_step,
        .cancelled_arg = d,
        .tell = told,
        .tell_arg = d};
    struct phase p = phase_begin(w, h->host, "restore", "");
    int rc = restore_run(src, o, &q, &res, e);
    if (d->full) rc = room_full(w, h->host, e);
    progress_end(&d->progress);
    *room += room_of(res.files, res.bytes);
    h->restored = rc == 0 || err_exit(e) == ZB_EXIT_DAMAGE;
    if (rc < 0) phase_red(&p, amount(res.files, res.bytes), "%s: %s: %s", err_text(e->id), e->object, e->msg);
    else phase_ok(&p, amount(res.files, res.bytes));
    return h->restored ? 0 : -1;
}

static void host_content(const struct worker *w, const struct worker_host *h, struct source *src,
    const struct opened *o, struct early *early) {
    struct content c = {.files = 0};
    struct err e = ERR_INIT;
    struct phase p = phase_begin(w, h->host, "content", "");
    int rc = worker_content(w, h, src, o, early, &c, &e);
    adapted_tell(w, h, &c);
    if (rc < 0) phase_red(&p, amount(c.files, c.bytes), "%s: %s: %s", err_text(e.id), e.object, e.msg);
    else if (*c.first)
        phase_red(&p, amount(c.files, c.bytes), _("%s (different: %llu, missing: %llu, not in the point: %llu)"),
            c.first, (unsigned long long)c.differ, (unsigned long long)c.absent, (unsigned long long)c.more);
    else {
        struct js *more = amount(c.files, c.bytes);
        js_set_int(more, "early", (int64_t)c.early);
        phase_ok(&p, more);
    }
}

/* Both at once: what is restored, and is compared with the point as soon as it is there. */
static void host_both(const struct worker *w, struct worker_host *h, struct source *src, struct source *second,
    struct opened *o, uint64_t *room) {
    static struct doing d; /* pointed at by the progress until the end */
    struct err e = ERR_INIT;
    d = (struct doing){.w = w, .h = h, .before = *room};
    progress_init(&d.progress, w->clock, false);
    d.progress.bytes_total = o->root.bytes;
    d.progress.files_total = o->root.files;
    struct early *early = second->fetch ? early_begin(w, h, second, o, &d.progress) : NULL;
    if (host_restore(&d, h, src, o, room, &e) == 0) {
        early_restored(early);
        host_content(w, h, src, o, early);
    }
    early_free(early);
}

static void host_do(const struct worker *w, struct worker_host *h, const struct secrets *s, uint64_t *room) {
    struct source src = {.fetch = NULL}, second = {.fetch = NULL};
    struct opened o = {.keys = NULL};
    struct err e = ERR_INIT;
    struct phase p = phase_begin(w, h->host, "fetch", "");
    if (host_fetch(w, h, s, &src, &second, &o, &e) < 0) {
        phase_red(&p, NULL, "%s: %s: %s", err_text(e.id), e.object, e.msg);
    } else {
        struct js *more = amount(o.root.files, o.root.bytes);
        js_set_time_ms(more, "walk_start", o.root.walk_start);
        js_set_int(more, "point", o.point.number);
        phase_ok(&p, more);
        host_both(w, h, &src, &second, &o, room);
    }
    point_close(&o);
    source_close(&second);
    source_close(&src);
}

/* Level 2 and 4 ask only whether there is a tree. */
static int all_do(const struct worker *w, struct secrets *s, struct err *e) {
    size_t order[WORKER_HOSTS_MAX];
    uint64_t room = 0;
    if (worker_order(w->q, order, e) < 0 || grant_wait(w, s, e) < 0) return -1;
    for (size_t i = 0; i < w->q->hosts; i++) host_do(w, &w->q->host[order[i]], s, &room);
    return 0;
}

int worker_restore(struct worker *w) {
    struct err e = ERR_INIT;
    struct secrets *s = secret_alloc(sizeof *s);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!s) err_set(&e, ZE_NOMEM, w->q->id, _("no locked memory for keys"));
    else box_keypair(s->pub, s->sec);
    int rc = s ? all_do(w, s, &e) : -1;
    if (rc < 0) journal_failed(w, &e);
    secret_free(s);
    return rc < 0;
}
