/**
 * Drills and their journals in the catalog. All functions work inside the caller's transaction, where errors stick.
 *
 * A drill goes queued → waiting (its worker has shown a key, and the department's grant is waited for) → running → ended, which has
 * a verdict and a signed record that is never changed.
 */
#ifndef DAEMON_CATALOG_DRILLS_H
#define DAEMON_CATALOG_DRILLS_H

#include "lists.h"
#include "drill/measure.h"

#define CATALOG_DRILLS                                                                                                    \
    "CREATE TABLE drills(id INTEGER PRIMARY KEY AUTOINCREMENT, system TEXT NOT NULL, departments TEXT NOT NULL,"          \
    "  plan TEXT NOT NULL, plan_version INTEGER NOT NULL, plan_hash TEXT NOT NULL, level INTEGER NOT NULL,"               \
    "  origin TEXT NOT NULL, requested_by TEXT NOT NULL, state TEXT NOT NULL, requested_ns INTEGER NOT NULL,"             \
    "  incident_ns INTEGER NOT NULL, since_ns INTEGER NOT NULL, rto_target_s INTEGER NOT NULL,"                           \
    "  rpo_target_s INTEGER NOT NULL, recovery TEXT NOT NULL, system_point INTEGER NOT NULL, hosts TEXT NOT NULL,"        \
    "  public_key TEXT NOT NULL, told INTEGER NOT NULL, cancel TEXT NOT NULL, granted_ns INTEGER NOT NULL,"               \
    "  granted_by TEXT NOT NULL, ended_ns INTEGER NOT NULL, verdict TEXT NOT NULL, err_id INTEGER NOT NULL,"              \
    "  err_object TEXT NOT NULL, err_msg TEXT NOT NULL, summary TEXT NOT NULL, record TEXT NOT NULL) STRICT;"             \
    "CREATE INDEX drills_open ON drills(state) WHERE state<>'ended'; CREATE INDEX drills_system ON drills(system, id);"   \
    "CREATE TABLE drill_events(drill INTEGER NOT NULL, n INTEGER NOT NULL, event TEXT NOT NULL,"                          \
    "  PRIMARY KEY(drill, n)) STRICT, WITHOUT ROWID;"                                                                     \
    "CREATE TABLE drill_told(system TEXT PRIMARY KEY, departments TEXT NOT NULL, told_ns INTEGER NOT NULL) STRICT;"

enum { DRILL_EVENTS_MAX = 20000 };
#define DRILL_QUEUED "queued"
#define DRILL_WAITING "waiting"
#define DRILL_RUNNING "running"
#define DRILL_ENDED "ended"

struct drill {
    int64_t id, level, plan_version, system_point;
    int64_t requested_ns, incident_ns, since_ns, granted_ns, ended_ns; /* since: of the state; 0: has not been */
    int64_t rto_target_s, rpo_target_s, told, err_id;
    char system[64], plan[64], plan_hash[65], origin[16], requested_by[64], state[16], cancel[64], granted_by[64];
    char verdict[16], public_key[64], err_object[256], err_msg[512];
    struct js *departments, *recovery, *hosts, *summary; /* owned; hosts and summary are null until they are known */
};
void drill_free(struct drill *x);

/** drill_add: its number, also in x->id. drill_get: false when there is none; ${x} is to be freed in any case. drill_put: write
 * back what changes in the life of a drill. drill_end: the same with its record, in the state "ended". */
int64_t drill_add(struct db *d, struct drill *x);
bool drill_get(struct db *d, int64_t id, struct drill *x);
void drill_put(struct db *d, const struct drill *x);
void drill_end(struct db *d, const struct drill *x, const char *record);
/** What others do while a drill has a thread; drill_put leaves it alone. drill_granted with "" and 0: the grant was not taken. */
void drill_cancel(struct db *d, int64_t id, const char *who);
void drill_granted(struct db *d, int64_t id, const char *who, int64_t now_ns);
void drill_told(struct db *d, int64_t id, int64_t now_ns);
/** drill_record_get: the file of its record, to be freed, or NULL. */
char *drill_record_get(struct db *d, int64_t id);

/** drill_event_add: journal one message of the worker. drill_events: all, in their order; to be freed. drill_events_drop: forget
 * them: the drill begins anew. */
void drill_event_add(struct db *d, int64_t id, const struct js *event);
struct js *drill_events(struct db *d, int64_t id);
void drill_events_drop(struct db *d, int64_t id);

/** drill_ids: numbers below page->number (0: the newest first), limit + 1 at most, as the filter (system, state, department) says. */
int64_t *drill_ids(struct db *d, const struct filter *f, const struct page *page, size_t *n);
/** drill_ids_in: of all drills in a state, oldest first. drill_seen: whether a department sees the drill. */
int64_t *drill_ids_in(struct db *d, const char *state, size_t *n);
bool drill_seen(struct db *d, int64_t id, const char *department);
/** drill_summaries: of the newest ${most} ended drills of a system, oldest first, each with "drill" and "level" (0: all levels). */
struct js *drill_summaries(struct db *d, const char *system, int64_t level, int64_t most);
/** drill_systems: the names of systems with drills that a department sees. */
struct js *drill_systems(struct db *d, const char *department);
/** drill_last_green: when the last green drill of at least ${level} and of all ${hosts} (names) was asked for, its number in ${id}; 0:
 * there was none. */
int64_t drill_last_green(struct db *d, const char *system, int64_t level, const struct js *hosts, int64_t *id);

/** drill_note: an audit record about the drill as it is now; ${detail} is taken, NULL: none. */
void drill_note(struct db *d, const struct drill *x, int64_t now_ns, const char *who, const char *act, struct js *detail);

#endif
