/**
 * Secrets that zaibeid has to read again, those of one-time codes: sealed in the catalog under a key that stands in a
 * file of its own, state/secrets.key. A copy of the catalog alone gives none away; a backup needs both.
 */
#ifndef DAEMON_SECRETS_H
#define DAEMON_SECRETS_H

#include "catalog_people.h"
#include "daemon.h"

/** secrets_open(d, e): read the key, or make it where the catalog holds no sealed secret; seal what an older version
 * left open. ZE_SECRETSKEY when the key is missing or another. secrets_close: wipe it. */
int secrets_open(struct daemon *d, struct err *e) MUST_CHECK;
void secrets_close(struct daemon *d);

/** secrets_seal(d, user, secret, out), secrets_unseal: for one user's number; false when it was sealed for another
 * or under another key. */
void secrets_seal(struct daemon *d, int64_t user, const uint8_t secret[TOTP_SECRET], uint8_t out[TOTP_SEALED]);
bool secrets_unseal(
    struct daemon *d, int64_t user, const uint8_t sealed[TOTP_SEALED], uint8_t out[TOTP_SECRET]) MUST_CHECK;

/** secrets_forget(d, e): where the key is lost: take everybody's codes away, so that they can set up new ones with
 * their passwords, and end all sessions and tokens. How many users had codes, or <0. On the machine, while zaibeid
 * does not run. */
int secrets_forget(struct daemon *d, struct err *e) MUST_CHECK;

#endif
