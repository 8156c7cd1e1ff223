/* Versions, steps, retirements, orders as rows. What may follow what is decided elsewhere (plan/life.c, decide.c). */
#include "catalog_life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                                   \
    "name,department,hash,state,version,submitter,asker,state_ns,applied_ns,leaving,leaving_ns,executed_ns,drop_" \
    "points"

static void read_row(struct db_rows *r, struct version *v) {
    *v = (struct version){.version = db_int(r, 4), .submitter = db_int(r, 5), .asker = db_int(r, 6)};
    snprintf(v->name, sizeof v->name, "%s", db_text(r, 0));
    snprintf(v->department, sizeof v->department, "%s", db_text(r, 1));
    snprintf(v->hash, sizeof v->hash, "%s", db_text(r, 2));
    v->state = life_of(db_text(r, 3), db_int(r, 9) != 0);
    v->state_ns = db_int(r, 7), v->applied_ns = db_int(r, 8), v->leaving_ns = db_int(r, 10);
    v->executed_ns = db_int(r, 11), v->drop_points = db_int(r, 12) != 0;
}

bool version_get(struct db *d, const char *name, int64_t which, struct version *v) {
    struct db_rows *r = db_query(d,
        "SELECT " COLUMNS " FROM plans WHERE name=?1 AND CASE ?2"
        " WHEN 0 THEN state IN ('active','suspended')"
        " WHEN -1 THEN state IN ('draft','submitted','reviewed','approved')"
        " WHEN -2 THEN 1 ELSE version=?2 END ORDER BY version DESC LIMIT 1",
        "si", name, which);
    bool found = db_next(r);
    if (found) read_row(r, v);
    else *v = (struct version){.version = 0};
    db_done(r);
    return found;
}

void version_add(struct db *d, struct version *v, const char *text) {
    struct db_rows *r = db_query(d, "SELECT max(version) FROM plans WHERE name=?", "s", v->name);
    v->version = (db_next(r) ? db_int(r, 0) : 0) + 1;
    db_done(r);
    db_exec(d,
        "INSERT INTO plans(name,version,state,hash,text,applied_ns,department,state_ns,submitter) "
        "VALUES(?,?,?,?,?,0,?,?,?)",
        "sissssii", v->name, v->version, life_name(v->state), v->hash, text, v->department, v->state_ns, v->submitter);
}

void version_put(struct db *d, const struct version *v) {
    db_exec(d,
        "UPDATE plans SET state=?,leaving=?,submitter=?,asker=?,state_ns=?,applied_ns=?,leaving_ns=?,executed_ns=?,"
        "drop_points=? WHERE name=? AND version=?",
        "siiiiiiiisi", life_name(v->state), (int64_t)life_leaving(v->state), v->submitter, v->asker, v->state_ns,
        v->applied_ns, v->leaving_ns, v->executed_ns, (int64_t)v->drop_points, v->name, v->version);
}

void version_write(struct db *d, const struct version *v, const char *text) {
    db_exec(d, "UPDATE plans SET hash=?,text=?,department=? WHERE name=? AND version=?", "ssssi", v->hash, text,
        v->department, v->name, v->version);
}

char *version_text(struct db *d, const char *name, int64_t version) {
    struct db_rows *r = db_query(d, "SELECT text FROM plans WHERE name=? AND version=?", "si", name, version);
    char *text = db_next(r) ? strdup(db_text(r, 0)) : NULL;
    db_done(r);
    return text;
}

/* ?1 name, ?2 department, ?3 state, ?4 after, ?5 after version, ?6 limit, ?7 text in the name. What
 * costs is asked last: CASE keeps that order. */
#define LISTED                                                                                                      \
    "SELECT " COLUMNS " FROM plans p WHERE name>=max(?1,?4) AND name<=CASE ?1 WHEN '' THEN x'00' ELSE ?1 END AND (?2='' OR department=?2) AND (?3='' OR state=?3)" \
    " AND (name>?4 OR version>?5) AND (coalesce(?7,'')='' OR instr(name,?7)) AND "
#define SORTED " ORDER BY name, version LIMIT ?6"
static const char *const queries[] = {
    [VERSIONS_PLANS] = LISTED
    "CASE WHEN (?2='' OR department=?2) AND (?3='' OR state=?3) AND (coalesce(?7,'')='' OR instr(name,?7)) THEN "
    "version=(SELECT version FROM plans q WHERE q.name=p.name ORDER BY q.state IN ('active','suspended') DESC,"
    " q.state IN ('draft','submitted','reviewed','approved') DESC, q.version DESC LIMIT 1) ELSE 0 END" SORTED,
    [VERSIONS_ALL] = LISTED "1" SORTED,
    [VERSIONS_WAITING] =
        LISTED "(state IN ('submitted','reviewed') OR leaving=1 OR (state='active' AND executed_ns=0))" SORTED,
};

struct version *versions_list(struct db *d, enum versions_query q, const struct versions_filter *f, size_t *n) {
    struct version *list = NULL;
    size_t cap = 0;
    *n = 0;
    struct db_rows *r =
        db_query(d, queries[q], "ssssiis", f->name, f->department, f->state, f->after, f->after_version, f->limit, f->text);
    while (db_next(r)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            struct version *more = realloc(list, cap * sizeof *list);
            if (!more) break;
            list = more;
        }
        read_row(r, &list[(*n)++]);
    }
    db_done(r);
    return list;
}

void steps_add(
    struct db *d, const struct version *v, const char *act, const char *who, int64_t now_ns, const char *text) {
    db_exec(d, "INSERT INTO plan_steps(plan,version,act,state,who,time_ns,text) VALUES(?,?,?,?,?,?,?)", "sisssis",
        v->name, v->version, act, life_name(v->state), who, now_ns, text);
}

struct js *steps_json(struct db *d, const char *plan, int64_t version) {
    struct js *list = js_array();
    struct db_rows *r = db_query(d,
        "SELECT version,act,state,who,time_ns,text FROM plan_steps WHERE plan=?1 AND (?2=0 OR version=?2) ORDER BY id",
        "si", plan, version);
    while (db_next(r)) {
        struct js *j = js_object();
        js_set_int(j, "version", db_int(r, 0));
        js_set_str(j, "act", db_text(r, 1));
        js_set_str(j, "state", db_text(r, 2));
        js_set_str(j, "who", db_text(r, 3));
        js_set_time(j, "time", db_int(r, 4));
        if (*db_text(r, 5)) js_set_str(j, "text", db_text(r, 5));
        js_push(list, j);
    }
    db_done(r);
    return list;
}

void retirement_put(struct db *d, const struct version *v, const struct retirement *a) {
    db_exec(d,
        "INSERT OR REPLACE INTO retirements(plan,version,keep_backups,keep_files,place,reason) VALUES(?,?,?,?,?,?)",
        "siiiss", v->name, v->version, (int64_t)a->keep_backups, (int64_t)a->keep_vm_files,
        a->at_platform ? "platform" : "self", a->reason);
}

struct js *retirement_get(struct db *d, const char *plan, int64_t version) {
    struct js *j = NULL;
    struct db_rows *r = db_query(d,
        "SELECT keep_backups,keep_files,place,reason FROM retirements WHERE plan=? AND version=?", "si", plan, version);
    if (db_next(r)) {
        j = js_object();
        js_set_bool(j, "keep_backups", db_int(r, 0) != 0);
        js_set_bool(j, "keep_vm_files", db_int(r, 1) != 0);
        js_set_str(j, "place", db_text(r, 2));
        js_set_str(j, "reason", db_text(r, 3));
    }
    db_done(r);
    return j;
}
