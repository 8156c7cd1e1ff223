/* The slots: one for each drill that has a thread. The calendar's thread starts and joins them; the API's hands things over under
 * the lock; a drill's own thread takes them. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "drills_internal.h"
#include "outbox.h"
#include "sys/file.h"
#include "sys/proc.h"

enum { CLEAN_MS = 120000 };

/* ---- after a restart ---- */

void drill_say_end(struct daemon *d, const struct drill *x, const char *verdict, const struct err *why, const struct js *left) {
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *ev = js_object();
    js_set_str(ev, "event", "end");
    js_set_str(ev, "by", "zaibeid");
    js_set_str(ev, "verdict", verdict);
    if (why && why->id) {
        char id[16];
        snprintf(id, sizeof id, "ZB-%u", (unsigned)why->id);
        js_set_str(ev, "id", id), js_set_str(ev, "object", why->object), js_set_str(ev, "message", why->msg);
    }
    if (js_count(left)) js_set(ev, "left", js_copy(left));
    db_begin(d->db);
    drill_event_add(d->db, x->id, ev);
    if (db_commit(d->db, &e) < 0) daemon_log(d, "%s: %s", e.object, e.msg);
}

static bool has_end(const struct js *events) {
    for (size_t i = 0; i < js_count(events); i++)
        if (!strcmp(js_str(js_at(events, i), "event", ""), "end")) return true;
    return false;
}

/* A drill that ran when zaibeid ended. Its worker had the end of its input and is gone, or goes. */
static int recover_running(struct daemon *d, int64_t id, struct err *e) {
    struct drill x;
    struct err why = ERR_INIT;
    db_begin(d->db);
    bool found = drill_get(d->db, id, &x);
    CLEANUP_JS struct js *events = drill_events(d->db, id);
    int rc = db_commit(d->db, e);
    err_set(&why, ZE_DRILLWORKER, x.system, _("zaibeid was started anew, and its worker is gone"));
    if (rc == 0 && found && !has_end(events)) drill_say_end(d, &x, *x.cancel ? "cancelled" : "failed", &why, NULL);
    if (rc == 0 && found) rc = drill_finish(d, &x, e);
    drill_free(&x);
    return rc;
}

/* One that waited: another worker will show another key. Before anybody can ask: nobody seals a grant to the dead one. */
static int recover_waiting(struct daemon *d, int64_t id, struct err *e) {
    struct drill x;
    int64_t now = daemon_now(d);
    db_begin(d->db);
    if (drill_get(d->db, id, &x)) {
        snprintf(x.state, sizeof x.state, DRILL_QUEUED);
        x.since_ns = now, *x.public_key = 0;
        drill_events_drop(d->db, id);
        drill_granted(d->db, id, "", 0);
        drill_put(d->db, &x);
        drill_note(d->db, &x, now, "zaibeid", "drill.queued", NULL);
    }
    drill_free(&x);
    return db_commit(d->db, e);
}

static int recover(struct daemon *d, const char *state, int (*one)(struct daemon *, int64_t, struct err *), struct err *e) {
    size_t n;
    db_begin(d->db);
    CLEANUP_FREE int64_t *ids = drill_ids_in(d->db, state, &n);
    int rc = db_commit(d->db, e);
    for (size_t i = 0; rc == 0 && i < n; i++) rc = one(d, ids[i], e);
    return rc;
}

/* Ask the worker to remove what killed drills left. Its answer is one line. */
int drill_clean(struct daemon *d, struct js **left, struct err *e) {
    struct proc p;
    struct buf b;
    char line[4300];
    if (left) *left = NULL;
    if (access(d->cfg->drill_dir, F_OK) < 0) return 0; /* no drill was ever begun */
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "clean");
    js_set_str(q, "dir", d->cfg->drill_dir);
    CLEANUP_FREE char *text = js_dump(q);
    snprintf(line, sizeof line, "%.4290s\n", text);
    if (proc_open(&p, d->cfg->drill_worker, e) < 0) return -1;
    buf_init(&b, 1 << 20);
    int rc = file_write_all(p.in, line, strlen(line)) < 0 ? err_set(e, ZE_DRILLWORKER, "clean", _("it has ended")) : 0;
    for (struct pollfd f = {.fd = p.out, .events = POLLIN}; rc == 0 && !memchr(b.p ? b.p : (uint8_t *)"", '\n', b.len);) {
        uint8_t *at = buf_reserve(&b, 4096);
        ssize_t got = poll(&f, 1, CLEAN_MS) > 0 && at ? read(p.out, at, 4096) : -1;
        if (got > 0) b.len += (size_t)got;
        else rc = err_set(e, ZE_DRILLWORKER, "clean", _("no answer"));
    }
    if (rc == 0 && !(a = js_parse(b.p, b.len - 1, "clean", e))) rc = -1;
    if (rc == 0 && strcmp(js_str(a, "event", ""), "clean") != 0)
        rc = err_set(e, ZE_DRILLWORKER, "clean", "%s", js_str(a, "message", _("no answer")));
    if (rc == 0 && left && js_count(js_get(a, "left"))) *left = js_copy(js_get(a, "left"));
    if (rc == 0 && js_int(a, "removed", 0)) daemon_log(d, _("removed what killed drills left: %lld"), (long long)js_int(a, "removed", 0));
    struct err ignored = ERR_INIT;
    (void)proc_wait(&p, CLEAN_MS, &ignored);
    buf_free(&b);
    return rc;
}

struct drills *drills_new(struct daemon *d, struct err *e) {
    if (recover(d, DRILL_WAITING, recover_waiting, e) < 0) return NULL;
    struct drills *s = calloc(1, sizeof *s);
    if (!s) return err_set(e, ZE_NOMEM, "drills", "slots"), NULL;
    s->d = d, s->unclean = true;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

/* Before the first drill is started: clean, then the verdicts of those that were under way. */
static int take_over(struct drills *s, struct err *e) {
    if (!s->unclean) return 0;
    if (drill_clean(s->d, NULL, e) < 0) return -1;
    if (recover(s->d, DRILL_RUNNING, recover_running, e) < 0) return -1;
    s->unclean = false;
    return 0;
}

/* ---- slots ---- */

static void release(struct slot *t) {
    pthread_join(t->thread, NULL);
    free(t->grant);
    js_free(t->progress);
    *t = (struct slot){.s = t->s};
}

void drills_free(struct drills *s) {
    if (!s) return;
    atomic_store(&s->stopping, true);
    for (int i = 0; i < DRILLS_OPEN_MAX; i++)
        if (s->slots[i].id) release(&s->slots[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Of threads that have ended; under the lock nobody else sees a slot that is half released. */
static void reap(struct drills *s) {
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < DRILLS_OPEN_MAX; i++)
        if (s->slots[i].id && s->slots[i].over) release(&s->slots[i]);
    pthread_mutex_unlock(&s->lock);
}

static struct slot *slot_of(struct drills *s, int64_t id) {
    for (int i = 0; i < DRILLS_OPEN_MAX; i++)
        if (s->slots[i].id == id && !s->slots[i].over) return &s->slots[i];
    return NULL;
}

static int cancel_queued(struct daemon *d, struct drill *x, struct err *e) {
    drill_say_end(d, x, "cancelled", NULL, NULL);
    return drill_finish(d, x, e);
}

static int begin(struct drills *s, int64_t id, struct err *e) {
    struct drill x;
    db_begin(s->d->db);
    bool found = drill_get(s->d->db, id, &x);
    int rc = db_commit(s->d->db, e);
    if (rc == 0 && found && *x.cancel) rc = cancel_queued(s->d, &x, e), found = false;
    drill_free(&x);
    if (rc < 0 || !found) return rc;
    pthread_mutex_lock(&s->lock);
    struct slot *t = slot_of(s, 0);
    if (t) {
        *t = (struct slot){.s = s, .id = id};
        rc = pthread_create(&t->thread, NULL, drill_thread, t) ? err_set(e, ZE_NOMEM, "drills", "thread") : 0;
        if (rc < 0) t->id = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static int start_queued(struct drills *s, struct err *e) {
    size_t n;
    db_begin(s->d->db);
    CLEANUP_FREE int64_t *ids = drill_ids_in(s->d->db, DRILL_QUEUED, &n);
    if (db_commit(s->d->db, e) < 0) return -1;
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_lock(&s->lock);
        bool has = slot_of(s, ids[i]) != NULL;
        pthread_mutex_unlock(&s->lock);
        if (!has && begin(s, ids[i], e) < 0) return -1;
    }
    return 0;
}

/* Who has waited for a grant for a minute is told of: with the kit at hand it takes less. */
static int tell_waiting(struct daemon *d, struct err *e) {
    size_t n;
    int64_t now = daemon_now(d);
    db_begin(d->db);
    CLEANUP_FREE int64_t *ids = drill_ids_in(d->db, DRILL_WAITING, &n);
    for (size_t i = 0; i < n; i++) {
        struct drill x;
        if (drill_get(d->db, ids[i], &x) && !x.told && !x.granted_ns && now - x.since_ns >= DRILL_TELL_S * (int64_t)NS_PER_S) {
            struct js *detail = js_object();
            js_set_int(detail, "drill", x.id);
            js_set_str(detail, "requested_by", x.requested_by);
            notice_add(d->db, now, "drill.grant", x.system, x.plan, detail);
            drill_told(d->db, x.id, now);
        }
        drill_free(&x);
    }
    return db_commit(d->db, e);
}

int drills_tick(struct drills *s, struct err *e) {
    reap(s);
    if (take_over(s, e) < 0 || start_queued(s, e) < 0) return -1;
    return tell_waiting(s->d, e);
}

/* ---- from the API's thread ---- */

int drills_grant(struct drills *s, int64_t id, const char *grant, struct err *e) {
    pthread_mutex_lock(&s->lock);
    struct slot *t = id ? slot_of(s, id) : NULL;
    char *copy = t && !t->running ? strdup(grant) : NULL;
    if (copy) free(t->grant), t->grant = copy;
    pthread_mutex_unlock(&s->lock);
    return copy ? 0 : err_set(e, ZE_DRILLSTATE, "", _("it does not wait for a grant"));
}

struct js *drills_progress(struct drills *s, int64_t id) {
    pthread_mutex_lock(&s->lock);
    struct slot *t = id ? slot_of(s, id) : NULL;
    struct js *j = t && t->progress ? js_copy(t->progress) : NULL;
    pthread_mutex_unlock(&s->lock);
    return j;
}

void drills_wake(struct drills *s, int64_t id) {
    pthread_mutex_lock(&s->lock);
    struct slot *t = id ? slot_of(s, id) : NULL;
    if (t) t->woken = true;
    pthread_mutex_unlock(&s->lock);
}
