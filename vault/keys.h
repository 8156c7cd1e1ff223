/**
 * The vault's signing keys (FORMAT.md §8, "Keys of the vault"): which there were, which one signs now, and how another takes
 * its place. keeper/key is the seed of the one that signs; keeper/key.next that of the one that will, from the request for it
 * until it has taken over.
 */
#ifndef VAULT_KEYS_H
#define VAULT_KEYS_H

#include "approve.h"
#include "wrap/json.h"

/** keys_open(v, e): on opening: learn the chain and load the key that signs. Finishes a change that was interrupted. ZE_VAULTKEY
 * when keeper/key is none of this vault, ZE_NOTFOUND when there is none; with v->keyless neither is needed. */
int keys_open(struct vault *v, struct err *e) MUST_CHECK;

/** keys_note(v, r, raw, e): a key record of the vault's log was read: judge it and take it into the chain. keys_follow: after the
 * log was read: sign with the key that it names last; ZE_VAULTKEY when that is not here: nothing is signed then. */
int keys_note(struct vault *v, const struct record *r, const struct buf *raw, struct err *e) MUST_CHECK;
int keys_follow(struct vault *v, struct err *e) MUST_CHECK;

/** keys_signing: 0 when there is a key to sign with; else ZE_VAULTKEY. */
int keys_signing(struct vault *v, struct err *e) MUST_CHECK;

/** keys_catch_up: something is signed by a key that this process does not know: 1 when there is a new one, by the log or, where
 * that cannot be read, by the copies; 0. */
int keys_catch_up(struct vault *v) MUST_CHECK;

/** keys_next_seed: the secret key of keeper/key.next, to be freed; NULL with ${e}.
 * keys_next(v, pub, e): the public half of the key that will follow; its seed is made, durably, when there is none. */
uint8_t *keys_next_seed(struct vault *v, struct err *e) MUST_CHECK;
int keys_next(struct vault *v, uint8_t pub[SEAL_SIGN_PUB], struct err *e) MUST_CHECK;

/** keys_load(v, i, r, raw, e): the key record that put key ${i} (1 …) in its place, and its bytes; record_free. */
int keys_load(struct vault *v, unsigned i, struct record *r, struct buf *raw, struct err *e) MUST_CHECK;

/**
 * keys_change(v, how, a, e):
 * The key of keys_next takes over: approved by ${a} (needed for a replacement, and where there are approvers), recorded in the
 * vault's log and marked in each host's. If interrupted, vault_open finds the old key or the new one whole. ${v} signs with
 * the new one afterwards. What could not be marked is printed: the host's next record brings it.
 */
int keys_change(struct vault *v, enum key_how how, const struct approvals *a, struct err *e) MUST_CHECK;

/** keys_json(v, e): {current, next (null), keys: [{key, since, how}]}, keys as 64 hex digits; NULL with ${e}. */
struct js *keys_json(struct vault *v, struct err *e) MUST_CHECK;

#endif
