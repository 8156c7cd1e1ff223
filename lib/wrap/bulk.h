/**
 * XChaCha20-Poly1305 (FORMAT.md §2) for much data: aead_seal() and aead_open() of seal.h, byte for byte, by OpenSSL, which is
 * more than twice as fast as libsodium. Only what seals and opens segments uses it, that is the agent, whose libssh2 brings
 * OpenSSL anyhow; zaibei-verify judges the same bytes with libsodium.
 *
 * Where OpenSSL does not offer the cipher (a host in FIPS mode) or has no memory for it, libsodium does the work. Any thread
 * may call.
 */
#ifndef WRAP_BULK_H
#define WRAP_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wrap/seal.h"

/** bulk_seal: ${out} gets ${n} + SEAL_TAG bytes; it may not overlap ${in}. bulk_open: false when key, nonce, associated data
 * or bytes differ; ${out} is all zeros then. */
void bulk_seal(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n);
bool bulk_open(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n) MUST_CHECK;

#endif
