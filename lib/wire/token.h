/** The enrol token (PROTOCOL.md §6): one line of text that a person carries from the platform to a new host. */
#ifndef WIRE_TOKEN_H
#define WIRE_TOKEN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wrap/seal.h"

struct token {
    char user[128], host[256];
    unsigned port;
    uint8_t host_key[SEAL_SIGN_PUB], vault_key[SEAL_SIGN_PUB], seed[SEAL_SIGN_SEED];
};

/** token_put(out, t, e): the line without newline into ${out} (reset first), NUL-terminated past its length;
 * ZE_CONFIG when user, host or port cannot stand in a token. token_get(t, text, e): the reverse; white space around
 * is skipped, ZE_TOKEN for anything else. The seed is secret: wipe both. */
int token_put(struct buf *out, const struct token *t, struct err *e) MUST_CHECK;
int token_get(struct token *t, const char *text, struct err *e) MUST_CHECK;

#endif
