/* The scheduler's tick.
 *
 * No plan is held in memory and none is looked at before its time: the catalog knows by an index which are due (catalog_due.h).
 * A tick does a bounded piece of what is due, in one transaction, and says whether there is more; where it stopped is in the
 * catalog too, so the other threads get their turn however much falls on one instant.
 *
 * For each plan and host a cursor remembers the start of the last run that was queued. Queueing a run and moving the cursor
 * is one transaction, so a run is queued once, whatever is killed when. Of the runs of one plan and host at most one waits:
 * a newer one takes over the labels and the stronger kind of those before it. A run whose window closes before any agent
 * took it is missed, and one catch-up run without a window carries on for it. */
#include "restores.h"
#include "scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"
#include "catalog_due.h"
#include "catalog_life.h"
#include "clock_jump.h"
#include "outbox.h"
#include "sys/file.h"
#include "systems.h"
#include "turns.h"

enum { DAY_S = 86400, BACK_MAX_S = 400 * DAY_S, RUNS_A_TICK = 16, PLANS_A_TICK = 4, AGAIN_S = 60 };

struct entry {
    struct plan plan;
    int64_t version;
    struct zone *zone;
};

struct scheduler {
    struct daemon *d;
    struct workdays *table;
    char basis[SEAL_HASH * 2 + 1];
    struct clock_jump jump;
    unsigned seen;
    bool more;
};

struct scheduler *scheduler_new(struct daemon *d) {
    struct scheduler *s = calloc(1, sizeof *s);
    if (s) s->d = d;
    return s;
}

void scheduler_free(struct scheduler *s) {
    if (!s) return;
    workdays_free(s->table);
    free(s);
}

/* What the next run of a plan depends on besides the plan. */
static void set_basis(char out[SEAL_HASH * 2 + 1], const char *zone, const char *days) {
    struct hash_state h;
    uint8_t hash[SEAL_HASH];
    hash_init(&h, NULL);
    hash_update(&h, ZB_VERSION, sizeof ZB_VERSION);
    hash_update(&h, zone, strlen(zone) + 1);
    hash_update(&h, days, strlen(days));
    hash_final(&h, hash);
    text_hex(out, hash, sizeof hash);
}

/* The table of working days, when it may have changed. A row that was put by the old table meanwhile has the old basis. */
static int reload(struct scheduler *s, int64_t now_s, struct err *e) {
    unsigned now = atomic_load(&s->d->plans_changed);
    char basis[sizeof s->basis];
    if (s->table && now == s->seen) return 0;
    db_begin(s->d->db);
    CLEANUP_FREE char *days = catalog_workdays_text(s->d->db);
    struct workdays *table = days ? workdays_parse("catalog", days, strlen(days), e) : NULL;
    set_basis(basis, s->d->cfg->zone, days ? days : "");
    if (strcmp(basis, s->basis) != 0) due_again(s->d->db, basis, now_s);
    if (!table) return db_abort(s->d->db), e->id ? -1 : err_set(e, ZE_NOMEM, "zaibeid", "scheduler");
    if (db_commit(s->d->db, e) < 0) return workdays_free(table), -1;
    workdays_free(s->table);
    s->table = table, s->seen = now;
    memcpy(s->basis, basis, sizeof basis);
    return 0;
}

static void set_state(
    struct db *db, struct job *j, const char *state, int64_t now_ns, const char *fmt, int64_t number) {
    snprintf(j->state, sizeof j->state, "%s", state);
    if (!j->err_id) snprintf(j->err_msg, sizeof j->err_msg, fmt, (long long)number);
    j->ended_ns = now_ns;
    job_put(db, j);
    char act[32];
    snprintf(act, sizeof act, "job.%s", state);
    job_record(db, j, now_ns, "zaibeid", act);
}

/* Older runs that still wait are taken over by ${fresh}, whose labels and kind grow. */
static void take_over(struct scheduler *s, struct job *fresh, int64_t now_ns) {
    struct db *db = s->d->db;
    size_t n;
    struct job *old = job_list(db, JOBS_QUEUED_OF, fresh->host, fresh->plan, 0, &n);
    for (size_t i = 0; i < n; i++) {
        struct job *j = &old[i];
        if (j->id == fresh->id || j->system_point || !strcmp(j->origin, "manual")) continue;
        run_labels_text(run_labels_of(fresh->labels) | run_labels_of(j->labels), fresh->labels);
        if (run_kind_of(j->kind) == RUN_FULL) snprintf(fresh->kind, sizeof fresh->kind, "full");
        bool over = j->window_end_ns && j->window_end_ns <= now_ns;
        const char *state = j->attempts ? "failed" : over ? "missed" : "skipped";
        set_state(db, j, state, now_ns, _("job %lld carries on for it"), fresh->id);
        daemon_log(s->d, _("job %lld of %s is %s; job %lld carries on for it"), (long long)j->id, j->host, state,
            (long long)fresh->id);
    }
    free(old);
    job_put(db, fresh);
}

static void queue_run(
    struct scheduler *s, const struct entry *x, const char *host, const struct run *run, int64_t now_ns) {
    struct host h;
    bool points = catalog_host_get(s->d->db, host, &h) && h.points > 0;
    if (!strcmp(h.state, "revoked")) return;
    struct job j = {.plan_version = x->version,
        .due_ns = run->start_s * NS_PER_S,
        .window_end_ns = run->end_s * NS_PER_S,
        .queued_ns = now_ns,
        .priority = x->plan.priority,
        .origin = "calendar",
        .state = "queued"};
    int64_t after = turn_after_s(host, x->plan.name, x->plan.hosts_n, run->end_s - run->start_s);
    if (after) j.not_before_ns = (run->start_s + after) * NS_PER_S;
    snprintf(j.host, sizeof j.host, "%s", host);
    snprintf(j.plan, sizeof j.plan, "%s", x->plan.name);
    snprintf(j.kind, sizeof j.kind, "%s", run_kind_name(points ? run->kind : RUN_FULL)); /* the first is a full */
    run_labels_text(run->labels, j.labels);
    job_add(s->d->db, &j);
    job_record(s->d->db, &j, now_ns, "zaibeid", "job.queued");
    take_over(s, &j, now_ns);
}

/* How many runs were queued. */
static int follow(struct scheduler *s, const struct entry *x, const char *host, int64_t now_s, int64_t now_ns) {
    int64_t upto = cursor_get(s->d->db, x->plan.name, host), first = !upto, old = upto;
    int queued = 0;
    if (first) upto = now_s - DAY_S - 1; /* a window that is open when a plan begins counts */
    if (upto < now_s - BACK_MAX_S) upto = now_s - BACK_MAX_S;
    struct run run;
    while (calendar_next(&x->plan.schedule, x->zone, s->table, upto, &run) && run.start_s <= now_s) {
        upto = run.start_s;
        if (!first || run.end_s > now_s) queue_run(s, x, host, &run, now_ns), queued++;
    }
    if (upto != old) cursor_put(s->d->db, x->plan.name, host, upto);
    return queued;
}

/* The hosts of ${plan} from where it stopped, as long as ${left} allows; its next time when it is through. */
static void follow_hosts(struct scheduler *s, const struct entry *x, struct due *at, int64_t now_ns, int *left) {
    int64_t now_s = now_ns / NS_PER_S, next = INT64_MAX;
    struct run run;
    if (!at->host) at->since_s = now_s;
    while (x->plan.backup && *left > 0 && at->host < (int64_t)x->plan.hosts_n)
        *left -= follow(s, x, x->plan.hosts[at->host++], now_s, now_ns);
    if (x->plan.backup && at->host < (int64_t)x->plan.hosts_n) return due_part(s->d->db, at);
    /* The first hosts were looked at at since_s: what is due after it is due for all. */
    if (x->plan.backup && calendar_next(&x->plan.schedule, x->zone, s->table, at->since_s, &run)) next = run.start_s;
    /* The machine may get another table of zones before: within a day it is known. */
    if (x->plan.backup && next > now_s + DAY_S) next = now_s + DAY_S;
    due_put(s->d->db, at->plan, next, s->basis);
}

/* Its file of the zone may be replaced just now, or memory be short: it is looked at again. */
static void unreadable(struct scheduler *s, const struct due *at, int64_t now_ns) {
    if (!condition_holds(s->d->db, "plan.unreadable", at->plan))
        daemon_log(s->d, _("plan %s cannot be read and is not scheduled"), at->plan);
    due_put(s->d->db, at->plan, now_ns / NS_PER_S + AGAIN_S, s->basis);
}

static void follow_plan(struct scheduler *s, struct due *at, int64_t now_ns, int *left) {
    struct entry x;
    struct version v;
    struct err e = ERR_INIT;
    if (!version_get(s->d->db, at->plan, VERSION_IN_FORCE, &v) || v.state == LIFE_SUSPENDED)
        return due_drop(s->d->db, at->plan);
    x.version = catalog_plan_load(s->d->db, at->plan, 0, s->d->cfg->zone, &x.plan, NULL, NULL);
    x.zone = x.version ? zone_open(x.plan.zone, &e) : NULL;
    if (x.zone) follow_hosts(s, &x, at, now_ns, left);
    else unreadable(s, at, now_ns);
    /* A plan that nobody can read does not run: people have to know. */
    condition_set(s->d->db, now_ns, "plan.unreadable", at->plan, at->plan, !x.zone, NULL);
    zone_free(x.zone);
    if (x.version) plan_free(&x.plan);
}

static int follow_due(struct scheduler *s, int64_t now_ns, struct err *e) {
    struct due list[PLANS_A_TICK];
    int left = RUNS_A_TICK;
    db_begin(s->d->db);
    int i = 0, n = due_list(s->d->db, now_ns / NS_PER_S, list, PLANS_A_TICK);
    while (i < n && left > 0) follow_plan(s, &list[i++], now_ns, &left);
    s->more = n == PLANS_A_TICK || left <= 0;
    if (n) return db_commit(s->d->db, e);
    db_abort(s->d->db);
    return 0;
}

static void catch_up(struct scheduler *s, struct job *missed, int64_t now_ns) {
    struct job j = *missed;
    snprintf(j.origin, sizeof j.origin, "catch-up");
    j.due_ns = j.queued_ns = now_ns, j.window_end_ns = 0;
    job_add(s->d->db, &j);
    job_record(s->d->db, &j, now_ns, "zaibeid", "job.queued");
    set_state(s->d->db, missed, "missed", now_ns, _("its window has passed; job %lld catches up"), j.id);
    daemon_log(s->d, _("job %lld of %s is missed: its window has passed; job %lld catches up"), (long long)missed->id,
        missed->host, (long long)j.id);
}

/* Jobs that nobody came for, and jobs whose agent fell silent. */
static int overdue(struct scheduler *s, int64_t now_ns, struct err *e) {
    size_t n;
    struct err silent = ERR_INIT;
    db_begin(s->d->db);
    struct job *jobs = job_list(s->d->db, JOBS_LEASE_OVER, "", "", now_ns, &n);
    for (size_t i = 0; i < n; i++) {
        err_set(&silent, ZE_TIMEOUT, jobs[i].host, _("the agent was not heard of any more"));
        job_again(s->d->db, &jobs[i], now_ns, &silent);
        daemon_log(s->d, _("job %lld of %s: the agent was not heard of any more"), (long long)jobs[i].id, jobs[i].host);
    }
    size_t looked = n;
    free(jobs);
    jobs = job_list(s->d->db, JOBS_WINDOW_OVER, "", "", now_ns, &n);
    for (size_t i = 0; i < n; i++) catch_up(s, &jobs[i], now_ns);
    s->more |= n == JOBS_A_TICK;
    free(jobs);
    if (looked + n) return db_commit(s->d->db, e);
    db_abort(s->d->db);
    return 0;
}

int scheduler_tick(struct scheduler *s, struct err *e) {
    int64_t now_ns = daemon_now(s->d);
    s->more = false;
    if (clock_jump_look(s->d, &s->jump, e) < 0 || reload(s, now_ns / NS_PER_S, e) < 0 || follow_due(s, now_ns, e) < 0) return -1;
    if (overdue(s, now_ns, e) < 0 || system_points_tick(s->d, e) < 0) return -1;
    return restores_tick(s->d, e);
}

bool scheduler_more(const struct scheduler *s) { return s->more; }
