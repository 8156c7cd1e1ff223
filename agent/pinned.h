/** Which of the vault's keys this host believes: those it has pinned, and what they lead to (FORMAT.md §8). */
#ifndef AGENT_PINNED_H
#define AGENT_PINNED_H

#include "config.h"
#include "greet.h"

/** pinned_load(c, keys, e): the keys pinned so far, the oldest first, the one that counts last: `vault.old` and c->vault_pub. */
int pinned_load(const struct config *c, struct keychain *keys, struct err *e) MUST_CHECK;

/**
 * pinned_follow(c, w, keys, e):
 * From the pinned key, the last of ${keys}, to the one that signs now: each on the way must be signed by the one before it, or the
 * last be c->typed_pub, which a person has typed. They are appended to ${keys}. ZE_VAULTKEY when the pinned key is none of
 * this vault; ZE_KEYREPLACED when approvers put one in place: a person has to compare it. Return how many are new.
 */
int pinned_follow(const struct config *c, const struct welcome *w, struct keychain *keys, struct err *e) MUST_CHECK;

/** pinned_save(c, keys, e): pin the last of ${keys}, and remember the others for what they have signed. */
int pinned_save(const struct config *c, const struct keychain *keys, struct err *e) MUST_CHECK;

#endif
