/** What a plan will cost, from what its hosts have stored so far or from the form, and whether that fits. */
#ifndef DAEMON_COST_H
#define DAEMON_COST_H

#include "daemon.h"
#include "wrap/json.h"

/** cost_json(d, p, e): openapi.yaml's Cost. Asks the vault, which may block; where it cannot be asked the answer says so in
 * "stale" and goes by the form. No transaction may be open. */
struct js *cost_json(struct daemon *d, const struct plan *p, struct err *e) MUST_CHECK;

#endif
