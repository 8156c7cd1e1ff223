/**
 * The keys of the vault (FORMAT.md §8): the header's, then each that a key record put in its place. They are learnt before
 * anything else is read: from the vault's log and from keys/, and from a host's log where both have lost them. A record
 * is believed by any of them; in one log their places never fall, and none signs long after another took over.
 */
#ifndef VERIFY_KEYS_H
#define VERIFY_KEYS_H

#include "record.h"

/** keys_begin(v, pub): the header's key, the only one so far. keys_signer: the place of the key whose signature over ${p} this
 * is, or -1. */
void keys_begin(struct verify *v, const uint8_t *pub);
int keys_signer(const struct verify *v, const uint8_t *sig, const uint8_t *p, size_t n);

/** keys_learn(v): what log/ and keys/ say, as far as the old keys' signatures reach; a key that approvers put in place is taken
 * provisionally, and judged by vaultlog.c. keys_of_host: the same from the key records in a host's log: only what a
 * known key vouches for. */
void keys_learn(struct verify *v);
void keys_of_host(struct verify *v, const char *host);

/** keys_known: the place of a key, or -1: any of them fits an anchor. keys_now: the one that signs. */
int keys_known(const struct verify *v, const uint8_t *pub);
const uint8_t *keys_now(const struct verify *v);

/** The order in one log: keys_late(v, rec, last): what is wrong with ${rec} being signed by the key it is, after one signed by the
 * key at ${last}; NULL: nothing. */
const char *keys_late(const struct verify *v, const struct recd *rec, unsigned *last);

/** A key record taken apart: how 1 is a rotation. The pointers go into the body. key_read: false when it is malformed;
 * key_wrong: why the old key has not vouched for it, or NULL; keys_change_wrong: what is wrong with it in the vault's log
 * where ${by} may approve, translated, or NULL. */
struct key_change {
    uint8_t how;
    const uint8_t *old, *pub, *sig;
    struct rd approvals;
};
bool key_read(struct key_change *k, const uint8_t *body, size_t n);
bool key_vouched(const struct verify *v, const struct key_change *k);
const char *keys_mark_wrong(const struct verify *v, const struct recd *rec); /* of its repetition in a host's log */
const char *keys_change_wrong(struct verify *v, const struct recd *rec, const struct approver_list *by);

#endif
