/** The one thing that this host's SSH key signs: a user authentication request for this user by this key (RFC 4252 §7). */
#ifndef AGENT_SIGNING_H
#define AGENT_SIGNING_H

#include <stddef.h>

#include "config.h"

/** signing_blob(out, pub): the public key as SSH writes it: string "ssh-ed25519", string key; 51 bytes. */
enum { SIGNING_BLOB = 51 };
void signing_blob(uint8_t out[SIGNING_BLOB], const uint8_t pub[SEAL_SIGN_PUB]);

/**
 * signing_sign(c, p, n, sig, e):
 * Check that ${p} is such a request for c->ssh_user, service ssh-connection, method publickey (or OpenSSH's variant bound to
 * the server's host key, which must be the pinned one) with the key of c->ssh_seed, and nothing more; then sign it.
 * ZE_REFUSED otherwise: whoever asks has been taken over.
 */
int signing_sign(const struct config *c, const uint8_t *p, size_t n, uint8_t sig[SEAL_SIG], struct err *e) MUST_CHECK;

#endif
