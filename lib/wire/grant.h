/**
 * Grants (FORMAT.md §12, R11): the department opens host keys with its recovery kit, on its own machine, for one worker, one
 * purpose, until one time, and seals them to a key that this worker made for this one use. Whoever carries a grant (zaibeid, a
 * file) cannot read it; it is worth nothing to another worker, or to the same one after it has ended.
 */
#ifndef WIRE_GRANT_H
#define WIRE_GRANT_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/record.h"
#include "wrap/seal.h"

enum { GRANT_HOSTS_MAX = 64, GRANT_MAX = 16384, GRANT_LONGEST_S = 7 * 86400 };
#define GRANT_DRILL "drill"
#define GRANT_RESTORE "restore"

struct grant_host {
    char host[64];
    uint8_t host_id[SEAL_ID], key[SEAL_KEY]; /* the host key, from which all others are derived (§2) */
};

/** Live in secret memory only (secret_alloc of sizeof); grant_wipe forgets it. */
struct grant {
    char purpose[16], id[64]; /* GRANT_DRILL or GRANT_RESTORE, and the number of the drill or restore */
    int64_t until;            /* whole seconds, UTC */
    unsigned n;
    struct grant_host hosts[GRANT_HOSTS_MAX];
};

/** grant_seal(g, pub, out, e): append the sealed grant for whoever has the private half of ${pub}. ZE_USAGE when it has no host
 * or too many. What was written in between is wiped. */
int grant_seal(const struct grant *g, const uint8_t pub[SEAL_KEY], struct buf *out, struct err *e) MUST_CHECK;

/**
 * grant_open(g, pub, sec, p, n, purpose, id, now_s, e):
 * Open what grant_seal made for this pair, this purpose and this id. ZE_GRANT when it does not open, is malformed, is for
 * something else, has expired, or is valid for longer than GRANT_LONGEST_S; ${g} is wiped then.
 */
int grant_open(struct grant *g, const uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY], const void *p, size_t n,
    const char *purpose, const char *id, int64_t now_s, struct err *e) MUST_CHECK;

/** grant_key(g, host, host_id): the key of this host, or NULL. */
const uint8_t *grant_key(const struct grant *g, const char *host, const uint8_t host_id[SEAL_ID]);
void grant_wipe(struct grant *g);

#endif
