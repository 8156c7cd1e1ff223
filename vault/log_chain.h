/** Between log.c and log_chain.c only. */
#ifndef VAULT_LOG_CHAIN_H
#define VAULT_LOG_CHAIN_H

#include "log.h"

/** log_follow: take in ${r} as the record l->next, if it continues the log; after a gap nobody can tell. */
int log_follow(struct host_log *l, const struct record *r, bool gap, struct err *e) MUST_CHECK;

/** log_chain(l): read on to the end of the log by its chain. False when something is not as it should be: then ${l} holds
 * what nothing vouches for and must be thrown away. */
bool log_chain(struct host_log *l) MUST_CHECK;

#endif
