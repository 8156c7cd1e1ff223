/**
 * The gate of the API: who asks, how often, and whether what is named exists for them. Every request passes it before its
 * handler runs.
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include "api.h"

struct gate;
struct gate *gate_new(void);    /* NULL without memory */
void gate_free(struct gate *g); /* NULL is fine */

/** gate_enter(d, route, r, c, retry_after_s, e): whether the request may go on, and as whom. ZE_NOLOGIN, ZE_SETUP, ZE_ROLE,
 * ZE_TOOFAST and ZE_TOOLARGE are told apart by status_of. */
int gate_enter(struct daemon *d, const struct route *route, const struct http_request *r, struct caller *c,
    int *retry_after_s, struct err *e) MUST_CHECK;

/** gate_admit(d, source): whether a source may connect once more; asked before anything else, since a handshake costs work. */
bool gate_admit(struct daemon *d, const char *source);

/** gate_sees(d, path, part, who, e): for somebody of a department: whether the plan, host or job that ${path} has a * for
 * exists. ZE_NOTFOUND, the same for what is another's and what is nobody's. */
int gate_sees(
    struct daemon *d, const char *path, const char *part, const struct principal *who, struct err *e) MUST_CHECK;

#endif
