/* Rows of drills. What was asked (hosts with their points, the plan's recovery section) is copied into the row, so that the record
 * says what was drilled whatever becomes of the plan. */
#include "catalog_drills.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "sys/file.h"

#define FIXED "system,departments,plan,plan_version,plan_hash,level,origin,requested_by,rto_target_s,rpo_target_s,recovery,system_point"
#define LIFE "state,requested_ns,incident_ns,since_ns,hosts,public_key,ended_ns,verdict,err_id,err_object,err_msg,summary"
#define LIFE_TYPES "siiissisisss"
#define LIFE_FIELDS(x, hosts, summary)                                                                             \
    (x)->state, (x)->requested_ns, (x)->incident_ns, (x)->since_ns, hosts, (x)->public_key, (x)->ended_ns,         \
        (x)->verdict, (x)->err_id, (x)->err_object, (x)->err_msg, summary
/* What others write while the drill's thread has its copy of the row. */
#define GIVEN "told,cancel,granted_ns,granted_by"

void drill_free(struct drill *x) {
    js_free(x->departments), js_free(x->recovery), js_free(x->hosts), js_free(x->summary);
    x->departments = x->recovery = x->hosts = x->summary = NULL;
}

static char *text_of(const struct js *j) { return j ? js_dump(j) : strdup(""); }

static struct js *js_of(const char *text) {
    struct err ignored = ERR_INIT;
    return *text ? js_parse(text, strlen(text), "catalog", &ignored) : NULL;
}

int64_t drill_add(struct db *d, struct drill *x) {
    CLEANUP_FREE char *departments = text_of(x->departments), *recovery = text_of(x->recovery), *hosts = text_of(x->hosts);
    db_exec(d,
        "INSERT INTO drills(" FIXED "," LIFE "," GIVEN ",record) "
        "VALUES(?,?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?, 0,'',0,'','')",
        "sssisissiisi" LIFE_TYPES, x->system, departments, x->plan, x->plan_version, x->plan_hash, x->level, x->origin,
        x->requested_by, x->rto_target_s, x->rpo_target_s, recovery, x->system_point, LIFE_FIELDS(x, hosts, ""));
    return x->id = db_last_id(d);
}

static void copy(char *out, size_t cap, struct db_rows *r, int column) { snprintf(out, cap, "%s", db_text(r, column)); }

static void read_row(struct db_rows *r, struct drill *x) {
    int c = 0;
    copy(x->system, sizeof x->system, r, c++);
    x->departments = js_of(db_text(r, c++));
    copy(x->plan, sizeof x->plan, r, c++);
    x->plan_version = db_int(r, c++);
    copy(x->plan_hash, sizeof x->plan_hash, r, c++);
    x->level = db_int(r, c++);
    copy(x->origin, sizeof x->origin, r, c++), copy(x->requested_by, sizeof x->requested_by, r, c++);
    x->rto_target_s = db_int(r, c++), x->rpo_target_s = db_int(r, c++);
    x->recovery = js_of(db_text(r, c++));
    x->system_point = db_int(r, c++);
    copy(x->state, sizeof x->state, r, c++);
    x->requested_ns = db_int(r, c++), x->incident_ns = db_int(r, c++), x->since_ns = db_int(r, c++);
    x->hosts = js_of(db_text(r, c++));
    copy(x->public_key, sizeof x->public_key, r, c++);
    x->ended_ns = db_int(r, c++);
    copy(x->verdict, sizeof x->verdict, r, c++);
    x->err_id = db_int(r, c++);
    copy(x->err_object, sizeof x->err_object, r, c++), copy(x->err_msg, sizeof x->err_msg, r, c++);
    x->summary = js_of(db_text(r, c++));
    x->told = db_int(r, c++);
    copy(x->cancel, sizeof x->cancel, r, c++);
    x->granted_ns = db_int(r, c++);
    copy(x->granted_by, sizeof x->granted_by, r, c);
}

bool drill_get(struct db *d, int64_t id, struct drill *x) {
    *x = (struct drill){.id = id};
    struct db_rows *r = db_query(d, "SELECT " FIXED "," LIFE "," GIVEN " FROM drills WHERE id=?", "i", id);
    bool found = db_next(r);
    if (found) read_row(r, x);
    db_done(r);
    return found;
}

void drill_put(struct db *d, const struct drill *x) {
    CLEANUP_FREE char *hosts = text_of(x->hosts), *summary = text_of(x->summary);
    db_exec(d, "UPDATE drills SET (" LIFE ")=(?,?,?,?,?,?,?,?,?,?,?,?) WHERE id=? AND state<>'ended'", LIFE_TYPES "i",
        LIFE_FIELDS(x, hosts, summary), x->id);
}

void drill_cancel(struct db *d, int64_t id, const char *who) {
    db_exec(d, "UPDATE drills SET cancel=? WHERE id=? AND state<>'ended'", "si", who, id);
}

void drill_granted(struct db *d, int64_t id, const char *who, int64_t now_ns) {
    db_exec(d, "UPDATE drills SET granted_by=?, granted_ns=? WHERE id=? AND state<>'ended'", "sii", who, now_ns, id);
}

void drill_told(struct db *d, int64_t id, int64_t now_ns) {
    db_exec(d, "UPDATE drills SET told=? WHERE id=?", "ii", now_ns, id);
}

void drill_end(struct db *d, const struct drill *x, const char *record) {
    db_exec(d, "UPDATE drills SET record=? WHERE id=? AND state<>'ended'", "si", record, x->id);
    drill_put(d, x);
}

char *drill_record_get(struct db *d, int64_t id) {
    struct db_rows *r = db_query(d, "SELECT record FROM drills WHERE id=?", "i", id);
    char *text = db_next(r) && *db_text(r, 0) ? strdup(db_text(r, 0)) : NULL;
    db_done(r);
    return text;
}

void drill_event_add(struct db *d, int64_t id, const struct js *event) {
    CLEANUP_FREE char *text = js_dump(event);
    db_exec(d, "INSERT INTO drill_events SELECT ?1, coalesce(max(n) + 1, 0), ?2 FROM drill_events WHERE drill=?1", "is", id, text);
}

struct js *drill_events(struct db *d, int64_t id) {
    struct js *list = js_array(), *one;
    struct db_rows *r = db_query(d, "SELECT event FROM drill_events WHERE drill=? ORDER BY n", "i", id);
    while (db_next(r))
        if ((one = js_of(db_text(r, 0)))) js_push(list, one);
    db_done(r);
    return list;
}

void drill_events_drop(struct db *d, int64_t id) { db_exec(d, "DELETE FROM drill_events WHERE drill=?", "i", id); }

/* departments is a JSON array of texts: whether ?n is one of them. */
#define MINE(n) "(?" #n "='' OR EXISTS(SELECT 1 FROM json_each(departments) WHERE value=?" #n "))"

static int64_t *ids_of(struct db_rows *r, size_t *n) {
    int64_t *ids = NULL;
    for (*n = 0; db_next(r); ++*n) {
        int64_t *more = realloc(ids, (*n + 1) * sizeof *ids);
        if (!more) break;
        ids = more, ids[*n] = db_int(r, 0);
    }
    db_done(r);
    return ids;
}

int64_t *drill_ids(struct db *d, const struct filter *f, const struct page *page, size_t *n) {
    return ids_of(db_query(d,
                      "SELECT id FROM drills WHERE (?1=0 OR id<?1) AND (?2='' OR system=?2) AND (?3='' OR state=?3 OR verdict=?3)"
                      " AND " MINE(4) " ORDER BY id DESC LIMIT ?5",
                      "isssi", page->number, f->system, f->state, f->department, page->limit + 1),
        n);
}

int64_t *drill_ids_in(struct db *d, const char *state, size_t *n) {
    return ids_of(db_query(d, "SELECT id FROM drills WHERE state=? ORDER BY id", "s", state), n);
}

bool drill_seen(struct db *d, int64_t id, const char *department) {
    struct db_rows *r = db_query(d, "SELECT 1 FROM drills WHERE id=?2 AND " MINE(1), "si", department, id);
    bool seen = db_next(r);
    db_done(r);
    return seen;
}

struct js *drill_summaries(struct db *d, const char *system, int64_t level, int64_t most) {
    struct js *list = js_array(), *one;
    struct db_rows *r = db_query(d,
        "SELECT summary FROM (SELECT id, summary FROM drills WHERE system=?1 AND state='ended' AND (?2=0 OR level=?2)"
        " ORDER BY id DESC LIMIT ?3) ORDER BY id",
        "sii", system, level, most);
    while (db_next(r))
        if ((one = js_of(db_text(r, 0)))) js_push(list, one);
    db_done(r);
    return list;
}

struct js *drill_systems(struct db *d, const char *department) {
    struct js *list = js_array();
    struct db_rows *r = db_query(d, "SELECT DISTINCT system FROM drills WHERE " MINE(1) " ORDER BY system", "s", department);
    while (db_next(r)) js_push_str(list, db_text(r, 0));
    db_done(r);
    return list;
}

int64_t drill_last_green(struct db *d, const char *system, int64_t level, const struct js *hosts, int64_t *id) {
    CLEANUP_FREE char *names = text_of(hosts);
    struct db_rows *r = db_query(d,
        "SELECT id, requested_ns FROM drills WHERE system=? AND verdict='green' AND level>=? AND NOT EXISTS(SELECT 1 FROM json_each(?) "
        "AS h WHERE h.value NOT IN(SELECT json_extract(i.value,'$.host') FROM json_each(drills.hosts) AS i)) ORDER BY requested_ns DESC LIMIT 1",
        "sis", system, level, names);
    bool found = db_next(r);
    int64_t when = found ? db_int(r, 1) : 0;
    *id = found ? db_int(r, 0) : 0;
    db_done(r);
    return when;
}

void drill_note(struct db *d, const struct drill *x, int64_t now_ns, const char *who, const char *act, struct js *detail) {
    char object[32];
    if (!detail) detail = js_object();
    snprintf(object, sizeof object, "%lld", (long long)x->id);
    js_set_str(detail, "system", x->system);
    js_set_int(detail, "level", x->level);
    if (*x->verdict) js_set_str(detail, "verdict", x->verdict);
    audit_add(d, now_ns, who, act, object, detail);
}
