/* Drills by the calendar (R7: at least yearly). A system is due so long after its last green drill of at least the plan's level, or
 * after its plan came into force. Some days before that zaibeid queues a drill itself, which waits for the department's grant;
 * what is overdue is told of once a week, and shown until a drill is green. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "drills.h"
#include "outbox.h"
#include "plan/form.h"
#include "plan/recovery.h"
#include "sys/file.h"
#include "systems.h"

enum { DAY_S = 86400, EVERY_S = 365 * DAY_S, AHEAD_S = 7 * DAY_S, WEEK_S = 7 * DAY_S, SYSTEMS_MAX = 100000 };

struct due {
    char system[64], plan[64];
    int64_t level, every_s, green_ns, green, due_ns, open; /* green: the number of the last green drill */
    int64_t tried_ns;                                      /* when the calendar's last one ended */
    struct js *departments;                                /* owned */
};

static const struct principal self = {.name = "zaibeid"};

/* An open drill of at least this level, 0: there is none. */
static int64_t open_drill(struct db *db, const struct due *x) {
    struct db_rows *r = db_query(
        db, "SELECT id FROM drills WHERE system=? AND level>=? AND state<>'ended' LIMIT 1", "si", x->system, x->level);
    int64_t id = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return id;
}

static int64_t applied_ns(struct db *db, const char *plan, int64_t version) {
    struct db_rows *r = db_query(db, "SELECT applied_ns FROM plans WHERE name=? AND version=?", "si", plan, version);
    int64_t ns = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return ns;
}

/* When the calendar's last drill of this system ended, however: 0: there was none. */
static int64_t last_tried(struct db *db, const char *system) {
    struct db_rows *r = db_query(db, "SELECT max(ended_ns) FROM drills WHERE system=? AND origin='schedule'", "s", system);
    int64_t ns = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return ns;
}

/* What the plan in force says of drills; false when it has no recovery section, or ${who} does not see the system. */
static bool due_of(struct daemon *d, const char *system, const struct principal *who, struct due *x) {
    CLEANUP_JS struct js *s = system_get(d->db, system);
    const struct js *r = js_get(s, "recovery");
    const char *every = js_str(r, "drill_every", NULL);
    if (!r || !drill_sees(who, s)) return false;
    *x = (struct due){.level = recovery_level(r)};
    snprintf(x->system, sizeof x->system, "%s", system);
    snprintf(x->plan, sizeof x->plan, "%s", js_str(s, "plan", ""));
    x->departments = js_copy(js_get(s, "departments"));
    if (!every || !form_span(every, &x->every_s)) x->every_s = EVERY_S;
    x->green_ns = drill_last_green(d->db, system, x->level, js_get(s, "hosts"), &x->green);
    int64_t from = x->green_ns ? x->green_ns : applied_ns(d->db, x->plan, js_int(s, "plan_version", 0));
    x->due_ns = from + x->every_s * NS_PER_S;
    x->open = open_drill(d->db, x);
    x->tried_ns = last_tried(d->db, system);
    return true;
}

/* Each system whose plan in force says how it is recovered. */
static struct due *due_list(struct daemon *d, const struct principal *who, size_t *n) {
    size_t all;
    char(*names)[64] = systems_list(d->db, "", "", SYSTEMS_MAX, &all);
    struct due *list = calloc(all + 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; list && names && i < all; i++)
        if (due_of(d, names[i], who, &list[*n])) ++*n;
    free(names);
    return list;
}

static void due_free(struct due *list, size_t n) {
    for (size_t i = 0; i < n; i++) js_free(list[i].departments);
    free(list);
}

struct js *drill_due_json(struct daemon *d, const struct principal *who) {
    size_t n;
    struct js *list = js_array();
    struct due *due = due_list(d, who, &n);
    for (size_t i = 0; i < n; i++) {
        const struct due *x = &due[i];
        struct js *j = js_object();
        js_set_str(j, "system", x->system);
        js_set_str(j, "plan", x->plan);
        js_set_int(j, "level", x->level);
        js_set_int(j, "every_s", x->every_s);
        js_set_time(j, "last_green", x->green_ns);
        if (x->green) js_set_int(j, "last_drill", x->green);
        js_set_time(j, "due", x->due_ns);
        js_set_bool(j, "overdue", x->due_ns <= daemon_now(d));
        if (x->open) js_set_int(j, "open_drill", x->open);
        js_push(list, j);
    }
    due_free(due, n);
    return list;
}

/* Once a week while it lasts. */
static void tell(struct daemon *d, const struct due *x, int64_t now) {
    struct db_rows *r = db_query(d->db, "SELECT told_ns FROM drill_told WHERE system=?", "s", x->system);
    int64_t told = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    if (told && now - told < WEEK_S * (int64_t)NS_PER_S) return;
    struct js *detail = js_object();
    CLEANUP_FREE char *departments = js_dump(x->departments);
    js_set_int(detail, "level", x->level);
    js_set_time(detail, "due", x->due_ns);
    js_set_time(detail, "last_green", x->green_ns);
    db_exec(d->db, "INSERT OR REPLACE INTO drill_told(system,departments,told_ns) VALUES(?,?,?)", "ssi", x->system,
        departments, now);
    notice_add(d->db, now, "drill.overdue", x->system, x->plan, js_copy(detail));
    audit_add(d->db, now, "zaibeid", "drill.overdue", x->system, detail);
}

/* Those that were told of and are not overdue any more: a drill was green, or the plan is gone. */
static void forget(struct daemon *d, const struct due *due, size_t n, int64_t now) {
    CLEANUP_JS struct js *told = js_array();
    struct db_rows *r = db_query(d->db, "SELECT system FROM drill_told", "");
    while (db_next(r)) js_push_str(told, db_text(r, 0));
    db_done(r);
    for (size_t i = 0; i < js_count(told); i++) {
        const char *system = js_text(js_at(told, i));
        bool still = false;
        for (size_t k = 0; k < n; k++) still |= !strcmp(due[k].system, system) && due[k].due_ns <= now;
        if (!still) db_exec(d->db, "DELETE FROM drill_told WHERE system=?", "s", system);
    }
}

int64_t drill_overdue(struct db *d, const char *department) {
    struct db_rows *r = db_query(d,
        "SELECT count(*) FROM drill_told WHERE ?1='' OR EXISTS(SELECT 1 FROM json_each(departments) WHERE value=?1)", "s",
        department);
    int64_t n = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return n;
}

static int queue(struct daemon *d, const struct due *due, struct err *e) {
    struct drill_wish w = {.who = self.name, .system = due->system, .level = due->level, .scheduled = true};
    struct drill x;
    int rc = drill_ask(d, &self, &w, &x, e);
    if (rc == 0) {
        db_begin(d->db);
        drill_add(d->db, &x);
        drill_note(d->db, &x, daemon_now(d), self.name, "drill.run", NULL);
        rc = db_commit(d->db, e);
    }
    drill_free(&x);
    return rc;
}

/* One that was red, failed or was cancelled is tried again after a week: people have to do something first. What cannot be asked for
 * at all is no reason for the others to wait. */
static int queue_due(struct daemon *d, const struct due *due, size_t n, int64_t now, struct err *e) {
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        struct err why = ERR_INIT;
        int64_t ahead = due[i].every_s / 4 < AHEAD_S ? due[i].every_s / 4 : AHEAD_S;
        if (due[i].tried_ns && now - due[i].tried_ns < WEEK_S * (int64_t)NS_PER_S) continue;
        if (due[i].open || due[i].due_ns - ahead * NS_PER_S > now || !d->cfg->drill_read[0]) continue;
        if (queue(d, &due[i], &why) < 0) *e = why, rc = -1;
    }
    return rc;
}

int drill_calendar(struct daemon *d, struct err *e) {
    size_t n;
    int64_t now = daemon_now(d);
    db_begin(d->db);
    struct due *due = due_list(d, &self, &n);
    for (size_t i = 0; i < n; i++)
        if (due[i].due_ns <= now) tell(d, &due[i], now);
    forget(d, due, n, now);
    int rc = db_commit(d->db, e) == 0 ? queue_due(d, due, n, now, e) : -1;
    due_free(due, n);
    return rc;
}
