/**
 * BLAKE2b-256 (FORMAT.md, `hash`) of many messages at once: the leaves of a chunk, the segments of a pack.
 *
 * A message's hash is what seal_hash() says, bit for bit. One message can be hashed no faster than libsodium does; several are
 * hashed beside each other in the lanes of one vector, which no library of Debian does: twice as fast with AVX2 (4 lanes),
 * three and a half times with AVX-512 (8 lanes), and by libsodium one after the other where the processor has neither.
 * Nothing is allocated, nothing can fail; any thread may call.
 */
#ifndef WRAP_MANY_H
#define WRAP_MANY_H

#include <stddef.h>
#include <stdint.h>

#include "wrap/seal.h"

struct message {
    const void *p;
    size_t n;
    uint8_t *hash; /* SEAL_HASH bytes are written there */
};

/** hash_many(m, n): all of them. They are best of nearly equal length, for the shorter ones leave their lanes idle. */
void hash_many(const struct message *m, size_t n);

/** hash_lanes(): the lanes of this processor: 8, 4 or 1. hash_many_in: the same with fewer; more than hash_lanes() is a fault. */
unsigned hash_lanes(void);
void hash_many_in(unsigned lanes, const struct message *m, size_t n);

#endif
