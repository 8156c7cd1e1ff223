/**
 * The keys of a vault, in their order (FORMAT.md §8, "Keys of the vault"): the one of the vault header, then those that key
 * records have put in its place. A key record in the vault's log is signed by the key that it names; its body carries why that
 * key may follow: the old key's signature (a rotation), or approvals alone (a replacement of a lost or stolen key).
 */
#ifndef WIRE_KEYCHAIN_H
#define WIRE_KEYCHAIN_H

#include "wire/record.h"

enum { KEYS_MAX = 64 };

struct keychain {
    unsigned n; /* 1 … KEYS_MAX */
    uint8_t pub[KEYS_MAX][SEAL_SIGN_PUB];
};

/** keychain_init: only ${pub}. keychain_last: the key that signs now. keychain_find: its place, or -1. keychain_add: false when
 * the chain is full or has that key. */
void keychain_init(struct keychain *c, const uint8_t pub[SEAL_SIGN_PUB]);
const uint8_t *keychain_last(const struct keychain *c);
int keychain_find(const struct keychain *c, const uint8_t pub[SEAL_SIGN_PUB]);
bool keychain_add(struct keychain *c, const uint8_t pub[SEAL_SIGN_PUB]);

/** keychain_decode: record_decode by whichever key of ${c} has signed it; r->key is the place of that key. ZE_VAULTKEY: none
 * has. In one log these places never fall: the caller compares them. */
int keychain_decode(struct record *r, const void *p, size_t n, const uint8_t vault_id[SEAL_ID], const struct keychain *c,
    struct err *e) MUST_CHECK;

/** keychain_system: system_object_decode by whichever key of ${c}. */
int keychain_system(struct system_object *s, const void *p, size_t n, const uint8_t vault_id[SEAL_ID],
    const struct keychain *c, struct err *e) MUST_CHECK;

/** key_record_decode(r, p, n, vault_id, e): a key record of the vault's log by itself: signed by the key that it names and, when
 * it is a rotation, vouched for by the old one. Who approved it is the caller's to judge. */
int key_record_decode(struct record *r, const void *p, size_t n, const uint8_t vault_id[SEAL_ID], struct err *e) MUST_CHECK;

/** key_vouch: the old key's signature under the new one, into r->key_change.sig; key_vouched: whether it holds. */
void key_vouch(struct rec_key *k, const uint8_t vault_id[SEAL_ID], const uint8_t old_sec[SEAL_SIGN_SEC]);
bool key_vouched(const struct rec_key *k, const uint8_t vault_id[SEAL_ID]);

#endif
