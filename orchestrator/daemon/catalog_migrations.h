/**
 * Migrations and the steps they went, as rows. All functions work inside the caller's transaction, where errors
 * stick. What may follow what is migrate/case.h.
 */
#ifndef DAEMON_CATALOG_MIGRATIONS_H
#define DAEMON_CATALOG_MIGRATIONS_H

#include "catalog.h"
#include "migrate/case.h"
#include "wrap/json.h"

/** The queries' part of the schema. */
#define CATALOG_MIGRATIONS                                                                                            \
    "CREATE TABLE migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, system TEXT NOT NULL,"  \
    "  department TEXT NOT NULL, zone TEXT NOT NULL, months INTEGER NOT NULL, state TEXT NOT NULL, turn INTEGER NOT " \
    "NULL,"                                                                                                           \
    "  state_ns INTEGER NOT NULL, from_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, wanted_ns INTEGER NOT NULL,"     \
    "  verified_ns INTEGER NOT NULL, reminded INTEGER NOT NULL, asker INTEGER NOT NULL, facts TEXT NOT NULL) STRICT;" \
    "CREATE TABLE migration_steps(id INTEGER PRIMARY KEY AUTOINCREMENT, migration INTEGER NOT NULL, act TEXT NOT "    \
    "NULL,"                                                                                                           \
    "  state TEXT NOT NULL, who TEXT NOT NULL, time_ns INTEGER NOT NULL, text TEXT NOT NULL) STRICT;"                 \
    "CREATE INDEX migration_steps_of ON migration_steps(migration);"

enum { MIGRATION_HOSTS_MAX = 64, MIGRATION_TEXT_MAX = 4000 };

/**
 * One migration. from_ns, end_ns, wanted_ns and verified_ns are the vault's time, 0 where there is none yet: the
 * cutover; the window's end; a later end that was asked for and is not pinned yet; the last look at the points. turn
 * counts the changes of the row: who has asked the vault meanwhile sees by it that somebody else was faster.
 * reminded: working days of the last reminder. asker: who asked for the close.
 *
 * facts: {"originals":[{host, job, point, walk_start, pinned_until}], "targets":[{host, job, point, pinned_until}],
 * "checks":[{check, host, ok, why}], "verify":[{host, point, ok, why}], "rollback":{who, to, dir, unsaved, reason,
 * restore}, "failed":text, "system_point":number}; members are absent until they are known.
 */
struct migration {
    int64_t id, months, turn, state_ns, from_ns, end_ns, wanted_ns, verified_ns, reminded, asker;
    char name[64], system[64], department[256 * 4], zone[101];
    enum case_state state;
    struct js *facts;
};

/** migration_get: the row of this name, or id where ${name} is ""; to be freed in any case. */
bool migration_get(struct db *d, const char *name, int64_t id, struct migration *m);
void migration_free(struct migration *m);
#define CLEANUP_MIGRATION __attribute__((cleanup(migration_free)))
/** migration_add: a new one; its id. migration_put: everything but its name; turn grows. */
void migration_add(struct db *d, struct migration *m);
void migration_put(struct db *d, struct migration *m);

/** migrations_list: up to ${limit} ids after ${after}, of one department and system and in one state where they are
 * not "". migrations_next: the first id after ${after} for which zaibeid may have something to do; 0: none. */
size_t migrations_list(struct db *d, const char *department, const char *system, const char *state, int64_t after,
    int64_t limit, int64_t *ids);
int64_t migrations_next(struct db *d, int64_t after);
/** migrations_of_host: the name of a migration under way that has the host as an original: not closed, nor rolled
 * back. */
bool migrations_of_host(struct db *d, const char *host, char name[64]);

/** migration_step: who did what, in its state now. migration_steps: all, in order, as JSON. */
void migration_step(
    struct db *d, const struct migration *m, const char *act, const char *who, int64_t now_ns, const char *text);
struct js *migration_steps(struct db *d, int64_t id);

/** host_plan: a plan of the host and its department, from what plans in force reach; false: none names it. */
bool host_plan(struct db *d, const char *host, char plan[64], char department[256 * 4]);

#endif
