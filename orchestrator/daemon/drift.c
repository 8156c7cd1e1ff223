/* A run of the plan is met when a complete point with its label, and of its kind or stronger, was begun after the run's window
 * opened and before the next run with that label. So a catch-up counts for what it catches up, and one point cannot count
 * for two periods. Only runs whose window has closed, since the version is in force and at most PERIOD_S ago, are due. */
#include "catalog_calendar.h"
#include "drift.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "plan/cost.h"

enum { PERIOD_S = 35 * 86400, MISSING_SHOWN = 5, RUNS_MAX = 2000 };

static struct js *finding(struct js *list, const char *kind, const char *host) {
    struct js *f = js_object();
    js_set_str(f, "kind", kind);
    if (host) js_set_str(f, "host", host);
    js_push(list, f);
    return f;
}

/* The runs of the period, oldest first; the last may still be open and only ends the one before. */
static size_t runs_of(
    const struct plan *p, const struct workdays *t, int64_t from_s, int64_t now_s, struct run **out) {
    size_t n = 0;
    struct run run;
    *out = calloc(RUNS_MAX, sizeof **out);
    for (int64_t at = from_s - 1; *out && n < RUNS_MAX && plan_next(p, t, at, &run) && run.start_s <= now_s;
         at = run.start_s)
        (*out)[n++] = run;
    return n;
}

static bool has_label(const struct js *point, unsigned label) {
    const struct js *list = js_get(point, "labels");
    for (size_t i = 0; i < js_count(list); i++)
        if (run_labels_of(js_text(js_at(list, i)) ? js_text(js_at(list, i)) : "") & label) return true;
    return false;
}

static bool met(const struct js *points, unsigned label, enum run_kind kind, int64_t from_s, int64_t to_s) {
    for (size_t i = 0; i < js_count(points); i++) {
        const struct js *p = js_at(points, i);
        int64_t at = hosts_time(p, "walk_start") / NS_PER_S;
        if (at < from_s || at >= to_s || !has_label(p, label) || strcmp(js_str(p, "state", ""), "complete") != 0)
            continue;
        if (kind == RUN_INCREMENTAL || !strcmp(js_str(p, "kind", ""), "full")) return true;
    }
    return false;
}

/* One label's runs against the points. The kind of a label is the one ticked for it, not that of a day on which runs meet. */
static void compare(const struct run *runs, size_t n, unsigned label, enum run_kind kind, const struct js *points,
    const char *host, int64_t now_s, struct js *findings, struct js *results) {
    char text[40];
    int64_t due = 0, done = 0;
    struct js *missing = js_array();
    for (size_t i = 0; i < n; i++) {
        size_t next = i + 1;
        if (!(runs[i].labels & label) || runs[i].end_s > now_s) continue;
        while (next < n && !(runs[next].labels & label)) next++;
        due++;
        if (met(points, label, kind, runs[i].start_s, next < n ? runs[next].start_s : INT64_MAX)) done++;
        else if (js_count(missing) < MISSING_SHOWN) {
            char when[32];
            text_time(when, runs[i].start_s * NS_PER_S);
            js_push_str(missing, when);
        }
    }
    run_labels_text(label, text);
    struct js *r = due ? js_object() : NULL;
    if (due) {
        js_set_str(r, "host", host);
        js_set_str(r, "label", text);
        js_set_int(r, "due", due), js_set_int(r, "met", done);
        js_set(r, "missing", js_copy(missing));
        js_push(results, r);
    }
    if (done < due) {
        struct js *f = finding(findings, "run-missing", host);
        js_set_str(f, "label", text);
        js_set_int(f, "missing", due - done);
    }
    js_free(missing);
}

static const struct js *last_complete(const struct js *points) {
    for (size_t i = js_count(points); i-- > 0;)
        if (!strcmp(js_str(js_at(points, i), "state", ""), "complete")) return js_at(points, i);
    return NULL;
}

struct look {
    const struct plan *p;
    const struct version *v;
    const struct run *runs;
    size_t runs_n;
    int64_t now_s;
    struct js *findings, *results;
};

static void look_at_last(const struct look *l, const char *host, const struct js *points) {
    const struct js *last = last_complete(points);
    bool due = l->runs_n && l->runs[0].end_s <= l->now_s;
    if (!last) {
        if (due || l->p->rpo_s) finding(l->findings, "no-point", host);
        return;
    }
    int64_t age = l->now_s - hosts_time(last, "walk_start") / NS_PER_S;
    if (l->p->rpo_s && age > l->p->rpo_s) {
        struct js *f = finding(l->findings, "rpo", host);
        js_set_int(f, "rpo_s", age), js_set_int(f, "target_s", l->p->rpo_s);
    }
    if (due && strcmp(js_str(last, "plan_hash", ""), l->v->hash) != 0) {
        struct js *f = finding(l->findings, "other-version", host);
        js_set_int(f, "point", js_int(last, "point", 0));
        js_set_str(f, "plan_hash", js_str(last, "plan_hash", ""));
    }
}

static void look_at_host(struct daemon *d, const struct look *l, const char *host) {
    struct host h;
    struct err why = ERR_INIT;
    const struct schedule *s = &l->p->schedule;
    const enum run_kind kinds[] = {s->daily, s->weekly, s->monthly};
    db_begin(d->db);
    bool known = catalog_host_get(d->db, host, &h);
    db_abort(d->db);
    if (!known || !*h.state) return (void)finding(l->findings, "host-not-enrolled", host);
    if (!strcmp(h.state, "revoked")) finding(l->findings, "host-revoked", host);
    CLEANUP_JS struct js *points = hosts_points(d, host, &why);
    if (!points) return js_set_str(finding(l->findings, "vault-silent", host), "message", why.msg);
    look_at_last(l, host, points);
    for (unsigned i = 0; i < 3; i++)
        compare(l->runs, l->runs_n, 1U << i, kinds[i], points, host, l->now_s, l->findings, l->results);
}

/* What the vault grants the system against what the form wished for, and where it stands. */
static void look_at_vault(struct daemon *d, const struct look *l) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    struct err ignored = ERR_INIT;
    int64_t wished;
    const struct js *places = js_get(l->p->form, "locations"), *list;
    bool there = !js_count(places);
    for (size_t i = 0; d->cfg->location && i < js_count(places); i++)
        there = there || !strcmp(js_text(js_at(places, i)), d->cfg->location);
    if (!there)
        js_set_str(finding(l->findings, "location", NULL), "location", d->cfg->location ? d->cfg->location : "");
    js_set_str(q, "op", "quota");
    if (!cost_size(js_str(l->p->form, "quota", ""), &wished) || control_call(&d->control, q, &a, &ignored) < 0) return;
    list = js_get(a, "systems");
    for (size_t i = 0; i < js_count(list); i++) {
        int64_t quota = js_int(js_at(list, i), "quota", 0);
        if (strcmp(js_str(js_at(list, i), "system", ""), l->p->system) != 0 || !quota || quota >= wished) continue;
        struct js *f = finding(l->findings, "quota", NULL);
        js_set_int(f, "wished_bytes", wished), js_set_int(f, "quota_bytes", quota);
    }
}

struct js *drift_json(struct daemon *d, const struct version *v, struct err *e) {
    struct plan p;
    struct run *runs = NULL;
    struct look l = {.p = &p, .v = v, .now_s = daemon_now(d) / NS_PER_S};
    db_begin(d->db);
    int64_t found = catalog_plan_load(d->db, v->name, v->version, d->cfg->zone, &p, NULL, NULL);
    struct workdays *t = found ? catalog_workdays(d->db) : NULL;
    db_abort(d->db);
    if (!found) return err_set(e, ZE_NOTFOUND, v->name, _("no such plan")), NULL;
    int64_t from = v->applied_ns / NS_PER_S;
    if (from < l.now_s - PERIOD_S) from = l.now_s - PERIOD_S;
    l.runs_n = p.backup && v->state == LIFE_ACTIVE ? runs_of(&p, t, from, l.now_s, &runs) : 0;
    workdays_free(t);
    l.runs = runs, l.findings = js_array(), l.results = js_array();
    for (size_t i = 0; p.backup && i < p.hosts_n; i++) look_at_host(d, &l, p.hosts[i]);
    if (p.backup) look_at_vault(d, &l);
    struct js *j = js_object();
    js_set_str(j, "plan", v->name);
    js_set_int(j, "version", v->version);
    js_set_str(j, "hash", v->hash);
    js_set(j, "findings", l.findings);
    js_set(j, "results", l.results);
    free(runs);
    plan_free(&p);
    return j;
}

struct js *drift_unplanned(struct daemon *d, struct err *e) {
    struct js *list = js_array();
    db_begin(d->db);
    struct db_rows *r = db_query(d->db,
        "SELECT name FROM hosts h WHERE state='enrolled' AND NOT EXISTS(SELECT 1 FROM reach r JOIN plans p ON "
        "p.name=r.plan AND p.state IN ('active','suspended') WHERE r.host=h.name) ORDER BY name LIMIT 1000",
        "");
    while (db_next(r)) js_push_str(list, db_text(r, 0));
    db_done(r);
    if (db_commit(d->db, e) == 0) return list;
    js_free(list);
    return NULL;
}
