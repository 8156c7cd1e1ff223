/** The first two frames of a session (PROTOCOL.md §2): what they say, not whether it is believed (session.c, enroll.c). */
#ifndef AGENT_GREET_H
#define AGENT_GREET_H

#include "wire/frame.h"
#include "wire/keychain.h"

struct welcome {
    struct vault_header vault; /* its signature is good; whose key it is, the caller decides */
    char host[64], system[64];
    uint8_t host_id[SEAL_ID], system_id[SEAL_ID];
    uint8_t rights, receipt;
    int64_t time;
    bool has_last;
    uint64_t last_n;
    uint8_t last_hash[SEAL_HASH];
    struct keychain keys; /* from the header's key to the one that signs now */
    bool vouched[KEYS_MAX]; /* the key before it has signed it; else approvers have, whom this host does not know */
};

/** greet_hello(f, receipt, n, e): queue HELLO, showing the receipt of record ${n} with hash ${receipt}; NULL: none. */
int greet_hello(struct frames *f, const uint8_t *receipt, uint64_t n, struct err *e) MUST_CHECK;

/** greet_welcome(r, w, peer, e): parse a WELCOME payload. ZE_NEWER for another protocol version, ZE_PROTO, ZE_DAMAGED,
 * ZE_KEYCHAIN for key records that do not follow each other. */
int greet_welcome(struct rd *r, struct welcome *w, const char *peer, struct err *e) MUST_CHECK;

#endif
