/* What a plan will do, over the API: an active plan on one of its hosts, from the points that the vault has, or a plan that is
 * not applied yet, from nothing. Nothing is changed. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"
#include "hosts.h"
#include "keep/simulate.h"
#include "keeping.h"
#include "plan/plan_internal.h"
#include "sys/file.h"

enum { DAY_S = 86400, AHEAD_DAYS = 92, FLOOR_DAYS = 92 };

struct task {
    struct plan plan;
    const char *host; /* NULL: none, from nothing */
    int64_t until_s, floor_days;
    struct keep_point *existing;
    size_t existing_n;
};

/* ?until=2027-12-31: the end of that day. */
static int read_until(struct api_call *c, int64_t *until_s, struct err *e) {
    const char *s = http_query(c->r, "until");
    int64_t today = daemon_now(c->d) / NS_PER_S / DAY_S, day = today + AHEAD_DAYS;
    if (s && !plan_day_of(s, &day)) return err_set(e, ZE_USAGE, s, _("expected a date such as 2026-12-01"));
    if (day < today || day > today + SIMULATE_DAYS_MAX)
        return err_set(e, ZE_USAGE, s, _("expected a date within the next %d days"), SIMULATE_DAYS_MAX);
    *until_s = (day + 1) * DAY_S - 1;
    return 0;
}

static struct js *point_json(const struct simulated *p) {
    char text[RUN_LABELS], *rest = text, *word;
    struct js *j = js_object(), *labels = js_array(), *why = js_array();
    js_set_time(j, "time", p->point.time_s * NS_PER_S);
    js_set_str(j, "kind", run_kind_name(p->point.kind));
    run_labels_text(p->point.labels, text);
    while ((word = strsep(&rest, ",")))
        if (*word) js_push_str(labels, word);
    js_set(j, "labels", labels);
    for (unsigned i = 0; i < KEEP_WHYS; i++)
        if (p->point.why >> i & 1) js_push_str(why, keep_word(1U << i));
    js_set(j, "why", why);
    if (p->gone_s) js_set_time(j, "gone", p->gone_s * NS_PER_S);
    if (p->existing) js_set_int(j, "point", p->point.number);
    return j;
}

static struct js *simulate(struct api_call *c, struct task *t, const struct workdays *table, struct err *e) {
    static const struct schedule nothing;
    struct zone *z = zone_open(t->plan.zone, e);
    struct simulated *all = NULL;
    size_t n = 0, kept = 0;
    int64_t days = t->plan.retention_days > t->floor_days ? t->plan.retention_days : t->floor_days;
    struct simulation s = {.schedule = t->plan.backup ? &t->plan.schedule : &nothing,
        .zone = z,
        .table = table,
        .rules = &t->plan.keep,
        .floor_s = days * DAY_S,
        .now_s = daemon_now(c->d) / NS_PER_S,
        .until_s = t->until_s};
    int rc = z ? keep_simulate(&s, t->existing, t->existing_n, &all, &n, e) : -1;
    struct js *j = rc < 0 ? NULL : js_object(), *points = rc < 0 ? NULL : js_array();
    for (size_t i = 0; j && i < n; i++) {
        js_push(points, point_json(&all[i]));
        kept += !all[i].gone_s;
    }
    if (j) {
        js_set_str(j, "plan", t->plan.name);
        js_set_str(j, "zone", t->plan.zone);
        if (t->host) js_set_str(j, "host", t->host);
        js_set_time(j, "until", s.until_s * NS_PER_S);
        js_set_bool(j, "cut", rc == 1);
        js_set_int(j, "least_days", days);
        js_set_int(j, "kept", (int64_t)kept);
        js_set(j, "points", points);
    }
    free(all);
    zone_free(z);
    return j;
}

/* With the working days that hold now; without backup nothing is simulated. */
static struct js *finish(struct api_call *c, struct task *t, struct err *e) {
    db_begin(c->d->db);
    struct workdays *table = catalog_workdays(c->d->db);
    struct js *j = NULL;
    if (db_commit(c->d->db, e) == 0) j = simulate(c, t, table, e);
    workdays_free(table);
    free(t->existing);
    plan_free(&t->plan);
    return j;
}

struct js *api_simulate(struct api_call *c, struct err *e) {
    struct task t = {.floor_days = FLOOR_DAYS};
    const char *name = http_query(c->r, "file");
    char escaped[200];
    text_escape(escaped, sizeof escaped, name ? name : "plan", strlen(name ? name : "plan"));
    if (read_until(c, &t.until_s, e) < 0) return NULL;
    if (plan_parse(escaped, c->r->body, c->r->body_len, c->d->cfg->zone, &t.plan, e) < 0) return NULL;
    return finish(c, &t, e);
}

/* What the host has of this plan, and its floor. */
static int read_host(struct api_call *c, struct task *t, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL, *points = hosts_points(c->d, t->host, e);
    if (!points) return -1;
    js_set_str(q, "op", "pins");
    js_set_str(q, "host", t->host);
    if (control_call(&c->d->control, q, &a, e) < 0) return -1;
    t->floor_days = js_int(a, "floor_days", FLOOR_DAYS);
    t->existing = calloc(js_count(points) + 1, sizeof *t->existing);
    if (!t->existing) return err_set(e, ZE_NOMEM, t->host, "points");
    db_begin(c->d->db);
    t->existing_n = keeping_points(c->d->db, points, t->plan.name, t->existing);
    return db_commit(c->d->db, e);
}

struct js *api_plan_simulate(struct api_call *c, struct err *e) {
    struct task t = {.floor_days = FLOOR_DAYS};
    if (read_until(c, &t.until_s, e) < 0) return NULL;
    db_begin(c->d->db);
    bool found = catalog_plan_load(c->d->db, c->arg[0], 0, c->d->cfg->zone, &t.plan, NULL, NULL);
    bool seen = found && may_see(c->who, js_str(t.plan.form, "department", ""));
    if (db_commit(c->d->db, e) < 0 || !seen) {
        if (found) plan_free(&t.plan);
        if (!e->id) err_set(e, ZE_NOTFOUND, c->arg[0], _("no such plan"));
        return NULL;
    }
    t.host = http_query(c->r, "host");
    if (!t.host) t.host = t.plan.hosts[0];
    if (!plan_has_host(&t.plan, t.host)) err_set(e, ZE_NOTFOUND, t.host, _("the plan does not name this host"));
    else if (read_host(c, &t, e) == 0 || e->id == ZE_NOTFOUND)
        return finish(c, &t, e); /* not enrolled yet: from nothing */
    free(t.existing);
    plan_free(&t.plan);
    return NULL;
}
