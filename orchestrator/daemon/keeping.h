/** The retention pass of one host. keeping_tick (daily.h) calls it once a day for each. */
#ifndef DAEMON_KEEPING_H
#define DAEMON_KEEPING_H

#include "daemon.h"

/** keeping_host(d, host, vault_s, e): judge its points at vault time ${vault_s}, ask the vault to remove what nothing keeps, and
 * write down what came of it. <0: the vault or the catalog could not be asked; nothing is lost by trying again. */
int keeping_host(struct daemon *d, const char *host, int64_t vault_s, struct err *e) MUST_CHECK;

/** keeping_points(db, points, plan, out): those of the vault's list that carry a hash of this plan, in any version, into ${out},
 * which has room for all; how many. Inside the caller's transaction. */
size_t keeping_points(struct db *db, const struct js *points, const char *plan, struct keep_point *out);

#endif
