/**
 * Sealing and opening segments and roots (FORMAT.md §2, §4, §6): the one place where plaintext becomes what is sent.
 *
 * A struct gen_keys holds the sub-keys of one generation in locked memory. Sealing needs a struct sealer per thread (a
 * zstd context and scratch memory of about 2 MiB); opening a struct opener per thread. Nothing here does I/O.
 */
#ifndef WIRE_SEGMENT_H
#define WIRE_SEGMENT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wrap/seal.h"

enum segment_kind { SEG_FILE = 1, SEG_PACKED = 2, SEG_PAGE = 3, SEG_EXTENTS = 4, SEG_FACTS = 5, SEG_RUNLIST = 6 };
enum { SEG_EXTRA = SEAL_NONCE + 5 + SEAL_TAG }; /* sealed is at most this much longer than the plaintext */

struct seg_addr {
    uint32_t pack, slot;
};

struct host_ids {
    uint8_t system_id[SEAL_ID], host_id[SEAL_ID];
};

struct gen_keys; /* derived keys, locked memory */

/** gen_keys_new(host_key, ids, generation): NULL without memory. The host key is not kept. gen_keys_free wipes. */
struct gen_keys *gen_keys_new(const uint8_t host_key[SEAL_KEY], const struct host_ids *ids,
    const uint8_t generation[SEAL_ID]);
void gen_keys_free(struct gen_keys *k);
const uint8_t *gen_keys_generation(const struct gen_keys *k);

/** key_check(out, host_key): the 16 bytes by which a wrong key is told from damage (FORMAT §2 `check`). */
void key_check(uint8_t out[SEAL_ID], const uint8_t host_key[SEAL_KEY]);

/** page_cut_hash(k, out, path, n): h of FORMAT §6. */
void page_cut_hash(const struct gen_keys *k, uint8_t out[SEAL_HASH], const void *path, size_t n);

struct leaf {
    uint32_t len;
    uint8_t hash[SEAL_HASH];
};

/** segment_identity(k, out, kind, n, leaves, count): FORMAT §4. For kinds above 2 pass one leaf over the whole. */
void segment_identity(const struct gen_keys *k, uint8_t out[SEAL_HASH], uint8_t kind, uint32_t n,
    const struct leaf *leaves, size_t count);

struct sealer;
struct sealer *sealer_new(void); /* NULL without memory */
void sealer_free(struct sealer *s);

/**
 * segment_seal(s, k, kind, addr, epoch, counter, identity, in, n, out, e):
 * Compress (level 1; plain when that does not help), seal and decode again what was sealed, since a broken encoder or
 * memory must never store what cannot be read. ${out} has room for ${n} + SEG_EXTRA. Return the sealed length, or <0
 * (ZE_INTERNAL when the decoded bytes differ). ${counter} is different at each call of a run.
 */
int segment_seal(struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr, uint64_t epoch,
    uint64_t counter, const uint8_t identity[SEAL_HASH], const void *in, uint32_t n, uint8_t *out, struct err *e) MUST_CHECK;

/**
 * segment_open(s, k, kind, addr, in, len, out, e):
 * Open a sealed segment into ${out} (room for ZB_SEGMENT_MAX). Return the plaintext length, or <0: ZE_DAMAGED naming the
 * address when it does not open, since with a right key check nothing else explains it.
 */
int segment_open(struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr, const void *in, size_t len,
    uint8_t *out, struct err *e) MUST_CHECK;

/** root_seal / root_open: the same for the root of a commit record, bound to the point's number; buffers are reset first. */
int root_seal(struct sealer *s, const struct gen_keys *k, uint32_t point, uint64_t epoch, const void *in, size_t n,
    struct buf *out, struct err *e) MUST_CHECK;
int root_open(struct sealer *s, const struct gen_keys *k, uint32_t point, const void *in, size_t len, struct buf *out,
    struct err *e) MUST_CHECK;

#endif
