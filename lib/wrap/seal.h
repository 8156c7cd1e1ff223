/**
 * All cryptography of suite "sodium" (FORMAT.md §2), and the only door to libsodium: BLAKE2b-256 hashes, plain and keyed;
 * the key derivation; XChaCha20-Poly1305; sealed boxes; Ed25519; randomness; memory for keys; base64.
 *
 * Call seal_init() once before anything else; from then on the process leaves no core dump and cannot be traced by others.
 * None of these functions blocks; only those with a struct err can fail.
 */
#ifndef WRAP_SEAL_H
#define WRAP_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    SEAL_HASH = 32,  /* bytes of a hash, a key, an identity, a public key */
    SEAL_ID = 16,    /* bytes of a vault, system, host, generation or upload id */
    SEAL_KEY = 32,
    SEAL_NONCE = 24,
    SEAL_TAG = 16,
    SEAL_BOX_EXTRA = 48, /* a sealed box is this much longer than its content */
    SEAL_SIGN_PUB = 32,
    SEAL_SIGN_SEED = 32,
    SEAL_SIGN_SEC = 64, /* seed and public key */
    SEAL_SIG = 64,
};

int seal_init(struct err *e) MUST_CHECK;
void seal_random(void *out, size_t n);
/** Whether this processor has instructions for AES. */
bool seal_aes_is_fast(void);
/** seal_wipe(p, n): zero that the compiler cannot leave out. seal_equal: compare in constant time. */
void seal_wipe(void *p, size_t n);
bool seal_equal(const void *a, const void *b, size_t n);

/** Secret memory: locked where the machine allows it, never in a core dump, wiped by secret_free. NULL without memory. */
void *secret_alloc(size_t n);
void secret_free(void *p);

/** seal_hash(out, p, n): BLAKE2b-256. seal_mac(out, key, p, n): the same, keyed with 32 bytes. */
void seal_hash(uint8_t out[SEAL_HASH], const void *p, size_t n);
void seal_mac(uint8_t out[SEAL_HASH], const uint8_t key[SEAL_KEY], const void *p, size_t n);

/** Hashes of foreign formats (OpenSSH signatures); nothing of our own is hashed with them. */
enum { SEAL_SHA256 = 32, SEAL_SHA512 = 64 };
void seal_sha256(uint8_t out[SEAL_SHA256], const void *p, size_t n);
/** seal_hmac_sha256: likewise, with a key of any length (signed webhooks). */
void seal_hmac_sha256(uint8_t out[SEAL_SHA256], const void *key, size_t key_len, const void *p, size_t n);
void seal_sha512(uint8_t out[SEAL_SHA512], const void *p, size_t n);

struct hash_state {
    _Alignas(64) uint8_t opaque[384];
};
/** hash_init(h, key): ${key} is 32 bytes, or NULL for the plain hash. hash_final may be called once. */
void hash_init(struct hash_state *h, const uint8_t *key);
void hash_update(struct hash_state *h, const void *p, size_t n);
void hash_final(struct hash_state *h, uint8_t out[SEAL_HASH]);

/**
 * seal_derive(out, key, purpose, ctx, n):
 * The sub-key of ${key} for ${purpose} (a name of the table in FORMAT.md §2) and a context of ${n} bytes (for most, the
 * generation id): BLAKE2b-256 keyed with ${key} over "zaibei-v1", NUL, purpose, NUL, context.
 */
void seal_derive(uint8_t out[SEAL_KEY], const uint8_t key[SEAL_KEY], const char *purpose, const void *ctx, size_t n);

/** aead_seal: ${out} gets ${n} + SEAL_TAG bytes; it may not overlap ${in}. aead_open: false when key, nonce, associated
 * data or bytes differ; ${out} gets ${n} - SEAL_TAG bytes then only. */
void aead_seal(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n);
bool aead_open(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n) MUST_CHECK;

/** seal_xkey(out, key, nonce): HChaCha20, what XChaCha20 makes of a key and the first 16 bytes of a nonce (bulk.c). */
void seal_xkey(uint8_t out[SEAL_KEY], const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE]);

/** Sealed boxes (X25519 + XSalsa20-Poly1305, libsodium crypto_box_seal): anybody seals to a public key. */
void box_keypair(uint8_t pub[SEAL_KEY], uint8_t sec[SEAL_KEY]);
void box_public(uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY]);
void box_seal(uint8_t *out, const uint8_t pub[SEAL_KEY], const void *in, size_t n); /* out: n + SEAL_BOX_EXTRA */
bool box_open(uint8_t *out, const uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY], const void *in, size_t n) MUST_CHECK;

/** Ed25519: a secret key is derived from a 32-byte seed. */
void sign_from_seed(uint8_t pub[SEAL_SIGN_PUB], uint8_t sec[SEAL_SIGN_SEC], const uint8_t seed[SEAL_SIGN_SEED]);
void sign_make(uint8_t sig[SEAL_SIG], const uint8_t sec[SEAL_SIGN_SEC], const void *p, size_t n);
bool sign_check(const uint8_t sig[SEAL_SIG], const uint8_t pub[SEAL_SIGN_PUB], const void *p, size_t n) MUST_CHECK;

/** Passwords by Argon2id, interactive parameters: 64 MiB and some tens of milliseconds, one at a time in the process, so that
 * many logins at once take turns and not the machine's memory. password_hash: one line of text with salt and parameters;
 * false without memory. password_check: false also for a line that is none; ${line} "" costs as much as a real one, so that
 * the time does not tell which names exist. */
enum { SEAL_PASSWORD = 128 };
bool password_hash(char out[SEAL_PASSWORD], const char *password, size_t n) MUST_CHECK;
bool password_check(const char *line, const char *password, size_t n) MUST_CHECK;

/** b64_encode(out, cap, p, n): standard alphabet with padding, NUL-terminated; ${cap} >= 4*((n+2)/3)+1.
 * b64_decode: the number of bytes written, or -1 when it is not base64 or does not fit ${cap}. */
void b64_encode(char *out, size_t cap, const void *p, size_t n);
int b64_decode(void *out, size_t cap, const char *text, size_t len);

#endif
