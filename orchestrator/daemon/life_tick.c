/* Deadlines, and what comes about by itself. Working days come from here alone: deadline_days of the calendar's table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_calendar.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "decide.h"
#include "outbox.h"
#include "plan/deadline.h"
#include "sys/file.h"

enum { LOOKED_AT = 1000, END_BATCH = 50 };
static const int64_t again_ns = 7 * 86400 * (int64_t)NS_PER_S; /* what lasts is said each week */

static int64_t due_s(struct daemon *d, int64_t since_ns, enum deadline which, const struct zone *z) {
    struct workdays *t = catalog_workdays(d->db);
    int64_t due = deadline_s(since_ns / NS_PER_S, (unsigned)d->cfg->deadlines[which], z, t);
    workdays_free(t);
    return due;
}

int64_t life_due_s(struct daemon *d, const struct version *v, const struct zone *z, int *which) {
    int64_t since = v->state_ns;
    *which = -1;
    if (v->state == LIFE_SUBMITTED) *which = DEADLINE_REVIEW;
    else if (v->state == LIFE_REVIEWED) *which = DEADLINE_APPROVAL;
    else if (life_leaving(v->state)) *which = DEADLINE_APPROVAL, since = v->leaving_ns;
    else if (v->state == LIFE_ACTIVE && !v->executed_ns) *which = DEADLINE_EXECUTION, since = v->applied_ns;
    return *which < 0 ? 0 : due_s(d, since, (enum deadline) * which, z);
}

int64_t order_due_s(struct daemon *d, const struct order *o, const struct zone *z) {
    return o->done_ns ? 0 : due_s(d, o->opened_ns, DEADLINE_EXECUTION, z);
}

/* Whether each host of the version had a run of it, or of a later one, that made a point. */
static bool executed(struct daemon *d, const struct version *v) {
    struct plan p;
    bool all = true;
    if (!catalog_plan_load(d->db, v->name, v->version, d->cfg->zone, &p, NULL, NULL)) return false;
    for (size_t i = 0; all && p.backup && i < p.hosts_n; i++) {
        struct db_rows *r = db_query(d->db,
            "SELECT 1 FROM jobs WHERE plan=? AND host=? AND plan_version>=? AND state IN ('ok','partial') LIMIT 1",
            "ssi", p.name, p.hosts[i], v->version);
        all = db_next(r);
        db_done(r);
    }
    plan_free(&p);
    return all;
}

static void set_executed(struct daemon *d, struct version *v, int64_t now) {
    struct js *detail = js_object();
    js_set_int(detail, "version", v->version);
    v->executed_ns = now;
    version_put(d->db, v);
    steps_add(d->db, v, "execute", "zaibeid", now, "");
    audit_add(d->db, now, "zaibeid", "plan.execute", v->name, detail);
}

static void tell(struct daemon *d, int64_t now, const char *plan, const char *what, int64_t due) {
    char when[32];
    text_time(when, due * NS_PER_S);
    struct js *detail = js_object();
    js_set_str(detail, "step", what);
    js_set_str(detail, "due", when);
    notice_add(d->db, now, "plan.overdue", plan, plan, js_copy(detail));
    audit_add(d->db, now, "zaibeid", "plan.overdue", plan, detail);
    daemon_log(d, _("plan %s: %s was due at %s"), plan, what, when);
}

/* Overdue steps that were not said for a week. */
static void tell_versions(struct daemon *d, struct version *list, size_t n, const struct zone *z, int64_t now) {
    for (size_t i = 0; i < n; i++) {
        int which;
        int64_t due = life_due_s(d, &list[i], z, &which);
        if (!due || due * NS_PER_S > now) continue;
        db_exec(d->db, "UPDATE plans SET overdue_told=? WHERE name=? AND version=? AND overdue_told<=?", "isii", now,
            list[i].name, list[i].version, now - again_ns);
        if (db_changes(d->db)) tell(d, now, list[i].name, deadline_name((enum deadline)which), due);
    }
}

static void tell_orders(struct daemon *d, const struct zone *z, int64_t now) {
    size_t n;
    struct order *list = orders_list(d->db, "", "", true, 0, LOOKED_AT, &n);
    for (size_t i = 0; i < n; i++) {
        int64_t due = order_due_s(d, &list[i], z);
        if (!due || due * NS_PER_S > now) continue;
        db_exec(d->db, "UPDATE orders SET overdue_told=? WHERE id=? AND overdue_told<=?", "iii", now, list[i].id,
            now - again_ns);
        if (db_changes(d->db)) tell(d, now, list[i].plan, list[i].kind, due);
    }
    free(list);
}

static void tell_end(struct daemon *d, int64_t now, const char *plan, const char *what, int64_t number) {
    struct js *detail = js_object();
    js_set_int(detail, what, number);
    notice_end(d->db, now, "plan.overdue", plan, plan, detail);
}

/* Steps that were said to be late and were done since. What was said before the present step was due was about the one before. */
static void end_versions(struct daemon *d, const struct zone *z, int64_t now) {
    struct version list[END_BATCH], v;
    int64_t told[END_BATCH];
    size_t n = 0;
    struct db_rows *r = db_query(d->db, "SELECT name,version,overdue_told FROM plans WHERE overdue_told>0 ORDER BY name", "");
    while (n < END_BATCH && db_next(r)) {
        int which;
        snprintf(list[n].name, sizeof list[n].name, "%s", db_text(r, 0));
        list[n].version = db_int(r, 1), told[n] = db_int(r, 2);
        if (!version_get(d->db, list[n].name, list[n].version, &v)) continue;
        int64_t due = life_due_s(d, &v, z, &which);
        if (!due || told[n] < due * NS_PER_S) n++;
    }
    db_done(r);
    for (size_t i = 0; i < n; i++) {
        db_exec(d->db, "UPDATE plans SET overdue_told=0 WHERE name=? AND version=?", "si", list[i].name, list[i].version);
        if (told[i] > 1) tell_end(d, now, list[i].name, "version", list[i].version);
    }
}

static void end_orders(struct daemon *d, int64_t now) {
    int64_t ended[END_BATCH];
    size_t n = 0;
    struct db_rows *r = db_query(d->db, "SELECT id FROM orders WHERE overdue_told>0 AND done_ns>0 ORDER BY id", "");
    while (n < END_BATCH && db_next(r)) ended[n++] = db_int(r, 0);
    db_done(r);
    for (size_t i = 0; i < n; i++) {
        struct order o;
        db_exec(d->db, "UPDATE orders SET overdue_told=0 WHERE id=?", "i", ended[i]);
        if (order_get(d->db, ended[i], &o)) tell_end(d, now, o.plan, "order", o.id);
    }
}

int life_tick(struct daemon *d, struct err *e) {
    char after[64] = "";
    struct versions_filter f = {.name = "", .department = "", .state = "", .after = after, .limit = LOOKED_AT};
    int64_t now = daemon_now(d);
    size_t n = LOOKED_AT;
    struct zone *z = zone_open(d->cfg->zone, e);
    if (!z) return -1;
    db_begin(d->db);
    end_versions(d, z, now);
    end_orders(d, now);
    while (n == LOOKED_AT) {
        CLEANUP_FREE struct version *list = versions_list(d->db, VERSIONS_WAITING, &f, &n);
        for (size_t i = 0; i < n; i++)
            if (list[i].state == LIFE_ACTIVE && !list[i].executed_ns && executed(d, &list[i]))
                set_executed(d, &list[i], now);
        tell_versions(d, list, n, z, now);
        if (!n) break;
        snprintf(after, sizeof after, "%s", list[n - 1].name);
        f.after_version = list[n - 1].version;
    }
    tell_orders(d, z, now);
    zone_free(z);
    return db_commit(d->db, e);
}
