/* The scheduler's tick.
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
#include "turns.h"
#include "catalog_calendar.h"
enum { DAY_S = 86400, BACK_MAX_S = 400 * DAY_S };

struct entry {
    struct plan plan;
    int64_t version;
    struct zone *zone;
    int64_t quiet_until_s; /* no run starts before */
};

struct scheduler {
    struct daemon *d;
    struct entry *entries;
    size_t n;
    struct workdays *table;
    bool loaded;
    unsigned seen;
};

static void forget(struct scheduler *s) {
    for (size_t i = 0; i < s->n; i++) {
        plan_free(&s->entries[i].plan);
        zone_free(s->entries[i].zone);
    }
    free(s->entries);
    workdays_free(s->table);
    s->table = NULL, s->entries = NULL, s->n = 0;
}

struct scheduler *scheduler_new(struct daemon *d) {
    struct scheduler *s = calloc(1, sizeof *s);
    if (s) s->d = d;
    return s;
}

void scheduler_free(struct scheduler *s) {
    if (!s) return;
    forget(s);
    free(s);
}

static int reload(struct scheduler *s, struct err *e) {
    unsigned now = atomic_load(&s->d->plans_changed);
    if (s->loaded && now == s->seen) return 0;
    forget(s);
    size_t n;
    db_begin(s->d->db);
    s->table = catalog_workdays(s->d->db);
    char **names = catalog_plan_names(s->d->db, &n);
    s->entries = calloc(n + 1, sizeof *s->entries);
    for (size_t i = 0; i < n; i++) {
        struct entry *x = s->entries ? &s->entries[s->n] : NULL;
        if (x) x->version = catalog_plan_load(s->d->db, names[i], 0, s->d->cfg->zone, &x->plan, NULL, NULL);
        if (x && x->version && (x->zone = zone_open(x->plan.zone, e))) s->n++;
        else daemon_log(s->d, _("plan %s cannot be read and is not scheduled"), names[i]);
        free(names[i]);
    }
    free(names);
    int rc = db_commit(s->d->db, e);
    s->loaded = rc == 0 && s->entries, s->seen = now;
    return rc;
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
        if (j->id == fresh->id || !strcmp(j->origin, "manual")) continue;
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

static void follow(struct scheduler *s, struct entry *x, const char *host, int64_t now_s, int64_t now_ns) {
    int64_t upto = cursor_get(s->d->db, x->plan.name, host), first = !upto, old = upto;
    if (first) upto = now_s - DAY_S - 1; /* a window that is open when a plan begins counts */
    if (upto < now_s - BACK_MAX_S) upto = now_s - BACK_MAX_S;
    struct run run;
    while (calendar_next(&x->plan.schedule, x->zone, s->table, upto, &run) && run.start_s <= now_s) {
        upto = run.start_s;
        if (!first || run.end_s > now_s) queue_run(s, x, host, &run, now_ns);
    }
    if (upto != old) cursor_put(s->d->db, x->plan.name, host, upto);
}

static int follow_all(struct scheduler *s, int64_t now_s, int64_t now_ns, struct err *e) {
    for (size_t i = 0; i < s->n; i++) {
        struct entry *x = &s->entries[i];
        if (!x->plan.backup || now_s < x->quiet_until_s) continue;
        db_begin(s->d->db);
        for (size_t h = 0; h < x->plan.hosts_n; h++) follow(s, x, x->plan.hosts[h], now_s, now_ns);
        if (db_commit(s->d->db, e) < 0) return -1;
        struct run run;
        x->quiet_until_s = calendar_next(&x->plan.schedule, x->zone, s->table, now_s, &run) ? run.start_s : INT64_MAX;
    }
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
    free(jobs);
    jobs = job_list(s->d->db, JOBS_WINDOW_OVER, "", "", now_ns, &n);
    for (size_t i = 0; i < n; i++) catch_up(s, &jobs[i], now_ns);
    free(jobs);
    return db_commit(s->d->db, e);
}

int scheduler_tick(struct scheduler *s, struct err *e) {
    int64_t now_ns = daemon_now(s->d), now_s = now_ns / NS_PER_S;
    if (reload(s, e) < 0 || follow_all(s, now_s, now_ns, e) < 0) return -1;
    return overdue(s, now_ns, e) < 0 ? -1 : restores_tick(s->d, e);
}
