/* Plans, versions, their history, what waits for somebody, and orders, over the API. Lists are cut into pages: `after` is
 * what `next` of the page before said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approvals.h"
#include "catalog_calendar.h"
#include "api_life.h"
#include "base/i18n.h"
#include "base/text.h"
#include "decide.h"
#include "plan/deadline.h"
#include "plan/diff.h"
#include "sys/file.h"

enum { LISTED = 50, LISTED_MAX = 1000 };

int life_plan(struct daemon *d, const struct version *v, struct plan *p, struct err *e) {
    CLEANUP_FREE char *text = version_text(d->db, v->name, v->version);
    char where[100];
    snprintf(where, sizeof where, "%.63s@%lld", v->name, (long long)v->version);
    if (!text) return err_set(e, ZE_NOTFOUND, v->name, _("no such plan"));
    return plan_parse(where, text, strlen(text), d->cfg->zone, p, e);
}

static void set_due(struct daemon *d, struct js *j, const struct version *v, const struct zone *z) {
    int which;
    int64_t due = life_due_s(d, v, z, &which);
    if (!due) return;
    js_set_str(j, "waits_for", deadline_name((enum deadline)which));
    js_set_time(j, "due", due * NS_PER_S);
    js_set_bool(j, "overdue", due * NS_PER_S <= daemon_now(d));
}

/* What the text says; a text that this version of zaibeid cannot read is listed without. */
static void set_content(struct daemon *d, struct js *j, const struct version *v) {
    struct plan p;
    struct run run;
    struct err e = ERR_INIT;
    if (life_plan(d, v, &p, &e) < 0) return;
    js_set_str(j, "system", p.system);
    js_set_bool(j, "backup", p.backup);
    js_set_str(j, "zone", p.zone);
    js_set_int(j, "retention_days", p.retention_days);
    js_set(j, "hosts", js_copy(js_get(p.form, "hosts")));
    struct workdays *t = catalog_workdays(d->db);
    if (v->state == LIFE_ACTIVE || v->state == LIFE_ACTIVE_LEAVING || life_open(v->state))
        if (plan_next(&p, t, daemon_now(d) / NS_PER_S, &run)) js_set(j, "next", api_run_json(&run));
    workdays_free(t);
    plan_free(&p);
}

struct js *life_json(struct daemon *d, const struct version *v, const struct zone *z) {
    struct js *j = js_object();
    struct version other;
    js_set_str(j, "name", v->name);
    js_set_int(j, "version", v->version);
    js_set_str(j, "state", life_name(v->state));
    js_set_str(j, "hash", v->hash);
    js_set_str(j, "department", v->department);
    js_set_time(j, "since", v->state_ns);
    js_set_time(j, "applied", v->applied_ns);
    if (life_in_force(v->state)) js_set_time(j, "executed", v->executed_ns);
    set_due(d, j, v, z);
    if (life_open(v->state) || life_leaving(v->state)) js_set(j, "approvals", plan_approvals_json(d, v));
    if (life_leaving(v->state) || v->state == LIFE_RETIRED) {
        struct js *r = retirement_get(d->db, v->name, v->version);
        if (r) js_set(j, "retirement", r);
        if (v->drop_points) js_set_bool(j, "drop_points", true);
    }
    if (!life_open(v->state) && version_get(d->db, v->name, VERSION_OPEN, &other)) {
        struct js *o = js_object();
        js_set_int(o, "version", other.version);
        js_set_str(o, "state", life_name(other.state));
        js_set(j, "open", o);
    }
    set_content(d, j, v);
    return j;
}

int life_find(struct api_call *c, struct version *v, struct err *e) {
    uint64_t number = 0;
    bool found = false;
    const char *s = http_query(c->r, "version"), *name = c->arg[0];
    if (s && !strcmp(s, "open")) found = version_get(c->d->db, name, VERSION_OPEN, v);
    else if (s && (!text_u64(s, INT64_MAX, &number) || !number))
        return err_set(e, ZE_USAGE, s, _("expected a version number"));
    else if (s) found = version_get(c->d->db, name, (int64_t)number, v);
    else
        found = version_get(c->d->db, name, VERSION_IN_FORCE, v) || version_get(c->d->db, name, VERSION_OPEN, v) ||
            version_get(c->d->db, name, VERSION_NEWEST, v);
    if (found && may_see(c->who, v->department)) return 0;
    bool there = s && version_get(c->d->db, name, VERSION_NEWEST, v) && may_see(c->who, v->department);
    return err_set(e, ZE_NOTFOUND, name, there ? _("it has no such version: %s") : _("no such plan"), s);
}

/* ---- pages ---- */

static int take_limit(struct api_call *c, int64_t *limit, struct err *e) {
    uint64_t n = LISTED;
    const char *s = http_query(c->r, "limit");
    if (s && (!text_u64(s, LISTED_MAX, &n) || !n))
        return err_set(e, ZE_USAGE, s, _("expected a number up to %d"), LISTED_MAX);
    *limit = (int64_t)n;
    return 0;
}

static const char *query_or(struct api_call *c, const char *name) {
    const char *s = http_query(c->r, name);
    return s ? s : "";
}

/* "NAME@VERSION", what `next` said. */
static int take_after(struct api_call *c, struct versions_filter *f, char name[64], struct err *e) {
    const char *s = query_or(c, "after"), *at = strchr(s, '@');
    uint64_t n = 0;
    *name = 0;
    f->after = name;
    if (!*s) return 0;
    if (!at || at - s >= 64 || !text_u64(at + 1, INT64_MAX, &n))
        return err_set(e, ZE_USAGE, s, _("not what the page before said"));
    snprintf(name, 64, "%.*s", (int)(at - s), s);
    f->after_version = (int64_t)n;
    return 0;
}

static void set_next(struct js *j, const struct version *last) {
    char next[100];
    snprintf(next, sizeof next, "%s@%lld", last->name, (long long)last->version);
    js_set_str(j, "next", next);
}

/* A page of versions under ${key}; ${overdue}: only those. */
static struct js *page(struct api_call *c, enum versions_query q, const char *key, bool overdue, struct err *e) {
    char after[64];
    struct versions_filter f = {
        .name = query_or(c, "plan"), .department = *c->who->department ? c->who->department : query_or(c, "department"),
        .state = query_or(c, "state"), .text = query_or(c, "text")};
    if (take_limit(c, &f.limit, e) < 0 || take_after(c, &f, after, e) < 0) return NULL;
    struct zone *z = zone_open(c->d->cfg->zone, e);
    if (!z) return NULL;
    struct js *j = js_object(), *list = js_array();
    size_t n;
    js_set(j, key, list);
    db_begin(c->d->db);
    CLEANUP_FREE struct version *v = versions_list(c->d->db, q, &f, &n);
    for (size_t i = 0; i < n; i++) {
        struct js *one = life_json(c->d, &v[i], z);
        if (!overdue || js_bool(one, "overdue", false)) js_push(list, one);
        else js_free(one);
    }
    if (n && n == (size_t)f.limit) set_next(j, &v[n - 1]);
    zone_free(z);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

static bool asked(struct api_call *c, const char *name) { return !strcmp(query_or(c, name), "1"); }

struct js *api_plans(struct api_call *c, struct err *e) {
    return page(c, asked(c, "versions") ? VERSIONS_ALL : VERSIONS_PLANS, "plans", false, e);
}

struct js *api_steps(struct api_call *c, struct err *e) {
    return page(c, VERSIONS_WAITING, "steps", asked(c, "overdue"), e);
}

/* ---- one plan ---- */

/* Field by field, against the version that is asked for, or the one in force where this one is on its way. */
static void set_changes(struct api_call *c, struct js *j, const struct version *v, const struct plan *p) {
    struct version old;
    struct plan before;
    struct err ignored = ERR_INIT;
    uint64_t against = 0;
    const char *s = http_query(c->r, "against");
    if (s ? !text_u64(s, INT64_MAX, &against) || !against : !life_open(v->state)) return;
    if (!version_get(c->d->db, v->name, (int64_t)against, &old) || !may_see(c->who, old.department)) return;
    if (life_plan(c->d, &old, &before, &ignored) < 0) return;
    struct js *list = js_array();
    plan_diff(before.form, p->form, list);
    js_set_int(j, "against", old.version);
    js_set(j, "changes", list);
    plan_free(&before);
}

static struct js *show(struct api_call *c, const struct zone *z, struct err *e) {
    struct version v;
    struct plan p;
    if (life_find(c, &v, e) < 0 || life_plan(c->d, &v, &p, e) < 0) return NULL;
    struct js *j = life_json(c->d, &v, z);
    CLEANUP_FREE char *text = version_text(c->d->db, v.name, v.version);
    js_set_str(j, "text", text);
    js_set(j, "form", js_copy(p.form));
    js_set(j, "steps", steps_json(c->d->db, v.name, v.version));
    set_changes(c, j, &v, &p);
    plan_free(&p);
    return j;
}

struct js *api_plan_show(struct api_call *c, struct err *e) {
    struct zone *z = zone_open(c->d->cfg->zone, e);
    if (!z) return NULL;
    db_begin(c->d->db);
    struct js *j = show(c, z, e);
    zone_free(z);
    db_abort(c->d->db); /* nothing was written */
    return j;
}

struct js *api_plan_history(struct api_call *c, struct err *e) {
    struct version v;
    db_begin(c->d->db);
    int rc = life_find(c, &v, e);
    struct js *j = js_object();
    js_set_str(j, "plan", c->arg[0]);
    if (rc == 0) js_set(j, "steps", steps_json(c->d->db, v.name, http_query(c->r, "version") ? v.version : 0));
    if (rc == 0 && db_commit(c->d->db, e) == 0) return j;
    if (rc < 0) db_abort(c->d->db);
    js_free(j);
    return NULL;
}

/* ---- orders ---- */

static struct js *order_json(struct daemon *d, const struct order *o, const struct zone *z) {
    struct js *j = js_object();
    int64_t due = order_due_s(d, o, z);
    js_set_int(j, "order", o->id);
    js_set_str(j, "plan", o->plan);
    js_set_int(j, "version", o->version);
    js_set_str(j, "kind", o->kind);
    js_set_str(j, "state", o->done_ns ? "done" : "open");
    js_set_time(j, "opened", o->opened_ns);
    if (due) js_set_time(j, "due", due * NS_PER_S);
    if (due) js_set_bool(j, "overdue", due * NS_PER_S <= daemon_now(d));
    if (o->done_ns) js_set_time(j, "done", o->done_ns), js_set_str(j, "done_by", o->done_by);
    if (*o->note) js_set_str(j, "note", o->note);
    return j;
}

struct js *api_orders(struct api_call *c, struct err *e) {
    int64_t limit;
    uint64_t after = 0;
    size_t n;
    const char *s = query_or(c, "after");
    if (*s && !text_u64(s, INT64_MAX, &after)) return err_set(e, ZE_USAGE, s, _("not what the page before said")), NULL;
    struct zone *z = take_limit(c, &limit, e) < 0 ? NULL : zone_open(c->d->cfg->zone, e);
    if (!z) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "orders", list);
    db_begin(c->d->db);
    CLEANUP_FREE struct order *o =
        orders_list(c->d->db, query_or(c, "plan"), c->who->department, !asked(c, "all"), (int64_t)after, limit, &n);
    for (size_t i = 0; i < n; i++) js_push(list, order_json(c->d, &o[i], z));
    if (n && n == (size_t)limit) {
        char next[24];
        snprintf(next, sizeof next, "%lld", (long long)o[n - 1].id);
        js_set_str(j, "next", next);
    }
    zone_free(z);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_order_confirm(struct api_call *c, struct err *e) {
    struct order o;
    uint64_t id = 0;
    if (!text_u64(c->arg[0], INT64_MAX, &id)) return err_set(e, ZE_NOTFOUND, c->arg[0], _("no such order")), NULL;
    struct zone *z = zone_open(c->d->cfg->zone, e);
    if (!z) return NULL;
    bool ok = decide_order(c->d, c->who, (int64_t)id, js_str(c->body, "note", ""), &o, e) == 0;
    struct js *j = ok ? order_json(c->d, &o, z) : NULL;
    zone_free(z);
    return j;
}
