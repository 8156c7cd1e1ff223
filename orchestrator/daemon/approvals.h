/** How many people of the office a plan asks to approve it, and who of them has. */
#ifndef DAEMON_APPROVALS_H
#define DAEMON_APPROVALS_H

#include "catalog_life.h"
#include "daemon.h"
#include "wrap/json.h"

/** approvals_needed(d, v): by this version and by the one in force, the more: a change cannot ask for fewer than it
 * is changed under. 1 where people are off. approvals_given: how many people have approved what ${v} waits for;
 * *by, where not NULL: whether ${who} is one of them. plan_approvals_json: {"needed", "by": [name]}. Inside the caller's
 * transaction. */
int64_t approvals_needed(struct daemon *d, const struct version *v);
int64_t approvals_given(struct db *d, const struct version *v, const char *who, bool *by);
struct js *plan_approvals_json(struct daemon *d, const struct version *v);

#endif
