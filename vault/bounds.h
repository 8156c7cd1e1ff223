/**
 * How much of the small things (records, notes, systems) somebody with stolen credentials may pile up. Bytes of packs are the
 * quota's (quota.h); these bounds are far above what an installation needs and keep listing and opening fast for ever. Each
 * refuses with ZE_TOOMUCH and takes nothing away.
 */
#ifndef VAULT_BOUNDS_H
#define VAULT_BOUNDS_H

#include "log.h"

enum { GRANTS_MOST = 256 };
enum { POINTS_MOST = 20000, BEGINS_A_DAY = 1000, TICKETS_MOST = 4096, TICKET_DAYS = 30, TOKENS_MOST = 1024,
    SYSTEMS_MOST = 4096 };

/** bounds_begin(l, now, e): may an upload begin: fewer than POINTS_MOST points exist, and of the begins of the last 24 hours
 * fewer than BEGINS_A_DAY came to nothing. */
int bounds_begin(const struct host_log *l, int64_t now, struct err *e) MUST_CHECK;

/** bounds_ticket(v, host, ticket, e): may the host get one more ticket. Those that nobody has used for TICKET_DAYS are
 * dropped when there are too many; one that is there already may always be replaced. */
int bounds_ticket(struct vault *v, const char *host, const char *ticket, struct err *e) MUST_CHECK;

/** bounds_grant(v, reader, source, now, e): may the reader get one more grant. Those that have ended are dropped when there are
 * too many; one that is there already may always be replaced. */
int bounds_grant(struct vault *v, const char *reader, const char *source, int64_t now, struct err *e) MUST_CHECK;

/** bounds_token(v, host, system, e): may one more enrol token be made, and a system with it. */
int bounds_token(struct vault *v, const char *host, const char *system, struct err *e) MUST_CHECK;

#endif
