/* The thread of one drill. It starts the worker, hands on the order, the grant and a wish to cancel, and journals each message as it
 * comes, a transaction each; what it knows is in the catalog, so that it may be killed anywhere. Whatever the worker says is taken
 * for what it is: lines of bounded length, of which malformed ones end the drill.
 *
 * A worker that is to end gets the end of its input and a while to tear down; one that ends without saying how has `worker clean`
 * run behind it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "drills_internal.h"
#include "reads.h"
#include "sys/file.h"
#include "sys/proc.h"

enum { LINE_MAX_BYTES = 1 << 20, POLL_MS = 200, TEARDOWN_MS = 60000, SLACK_S = 600, READ_MAX_S = 6 * 86400, AGAIN_MS = 1000 };

struct course {
    struct slot *t;
    struct daemon *d;
    struct drill x;
    struct proc proc;
    struct buf b;
    int64_t began_ns, granted_ns; /* monotonic; granted 0: no grant was handed on */
    int64_t events;
    bool ended, told_cancel, again; /* again: it is queued anew */
    bool parting;                   /* it is being ended, for a reason that is not its own to tell */
};

static int say(struct course *r, const struct js *j, struct err *e) {
    CLEANUP_FREE char *text = js_dump(j), *line = malloc(strlen(text) + 2);
    if (!line) return err_set(e, ZE_NOMEM, r->x.system, "line");
    size_t n = (size_t)sprintf(line, "%s\n", text);
    if (file_write_all(r->proc.in, line, n) == 0) return 0;
    return err_set(e, ZE_DRILLWORKER, r->x.system, _("it has ended"));
}

/* ---- what the worker tells ---- */

static int journal(struct course *r, const struct js *ev, struct err *e) {
    if (++r->events > DRILL_EVENTS_MAX) return err_set(e, ZE_DRILLWORKER, r->x.system, _("it tells too much"));
    db_begin(r->d->db);
    drill_event_add(r->d->db, r->x.id, ev);
    return db_commit(r->d->db, e);
}

static int change(struct course *r, const char *state, const char *who, const char *act, struct err *e) {
    int64_t now = daemon_now(r->d);
    if (strcmp(r->x.state, state) != 0) r->x.since_ns = now;
    snprintf(r->x.state, sizeof r->x.state, "%s", state);
    db_begin(r->d->db);
    drill_put(r->d->db, &r->x);
    drill_note(r->d->db, &r->x, now, who, act, NULL);
    return db_commit(r->d->db, e);
}

static void let_go(struct course *r) {
    pthread_mutex_lock(&r->t->s->lock);
    r->t->running = false;
    pthread_mutex_unlock(&r->t->s->lock);
}

static int on_key(struct course *r, const struct js *ev, struct err *e) {
    snprintf(r->x.public_key, sizeof r->x.public_key, "%s", js_str(ev, "public_key", ""));
    return change(r, DRILL_WAITING, "zaibeid", "drill.waiting", e);
}

/* The worker did not take the grant, and waits on. */
static int on_error(struct course *r, const struct js *ev, struct err *e) {
    const struct js *x = js_get(ev, "error") ? js_get(ev, "error") : ev;
    unsigned id = 0;
    if (!r->granted_ns || strcmp(r->x.state, DRILL_WAITING) != 0) return 0;
    r->granted_ns = r->x.granted_ns = 0;
    db_begin(r->d->db);
    drill_granted(r->d->db, r->x.id, "", 0);
    if (db_commit(r->d->db, e) < 0) return -1;
    r->x.err_id = sscanf(js_str(x, "id", ""), "ZB-%4u", &id) == 1 ? err_known(id) : err_known((unsigned)js_int(x, "id", 0) & 8191);
    snprintf(r->x.err_object, sizeof r->x.err_object, "%s", js_str(x, "object", ""));
    snprintf(r->x.err_msg, sizeof r->x.err_msg, "%s", js_str(x, "message", ""));
    let_go(r);
    return change(r, DRILL_WAITING, "zaibeid", "drill.refused", e);
}

/* The first phase after the grant: keys are there. What the calendar asked for counts from here: until then nobody had. */
static int on_phase(struct course *r, const struct js *ev, struct err *e) {
    if (r->granted_ns && !strcmp(r->x.state, DRILL_WAITING)) {
        if (!strcmp(r->x.origin, "schedule")) r->x.requested_ns = r->x.granted_ns;
        r->x.err_id = 0, *r->x.err_object = *r->x.err_msg = 0;
        if (change(r, DRILL_RUNNING, "zaibeid", "drill.running", e) < 0) return -1;
    }
    return journal(r, ev, e);
}

static int on_progress(struct course *r, const struct js *ev) {
    pthread_mutex_lock(&r->t->s->lock);
    js_free(r->t->progress);
    r->t->progress = js_copy(ev);
    pthread_mutex_unlock(&r->t->s->lock);
    return 0;
}

static int on_event(struct course *r, const struct js *ev, struct err *e) {
    const char *what = js_str(ev, "event", "");
    if (!strcmp(what, "key")) return on_key(r, ev, e);
    if (!strcmp(what, "error")) return on_error(r, ev, e);
    if (!strcmp(what, "progress")) return on_progress(r, ev);
    if (!strcmp(what, "phase")) return on_phase(r, ev, e);
    if (r->parting && strcmp(what, "end") == 0) return err_set(e, ZE_DRILLWORKER, r->x.system, _("it has ended"));
    if (!strcmp(what, "end")) r->ended = true;
    else if (strcmp(what, "adapted") != 0 && strcmp(what, "console") != 0) return 0;
    return journal(r, ev, e);
}

/* Whole lines of what was read; 0, or <0 when one is not what it should be. */
static int take_lines(struct course *r, struct err *e) {
    uint8_t *end;
    size_t at = 0;
    while (!r->ended && (end = memchr(r->b.p + at, '\n', r->b.len - at))) {
        size_t n = (size_t)(end - (r->b.p + at));
        CLEANUP_JS struct js *ev = js_parse(r->b.p + at, n, "worker", e);
        if (!ev || on_event(r, ev, e) < 0) return -1;
        at += n + 1;
    }
    if (at) memmove(r->b.p, r->b.p + at, r->b.len - at), r->b.len -= at;
    return 0;
}

/* 1: something was read; 0: nothing in this time; -1: the end, or an error. */
static int listen_for(struct course *r, int ms, struct err *e) {
    struct pollfd p = {.fd = r->proc.out, .events = POLLIN};
    int n = poll(&p, 1, ms);
    if (n == 0 || (n < 0 && errno == EINTR)) return 0;
    uint8_t *at = buf_reserve(&r->b, 65536);
    if (!at) return err_set(e, ZE_DRILLWORKER, r->x.system, _("a line of more than %d bytes"), LINE_MAX_BYTES);
    ssize_t got = read(r->proc.out, at, 65536);
    if (got < 0 && errno == EINTR) return 0;
    if (got <= 0) return err_set(e, ZE_DRILLWORKER, r->x.system, _("it has ended"));
    r->b.len += (size_t)got;
    return take_lines(r, e) < 0 ? -1 : 1;
}

/* ---- what it is told ---- */

/* The vault lets the drilled hosts' sessions read everything, as long as the drill may last. */
static int reads_begin(struct course *r, struct err *e) {
    int64_t lasts_s = r->d->cfg->drill_time_s + SLACK_S < READ_MAX_S ? r->d->cfg->drill_time_s + SLACK_S : READ_MAX_S;
    int64_t until = daemon_now(r->d) + lasts_s * NS_PER_S;
    for (size_t i = 0; i < js_count(r->x.hosts); i++) {
        const char *host = js_str(js_at(r->x.hosts, i), "host", "");
        if (reads_let(r->d, host, host, until, "drill", r->x.id, e) < 0) return -1;
    }
    return 0;
}

/* The grant, when one is there and fewer drills run than may. */
static int hand_grant(struct course *r, struct err *e) {
    struct drills *s = r->t->s;
    int64_t running = 0;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < DRILLS_OPEN_MAX; i++) running += s->slots[i].id && s->slots[i].running && !s->slots[i].over;
    CLEANUP_FREE char *grant = running < r->d->cfg->drill_at_once ? r->t->grant : NULL;
    if (grant) r->t->grant = NULL, r->t->running = true;
    pthread_mutex_unlock(&s->lock);
    if (!grant) return 0;
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "op", "grant");
    js_set_str(q, "grant", grant);
    db_begin(r->d->db); /* who gave it is in the row, from the API */
    struct drill now;
    if (drill_get(r->d->db, r->x.id, &now)) {
        r->x.granted_ns = now.granted_ns;
        snprintf(r->x.granted_by, sizeof r->x.granted_by, "%s", now.granted_by);
    }
    drill_free(&now);
    if (db_commit(r->d->db, e) < 0) return -1;
    r->granted_ns = r->d->clock->mono_ns(r->d->clock);
    return reads_begin(r, e) < 0 ? -1 : say(r, q, e);
}

static int hand_cancel(struct course *r, struct err *e) {
    struct drill now;
    pthread_mutex_lock(&r->t->s->lock);
    bool woken = r->t->woken;
    r->t->woken = false;
    pthread_mutex_unlock(&r->t->s->lock);
    if (!woken || r->told_cancel) return 0;
    db_begin(r->d->db);
    if (drill_get(r->d->db, r->x.id, &now)) snprintf(r->x.cancel, sizeof r->x.cancel, "%s", now.cancel);
    drill_free(&now);
    if (db_commit(r->d->db, e) < 0 || !*r->x.cancel) return e->id ? -1 : 0;
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "op", "cancel");
    r->told_cancel = true;
    return say(r, q, e);
}

/* Whether it has had its time. */
static int look_at_time(struct course *r, struct err *e) {
    int64_t mono = r->d->clock->mono_ns(r->d->clock), now = daemon_now(r->d);
    bool waiting = !strcmp(r->x.state, DRILL_WAITING) && !r->granted_ns, schedule = !strcmp(r->x.origin, "schedule");
    if (r->granted_ns && mono - r->granted_ns > (r->d->cfg->drill_time_s + SLACK_S) * NS_PER_S)
        return err_set(e, ZE_DRILLWORKER, r->x.system, _("it did not end in its time"));
    if (waiting && now - r->x.requested_ns > (schedule ? 5 : 1) * (int64_t)DRILL_WAIT_S * NS_PER_S)
        return err_set(e, ZE_GRANTLATE, r->x.system, _("nobody gave one in time"));
    if (waiting && schedule && mono - r->began_ns > DRILL_FRESH_S * (int64_t)NS_PER_S) r->again = true; /* newer points */
    return 0;
}

static int follow(struct course *r, struct err *e) {
    while (!r->ended && !r->again && !atomic_load(&r->t->s->stopping)) {
        if (hand_grant(r, e) < 0 || hand_cancel(r, e) < 0 || look_at_time(r, e) < 0 || listen_for(r, POLL_MS, e) < 0) return -1;
    }
    return 0;
}

/* ---- from beginning to end ---- */

static int start(struct course *r, struct err *e) {
    bool chosen = js_int(js_at(r->x.hosts, 0), "point", 0) > 0;
    if (!chosen) {
        r->x.requested_ns = strcmp(r->x.origin, "schedule") ? r->x.requested_ns : daemon_now(r->d);
        if (drill_choose(r->d, &r->x, NULL, e) < 0) return -1;
    }
    if (file_mkdirs(AT_FDCWD, r->d->cfg->drill_dir, 0700, e) < 0 || proc_open(&r->proc, r->d->cfg->drill_worker, e) < 0) return -1;
    r->began_ns = r->d->clock->mono_ns(r->d->clock);
    CLEANUP_FREE char *order = drill_order(r->d, &r->x);
    CLEANUP_JS struct js *q = js_parse(order, strlen(order), "order", e);
    return q ? say(r, q, e) : -1;
}

/* The end of its input tells the worker to tear down. Phases that it still tells of are journalled; its verdict is not asked for. */
static void part(struct course *r) {
    struct err ignored = ERR_INIT;
    if (!r->proc.pid) return;
    close(r->proc.in);
    r->proc.in = -1;
    bool stopping = atomic_load(&r->t->s->stopping);
    r->parting = true;
    for (int left = stopping ? 0 : TEARDOWN_MS; !r->ended && left > 0; left -= POLL_MS)
        if (listen_for(r, POLL_MS, &ignored) < 0) break;
    if (stopping) { /* it goes on tearing down by itself; the next start looks at what it left */
        close(r->proc.out);
        r->proc = (struct proc)PROC_NONE;
        return;
    }
    (void)proc_wait(&r->proc, TEARDOWN_MS, &ignored);
}

static void begin_anew(struct course *r) {
    struct err e = ERR_INIT;
    r->x.public_key[0] = 0;
    for (size_t i = 0; i < js_count(r->x.hosts); i++) js_set_int(js_at(r->x.hosts, i), "point", 0);
    db_begin(r->d->db);
    drill_events_drop(r->d->db, r->x.id);
    if (db_commit(r->d->db, &e) == 0) (void)(change(r, DRILL_QUEUED, "zaibeid", "drill.queued", &e) == 0);
}

/* The record, tried until the catalog takes it: a full disk gets room one day. */
static void finish(struct course *r, const struct err *why) {
    if (!r->ended) {
        struct js *left = NULL;
        struct err e = ERR_INIT;
        if (drill_clean(r->d, &left, &e) < 0) daemon_log(r->d, "%s: %s", e.object, e.msg);
        drill_say_end(r->d, &r->x, *r->x.cancel ? "cancelled" : "failed", why, left);
        js_free(left);
    }
    for (struct err e = ERR_INIT; drill_finish(r->d, &r->x, &e) < 0 && !atomic_load(&r->t->s->stopping);) {
        daemon_log(r->d, _("drill %lld: its record cannot be written: %s"), (long long)r->x.id, e.msg);
        e = (struct err)ERR_INIT;
        poll(NULL, 0, AGAIN_MS);
    }
}

void *drill_thread(void *arg) {
    struct slot *t = arg;
    struct course r = {.t = t, .d = t->s->d, .proc = PROC_NONE};
    struct err e = ERR_INIT;
    buf_init(&r.b, LINE_MAX_BYTES);
    db_begin(r.d->db);
    bool found = drill_get(r.d->db, t->id, &r.x);
    if (db_commit(r.d->db, &e) == 0 && found) {
        if (start(&r, &e) == 0) (void)(follow(&r, &e) == 0);
        part(&r);
        if (r.again && !r.ended) begin_anew(&r);
        else if (r.ended || !atomic_load(&r.t->s->stopping)) finish(&r, &e);
        for (size_t i = 0; r.granted_ns && i < js_count(r.x.hosts); i++) {
            const char *host = js_str(js_at(r.x.hosts, i), "host", "");
            reads_end(r.d, host, host);
        }
        daemon_log(r.d, _("drill %lld of %s: %s %s"), (long long)r.x.id, r.x.system, r.x.state, r.x.verdict);
    }
    drill_free(&r.x);
    buf_free(&r.b);
    pthread_mutex_lock(&t->s->lock);
    t->over = true;
    pthread_mutex_unlock(&t->s->lock);
    return NULL;
}
