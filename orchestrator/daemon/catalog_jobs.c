/* Jobs: rows that go queued → running → ok, partial, failed, or from queued to missed, skipped, cancelled.
 *
 * A job is handed out in three steps: its ticket is written here, laid at the vault, then the job is claimed. After a crash
 * between any two it is still queued and has its ticket, which the vault takes a second time without harm. A claimed job has
 * a lease; when the agent is not heard of before its end, or calls in idle, the job is queued again. */
#include "catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "outbox.h"
#define COLUMNS                                                                                                    \
    "plan_version,due_ns,window_end_ns,not_before_ns,lease_ns,queued_ns,started_ns,ended_ns,attempts,"             \
    "point,files,bytes_read,bytes_sent,bytes_stored,retain_until_ns,err_id,cancel,priority,system_point,not_read," \
    "kept,host,plan,plan_hash,"                                                                                    \
    "kind,labels,origin,state,ticket,phase,err_object,err_msg,left_out"
#define VALUES "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
#define TYPES "iiiiiiiiiiiiiiiiiiiiissssssssssss"
#define FIELDS(j)                                                                                                \
    (j)->plan_version, (j)->due_ns, (j)->window_end_ns, (j)->not_before_ns, (j)->lease_ns, (j)->queued_ns,       \
        (j)->started_ns, (j)->ended_ns, (j)->attempts, (j)->point, (j)->files, (j)->bytes_read, (j)->bytes_sent, \
        (j)->bytes_stored, (j)->retain_until_ns, (j)->err_id, (j)->cancel, (j)->priority, (j)->system_point,     \
        (j)->not_read, (j)->kept, (j)->host, (j)->plan, (j)->plan_hash, (j)->kind, (j)->labels, (j)->origin,     \
        (j)->state, (j)->ticket, (j)->phase, (j)->err_object, (j)->err_msg, (j)->left_out

static void copy(char *out, size_t cap, const char *s) { snprintf(out, cap, "%s", s); }

/* A row of "SELECT id, COLUMNS". */
static void read_row(struct db_rows *r, struct job *j) {
    int64_t *const ints[] = {&j->id, &j->plan_version, &j->due_ns, &j->window_end_ns, &j->not_before_ns, &j->lease_ns,
        &j->queued_ns, &j->started_ns, &j->ended_ns, &j->attempts, &j->point, &j->files, &j->bytes_read, &j->bytes_sent,
        &j->bytes_stored, &j->retain_until_ns, &j->err_id, &j->cancel, &j->priority, &j->system_point, &j->not_read,
        &j->kept};
    const struct {
        char *p;
        size_t cap;
    } texts[] = {{j->host, sizeof j->host}, {j->plan, sizeof j->plan}, {j->plan_hash, sizeof j->plan_hash},
        {j->kind, sizeof j->kind}, {j->labels, sizeof j->labels}, {j->origin, sizeof j->origin},
        {j->state, sizeof j->state}, {j->ticket, sizeof j->ticket}, {j->phase, sizeof j->phase},
        {j->err_object, sizeof j->err_object}, {j->err_msg, sizeof j->err_msg}, {j->left_out, sizeof j->left_out}};
    int column = 0;
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) *ints[i] = db_int(r, column++);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) copy(texts[i].p, texts[i].cap, db_text(r, column++));
}

int64_t job_add(struct db *d, struct job *j) {
    if (!j->priority) j->priority = PRIORITY;
    db_exec(d, "INSERT INTO jobs(" COLUMNS ") VALUES(" VALUES ")", TYPES, FIELDS(j));
    return j->id = db_last_id(d);
}

bool job_get(struct db *d, int64_t id, struct job *j) {
    struct db_rows *r = db_query(d, "SELECT id," COLUMNS " FROM jobs WHERE id=?", "i", id);
    *j = (struct job){.id = 0};
    bool found = db_next(r);
    if (found) read_row(r, j);
    db_done(r);
    return found;
}

void job_put(struct db *d, const struct job *j) {
    db_exec(d, "UPDATE jobs SET (" COLUMNS ")=(" VALUES ") WHERE id=?", TYPES "i", FIELDS(j), j->id);
}

bool job_pick(struct db *d, const char *host, int64_t now_ns, struct job *j) {
    struct db_rows *r = db_query(d,
        "SELECT id," COLUMNS " FROM jobs WHERE host=?1 AND state='queued' AND due_ns<=?2 AND not_before_ns<=?2 "
        "AND (window_end_ns=0 OR window_end_ns>?2 OR attempts>0) "
        "AND NOT EXISTS(SELECT 1 FROM jobs WHERE host=?1 AND state='running') "
        "ORDER BY origin IN ('manual','system') DESC, due_ns, id LIMIT 1",
        "si", host, now_ns);
    bool found = db_next(r);
    if (found) read_row(r, j);
    db_done(r);
    return found;
}

bool job_claim(struct db *d, struct job *j, int64_t now_ns) {
    struct job now;
    size_t running = 0;
    if (!job_get(d, j->id, &now) || strcmp(now.state, "queued") != 0 || now.cancel) return false;
    free(job_list(d, JOBS_RUNNING_OF_HOST, j->host, "", 0, &running));
    if (running) return false;
    *j = now; /* with what was asked for since it was picked */
    copy(j->state, sizeof j->state, "running");
    copy(j->phase, sizeof j->phase, "");
    j->attempts++, j->started_ns = now_ns, j->lease_ns = now_ns + (int64_t)LEASE_S * NS_PER_S;
    job_put(d, j);
    return true;
}

void job_again(struct db *d, struct job *j, int64_t now_ns, const struct err *why) {
    j->err_id = why->id;
    copy(j->err_object, sizeof j->err_object, why->object);
    copy(j->err_msg, sizeof j->err_msg, why->msg);
    j->lease_ns = 0;
    /* Of a system point the first try is the only one: later this host is not frozen together with the others. */
    int64_t most = j->system_point ? 1 : ATTEMPTS_MAX;
    const char *state = j->cancel ? "cancelled" : j->attempts >= most ? "failed" : "queued";
    copy(j->state, sizeof j->state, state);
    if (strcmp(state, "queued") != 0) j->ended_ns = now_ns;
    int64_t pause = BACKOFF_S;
    for (int64_t i = 1; i < j->attempts && pause < BACKOFF_MAX_S; i++) pause *= 2;
    j->not_before_ns = now_ns + (j->attempts ? pause : BACKOFF_S) * NS_PER_S;
    job_put(d, j);
    job_record(d, j, now_ns, "zaibeid", "job.again");
}

#define SELECT "SELECT id," COLUMNS " FROM jobs WHERE "
/* ?1 host, ?2 plan, ?3 a number: a limit, or an instant */
static const char *const queries[] = {
    [JOBS_NEWEST] = SELECT "(?1='' OR host=?1) AND (?2='' OR plan=?2) ORDER BY id DESC LIMIT ?3",
    [JOBS_RUNNING_OF_HOST] = SELECT "state='running' AND host=?1 AND ?2='' AND ?3=0 ORDER BY id",
    [JOBS_LEASE_OVER] = SELECT "state='running' AND lease_ns<=?3 AND ?1='' AND ?2='' ORDER BY id",
    [JOBS_WINDOW_OVER] = SELECT "state='queued' AND attempts=0 AND window_end_ns>0 AND window_end_ns<=?3 AND ?1='' AND "
                                "?2='' ORDER BY window_end_ns, id LIMIT 8", /* JOBS_A_TICK */
    /* a range, so that the index serves with a host and without: no text is greater than a blob */
    [JOBS_QUEUED_OF] = SELECT "state='queued' AND plan=?2 AND host>=?1 AND host<=CASE ?1 WHEN '' THEN x'00' ELSE ?1 END "
                              "AND ?3=0 ORDER BY id",
};

struct job *job_list(struct db *d, enum job_query q, const char *host, const char *plan, int64_t number, size_t *n) {
    struct job *jobs = NULL;
    size_t cap = 0;
    *n = 0;
    struct db_rows *r = db_query(d, queries[q], "ssi", host, plan, number);
    while (db_next(r)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            struct job *more = realloc(jobs, cap * sizeof *jobs);
            if (!more) break;
            jobs = more;
        }
        read_row(r, &jobs[(*n)++]);
    }
    db_done(r);
    return jobs;
}

void job_record(struct db *d, const struct job *j, int64_t now_ns, const char *who, const char *act) {
    char id[24];
    struct js *x = js_object();
    const char *told = !strcmp(act, "job.run") ? ""
        : !strcmp(j->state, "failed")          ? "job.failed"
        : !strcmp(j->state, "partial")         ? "job.partial"
        : !strcmp(j->state, "missed")          ? "job.missed"
                                               : "";
    js_set_int(x, "job", j->id);
    js_set_str(x, "plan", j->plan);
    js_set_int(x, "version", j->plan_version);
    js_set_str(x, "kind", j->kind);
    js_set_str(x, "labels", j->labels);
    js_set_str(x, "state", j->state);
    if (j->point) js_set_int(x, "point", j->point);
    snprintf(id, sizeof id, "ZB-%lld", (long long)j->err_id);
    if (j->err_id) js_set_str(x, "error", id);
    if (*j->err_msg) js_set_str(x, "why", j->err_msg);
    if (*told) notice_add(d, now_ns, told, j->host, j->plan, js_copy(x));
    audit_add(d, now_ns, who, act, j->host, x);
}
