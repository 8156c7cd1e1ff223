/**
 * When each plan has to be looked at next, so that a tick asks an index and not every plan. It follows from the plans, the
 * calendar and the cursors: a row that is lost or too early costs a look, and only one that is too late would do harm, so
 * whatever may bring the next run nearer makes the row due at once: a version that comes into force (by trigger), and
 * another basis (what else the answer depends on: zone, table of working days, program). Inside the caller's transaction.
 */
#ifndef DAEMON_CATALOG_DUE_H
#define DAEMON_CATALOG_DUE_H

#include "wrap/db.h"

#define CATALOG_DUE                                                                                                     \
    "CREATE TABLE due(plan TEXT PRIMARY KEY, at_s INTEGER NOT NULL, since_s INTEGER NOT NULL DEFAULT 0,"                \
    "  host INTEGER NOT NULL DEFAULT 0, basis TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;"                         \
    "CREATE INDEX due_at ON due(at_s, plan);"                                                                           \
    "INSERT INTO due(plan,at_s) SELECT name,0 FROM plans WHERE state='active';"                                         \
    "CREATE TRIGGER due_changed AFTER UPDATE OF state ON plans WHEN new.state='active' AND old.state<>'active' BEGIN"   \
    "  INSERT OR REPLACE INTO due(plan,at_s) VALUES(new.name,0); END;"                                                  \
    "CREATE TRIGGER due_added AFTER INSERT ON plans WHEN new.state='active' BEGIN"                                      \
    "  INSERT OR REPLACE INTO due(plan,at_s) VALUES(new.name,0); END;"                                                  \
    "CREATE INDEX jobs_waiting ON jobs(plan, host) WHERE state='queued';"                                               \
    "CREATE INDEX jobs_window ON jobs(window_end_ns) WHERE state='queued' AND attempts=0 AND window_end_ns>0;"          \
    "CREATE INDEX jobs_priority ON jobs(priority) WHERE state='queued';"

/** A plan that is due; of its hosts, those before ${host} were looked at since ${since_s}. */
struct due {
    char plan[64];
    int64_t since_s, host;
};

/** due_list(d, now_s, list, n): at most ${n}, the longest overdue first; how many. */
int due_list(struct db *d, int64_t now_s, struct due *list, int n);
/** due_put: all its hosts were looked at; next at ${at_s}. due_part: those before host were. due_drop: it is not in force. */
void due_put(struct db *d, const char *plan, int64_t at_s, const char *basis);
void due_part(struct db *d, const struct due *x);
void due_drop(struct db *d, const char *plan);
/** due_again: what was put with another basis is due now. */
void due_again(struct db *d, const char *basis, int64_t now_s);

#endif
