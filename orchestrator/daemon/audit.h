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

/** zaibeid's own key, state/audit.key: the 32-byte seed of an ed25519 key, made when it is first needed. */
struct audit_key {
    uint8_t pub[SEAL_SIGN_PUB], *sec; /* secret memory */
};
int audit_key_open(struct audit_key *k, const char *state_dir, struct err *e) MUST_CHECK;
void audit_key_close(struct audit_key *k);

enum { AUDIT_CHECKPOINT_RECORDS = 1000, AUDIT_CHECKPOINT_S = 86400 };

/**
 * audit_checkpoint(db, now_ns, key, always):
 * A record "audit.checkpoint" with {"hash","n","sig"}: number and hash of the record before, signed: ed25519 over
 *
 *     "zaibei audit checkpoint" NUL N ' ' HASH      (N in decimal, HASH in hex)
 *
 * Only when AUDIT_CHECKPOINT_RECORDS records or AUDIT_CHECKPOINT_S seconds have passed since the last one, or ${always}; never
 * directly behind one. True when one was made; inside the caller's transaction.
 */
bool audit_checkpoint(struct db *d, int64_t now_ns, const struct audit_key *k, bool always);

struct audit_verdict {
    int64_t records, checkpoints, first_bad; /* 0: none is */
    char why[200];
};
/** audit_verify(db, pub, v, e): compute the whole chain again and check every checkpoint, a thousand records in a
 * transaction. A bad one is no error but v->first_bad; <0 where the catalog cannot be read. */
int audit_verify(struct db *d, const uint8_t pub[SEAL_SIGN_PUB], struct audit_verdict *v, struct err *e) MUST_CHECK;

#endif
