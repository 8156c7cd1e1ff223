/* Restores that the orchestrator offers. It may be stolen, so nothing it says opens anything: what was not prepared for it on
 * this machine (run_offer.c) needs a grant, which only the department's kit can make, sealed to a key that this process made for
 * this one offer and shows. The key lives in secret memory: when the process ends the grant is worthless, and what was begun
 * goes on when another is given. While nobody gives one the agent does other jobs; it asks again at each call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "limiter.h"
#include "restore.h"
#include "run_internal.h"
#include "run_restore.h"
#include "wire/grant.h"

enum { OFFERS_MAX = 64, ASK_S = 3, ASK_TIMES = 200, ASK_LATER_S = 30, REPORT_S = 5 };

struct pair {
    uint8_t pub[SEAL_KEY], sec[SEAL_KEY];
};

struct run_offers {
    size_t n;
    struct offered {
        char id[48];       /* RESTORE/ITEM */
        struct pair *pair; /* secret memory */
        bool seen;
        unsigned asked;
    } o[OFFERS_MAX];
};

/* ---- the keys that were shown ---- */

void run_restores_forget(struct runner *r) {
    for (size_t i = 0; r->offers && i < r->offers->n; i++) secret_free(r->offers->o[i].pair);
    free(r->offers);
    r->offers = NULL;
}

/* Offers that were not made again are over. */
static void forget_unseen(struct run_offers *all) {
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (all->o[i].seen) all->o[kept++] = all->o[i];
        else secret_free(all->o[i].pair);
    }
    all->n = kept;
}

static struct offered *offered_of(struct run_offers *all, const struct run_offer *o) {
    char id[sizeof all->o[0].id];
    snprintf(id, sizeof id, "%s/%s", o->restore, o->item);
    for (size_t i = 0; i < all->n; i++)
        if (!strcmp(all->o[i].id, id)) return all->o[i].seen = true, &all->o[i];
    if (all->n == OFFERS_MAX) return NULL;
    struct offered *new = &all->o[all->n];
    if (!(new->pair = secret_alloc(sizeof *new->pair))) return NULL;
    box_keypair(new->pair->pub, new->pair->sec);
    snprintf(new->id, sizeof new->id, "%s", id);
    new->seen = true, new->asked = 0;
    all->n++;
    return new;
}

/* ---- doing one ---- */

struct doing {
    struct runner *r;
    const struct run_offer *o;
    struct progress progress;
    int64_t told_ns;
    bool cancelled;
    struct err missed; /* the first path that was not restored */
    struct restore_result result;
    int64_t started;
};

static struct js *words_of(const struct run_offer *o, const char *op) {
    struct js *q = js_object();
    js_set_str(q, "op", op);
    js_set_str(q, "restore", o->restore);
    js_set_str(q, "item", o->item);
    return q;
}

static bool asked_to_stop(void *arg) {
    struct doing *d = arg;
    struct runner *r = d->r;
    int64_t now = r->clock->mono_ns(r->clock);
    if (command_cancelled(NULL) || d->cancelled) return true;
    if (now - d->told_ns < (int64_t)REPORT_S * 1000000000) return false;
    d->told_ns = now;
    CLEANUP_JS struct js *q = words_of(d->o, "progress");
    js_set_str(q, "phase", d->progress.phase);
    js_set_int(q, "files", (int64_t)d->progress.files);
    js_set_int(q, "bytes", (int64_t)d->progress.bytes);
    js_set_int(q, "files_total", (int64_t)d->progress.files_total);
    js_set_int(q, "bytes_total", (int64_t)d->progress.bytes_total);
    struct err ignored = ERR_INIT;
    CLEANUP_JS struct js *a = run_visit(r, q, &ignored);
    d->cancelled = js_bool(a, "cancel", false);
    return d->cancelled;
}

static void told(void *arg, const struct restore_told *t) {
    struct doing *d = arg;
    char name[200];
    if (t->restored || d->missed.id) return;
    text_escape(name, sizeof name, t->path, t->n);
    err_set(&d->missed, t->why->id, name, "%s", t->why->msg);
}

static int restore_opened(struct doing *d, struct source *s, struct limiter *limiter, struct err *e) {
    struct opened o;
    char number[16];
    struct restore_request q = {.target = *d->o->target ? d->o->target : "/",
        .existing = (enum restore_existing)d->o->existing,
        .progress = &d->progress,
        .cancelled = limiter_step,
        .cancelled_arg = limiter,
        .tell = told,
        .tell_arg = d};
    /* What a job may do here, and whose vault this is, is not for a restore point to say. */
    if (!*d->o->target) q.spare = d->r->c->file + 1;
    snprintf(number, sizeof number, "%u", d->o->point);
    if (point_open(s, number, &o, e) < 0) return -1;
    d->progress.bytes_total = o.root.bytes;
    d->progress.files_total = o.root.files;
    progress_phase(&d->progress, N_("restoring"));
    int rc = restore_run(s, &o, &q, &d->result, e);
    point_close(&o);
    return rc;
}

/* ${key} NULL: of this host's own points. */
static int restore_do(struct doing *d, const uint8_t *key, struct err *e) {
    struct runner *r = d->r;
    struct limiter limiter = {.clock = r->clock, .cancelled = asked_to_stop, .cancelled_arg = d};
    const struct source_granted granted = {d->o->host, d->o->host_id, key};
    const struct source_options from = {.config = command_config(), .limiter = &limiter, .granted = &granted};
    static struct source s;
    progress_init(&d->progress, r->clock, command_json());
    d->told_ns = r->clock->mono_ns(r->clock);
    int rc = limiter_begin(&limiter, &r->c->limits, e);
    if (rc == 0) rc = source_open(&s, &from, e);
    if (rc == 0) {
        rc = restore_opened(d, &s, &limiter, e);
        source_close(&s);
    }
    limiter_end(&limiter);
    progress_end(&d->progress);
    return rc;
}

static int tell_result(struct doing *d, int rc, const struct err *why) {
    const struct restore_result *x = &d->result;
    bool most = rc < 0 && err_exit(why) == ZB_EXIT_DAMAGE; /* everything else was restored */
    bool part = most || (rc == 0 && (x->missed || x->attributes));
    CLEANUP_JS struct js *q = words_of(d->o, "result");
    js_set_str(q, "state", part ? "partial" : rc < 0 ? "failed" : "ok");
    if (rc < 0) js_set(q, "error", run_error(why));
    else if (d->missed.id) js_set(q, "error", run_error(&d->missed));
    js_set_bool(q, "resumed", x->resumed);
    js_set_int(q, "files", (int64_t)(x->files + x->already));
    js_set_int(q, "bytes", (int64_t)(x->bytes + x->already_bytes));
    js_set_int(q, "missed", (int64_t)x->missed);
    js_set_int(q, "attributes", (int64_t)x->attributes);
    js_set_int(q, "skipped", (int64_t)x->skipped);
    js_set_time(q, "started", d->started);
    js_set_time(q, "ended", d->r->clock->now_ns(d->r->clock));
    if (rc < 0) err_print("zaibei-agent", why);
    else
        fprintf(stderr, _("restore %s: %llu files of %s, point %u, are at %s\n"), d->o->restore,
            (unsigned long long)(x->files + x->already), d->o->host, d->o->point, *d->o->target ? d->o->target : "/");
    run_tell(d->r, q);
    return rc < 0 ? err_exit(why) : part ? ZB_EXIT_PARTIAL : ZB_EXIT_OK;
}

/* The host's key out of the grant, into secret memory, and nothing else of it. */
static int key_take(const struct runner *r, const struct run_offer *o, const struct pair *pair, const char *b64,
    uint8_t **key, struct err *e) {
    static uint8_t raw[GRANT_MAX + SEAL_BOX_EXTRA];
    int n = b64_decode(raw, sizeof raw, b64, strlen(b64));
    if (!*b64) return err_set(e, ZE_GRANT, o->restore, _("this restore needs a grant, and none was given"));
    struct grant *g = n < 0 ? NULL : secret_alloc(sizeof *g);
    if (!g) return err_set(e, ZE_GRANT, o->restore, _("it is malformed"));
    int rc = grant_open(
        g, pair->pub, pair->sec, raw, (size_t)n, GRANT_RESTORE, o->restore, r->clock->now_ns(r->clock) / 1000000000, e);
    const uint8_t *found = rc == 0 ? grant_key(g, o->host, o->host_id) : NULL;
    if (rc == 0 && !found) rc = err_set(e, ZE_GRANT, o->host, _("it has no key of this host"));
    if (rc == 0 && !(*key = secret_alloc(SEAL_KEY))) rc = err_set(e, ZE_NOMEM, o->host, _("its key"));
    if (rc == 0) memcpy(*key, found, SEAL_KEY);
    secret_free(g);
    return rc;
}

/* Show the key, hear whether it may begin, and do it. 1: it waits; else the exit code, negated. */
static int offer_step(struct runner *r, const struct run_offer *o, const struct pair *pair, struct err *e) {
    struct doing d = {.r = r, .o = o, .started = r->clock->now_ns(r->clock)};
    char pub[64];
    uint8_t *key = NULL;
    CLEANUP_JS struct js *q = words_of(o, "restore-key");
    b64_encode(pub, sizeof pub, pair->pub, SEAL_KEY);
    js_set_str(q, "public_key", pub);
    js_set_bool(q, "needs_grant", o->needs_grant);
    CLEANUP_JS struct js *a = run_visit(r, q, e);
    if (!a) return 1;
    if (!js_bool(a, "go", false)) return 1;
    int rc = o->needs_grant ? key_take(r, o, pair, js_str(a, "grant", ""), &key, e) : 0;
    if (rc == 0) rc = restore_do(&d, key, e);
    secret_free(key);
    return -tell_result(&d, rc, e);
}

int run_restores(struct runner *r, const struct js *offers, unsigned *next_s) {
    int worst = 0;
    if (!js_count(offers)) return run_restores_forget(r), 0;
    if (!r->offers && !(r->offers = calloc(1, sizeof *r->offers))) return 0;
    for (size_t i = 0; i < r->offers->n; i++) r->offers->o[i].seen = false;
    for (size_t i = 0; i < js_count(offers) && !command_cancelled(NULL); i++) {
        struct err why = ERR_INIT;
        struct run_offer o;
        int rc;
        if (run_offer_parse(r->c, js_at(offers, i), &o, &why) < 0) {
            struct doing d = {.r = r, .o = &o, .started = r->clock->now_ns(r->clock)};
            rc = -tell_result(&d, -1, &why);
        } else {
            struct offered *x = offered_of(r->offers, &o);
            unsigned ask_s = x && x->asked++ < ASK_TIMES ? ASK_S : ASK_LATER_S; /* a grant may take days */
            rc = x ? offer_step(r, &o, x->pair, &why) : 1;
            if (rc == 1 && *next_s > ask_s) *next_s = ask_s;
        }
        if (rc < 0) *next_s = 1; /* others may wait for this one */
        if (-rc > worst) worst = -rc;
    }
    forget_unseen(r->offers);
    return worst;
}
