/**
 * People's decisions on plans: each function is one transaction that changes the state, writes who did it (steps and audit)
 * and does what follows from it, or does nothing. What may follow what is plan/life.h; whose act it is was judged by the
 * API's routes; here is judged what depends on the plan: that the person may see it, and that nobody decides on what they
 * submitted (R1, R2), unless `people: off` says that this machine has one person only.
 */
#ifndef DAEMON_DECIDE_H
#define DAEMON_DECIDE_H

#include "catalog_life.h"
#include "daemon.h"
#include "people/may.h"

/**
 * decide_submit(d, who, p, text, draft, v, e):
 * Write ${p}, read from ${text}, as a version that waits for review, or as a draft. A draft that is there becomes it. ${v} is
 * the version. ZE_NOTHING: the same content is in force or waits already; ZE_PLANSTATE: another version waits, or a
 * retirement; ZE_REFUSED: of another department; ZE_EXISTS: another department's plan has the name; ZE_NOPLACE.
 */
int decide_submit(struct daemon *d, const struct principal *who, const struct plan *p, const char *text, bool draft,
    struct version *v, struct err *e) MUST_CHECK;

/**
 * decide_act(d, who, act, name, version, text, v, e):
 * REVIEW, APPROVE, REJECT, WITHDRAW, SUSPEND or RESUME. The version it is about is the one on its way, else the one in
 * force; ${version}, unless 0, is the one the person looked at, and any other is ZE_PLANCHANGED. ${text}: the opinion or
 * reason, "" where none is needed (REJECT and SUSPEND need one). An APPROVE where the plan asks for two people leaves the state as it is
 * the first time; ZE_SAMEPERSON to the same person again. ZE_NOTFOUND also where ${who} may not see it, ZE_OWNPLAN,
 * ZE_PLANSTATE, ZE_NOPLACE.
 */
int decide_act(struct daemon *d, const struct principal *who, enum life_act act, const char *name, int64_t version,
    const char *text, struct version *v, struct err *e) MUST_CHECK;

/** decide_retire: ask for the end of the plan in force (form 3) with its answers; it ends when it is approved. */
int decide_retire(struct daemon *d, const struct principal *who, const char *name, const struct retirement *r,
    struct version *v, struct err *e) MUST_CHECK;

/** decide_order: an order is done, as ${who} says in ${note}. ZE_NOTFOUND, ZE_NOTHING when it was. */
int decide_order(struct daemon *d, const struct principal *who, int64_t id, const char *note, struct order *o,
    struct err *e) MUST_CHECK;

/** life_tick(d, e): what comes by itself: a version is executed when each host had its first run of it; a step that was not
 * taken in time is said once (event, log). Cheap; call it about once a minute. */
int life_tick(struct daemon *d, struct err *e) MUST_CHECK;

/** life_due_s(d, v, z, which): when what ${v} waits for is due, in s; ${which} says what. 0: it waits for nothing. */
int64_t life_due_s(struct daemon *d, const struct version *v, const struct zone *z, int *which);
/** order_due_s: the same for an order. */
int64_t order_due_s(struct daemon *d, const struct order *o, const struct zone *z);

#endif
