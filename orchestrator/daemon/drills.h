/**
 * Drills as they go on: each that is not over has a worker (docs/DRILLS.md) and a thread of zaibeid that journals what the
 * worker tells. All that lasts is in the catalog; what is only here (the grant on its way, progress) is lost with zaibeid, and then
 * the worker tears down, since its standard input ends.
 *
 * After a restart, a drill that ran has failed; one that waited for its grant is queued again, and its new worker shows another
 * key. Before anything is started, `worker clean` has removed what a killed drill left.
 */
#ifndef DAEMON_DRILLS_H
#define DAEMON_DRILLS_H

#include "catalog_drills.h"
#include "daemon.h"
#include "people/may.h"

enum { DRILLS_OPEN_MAX = 16, DRILL_WAIT_S = 7 * 86400, DRILL_FRESH_S = 12 * 3600, DRILL_TELL_S = 60 };

struct drills;

/** drills_new(d, e): take over what the catalog has; NULL with ${e}. drills_free: ends the threads; workers get the end of their
 * input and tear down by themselves. NULL is fine. */
struct drills *drills_new(struct daemon *d, struct err *e) MUST_CHECK;
void drills_free(struct drills *s);

/** drills_tick(s, e): start what waits, tell of what waits for a grant. Cheap when there is nothing. */
int drills_tick(struct drills *s, struct err *e) MUST_CHECK;

/** drills_grant(s, id, grant, e): hand a sealed grant (base64) to the worker; it is used as soon as fewer drills than drills.at_once
 * run. ZE_DRILLSTATE when the drill does not wait for one. It is kept nowhere. */
int drills_grant(struct drills *s, int64_t id, const char *grant, struct err *e) MUST_CHECK;

/** drills_progress(s, id): the worker's last progress message, to be freed; NULL when there is none. */
struct js *drills_progress(struct drills *s, int64_t id);

/** drills_wake(s, id): something about the drill has changed in the catalog (a wish to cancel). */
void drills_wake(struct drills *s, int64_t id);

/* drill_ask.c: what is asked of whom. */

struct drill_wish {
    const char *who, *system;
    int64_t level; /* 0: the plan's, 1 where it names none */
    int64_t incident_ns, system_point;
    const struct js *points; /* {host: number}, or NULL: the newest complete ones */
    bool scheduled;          /* by the calendar: points are chosen when the worker starts */
};
/** drill_ask(d, who, wish, x, e): compose a drill of a system that ${who} sees; nothing is queued yet. Asks the vault, so no
 * transaction may be open. ZE_NOTFOUND, ZE_NORECOVERY, ZE_DRILLPOINT, ZE_USAGE, ZE_CONFIG. */
int drill_ask(struct daemon *d, const struct principal *who, const struct drill_wish *w, struct drill *x, struct err *e) MUST_CHECK;
/** drill_sees(who, system): whether ${who} sees the system that system_get described. */
bool drill_sees(const struct principal *who, const struct js *system);
/** drill_choose(d, x, points, e): put the hosts with their points into x->hosts. ZE_DRILLPOINT. Asks the vault. */
int drill_choose(struct daemon *d, struct drill *x, const struct js *points, struct err *e) MUST_CHECK;
/** drill_order(d, x): the worker's order, one line of JSON, to be freed. */
char *drill_order(struct daemon *d, const struct drill *x);

/* drill_end.c */

/** drill_finish(d, x, e): judge the drill by its journal, make and sign its record, tell whoever is to be told: one transaction.
 * ${x} gets its end. */
int drill_finish(struct daemon *d, struct drill *x, struct err *e) MUST_CHECK;

/* drill_calendar.c */

/** drill_calendar(d, e): queue drills that come due within a week (or a quarter of a short interval), tell once a week of those
 * overdue. */
int drill_calendar(struct daemon *d, struct err *e) MUST_CHECK;
/** drill_overdue(db, department): how many systems are. */
int64_t drill_overdue(struct db *d, const char *department);
/** drill_due_json(d, who): inside a transaction: [{system, level, every_s, last_green, last_drill, due, overdue, open_drill}]
 * of each system whose plan in force says how it is recovered. */
struct js *drill_due_json(struct daemon *d, const struct principal *who);

#endif
