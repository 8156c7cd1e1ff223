/**
 * The audit (R8, R23; promise 10): every change of state writes its record in the same transaction of the catalog, so
 * neither is there without the other, and where records cannot be written nothing changes.
 *
 * A record: number from 1 without gaps, time, who, act, object, detail (JSON with sorted keys), and
 *
 *     hash = BLAKE2b-256(previous hash ‖ line)
 *
 * where line is the record as compact JSON with sorted keys and without its hash:
 * {"act":…,"detail":{…},"n":…,"object":…,"time":"RFC 3339 in UTC","who":…}; the hash before the first is 32 zero bytes.
 */
#ifndef DAEMON_AUDIT_H
#define DAEMON_AUDIT_H

#include "wrap/db.h"
#include "wrap/json.h"
#include "wrap/seal.h"

/** audit_add(db, now_ns, who, act, object, detail): inside the caller's transaction, whose error it shares. ${who} is the name
 * of a principal, "zaibeid" for what it does by itself; ${act} a word such as plan.approve; ${detail} is taken, NULL: {}.
 * Never put secrets into it. */
void audit_add(struct db *d, int64_t now_ns, const char *who, const char *act, const char *object, struct js *detail);

/** audit_head(db, n, hash): the last record's number and hash; 0 and zeros when there is none. */
void audit_head(struct db *d, int64_t *n, uint8_t hash[SEAL_HASH]);

#endif
