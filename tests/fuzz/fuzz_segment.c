/* Sealed segments from anybody, and the plaintext side of them: bytes that were sealed with the right key by a hostile
 * or broken writer. The input is both tried as sealed bytes and sealed as an inner that only the AEAD vouches for. */
#include <stdlib.h>
#include <string.h>

#include "wire/segment.h"

/* faults: B10 B11 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct seg_addr at = {.pack = 1, .slot = 2};
static uint8_t key[SEAL_KEY], generation[SEAL_ID];
static struct host_ids ids;

/* The AEAD of FORMAT §4 around any inner at all: key and associated data as the page says, not by the code under
 * test. */
static size_t seal_inner(uint8_t *out, const uint8_t *inner, size_t n) {
    uint8_t ad[63] = "ZBSEG1\1", data_key[SEAL_KEY];
    ad[6] = SEG_FILE;
    ad[55] = (uint8_t)at.pack;
    ad[59] = (uint8_t)at.slot;
    seal_derive(data_key, key, "segment-data", generation, SEAL_ID);
    memset(out, 0, SEAL_NONCE);
    aead_seal(out + SEAL_NONCE, data_key, out, ad, sizeof ad, inner, n);
    return SEAL_NONCE + n + SEAL_TAG;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sealer *s;
    static struct gen_keys *k;
    static uint8_t *out;
    struct err e = ERR_INIT;
    if (!s) {
        if (seal_init(&e) < 0 || !(s = sealer_new()) || !(k = gen_keys_new(key, &ids, generation))) abort();
        if (!(out = malloc(ZB_SEGMENT_MAX))) abort();
        uint8_t plain[6 + 64], inner[6] = {0, 1, 0, 0, 0, 'x'};
        if (segment_open(s, k, SEG_FILE, at, plain, seal_inner(plain, inner, 6), out, &e) != 1) abort();
    }
    if (segment_open(s, k, SEG_FILE, at, data, size, out, &e) >= 0) abort(); /* nobody guesses a tag */
    uint8_t *sealed = malloc(size + 64);
    if (!sealed) abort();
    int n = segment_open(s, k, SEG_FILE, at, sealed, seal_inner(sealed, data, size), out, &e);
    if (n > (int)ZB_SEGMENT_MAX || (n < 0 && e.id != ZE_DAMAGED)) abort();
    free(sealed);
    return 0;
}
