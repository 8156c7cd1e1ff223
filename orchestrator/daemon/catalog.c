/* The schema, plans, hosts, cursors, events. Jobs are in catalog_jobs.c.
 *
 * The catalog is never the only copy of something that is needed to restore: points are the vault's. Losing it loses plans
 * and history. Each change of state is one transaction; a crash leaves the state before or after it. */
#include "catalog.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"
#include "catalog_due.h"
#include "catalog_migrations.h"
#include "catalog_drills.h"
#include "catalog_people.h"
#include "systems.h"
#include "restores.h"
#include "catalog_points.h"
#include "sys/file.h"

static const char *const schema[] = {
    "CREATE TABLE plans(name TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, hash TEXT NOT NULL,"
    "  text TEXT NOT NULL, applied_ns INTEGER NOT NULL, PRIMARY KEY(name, version)) STRICT;"
    "CREATE UNIQUE INDEX plans_active ON plans(name) WHERE state='active';"
    "CREATE TABLE hosts(name TEXT PRIMARY KEY, host_id TEXT NOT NULL DEFAULT '', system TEXT NOT NULL DEFAULT '',"
    "  state TEXT NOT NULL DEFAULT '', enrolled_ns INTEGER NOT NULL DEFAULT 0, points INTEGER NOT NULL DEFAULT 0,"
    "  last_point INTEGER NOT NULL DEFAULT 0, last_walk_ns INTEGER NOT NULL DEFAULT 0,"
    "  last_time_ns INTEGER NOT NULL DEFAULT 0, last_state TEXT NOT NULL DEFAULT '', seen_ns INTEGER NOT NULL DEFAULT "
    "0,"
    "  agent_version TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, plan TEXT NOT NULL,"
    "  plan_version INTEGER NOT NULL, plan_hash TEXT NOT NULL, kind TEXT NOT NULL, labels TEXT NOT NULL,"
    "  origin TEXT NOT NULL, state TEXT NOT NULL, due_ns INTEGER NOT NULL, window_end_ns INTEGER NOT NULL,"
    "  not_before_ns INTEGER NOT NULL, lease_ns INTEGER NOT NULL, queued_ns INTEGER NOT NULL, started_ns INTEGER NOT "
    "NULL,"
    "  ended_ns INTEGER NOT NULL, attempts INTEGER NOT NULL, ticket TEXT NOT NULL, retain_until_ns INTEGER NOT NULL,"
    "  point INTEGER NOT NULL, phase TEXT NOT NULL, files INTEGER NOT NULL, bytes_read INTEGER NOT NULL,"
    "  bytes_sent INTEGER NOT NULL, bytes_stored INTEGER NOT NULL, cancel INTEGER NOT NULL, err_id INTEGER NOT NULL,"
    "  err_object TEXT NOT NULL, err_msg TEXT NOT NULL) STRICT;"
    "CREATE INDEX jobs_open ON jobs(host, state) WHERE state IN ('queued','running');"
    "CREATE TABLE cursors(plan TEXT NOT NULL, host TEXT NOT NULL, upto_s INTEGER NOT NULL, PRIMARY KEY(plan, host)) "
    "STRICT;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  object TEXT NOT NULL, text TEXT NOT NULL) STRICT;",
    "CREATE TABLE audit(n INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL,"
    "  object TEXT NOT NULL, line TEXT NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX audit_time ON audit(time_ns); CREATE INDEX audit_act ON audit(act, n);"
    "DROP TABLE events;",
    "CREATE TABLE notices(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  object TEXT NOT NULL, plan TEXT NOT NULL, department TEXT NOT NULL DEFAULT '', resolved INTEGER NOT NULL,"
    "  detail TEXT NOT NULL, spread INTEGER NOT NULL) STRICT;"
    "CREATE INDEX notices_new ON notices(id) WHERE spread=0;"
    "CREATE TABLE conditions(kind TEXT NOT NULL, object TEXT NOT NULL, since_ns INTEGER NOT NULL,"
    "  told_ns INTEGER NOT NULL, PRIMARY KEY(kind, object)) STRICT;"
    "CREATE TABLE deliveries(id INTEGER PRIMARY KEY AUTOINCREMENT, notice INTEGER NOT NULL, channel TEXT NOT NULL,"
    "  state TEXT NOT NULL, tries INTEGER NOT NULL, due_ns INTEGER NOT NULL, done_ns INTEGER NOT NULL DEFAULT 0,"
    "  why TEXT NOT NULL) STRICT;"
    "CREATE INDEX deliveries_due ON deliveries(due_ns) WHERE state='queued';",
    "CREATE TABLE witness(log TEXT PRIMARY KEY, n INTEGER NOT NULL, hash TEXT NOT NULL, behind_ns INTEGER NOT NULL,"
    "  why TEXT NOT NULL) STRICT;",
    CATALOG_CALENDAR,
    /* The life of plans. submitter, asker: who may not decide; state_ns: since when a decision is waited for; executed_ns:
     * when each host had its first run of this version. At most one version in force and one on its way, by index. */
    "ALTER TABLE plans ADD COLUMN department TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE plans ADD COLUMN state_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN submitter INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN asker INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN leaving_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN executed_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN drop_points INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE plans ADD COLUMN overdue_told INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX plans_active;"
    "CREATE UNIQUE INDEX plans_in_force ON plans(name) WHERE state IN ('active','suspended');"
    "CREATE UNIQUE INDEX plans_open ON plans(name) WHERE state IN ('draft','submitted','reviewed','approved');"
    "CREATE INDEX plans_waiting ON plans(name, version) WHERE state IN ('submitted','reviewed') OR leaving=1 OR"
    "  (state='active' AND executed_ns=0);"
    "CREATE TABLE IF NOT EXISTS reach(plan TEXT NOT NULL, host TEXT NOT NULL, department TEXT NOT NULL,"
    "  PRIMARY KEY(plan, host)) STRICT;"
    "CREATE INDEX reach_host ON reach(host);"
    "CREATE TABLE plan_steps(id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT NOT NULL, version INTEGER NOT NULL,"
    "  act TEXT NOT NULL, state TEXT NOT NULL, who TEXT NOT NULL, time_ns INTEGER NOT NULL, text TEXT NOT NULL) STRICT;"
    "CREATE INDEX plan_steps_of ON plan_steps(plan, version);"
    "CREATE TABLE retirements(plan TEXT NOT NULL, version INTEGER NOT NULL, keep_backups INTEGER NOT NULL,"
    "  keep_files INTEGER NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(plan, version)) STRICT;"
    "CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT NOT NULL, version INTEGER NOT NULL,"
    "  department TEXT NOT NULL, kind TEXT NOT NULL, opened_ns INTEGER NOT NULL, done_ns INTEGER NOT NULL DEFAULT 0,"
    "  done_by TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '', overdue_told INTEGER NOT NULL DEFAULT 0) STRICT;",
    "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 5;"
    "CREATE INDEX jobs_running ON jobs(state) WHERE state='running';",
    /* people: catalog_people.c */
    "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, full_name TEXT NOT NULL DEFAULT '',"
    "  department TEXT NOT NULL DEFAULT '', password TEXT NOT NULL DEFAULT '', roles INTEGER NOT NULL DEFAULT 0,"
    "  disabled INTEGER NOT NULL DEFAULT 0, must_change INTEGER NOT NULL DEFAULT 0, totp BLOB NOT NULL DEFAULT x'',"
    "  totp_new BLOB NOT NULL DEFAULT x'', totp_step INTEGER NOT NULL DEFAULT 0, password_ns INTEGER NOT NULL DEFAULT 0,"
    "  expires_ns INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, failed_ns INTEGER NOT NULL DEFAULT 0,"
    "  created_ns INTEGER NOT NULL, login_ns INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE credentials(id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER NOT NULL REFERENCES users(id),"
    "  session INTEGER NOT NULL, label TEXT NOT NULL, roles INTEGER NOT NULL, created_ns INTEGER NOT NULL,"
    "  expires_ns INTEGER NOT NULL, idle_ns INTEGER NOT NULL, used_ns INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE INDEX credentials_user ON credentials(user);"
    "CREATE TABLE sources(source TEXT PRIMARY KEY, failures INTEGER NOT NULL, failed_ns INTEGER NOT NULL) STRICT;"
    "CREATE INDEX reach_department ON reach(department, host);"
    "CREATE TABLE idempotency(who TEXT NOT NULL, key TEXT NOT NULL, hash BLOB NOT NULL, status INTEGER NOT NULL,"
    "  answer TEXT NOT NULL, time_ns INTEGER NOT NULL, PRIMARY KEY(who, key)) STRICT;",
    CATALOG_SYSTEMS,
    CATALOG_MIGRATIONS,
    CATALOG_RESTORES,
    /* What a run left out, as JSON {reason: number}. overdue_told: when it was last said, so that it is found again. */
    "ALTER TABLE jobs ADD COLUMN not_read INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN left_out TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX plans_overdue ON plans(name) WHERE overdue_told>0;"
    "CREATE INDEX orders_overdue ON orders(id) WHERE overdue_told>0;"
    "ALTER TABLE deliveries ADD COLUMN recipients TEXT NOT NULL DEFAULT '';",
    CATALOG_DUE,
    CATALOG_POINTS,
    CATALOG_DRILLS,
};

struct db *catalog_open(const char *state_dir, struct err *e) {
    char path[4096];
    if (file_mkdirs(AT_FDCWD, state_dir, 0700, e) < 0) return NULL;
    snprintf(path, sizeof path, "%s/zaibei.db", state_dir);
    return db_open(path, schema, sizeof schema / sizeof *schema, e);
}

int64_t catalog_plan_load(struct db *d, const char *name, int64_t version, const char *zone, struct plan *p,
    int64_t *applied_ns, char **text) {
    struct db_rows *r = db_query(d,
        "SELECT version, text, applied_ns FROM plans WHERE name=?1 AND "
        "(version=?2 OR (?2=0 AND state='active'))",
        "si", name, version);
    int64_t v = 0;
    struct err e = ERR_INIT;
    if (db_next(r)) {
        const char *t = db_text(r, 1);
        char where[100];
        snprintf(where, sizeof where, "%.63s@%lld", name, (long long)db_int(r, 0));
        if (plan_parse(where, t, strlen(t), zone, p, &e) == 0) v = db_int(r, 0);
        if (v && applied_ns) *applied_ns = db_int(r, 2);
        if (v && text) *text = strdup(t);
    }
    db_done(r);
    return v;
}

char **catalog_plan_names(struct db *d, size_t *n) {
    char **names = NULL;
    *n = 0;
    struct db_rows *r = db_query(d, "SELECT name FROM plans WHERE state='active' ORDER BY name", "");
    while (db_next(r)) {
        char **more = realloc(names, (*n + 1) * sizeof *names);
        if (!more) break;
        names = more;
        if ((names[*n] = strdup(db_text(r, 0)))) ++*n;
    }
    db_done(r);
    return names;
}

bool catalog_host_get(struct db *d, const char *name, struct host *h) {
    struct db_rows *r = db_query(d,
        "SELECT name,host_id,system,state,agent_version,last_state,enrolled_ns,points,last_point,"
        "last_walk_ns,last_time_ns,seen_ns FROM hosts WHERE name=?",
        "s", name);
    bool found = db_next(r);
    *h = (struct host){.points = 0};
    if (found) {
        snprintf(h->name, sizeof h->name, "%s", db_text(r, 0));
        snprintf(h->host_id, sizeof h->host_id, "%s", db_text(r, 1));
        snprintf(h->system, sizeof h->system, "%s", db_text(r, 2));
        snprintf(h->state, sizeof h->state, "%s", db_text(r, 3));
        snprintf(h->agent_version, sizeof h->agent_version, "%s", db_text(r, 4));
        snprintf(h->last_state, sizeof h->last_state, "%s", db_text(r, 5));
        h->enrolled_ns = db_int(r, 6), h->points = db_int(r, 7), h->last_point = db_int(r, 8);
        h->last_walk_ns = db_int(r, 9), h->last_time_ns = db_int(r, 10), h->seen_ns = db_int(r, 11);
    }
    db_done(r);
    return found;
}

void catalog_host_put(struct db *d, const struct host *h) {
    db_exec(d,
        "INSERT INTO hosts(name,host_id,system,state,enrolled_ns,points) VALUES(?,?,?,?,?,?) ON CONFLICT(name) DO "
        "UPDATE SET host_id=excluded.host_id,system=excluded.system,state=excluded.state,"
        "enrolled_ns=excluded.enrolled_ns,points=excluded.points",
        "ssssii", h->name, h->host_id, h->system, h->state, h->enrolled_ns, h->points);
    if (h->last_walk_ns)
        db_exec(d, "UPDATE hosts SET last_point=?,last_walk_ns=?,last_time_ns=?,last_state=? WHERE name=?", "iiiss",
            h->last_point, h->last_walk_ns, h->last_time_ns, h->last_state, h->name);
}

void catalog_host_seen(struct db *d, const char *name, const char *agent_version, int64_t now_ns) {
    db_exec(d,
        "INSERT INTO hosts(name,seen_ns,agent_version) VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET "
        "seen_ns=excluded.seen_ns,agent_version=excluded.agent_version",
        "sis", name, now_ns, agent_version);
}

int64_t cursor_get(struct db *d, const char *plan, const char *host) {
    struct db_rows *r = db_query(d, "SELECT upto_s FROM cursors WHERE plan=? AND host=?", "ss", plan, host);
    int64_t at = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return at;
}

void cursor_put(struct db *d, const char *plan, const char *host, int64_t upto_s) {
    db_exec(d, "INSERT OR REPLACE INTO cursors(plan,host,upto_s) VALUES(?,?,?)", "ssi", plan, host, upto_s);
}
