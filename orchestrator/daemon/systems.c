/* Which systems there are is what plans in force say; nothing else is kept of them but an index of names, written in
 * the transaction that puts a plan into force. */
#include "systems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/recovery.h"

#define IN_FORCE "systems s JOIN plans v ON v.name=s.plan AND v.state IN ('active','suspended') "

void systems_put(struct db *d, const struct plan *p) {
    db_exec(d, "INSERT OR REPLACE INTO systems(plan,system,recovery) VALUES(?,?,?)", "ssi", p->name, p->system,
        (int64_t)(p->recovery != NULL));
}

bool systems_second(struct db *d, const struct plan *p, char other[64]) {
    if (!p->recovery) return false;
    struct db_rows *r = db_query(
        d, "SELECT s.plan FROM " IN_FORCE "WHERE s.system=? AND s.recovery=1 AND s.plan<>?", "ss", p->system, p->name);
    bool found = db_next(r);
    if (found) snprintf(other, 64, "%s", db_text(r, 0));
    db_done(r);
    return found;
}

bool systems_seen(struct db *d, const char *system, const char *department) {
    struct db_rows *r = db_query(d,
        "SELECT 1 FROM " IN_FORCE "WHERE s.system=?1 AND (?2='' OR v.department=?2) LIMIT 1", "ss", system, department);
    bool found = db_next(r);
    db_done(r);
    return found;
}

char (*systems_list(struct db *d, const char *department, const char *after, int64_t limit, size_t *n))[64] {
    char(*names)[64] = calloc((size_t)limit + 1, sizeof *names);
    *n = 0;
    struct db_rows *r = db_query(d,
        "SELECT DISTINCT s.system FROM " IN_FORCE
        "WHERE s.system>?1 AND (?2='' OR v.department=?2) ORDER BY s.system LIMIT ?3",
        "ssi", after, department, limit + 1);
    while (names && db_next(r)) snprintf(names[(*n)++], sizeof *names, "%s", db_text(r, 0));
    db_done(r);
    return names;
}

/* The first column of all rows; ends ${r}. */
static struct js *column(struct db_rows *r) {
    struct js *list = js_array();
    while (db_next(r)) js_push_str(list, db_text(r, 0));
    db_done(r);
    return list;
}

/* In the order of starting: those of the recovery, then the others by name. */
static struct js *in_order(struct js *names, const struct js *recovery) {
    struct recovery r;
    struct js *list = js_array();
    recovery_read(recovery, &r);
    for (size_t k = 0; k < r.hosts_n; k++) js_push_str(list, r.hosts[k].host);
    for (size_t i = 0; i < js_count(names); i++)
        if (!recovery_find(&r, js_text(js_at(names, i)))) js_push_str(list, js_text(js_at(names, i)));
    js_free(names);
    return list;
}

static void put_plan(struct js *j, const char *text) {
    struct plan p;
    struct err e = ERR_INIT;
    if (plan_parse("plan", text, strlen(text), "UTC", &p, &e) < 0) return;
    if (p.recovery) js_set(j, "recovery", js_copy(p.recovery));
    if (p.rpo_s) js_set_int(j, "rpo_target_s", p.rpo_s);
    if (p.rto_s) js_set_int(j, "rto_target_s", p.rto_s);
    plan_free(&p);
}

struct js *system_get(struct db *d, const char *system) {
    struct js *j = js_object();
    struct db_rows *r = db_query(d,
        "SELECT v.name, v.version, v.hash, v.text FROM " IN_FORCE "WHERE s.system=? ORDER BY s.recovery DESC, v.name "
        "LIMIT 1",
        "s", system);
    bool found = db_next(r);
    if (found) {
        js_set_str(j, "system", system);
        js_set_str(j, "plan", db_text(r, 0)), js_set_int(j, "plan_version", db_int(r, 1));
        js_set_str(j, "plan_hash", db_text(r, 2));
        put_plan(j, db_text(r, 3));
    }
    db_done(r);
    if (!found) return js_free(j), NULL;
    js_set(j, "departments",
        column(db_query(d,
            "SELECT DISTINCT v.department FROM " IN_FORCE "WHERE s.system=? AND v.department<>'' ORDER BY 1", "s",
            system)));
    js_set(j, "plans", column(db_query(d, "SELECT v.name FROM " IN_FORCE "WHERE s.system=? ORDER BY 1", "s", system)));
    struct js *hosts = column(
        db_query(d, "SELECT DISTINCT h.host FROM " IN_FORCE "JOIN reach h ON h.plan=s.plan WHERE s.system=? ORDER BY 1",
            "s", system));
    js_set(j, "hosts", in_order(hosts, js_get(j, "recovery")));
    return j;
}
