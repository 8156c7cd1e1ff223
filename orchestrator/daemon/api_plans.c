/* Plans and the daemon's own state over the API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "lists.h"
#include "sys/file.h"

enum { NEXT_RUNS = 5, NEXT_RUNS_MAX = 400 };

struct js *api_status(struct api_call *c, struct err *e) {
    struct js *j = js_object(), *jobs = js_object();
    js_set_str(j, "version", ZB_VERSION);
    js_set_time(j, "time", daemon_now(c->d));
    js_set_bool(j, "people_off", c->d->cfg->people_off);
    db_begin(c->d->db);
    struct filter f = filter_of(c);
    list_states(c->d->db, &f, jobs);
    js_set(j, "jobs", jobs);
    char alarm[256];
    daemon_audit_alarm(c->d, alarm);
    if (*alarm) js_set_str(j, "audit_alarm", alarm);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

static struct js *run_json(const struct run *run) {
    char text[32], *rest = text, *word;
    struct js *j = js_object(), *labels = js_array();
    js_set_time(j, "start", run->start_s * NS_PER_S);
    js_set_time(j, "end", run->end_s * NS_PER_S);
    js_set_str(j, "kind", run_kind_name(run->kind));
    run_labels_text(run->labels, text);
    while ((word = strsep(&rest, ","))) js_push_str(labels, word);
    js_set(j, "labels", labels);
    return j;
}

static struct js *plan_json(struct daemon *d, const struct plan *p, int64_t version, int64_t applied_ns) {
    char hash[65];
    struct run run;
    struct js *j = js_object();
    text_hex(hash, p->hash, sizeof p->hash);
    js_set_str(j, "name", p->name);
    js_set_str(j, "system", p->system);
    js_set_str(j, "department", js_str(p->form, "department", NULL));
    js_set_int(j, "version", version);
    js_set_str(j, "hash", hash);
    js_set_time(j, "applied", applied_ns);
    js_set_bool(j, "backup", p->backup);
    js_set_str(j, "zone", p->zone);
    js_set_int(j, "retention_days", p->retention_days);
    js_set(j, "hosts", js_copy(js_get(p->form, "hosts")));
    bool any = plan_next(p, daemon_now(d) / NS_PER_S, &run);
    if (any) js_set(j, "next", run_json(&run));
    return j;
}

struct js *api_plans(struct api_call *c, struct err *e) {
    size_t n;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "plans", list);
    db_begin(c->d->db);
    char **names = catalog_plan_names(c->d->db, &n);
    for (size_t i = 0; i < n; i++) {
        struct plan p;
        int64_t applied, v = catalog_plan_load(c->d->db, names[i], 0, c->d->cfg->zone, &p, &applied, NULL);
        if (v) {
            if (may_see(c->who, js_str(p.form, "department", ""))) js_push(list, plan_json(c->d, &p, v, applied));
            plan_free(&p);
        }
        free(names[i]);
    }
    free(names);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

/* Jobs that wait for a host which the plan no longer names are of no use to anybody. */
static void drop_jobs(struct daemon *d, const struct plan *p, int64_t now) {
    size_t n;
    struct job *jobs = job_list(d->db, JOBS_QUEUED_OF, "", p->name, 0, &n);
    for (size_t i = 0; i < n; i++) {
        if (p->backup && plan_has_host(p, jobs[i].host)) continue;
        snprintf(jobs[i].state, sizeof jobs[i].state, "cancelled");
        snprintf(jobs[i].err_msg, sizeof jobs[i].err_msg, "%s", _("the plan does not name this host any more"));
        jobs[i].ended_ns = now;
        job_put(d->db, &jobs[i]);
        job_record(d->db, &jobs[i], now, "zaibeid", "job.cancelled");
    }
    free(jobs);
}

struct js *api_plan_apply(struct api_call *c, struct err *e) {
    struct plan p;
    const char *name = http_query(c->r, "file");
    char escaped[200];
    text_escape(escaped, sizeof escaped, name ? name : "plan", strlen(name ? name : "plan"));
    if (plan_parse(escaped, c->r->body, c->r->body_len, c->d->cfg->zone, &p, e) < 0) return NULL;
    CLEANUP_FREE char *text = strndup((const char *)c->r->body, c->r->body_len);
    int64_t now = daemon_now(c->d), version = 0;
    db_begin(c->d->db);
    if (text) version = catalog_plan_apply(c->d->db, &p, text, now);
    struct js *detail = js_object();
    js_set_int(detail, "version", version);
    audit_add(c->d->db, now, c->who->name, "plan.apply", p.name, detail);
    drop_jobs(c->d, &p, now);
    struct js *j = NULL;
    if (db_commit(c->d->db, e) == 0) {
        atomic_fetch_add(&c->d->plans_changed, 1);
        daemon_log(c->d, _("plan %s version %lld is active"), p.name, (long long)version);
        j = plan_json(c->d, &p, version, now);
    }
    plan_free(&p);
    return j;
}

static int64_t load(struct api_call *c, struct plan *p, int64_t *applied, char **text, struct err *e) {
    uint64_t version = 0;
    const char *v = http_query(c->r, "version");
    if (v && !text_u64(v, INT64_MAX, &version)) return err_set(e, ZE_USAGE, v, _("expected a version number")), 0;
    db_begin(c->d->db);
    int64_t found = catalog_plan_load(c->d->db, c->arg[0], (int64_t)version, c->d->cfg->zone, p, applied, text);
    if (db_commit(c->d->db, e) < 0) {
        if (found) plan_free(p);
        return 0;
    }
    if (!found) err_set(e, ZE_NOTFOUND, c->arg[0], _("no such plan"));
    return found;
}

struct js *api_plan_show(struct api_call *c, struct err *e) {
    struct plan p;
    int64_t applied;
    CLEANUP_FREE char *text = NULL;
    int64_t version = load(c, &p, &applied, &text, e);
    if (!version) return NULL;
    struct js *j = plan_json(c->d, &p, version, applied);
    js_set_str(j, "text", text);
    js_set(j, "form", js_copy(p.form));
    plan_free(&p);
    return j;
}

struct js *api_plan_next(struct api_call *c, struct err *e) {
    struct plan p;
    uint64_t count = NEXT_RUNS;
    const char *s = http_query(c->r, "count");
    if (s && (!text_u64(s, NEXT_RUNS_MAX, &count) || !count))
        return err_set(e, ZE_USAGE, s, _("expected a number up to %d"), NEXT_RUNS_MAX), NULL;
    if (!load(c, &p, NULL, NULL, e)) return NULL;
    struct js *j = js_object(), *runs = js_array();
    struct run run;
    int64_t after = daemon_now(c->d) / NS_PER_S;
    for (; count && plan_next(&p, after, &run); count--, after = run.start_s) js_push(runs, run_json(&run));
    js_set_str(j, "plan", p.name);
    js_set_str(j, "zone", p.zone);
    js_set(j, "runs", runs);
    plan_free(&p);
    return j;
}
