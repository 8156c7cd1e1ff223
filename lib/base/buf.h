/**
 * Bounded buffers, and readers that cannot run past their end.
 *
 * A struct buf grows up to ${max} bytes; past that, or without memory, it goes *bad* and stays so: writers need no check
 * after each put, only one before the bytes are used (buf_ok). A struct rd does the same for reading: after the first
 * read past the end every read gives zero and rd_ok is false. All numbers are little-endian; vu is an unsigned LEB128 of
 * at most 10 bytes, vs its zigzag form (docs/FORMAT.md §1).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *p;
    size_t len, cap, max;
    bool bad;
};

struct rd {
    const uint8_t *p;
    size_t left;
    bool bad;
};

/** buf_init(b, max): an empty buffer. buf_free(b): release it; it is empty again. */
void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
static inline void buf_reset(struct buf *b) { b->len = 0, b->bad = false; }
static inline bool buf_ok(const struct buf *b) { return !b->bad; }

/** buf_reserve(b, n): room for ${n} more bytes: a pointer to them (b->len unchanged), or NULL and ${b} is bad. */
uint8_t *buf_reserve(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_vu(struct buf *b, uint64_t v);
void buf_vs(struct buf *b, int64_t v);
/** buf_str(b, s): vu length and the bytes of the C string. buf_blob: vu length and the bytes. */
void buf_str(struct buf *b, const char *s);
void buf_blob(struct buf *b, const void *p, size_t n);

static inline struct rd rd_of(const void *p, size_t n) { return (struct rd){.p = p, .left = n}; }
static inline bool rd_ok(const struct rd *r) { return !r->bad; }
/** rd_end(r): all was read and nothing is left over. */
static inline bool rd_end(const struct rd *r) { return !r->bad && r->left == 0; }
/** rd_take(r, n): a pointer to the next ${n} bytes, or NULL (also when ${n} is 0 and the reader is bad). */
const uint8_t *rd_take(struct rd *r, size_t n);
void rd_copy(struct rd *r, void *out, size_t n); /* zeros when there are not enough */
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
uint64_t rd_vu(struct rd *r);
int64_t rd_vs(struct rd *r);
/** rd_str(r, out, cap): a string shorter than ${cap} without NUL bytes; otherwise the reader goes bad. */
void rd_str(struct rd *r, char *out, size_t cap);
/** rd_blob(r, n, max): pointer to a blob of at most ${max} bytes, its length in ${n}; NULL when bad. */
const uint8_t *rd_blob(struct rd *r, size_t *n, size_t max);

#endif
