/* What agents ask. A job is handed out in steps (see catalog_jobs.c): ticket written here, laid at the vault, claimed, and
 * only then answered; an answer that is lost costs one pause, since the agent calls in idle again. */
#include "agents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"
#include "catalog_life.h"
#include "hosts.h"
#include "systems.h"
#include "restores.h"
#include "sys/file.h"
#include "turns.h"

enum { LEFT_OUT_MAX = 20 };

/* The number of a job, written as a string or a number. */
static int64_t job_number(const struct js *q) {
    uint64_t id = 0;
    const char *s = js_str(q, "job", NULL);
    return !s ? js_int(q, "job", 0) : text_u64(s, INT64_MAX, &id) ? (int64_t)id : 0;
}

/* A job that this host was given. What another host's job is, nobody is told. */
static bool own_job(struct daemon *d, const char *host, const struct js *q, struct job *j) {
    return job_get(d->db, job_number(q), j) && !strcmp(j->host, host);
}

static int64_t count_of(const struct js *q, const char *key) {
    int64_t v = js_int(q, key, 0);
    return v > 0 ? v : 0;
}

/* Choose a job and fill what its ticket needs, in one transaction; 1 when there is one. */
static int prepare(struct daemon *d, const char *host, int64_t now, struct job *j, struct plan *p, struct err *e) {
    db_begin(d->db);
    int found = 0;
    while (!found && job_pick(d->db, host, now, j)) {
        int64_t v = catalog_plan_load(d->db, j->plan, 0, d->cfg->zone, p, NULL, NULL), until;
        found = v && p->backup && plan_has_host(p, host);
        if (found && !j->system_point && strcmp(j->origin, "manual") != 0 && plan_frozen(p, now / NS_PER_S, &until)) {
            j->not_before_ns = until * NS_PER_S; /* a freeze: it waits */
            found = 0;
            plan_free(p);
        } else if (found && !turn_of(d, j, js_str(p->form, "department", ""), now)) {
            plan_free(p); /* others first; it stays queued */
            found = 0;
            break;
        } else if (found) {
            j->plan_version = v;
            text_hex(j->plan_hash, p->hash, sizeof p->hash);
            j->retain_until_ns = now + p->retention_days * 86400 * NS_PER_S;
            uint8_t r[8];
            char hex[17];
            seal_random(r, sizeof r);
            text_hex(hex, r, sizeof r);
            if (!*j->ticket) snprintf(j->ticket, sizeof j->ticket, "job-%lld-%s", (long long)j->id, hex);
        } else {
            if (v) plan_free(p);
            snprintf(j->state, sizeof j->state, "skipped");
            snprintf(j->err_msg, sizeof j->err_msg, "%s",
                v ? _("the plan does not name this host any more") : _("no version of its plan is active"));
            j->ended_ns = now;
            job_record(d->db, j, now, "zaibeid", "job.skipped");
        }
        job_put(d->db, j);
    }
    if (db_commit(d->db, e) == 0) return found;
    if (found) plan_free(p);
    return -1;
}

static int lay_ticket(struct daemon *d, const struct job *j, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    struct js *labels = js_array();
    char copy[sizeof j->labels], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", j->labels);
    while ((word = strsep(&rest, ",")))
        if (*word) js_push_str(labels, word);
    js_set_str(q, "op", "ticket");
    js_set_str(q, "host", j->host);
    js_set_str(q, "ticket", j->ticket);
    js_set(q, "labels", labels);
    js_set_str(q, "plan_hash", j->plan_hash);
    js_set_time(q, "retain_until", j->retain_until_ns);
    return control_call(&d->control, q, &a, e);
}

/* What was prepared is still by the version in force: another one may have been approved while the vault took its time. */
static bool in_force(struct daemon *d, const struct job *j) {
    struct version v;
    return version_get(d->db, j->plan, VERSION_IN_FORCE, &v) && v.version == j->plan_version;
}

/* A job for this host, claimed and with its ticket at the vault; NULL when there is none now. */
static struct js *take_job(struct daemon *d, const char *host, int64_t now, struct err *e) {
    struct job j;
    struct plan p;
    if (prepare(d, host, now, &j, &p, e) <= 0) return NULL;
    struct js *offer = NULL;
    int laid = lay_ticket(d, &j, e);
    db_begin(d->db);
    if (laid < 0) { /* which may have taken long: what was cancelled or skipped meanwhile stays so */
        struct err why = *e;
        if (job_get(d->db, j.id, &j) && !strcmp(j.state, "queued")) job_again(d->db, &j, now, &why);
        daemon_log(d, _("job %lld of %s: its ticket was not laid: %s"), (long long)j.id, host, e->msg);
    } else if (in_force(d, &j) && turn_of(d, &j, js_str(p.form, "department", ""), now) && job_claim(d->db, &j, now)) {
        job_record(d->db, &j, now, "zaibeid", "job.taken");
        offer = agents_offer(&j, &p, now);
    }
    if (db_commit(d->db, e) < 0) js_free(offer), offer = NULL;
    if (offer) daemon_log(d, _("job %lld (%s of plan %s) is taken by %s"), (long long)j.id, j.kind, j.plan, host);
    plan_free(&p);
    return offer;
}

static struct js *on_call_in(struct daemon *d, const char *host, const struct js *q, struct err *e) {
    int64_t now = daemon_now(d);
    bool busy = js_bool(q, "busy", false);
    size_t n;
    struct err lost = ERR_INIT;
    db_begin(d->db);
    catalog_host_seen(d->db, host, js_str(q, "version", ""), now);
    struct job *running = job_list(d->db, JOBS_RUNNING_OF_HOST, host, "", 0, &n);
    for (size_t i = 0; i < n; i++) {
        running[i].lease_ns = now + (int64_t)LEASE_S * NS_PER_S;
        err_set(&lost, ZE_CUT, host, _("the agent does not know of this job any more"));
        if (busy) job_put(d->db, &running[i]);
        else job_again(d->db, &running[i], now, &lost);
    }
    free(running);
    if (db_commit(d->db, e) < 0) return NULL;
    struct js *a = js_object(), *jobs = js_array(), *offer = busy ? NULL : take_job(d, host, now, e);
    if (offer) js_push(jobs, offer);
    js_set(a, "jobs", jobs);
    js_set(a, "restores", agents_restores(d, host, busy || offer));
    js_set_int(a, "next_s", d->cfg->call_in_s);
    return a;
}

static struct js *on_progress(struct daemon *d, const char *host, const struct js *q, struct err *e) {
    struct job j;
    bool cancel = true; /* a job that is not running here any more is not to be finished */
    int64_t now = daemon_now(d);
    db_begin(d->db);
    if (own_job(d, host, q, &j) && !strcmp(j.state, "running")) {
        snprintf(j.phase, sizeof j.phase, "%s", js_str(q, "phase", ""));
        j.files = count_of(q, "files"), j.bytes_read = count_of(q, "bytes");
        j.lease_ns = now + (int64_t)LEASE_S * NS_PER_S;
        cancel = j.cancel;
        job_put(d->db, &j);
    }
    if (db_commit(d->db, e) < 0) return NULL;
    struct js *a = js_object();
    js_set_bool(a, "cancel", cancel);
    return a;
}

/* Of a system point: "freeze" asks whether it may freeze, "frozen" says that it has, and asks whether it may walk. */
static struct js *barrier(
    struct daemon *d, const char *host, const struct js *q, enum barrier_stage stage, struct err *e) {
    struct job j;
    db_begin(d->db);
    bool mine = own_job(d, host, q, &j) && j.system_point && !strcmp(j.state, "running");
    int go = mine ? barrier_ask(d, &j, stage, e) : err_set(e, ZE_NOTFOUND, host, _("this host has no such job"));
    if (mine) {
        j.lease_ns = daemon_now(d) + (int64_t)LEASE_S * NS_PER_S;
        job_put(d->db, &j);
    }
    int pause_s = mine ? barrier_pause_s(d->db, &j) : 1;
    struct err why = ERR_INIT;
    if (db_commit(d->db, &why) < 0) return *e = why, NULL;
    if (go < 0) return NULL;
    struct js *a = js_object();
    js_set_bool(a, "go", go);
    js_set_int(a, "next_s", pause_s);
    return a;
}

static struct js *on_freeze(struct daemon *d, const char *host, const struct js *q, struct err *e) {
    return barrier(d, host, q, BARRIER_READY, e);
}

static struct js *on_frozen(struct daemon *d, const char *host, const struct js *q, struct err *e) {
    return barrier(d, host, q, BARRIER_FROZEN, e);
}

/* Failures that another try may cure; others are for a person. */
static bool passing(int64_t id) {
    return (id >= 1500 && id <= 1503) || id == ZE_BUSY || id == ZE_STALE || id == ZE_CHILD || id == ZE_MISSING;
}

/* A run that its window stopped goes on in the next one: the same job, or a newer one that takes it over. */
static bool wait_for_window(struct daemon *d, struct job *j, int64_t now, const struct err *why) {
    struct plan p;
    struct run run;
    if (!catalog_plan_load(d->db, j->plan, 0, d->cfg->zone, &p, NULL, NULL)) return false;
    struct workdays *t = catalog_workdays(d->db);
    bool next = plan_next(&p, t, now / NS_PER_S, &run);
    workdays_free(t);
    plan_free(&p);
    if (!next) return false;
    snprintf(j->state, sizeof j->state, "queued");
    j->attempts = 1; /* it has begun, and it has not failed */
    j->not_before_ns = run.start_s * NS_PER_S, j->window_end_ns = run.end_s * NS_PER_S, j->lease_ns = 0;
    j->err_id = why->id;
    snprintf(j->err_msg, sizeof j->err_msg, "%s", why->msg);
    job_put(d->db, j);
    job_record(d->db, j, now, "zaibeid", "job.window");
    return true;
}

/* An agent is not trusted: words and numbers, and no more than there are reasons. */
static void take_left_out(const struct js *told, struct job *j) {
    CLEANUP_JS struct js *clean = js_object();
    const struct js *v;
    const char *key;
    for (size_t i = 0; i < LEFT_OUT_MAX && (key = js_member(told, i, &v)); i++)
        if (text_name_ok(key) && strlen(key) < 32 && js_int(told, key, 0) > 0) js_set_int(clean, key, js_int(told, key, 0));
    CLEANUP_FREE char *text = js_count(clean) ? js_dump(clean) : NULL;
    snprintf(j->left_out, sizeof j->left_out, "%s", text && strlen(text) < sizeof j->left_out ? text : "");
}

struct err agents_error(const struct js *result) {
    const struct js *x = js_get(result, "error");
    struct err why = ERR_INIT;
    int64_t id = js_int(x, "id", ZE_INTERNAL);
    if (x)
        err_set(&why, err_known(id > 0 && id < 10000 ? (unsigned)id : 0), js_str(x, "object", ""), "%s",
            js_str(x, "message", ""));
    return why;
}

static void finish(struct daemon *d, struct job *j, const struct js *q, const char *state, int64_t now) {
    struct err why = agents_error(q);
    if (!strcmp(state, "failed") && (passing(why.id) || (j->cancel && why.id == ZE_CANCELLED)))
        return job_again(d->db, j, now, &why);
    if (!strcmp(state, "failed") && why.id == ZE_WINDOW && !j->cancel && wait_for_window(d, j, now, &why)) return;
    snprintf(j->state, sizeof j->state, "%s", why.id == ZE_CANCELLED ? "cancelled" : state);
    j->point = count_of(q, "point"), j->files = count_of(q, "files"), j->bytes_read = count_of(q, "bytes_read");
    j->bytes_sent = count_of(q, "bytes_sent"), j->bytes_stored = count_of(q, "bytes_stored");
    j->not_read = count_of(q, "not_read"), j->kept = count_of(q, "kept");
    take_left_out(js_get(q, "left_out"), j);
    j->ended_ns = now, j->lease_ns = 0, j->err_id = why.id;
    /* The vault is asked soon; until then the next run must not take the host for one without points. */
    if (j->point) db_exec(d->db, "UPDATE hosts SET points=1 WHERE name=? AND points=0", "s", j->host);
    snprintf(j->err_object, sizeof j->err_object, "%s", why.object);
    snprintf(j->err_msg, sizeof j->err_msg, "%s", why.msg);
    if (j->system_point) system_point_walked(d->db, j->id, hosts_time(q, "walk_start"));
    job_put(d->db, j);
    job_record(d->db, j, now, "zaibeid", "job.ended");
}

static struct js *on_result(struct daemon *d, const char *host, const struct js *q, struct err *e) {
    struct job j;
    int64_t now = daemon_now(d);
    const char *state = js_str(q, "state", "");
    if (strcmp(state, "ok") != 0 && strcmp(state, "partial") != 0 && strcmp(state, "failed") != 0)
        return err_set(e, ZE_PROTO, host, _("a result without a state")), NULL;
    db_begin(d->db);
    bool mine = own_job(d, host, q, &j);
    /* A result that comes twice, or after the job was queued again: what happened counts, and counts once. */
    bool counts = mine && (!strcmp(j.state, "running") || (!strcmp(j.state, "queued") && j.attempts));
    if (counts) finish(d, &j, q, state, now);
    if (db_commit(d->db, e) < 0) return NULL;
    if (!mine) return err_set(e, ZE_NOTFOUND, host, _("this host has no such job")), NULL;
    if (counts) daemon_log(d, _("job %lld of %s is %s %s"), (long long)j.id, host, j.state, j.err_msg);
    atomic_store(&d->hosts_stale, true);
    return js_object();
}

char *agents_answer(struct daemon *d, const char *host, const void *request, size_t n) {
    static const struct {
        const char *op;
        struct js *(*handler)(struct daemon *, const char *, const struct js *, struct err *);
    } ops[] = {{"call-in", on_call_in}, {"progress", on_progress}, {"result", on_result}, {"freeze", on_freeze},
        {"frozen", on_frozen}, {"restored", agents_restored}};
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *q = js_parse(request, n, host, &e), *a = NULL;
    const char *op = js_str(q, "op", "");
    bool known = q && js_has(q, "restore");
    if (known) a = agents_restore(d, host, op, q, &e);
    for (size_t i = 0; q && !known && i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(op, ops[i].op)) known = true, a = ops[i].handler(d, host, q, &e);
    if (q && !known) err_set(&e, ZE_PROTO, host, _("an operation that this version does not know"));
    if (!a) {
        struct js *x = js_object();
        js_set_int(x, "id", e.id);
        js_set_str(x, "object", e.object);
        js_set_str(x, "message", e.msg);
        a = js_object();
        js_set(a, "error", x);
        daemon_log(d, "%s: ZB-%u %s: %s", host, (unsigned)e.id, e.object, e.msg);
    }
    return js_dump(a);
}
