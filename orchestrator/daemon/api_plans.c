/* The daemon's own state and the calendar of plans over the API; the life of plans is in api_life.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"
#include "drills.h"
#include "lists.h"
#include "sys/file.h"

enum { NEXT_RUNS = 5, NEXT_RUNS_MAX = 400 };

/* How many steps wait for somebody, and whether people are told apart at all. */
static void set_life(struct api_call *c, struct js *j) {
    struct db_rows *r = db_query(c->d->db,
        "SELECT (SELECT count(*) FROM plans WHERE (state IN ('submitted','reviewed') OR leaving=1 OR "
        "(state='active' AND executed_ns=0)) AND (?1='' OR department=?1)), "
        "(SELECT count(*) FROM plans WHERE overdue_told>0 AND (?1='' OR department=?1)), "
        "(SELECT count(*) FROM orders WHERE done_ns=0 AND (?1='' OR department=?1))",
        "s", c->who->department);
    if (db_next(r)) {
        js_set_int(j, "steps_waiting", db_int(r, 0));
        js_set_int(j, "steps_overdue", db_int(r, 1));
        js_set_int(j, "orders_open", db_int(r, 2));
    }
    db_done(r);
    js_set_int(j, "drills_overdue", drill_overdue(c->d->db, c->who->department));
    js_set_bool(j, "people_off", c->d->cfg->people_off);
}

struct js *api_status(struct api_call *c, struct err *e) {
    struct js *j = js_object(), *jobs = js_object();
    js_set_str(j, "version", ZB_VERSION);
    js_set_time(j, "time", daemon_now(c->d));
    js_set_bool(j, "people_off", c->d->cfg->people_off);
    db_begin(c->d->db);
    struct filter f = {.department = c->who->department};
    list_states(c->d->db, &f, jobs);
    js_set(j, "jobs", jobs);
    struct workdays *t = catalog_workdays(c->d->db);
    int64_t missing = workdays_missing(t, daemon_now(c->d) / NS_PER_S / 86400);
    if (missing) js_set_int(j, "missing_year", missing);
    workdays_free(t);
    char alarm[256];
    daemon_audit_alarm(c->d, alarm);
    if (*alarm) js_set_str(j, "audit_alarm", alarm);
    set_life(c, j);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_run_json(const struct run *run) {
    char text[RUN_LABELS], *rest = text, *word;
    struct js *j = js_object(), *labels = js_array();
    js_set_time(j, "start", run->start_s * NS_PER_S);
    js_set_time(j, "end", run->end_s * NS_PER_S);
    js_set_str(j, "kind", run_kind_name(run->kind));
    run_labels_text(run->labels, text);
    while ((word = strsep(&rest, ","))) js_push_str(labels, word);
    js_set(j, "labels", labels);
    return j;
}

/* The active version, or the one asked for; ${t}: the working days that hold now. */
static int64_t load(struct api_call *c, struct plan *p, struct workdays **t, struct err *e) {
    uint64_t version = 0;
    const char *v = http_query(c->r, "version");
    if (v && !text_u64(v, INT64_MAX, &version)) return err_set(e, ZE_USAGE, v, _("expected a version number")), 0;
    db_begin(c->d->db);
    int64_t found = catalog_plan_load(c->d->db, c->arg[0], (int64_t)version, c->d->cfg->zone, p, NULL, NULL);
    *t = catalog_workdays(c->d->db);
    int rc = db_commit(c->d->db, e);
    if (rc == 0 && found && may_see(c->who, js_str(p->form, "department", ""))) return found;
    if (found) plan_free(p);
    workdays_free(*t);
    if (rc == 0) err_set(e, ZE_NOTFOUND, c->arg[0], _("no such plan"));
    return 0;
}

struct js *api_plan_next(struct api_call *c, struct err *e) {
    struct plan p;
    struct workdays *t;
    uint64_t count = NEXT_RUNS;
    const char *s = http_query(c->r, "count");
    if (s && (!text_u64(s, NEXT_RUNS_MAX, &count) || !count))
        return err_set(e, ZE_USAGE, s, _("expected a number up to %d"), NEXT_RUNS_MAX), NULL;
    if (!load(c, &p, &t, e)) return NULL;
    struct js *j = js_object(), *runs = js_array();
    struct run run;
    int64_t after = daemon_now(c->d) / NS_PER_S;
    for (; count && plan_next(&p, t, after, &run); count--, after = run.start_s) js_push(runs, api_run_json(&run));
    js_set_str(j, "plan", p.name);
    js_set_str(j, "zone", p.zone);
    js_set(j, "runs", runs);
    workdays_free(t);
    plan_free(&p);
    return j;
}
