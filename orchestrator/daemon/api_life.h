/** What the handlers of plans share: versions as JSON, and finding one that the person may see. */
#ifndef DAEMON_API_LIFE_H
#define DAEMON_API_LIFE_H

#include "api.h"
#include "catalog_life.h"

/** life_json(d, v, z): a version with what its text says, as openapi.yaml has it (Plan). Inside a transaction. */
struct js *life_json(struct daemon *d, const struct version *v, const struct zone *z);

/** life_find(c, v, e): the version of the path's plan that ?version= names (a number, open, or by default the one in force,
 * else on its way, else the last). Inside a transaction. ZE_NOTFOUND also where it may not be seen. */
int life_find(struct api_call *c, struct version *v, struct err *e) MUST_CHECK;

/** life_plan(d, v, p, e): its text, read; ${p} is to be freed. Inside a transaction. */
int life_plan(struct daemon *d, const struct version *v, struct plan *p, struct err *e) MUST_CHECK;

#endif
