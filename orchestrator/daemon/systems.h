/**
 * Systems, and their system points: one number over all hosts, taken while all of them are frozen. A system is what
 * plans in force call one; it belongs to their departments, and one of them at most says how it is brought back
 * (plan/recovery.h).
 *
 * Everything works inside the caller's transaction, except system_points_tick.
 */
#ifndef DAEMON_SYSTEMS_H
#define DAEMON_SYSTEMS_H

#include "daemon.h"

#define CATALOG_SYSTEMS                                                                                           \
    "CREATE TABLE systems(plan TEXT PRIMARY KEY, system TEXT NOT NULL, recovery INTEGER NOT NULL) STRICT;"        \
    "CREATE INDEX systems_of ON systems(system);"                                                                 \
    "CREATE TABLE system_points(id INTEGER PRIMARY KEY AUTOINCREMENT, system TEXT NOT NULL, state TEXT NOT NULL," \
    "  who TEXT NOT NULL, reason TEXT NOT NULL, created_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL,"          \
    "  frozen_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL) STRICT;"                                            \
    "CREATE INDEX system_points_of ON system_points(system, id);"                                                 \
    "CREATE INDEX system_points_open ON system_points(id) WHERE state IN ('queued','running');"                   \
    "CREATE TABLE system_point_hosts(job INTEGER PRIMARY KEY, system_point INTEGER NOT NULL, host TEXT NOT NULL," \
    "  rank INTEGER NOT NULL, stage INTEGER NOT NULL, walk_ns INTEGER NOT NULL) STRICT;"                          \
    "CREATE INDEX system_point_hosts_of ON system_point_hosts(system_point, host);"                               \
    "ALTER TABLE jobs ADD COLUMN system_point INTEGER NOT NULL DEFAULT 0;"

/** systems_put(db, p): this plan came into force. systems_second(db, p, other): whether another plan in force of the
 * same system has a recovery beside this one's, and which. */
void systems_put(struct db *d, const struct plan *p);
bool systems_second(struct db *d, const struct plan *p, char other[64]);
/** systems_seen(db, system, department): whether it exists for this department ("": all). */
bool systems_seen(struct db *d, const char *system, const char *department);
/** systems_list(db, department, after, limit, n): names after ${after}, sorted, limit + 1 at most; to be freed. */
char (*systems_list(struct db *d, const char *department, const char *after, int64_t limit, size_t *n))[64];

/** system_get(db, system): {system, departments[], plan, plan_version, plan_hash, hosts[], recovery, rpo_target_s,
 * rto_target_s, plans[]}, to be freed; NULL when no plan in force is of it. ${plan} and what follows it are of the one
 * with a recovery, else of the first by name; recovery and targets are absent where it has none. hosts[]: names in the
 * order of starting, then those without an entry. */
struct js *system_get(struct db *d, const char *system);

enum {
    SYSTEM_POINT_CALLS = 5,   /* calls that each host may need until it is there, and beside them */
    SYSTEM_POINT_WAIT_S = 120 /* until all hosts are frozen */
};

/** system_point_new(d, who, system, why, e): one job for each host; its number, or <0: ZE_NOTFOUND, ZE_EXISTS while
 * another one of the system is under way. */
int64_t system_point_new(struct daemon *d, const char *who, const char *system, const char *why, struct err *e);
/** system_point_get(db, id): {id, system, state queued|running|ok|partial|failed, who, reason, created, frozen, ended,
 * hosts[{host, job, state, stage waiting|ready|frozen, point, walk_start, error}]}, to be freed; NULL when there is
 * none. */
struct js *system_point_get(struct db *d, int64_t id);
/** system_points_list(db, system, before, limit, n): newest first, numbers below ${before} (0: all), limit + 1 at most.
 */
int64_t *system_points_list(struct db *d, const char *system, int64_t before, int64_t limit, size_t *n);
/** system_point_of(db, id, system): whether it is one of this system. */
bool system_point_of(struct db *d, int64_t id, const char *system);

/** system_points_tick(d, e): what has ended or waited too long is settled, with a record. In transactions of its own.
 */
int system_points_tick(struct daemon *d, struct err *e) MUST_CHECK;
/** system_point_walked(db, job, walk_ns): when the walk of this job began. */
void system_point_walked(struct db *d, int64_t job, int64_t walk_ns);

/** What a host asks on its way: may it freeze (all are ready, and those before it are frozen); may it walk (all are
 * frozen). */
enum barrier_stage { BARRIER_WAITING, BARRIER_READY, BARRIER_FROZEN };
enum { BARRIER_HOSTS_A_SECOND = 4 };
/** barrier_ask(d, j, stage, e): its job ${j} runs and has come to ${stage}: 1 to go on, 0 to ask again, <0: the system
 * point comes to nothing, and why. */
int barrier_ask(struct daemon *d, const struct job *j, enum barrier_stage stage, struct err *e) MUST_CHECK;
/** barrier_pause_s(db, j): after how many seconds to ask again: 1, or while hosts are missing and nobody is frozen, so
 * many that no more than BARRIER_HOSTS_A_SECOND ask in one. */
int barrier_pause_s(struct db *d, const struct job *j);

#endif
