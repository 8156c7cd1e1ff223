/* Grants from anybody: everybody can seal to a worker's public key. What is behind the seal is the fuzzer's; what opens must be
 * written again as it was read. */
#include <stdlib.h>
#include <string.h>

#include "wire/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(
    const struct grant *g, const uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY], const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct buf b;
    uint8_t plain[GRANT_MAX];
    buf_init(&b, 2 * GRANT_MAX);
    if (grant_seal(g, pub, &b, &e) < 0 || b.len - SEAL_BOX_EXTRA > sizeof plain) abort();
    if (!box_open(plain, pub, sec, b.p, b.len)) abort();
    /* A number may be longer than it has to be; nothing else has two spellings. */
    if (b.len - SEAL_BOX_EXTRA > size || (b.len - SEAL_BOX_EXTRA == size && memcmp(plain, data, size) != 0)) abort();
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct grant g;
    static uint8_t pub[SEAL_KEY], sec[SEAL_KEY];
    struct err e = ERR_INIT;
    struct buf b;
    if (seal_init(&e) < 0 || size > GRANT_MAX) return 0;
    if (!pub[0] && !pub[1]) box_keypair(pub, sec);
    buf_init(&b, 2 * GRANT_MAX);
    uint8_t *to = buf_reserve(&b, size + SEAL_BOX_EXTRA);
    if (!to) abort();
    box_seal(to, pub, data, size);
    if (grant_open(&g, pub, sec, to, size + SEAL_BOX_EXTRA, GRANT_DRILL, "17", 1800000000, &e) == 0)
        again(&g, pub, sec, data, size);
    (void)!grant_open(&g, pub, sec, data, size, GRANT_DRILL, "17", 1800000000, &e); /* no seal at all */
    buf_free(&b);
    return 0;
}
