/**
 * librsync's file formats, read and written without librsync: the signature (RabinKarp weak sums, BLAKE2b-256 strong sums;
 * `rdiff` reads it) and the delta stream. Numbers in both are big-endian.
 *
 * The signature of a file is kept in the agent's cache and is written while the file is read, from the same leaf hashes
 * that make the file's digest. A test holds it equal to librsync's own, byte for byte.
 */
#ifndef WIRE_RDIFF_H
#define WIRE_RDIFF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { RDIFF_SIG_HEAD = 12, RDIFF_SIG_ROW = 36, RDIFF_STRONG = 32 };

/** rdiff_weak(p, n): RabinKarp sum of a block, as librsync computes it. */
uint32_t rdiff_weak(const uint8_t *p, size_t n);

void rdiff_sig_head_put(uint8_t out[RDIFF_SIG_HEAD], uint32_t block_len);
void rdiff_sig_row_put(uint8_t out[RDIFF_SIG_ROW], uint32_t weak, const uint8_t strong[RDIFF_STRONG]);
/** rdiff_sig_head_get(in, block_len, object, e): ZE_DAMAGED unless it is a RabinKarp + BLAKE2 signature with 32-byte strong
 * sums and a block length of 4, 8 or 16 KiB. */
int rdiff_sig_head_get(const uint8_t in[RDIFF_SIG_HEAD], uint32_t *block_len, const char *object, struct err *e) MUST_CHECK;

/** What a delta says, in the order of the new data. Either may return <0 to stop. */
struct rdiff_ops {
    int (*copy)(void *arg, uint64_t old_offset, uint64_t len, struct err *e);
    int (*literal)(void *arg, const uint8_t *p, size_t n, struct err *e);
    void *arg;
};

/** A push parser of the delta stream: zero the struct, set ops, feed bytes as they come, then check rdiff_delta_ended. */
struct rdiff_delta {
    struct rdiff_ops ops;
    uint8_t state, cmd, have, need;
    uint8_t param[16];
    uint64_t literal_left;
    uint32_t magic;
};
int rdiff_delta_feed(struct rdiff_delta *d, const uint8_t *p, size_t n, struct err *e) MUST_CHECK;
int rdiff_delta_ended(const struct rdiff_delta *d, struct err *e) MUST_CHECK;

#endif
