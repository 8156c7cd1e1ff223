/**
 * What is known of restore points, for listing over all hosts: a copy of what the vault told, learned host by host as their logs grow.
 * Losing it costs asking again. What protects a point is asked of the vault when it matters and is not here. Inside the
 * caller's transaction.
 */
#ifndef DAEMON_CATALOG_POINTS_H
#define DAEMON_CATALOG_POINTS_H

#include "catalog.h"
#include "wrap/json.h"

#define CATALOG_POINTS                                                                                                  \
    "CREATE TABLE points(host TEXT NOT NULL, point INTEGER NOT NULL, time_ns INTEGER NOT NULL, walk_ns INTEGER NOT NULL,"   \
    "  kind TEXT NOT NULL, labels TEXT NOT NULL, state TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL,"  \
    "  bytes_read INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, bytes_stored INTEGER NOT NULL,"                        \
    "  PRIMARY KEY(host, point)) STRICT, WITHOUT ROWID;"                                                                \
    "CREATE INDEX points_by_time ON points(time_ns, host, point);"                                                      \
    "CREATE INDEX points_by_state ON points(state, time_ns, host, point);"                                              \
    "ALTER TABLE hosts ADD COLUMN records INTEGER NOT NULL DEFAULT -1;"                                                 \
    "CREATE INDEX jobs_by_host ON jobs(host, state); CREATE INDEX jobs_by_plan ON jobs(plan);"                          \
    "CREATE INDEX jobs_by_state ON jobs(state); CREATE INDEX plans_list ON plans(name, version, department, state);"

/** points_same(d, item): whether the vault's word on a host (`hosts`, PROTOCOL.md) is what was learned last. */
bool points_same(struct db *d, const struct js *item);
/** points_last: the highest number that is known of the host, or 0. */
int64_t points_last(struct db *d, const char *host);
/** points_learn(d, host, list): add the vault's ${list}; how many of the host are known now. points_forget: all of a host's. */
int64_t points_learn(struct db *d, const char *host, const struct js *list);
void points_forget(struct db *d, const char *host);
/** points_learned(d, h, records): at this length of its log all is known; fills last_* of ${h} with its newest complete point. */
void points_newest(struct db *d, struct host *h);
void points_learned(struct db *d, const char *host, int64_t records);
/** points_row: the columns host, point, time_ns, kind, labels, state, files, bytes, bytes_read, bytes_sent, bytes_stored,
 * walk_ns of a query as they stand in answers. */
#define POINT_COLUMNS "host,point,time_ns,kind,labels,state,files,bytes,bytes_read,bytes_sent,bytes_stored,walk_ns"
struct js *points_row(struct db_rows *r);

#endif
