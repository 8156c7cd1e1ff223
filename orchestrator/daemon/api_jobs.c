/* Jobs over the API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "lists.h"

static struct js *job_error(const struct job *j) {
    struct js *x = js_object();
    char id[24];
    snprintf(id, sizeof id, "ZB-%lld", (long long)j->err_id);
    js_set_str(x, "id", j->err_id ? id : NULL);
    js_set_str(x, "object", j->err_object);
    js_set_str(x, "message", j->err_msg);
    js_set_str(x, "next", err_next((enum err_id)j->err_id));
    return x;
}

static struct js *left_out(const struct job *j) {
    struct err ignored = ERR_INIT;
    struct js *o = *j->left_out ? js_parse(j->left_out, strlen(j->left_out), "left_out", &ignored) : NULL;
    return o ? o : js_object();
}

static struct js *job_json(const struct job *j) {
    struct js *o = js_object(), *labels = js_array();
    char copy[sizeof j->labels], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", j->labels);
    while ((word = strsep(&rest, ",")))
        if (*word) js_push_str(labels, word);
    js_set_int(o, "job", j->id);
    js_set_str(o, "host", j->host);
    js_set_str(o, "plan", j->plan);
    js_set_int(o, "plan_version", j->plan_version);
    js_set_str(o, "plan_hash", j->plan_hash);
    js_set_str(o, "kind", j->kind);
    js_set(o, "labels", labels);
    js_set_str(o, "origin", j->origin);
    js_set_str(o, "state", j->state);
    js_set_str(o, "phase", j->phase);
    js_set_str(o, "ticket", j->ticket);
    js_set_int(o, "attempts", j->attempts);
    js_set_int(o, "priority", j->priority);
    js_set_time(o, "due", j->due_ns);
    js_set_time(o, "window_end", j->window_end_ns);
    js_set_time(o, "queued", j->queued_ns);
    js_set_time(o, "started", j->started_ns);
    js_set_time(o, "ended", j->ended_ns);
    js_set_time(o, "retain_until", j->retain_until_ns);
    if (j->point) js_set_int(o, "point", j->point);
    if (j->system_point) js_set_int(o, "system_point", j->system_point);
    js_set_int(o, "files", j->files);
    js_set_int(o, "bytes_read", j->bytes_read);
    js_set_int(o, "bytes_sent", j->bytes_sent);
    js_set_int(o, "bytes_stored", j->bytes_stored);
    js_set_int(o, "not_read", j->not_read);
    js_set_int(o, "kept", j->kept);
    js_set(o, "left_out", left_out(j));
    if (j->err_id || *j->err_msg) js_set(o, "error", job_error(j));
    return o;
}

struct js *api_jobs(struct api_call *c, struct err *e) {
    struct page page;
    struct filter f;
    char last[24];
    size_t n;
    if (api_page(c, &page, e) < 0 || filter_of(c, &f, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "jobs", list);
    db_begin(c->d->db);
    int64_t *ids = list_jobs(c->d->db, &f, &page, &n);
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) {
        struct job job;
        if (job_get(c->d->db, ids[i], &job)) js_push(list, job_json(&job));
        snprintf(last, sizeof last, "%lld", (long long)ids[i]);
    }
    if (n > (size_t)page.limit) js_set_str(j, "next", last);
    free(ids);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

/* Queue a run of ${p} on one host now. One that somebody asked for already and that still waits is that one. */
static struct js *queue_manual(
    struct daemon *d, const struct plan *p, int64_t version, const char *host, bool full, const char *who) {
    size_t n;
    struct host h;
    struct job j = {.plan_version = version, .origin = "manual", .labels = "manual", .state = "queued"};
    struct job *waiting = job_list(d->db, JOBS_QUEUED_OF, host, p->name, 0, &n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(waiting[i].origin, "manual")) j = waiting[i];
    free(waiting);
    bool points = catalog_host_get(d->db, host, &h) && h.points > 0;
    if (!j.id || full) snprintf(j.kind, sizeof j.kind, "%s", full || !points ? "full" : "incremental");
    j.not_before_ns = 0;
    if (!j.id) {
        snprintf(j.host, sizeof j.host, "%s", host);
        snprintf(j.plan, sizeof j.plan, "%s", p->name);
        text_hex(j.plan_hash, p->hash, sizeof p->hash);
        j.due_ns = j.queued_ns = daemon_now(d);
        j.priority = p->priority;
        job_add(d->db, &j);
    } else {
        job_put(d->db, &j);
    }
    job_record(d->db, &j, daemon_now(d), who, "job.run");
    return job_json(&j);
}

/* ${target} is a plan (all its hosts) or a host (all plans that name it). */
static void run_target(struct api_call *c, const char *target, bool full, struct js *list) {
    size_t n;
    struct db *db = c->d->db;
    char **names = catalog_plan_names(db, &n);
    for (size_t i = 0; i < n; i++) {
        struct plan p;
        bool whole = !strcmp(names[i], target);
        int64_t v = catalog_plan_load(db, names[i], 0, c->d->cfg->zone, &p, NULL, NULL);
        bool sees = v && may_see(c->who, js_str(p.form, "department", ""));
        for (size_t h = 0; sees && p.backup && h < p.hosts_n; h++)
            if (whole || !strcmp(p.hosts[h], target)) js_push(list, queue_manual(c->d, &p, v, p.hosts[h], full, c->who->name));
        if (v) plan_free(&p);
        free(names[i]);
    }
    free(names);
}

struct js *api_job_run(struct api_call *c, struct err *e) {
    const char *target = js_str(c->body, "target", ""), *kind = js_str(c->body, "kind", "incremental");
    if (run_kind_of(kind) == RUN_NONE) return err_set(e, ZE_USAGE, kind, _("expected full or incremental")), NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "jobs", list);
    db_begin(c->d->db);
    run_target(c, target, !strcmp(kind, "full"), list);
    int rc = db_commit(c->d->db, e);
    if (rc == 0 && !js_count(list))
        rc = err_set(e, ZE_NOTFOUND, target, _("no active plan with backup has this name or host"));
    c->status = 201;
    if (rc == 0) return j;
    js_free(j);
    return NULL;
}

static int64_t number_of(const char *s) {
    uint64_t id = 0;
    return text_u64(s, INT64_MAX, &id) ? (int64_t)id : 0;
}

struct js *api_job_show(struct api_call *c, struct err *e) {
    struct job j;
    struct host h;
    db_begin(c->d->db);
    bool found = job_get(c->d->db, number_of(c->arg[0]), &j), known = found && catalog_host_get(c->d->db, j.host, &h);
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!found) return err_set(e, ZE_NOTFOUND, c->arg[0], _("no such job")), NULL;
    struct js *o = job_json(&j);
    int64_t rpo = known ? hosts_rpo_s(&h, daemon_now(c->d)) : -1;
    if (rpo >= 0) js_set_int(o, "rpo_s", rpo);
    return o;
}

/* The same again now, as a job of its own, by the plan as it is in force now. */
struct js *api_job_retry(struct api_call *c, struct err *e) {
    struct job j;
    struct plan p;
    struct js *o = NULL;
    db_begin(c->d->db);
    bool found = job_get(c->d->db, number_of(c->arg[0]), &j);
    bool over = found && strcmp(j.state, "queued") != 0 && strcmp(j.state, "running") != 0;
    int64_t v = over ? catalog_plan_load(c->d->db, j.plan, 0, c->d->cfg->zone, &p, NULL, NULL) : 0;
    if (v && p.backup && plan_has_host(&p, j.host))
        o = queue_manual(c->d, &p, v, j.host, !strcmp(j.kind, "full"), c->who->name);
    if (v) plan_free(&p);
    int rc = db_commit(c->d->db, e);
    c->status = 201;
    if (rc == 0 && o) return o;
    js_free(o);
    if (rc == 0 && !found) err_set(e, ZE_NOTFOUND, c->arg[0], _("no such job"));
    else if (rc == 0 && !over) err_set(e, ZE_BUSY, c->arg[0], _("the job has not ended: %s"), j.state);
    else if (rc == 0) err_set(e, ZE_NOTFOUND, c->arg[0], _("no active plan with backup has this name or host"));
    return NULL;
}

struct js *api_job_cancel(struct api_call *c, struct err *e) {
    struct job j;
    int64_t now = daemon_now(c->d);
    db_begin(c->d->db);
    bool found = job_get(c->d->db, number_of(c->arg[0]), &j);
    bool queued = found && !strcmp(j.state, "queued"), running = found && !strcmp(j.state, "running");
    if (queued) snprintf(j.state, sizeof j.state, "cancelled"), j.ended_ns = now;
    if (running) j.cancel = 1; /* the agent is told at its next progress */
    if (queued || running) {
        job_put(c->d->db, &j);
        job_record(c->d->db, &j, now, c->who->name, "job.cancel");
    }
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!found) return err_set(e, ZE_NOTFOUND, c->arg[0], _("no such job")), NULL;
    if (!queued && !running) return err_set(e, ZE_NOTHING, c->arg[0], _("the job has ended: %s"), j.state), NULL;
    return job_json(&j);
}
