/* Rows only. The hosts of a migration stand in its facts: they are read as a whole and never searched but for one
 * question, which of them is under way already, and that SQLite answers from the JSON. */
#include "catalog_migrations.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sys/file.h"

#define COLUMNS \
    "name,system,department,zone,state,facts,months,turn,state_ns,from_ns,end_ns,wanted_ns,verified_ns,reminded,asker"

bool migration_get(struct db *d, const char *name, int64_t id, struct migration *m) {
    struct err ignored = ERR_INIT;
    *m = (struct migration){.id = 0};
    struct db_rows *r =
        db_query(d, "SELECT " COLUMNS ",id FROM migrations WHERE name=?1 OR (?1='' AND id=?2)", "si", name, id);
    bool found = db_next(r);
    if (found) {
        int64_t *const ints[] = {&m->months, &m->turn, &m->state_ns, &m->from_ns, &m->end_ns, &m->wanted_ns,
            &m->verified_ns, &m->reminded, &m->asker, &m->id};
        snprintf(m->name, sizeof m->name, "%s", db_text(r, 0));
        snprintf(m->system, sizeof m->system, "%s", db_text(r, 1));
        snprintf(m->department, sizeof m->department, "%s", db_text(r, 2));
        snprintf(m->zone, sizeof m->zone, "%s", db_text(r, 3));
        m->state = case_of(db_text(r, 4));
        m->facts = js_parse(db_text(r, 5), strlen(db_text(r, 5)), name, &ignored);
        for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) *ints[i] = db_int(r, 6 + (int)i);
    }
    if (!m->facts) m->facts = js_object();
    db_done(r);
    return found;
}

void migration_free(struct migration *m) {
    js_free(m->facts);
    m->facts = NULL;
}

void migration_add(struct db *d, struct migration *m) {
    CLEANUP_FREE char *facts = js_dump(m->facts);
    db_exec(d, "INSERT INTO migrations(" COLUMNS ") VALUES(?,?,?,?,?,?,?,1,?,0,0,0,0,0,0)", "ssssssii", m->name,
        m->system, m->department, m->zone, case_name(m->state), facts, m->months, m->state_ns);
    m->id = db_last_id(d), m->turn = 1;
}

void migration_put(struct db *d, struct migration *m) {
    CLEANUP_FREE char *facts = js_dump(m->facts);
    db_exec(d,
        "UPDATE migrations SET state=?,facts=?,months=?,turn=turn+1,state_ns=?,from_ns=?,end_ns=?,wanted_ns=?,"
        "verified_ns=?,reminded=?,asker=? WHERE id=?",
        "ssiiiiiiiii", case_name(m->state), facts, m->months, m->state_ns, m->from_ns, m->end_ns, m->wanted_ns,
        m->verified_ns, m->reminded, m->asker, m->id);
    m->turn++;
}

size_t migrations_list(struct db *d, const char *department, const char *system, const char *state, int64_t after,
    int64_t limit, int64_t *ids) {
    size_t n = 0;
    struct db_rows *r = db_query(d,
        "SELECT id FROM migrations WHERE id>?1 AND (?2='' OR department=?2) AND (?3='' OR system=?3) AND (?4='' OR "
        "state=?4) ORDER BY id LIMIT ?5",
        "isssi", after, department, system, state, limit);
    while (db_next(r)) ids[n++] = db_int(r, 0);
    db_done(r);
    return n;
}

int64_t migrations_next(struct db *d, int64_t after) {
    struct db_rows *r = db_query(d,
        "SELECT id FROM migrations WHERE id>? AND state NOT IN ('begun','ready','closed') ORDER BY id LIMIT 1", "i",
        after);
    int64_t id = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return id;
}

bool migrations_of_host(struct db *d, const char *host, char name[64]) {
    struct db_rows *r = db_query(d,
        "SELECT m.name FROM migrations m, json_each(m.facts,'$.originals') o WHERE m.state NOT IN "
        "('closed','rolled-back')"
        " AND json_extract(o.value,'$.host')=? LIMIT 1",
        "s", host);
    bool found = db_next(r);
    snprintf(name, 64, "%s", found ? db_text(r, 0) : "");
    db_done(r);
    return found;
}

void migration_step(
    struct db *d, const struct migration *m, const char *act, const char *who, int64_t now_ns, const char *text) {
    db_exec(d, "INSERT INTO migration_steps(migration,act,state,who,time_ns,text) VALUES(?,?,?,?,?,?)", "isssis", m->id,
        act, case_name(m->state), who, now_ns, text);
}

struct js *migration_steps(struct db *d, int64_t id) {
    struct js *list = js_array();
    struct db_rows *r =
        db_query(d, "SELECT act,state,who,time_ns,text FROM migration_steps WHERE migration=? ORDER BY id", "i", id);
    while (db_next(r)) {
        struct js *j = js_object();
        js_set_str(j, "act", db_text(r, 0));
        js_set_str(j, "state", db_text(r, 1));
        js_set_str(j, "who", db_text(r, 2));
        js_set_time(j, "time", db_int(r, 3));
        if (*db_text(r, 4)) js_set_str(j, "text", db_text(r, 4));
        js_push(list, j);
    }
    db_done(r);
    return list;
}

bool host_plan(struct db *d, const char *host, char plan[64], char department[256 * 4]) {
    struct db_rows *r = db_query(d, "SELECT plan,department FROM reach WHERE host=? ORDER BY plan LIMIT 1", "s", host);
    bool found = db_next(r);
    snprintf(plan, 64, "%s", found ? db_text(r, 0) : "");
    snprintf(department, (size_t)256 * 4, "%s", found ? db_text(r, 1) : "");
    db_done(r);
    return found;
}
