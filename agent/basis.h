/**
 * The version of a file in the parent point: where its bytes are stored, and, if the signature is at hand, what they were.
 */
#ifndef AGENT_BASIS_H
#define AGENT_BASIS_H

#include "extents.h"
#include "fetch.h"

struct basis {
    struct fetch *fetch;
    struct sealer *sealer;
    const struct gen_keys *keys;
    uint64_t size, rows;
    uint8_t block_shift, xpage_shift, digest[SEAL_HASH];
    struct seg_addr *pages; /* owned; none: all extents are in x */
    size_t pages_n;
    struct extent *x; /* of page `loaded`, or all; owned */
    uint64_t *start;  /* file offset of each */
    size_t n, cap, start_cap;
    size_t loaded;
    struct stretches stretches; /* of the loaded page */
    struct buf plain;
    int sig; /* descriptor of the signature, or -1 */
    uint8_t *rows_buf;
    uint64_t rows_first, rows_n;
};

/** basis_open(b, en, fetch, sealer, keys, sigfd, e): copy what is needed of ${en}; find and check its signature below
 * ${sigfd} (b->sig is -1 without one). basis_close releases; harmless on zeros. */
int basis_open(struct basis *b, const struct entry *en, struct fetch *fetch, struct sealer *s, const struct gen_keys *keys,
    int sigfd, struct err *e) MUST_CHECK;
void basis_close(struct basis *b);

/** basis_each(b, off, len, each, arg, e): the extents that make up [off, off + len) of the old version, in order. */
int basis_each(struct basis *b, uint64_t off, uint64_t len,
    int (*each)(void *arg, const struct extent *x, struct err *e), void *arg, struct err *e) MUST_CHECK;

/** basis_stretch(b, off, len, identity, e): whether the old version's stretch of ${len} bytes at ${off} (a multiple of 1 MiB),
 * made of pieces, had this identity: 1, 0, <0. */
int basis_stretch(struct basis *b, uint64_t off, uint64_t len, const uint8_t identity[SEAL_HASH], struct err *e) MUST_CHECK;

/** basis_rows(b, first, n): ${n} signature rows from ${first}, valid until the next call; NULL when they cannot be read. */
const uint8_t *basis_rows(struct basis *b, uint64_t first, uint64_t n);

#endif
