/**
 * zstd, and the only door to it. A context belongs to one thread and is reused, so memory is bounded: level 1 needs about
 * 1.3 MiB to compress 1 MiB, and much less to decompress.
 */
#ifndef WRAP_COMP_H
#define WRAP_COMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct comp;

struct comp *comp_new(void); /* NULL without memory */
void comp_free(struct comp *c);

/** comp_bound(n): the most bytes that comp_pack can write for ${n}. */
size_t comp_bound(size_t n);

/** comp_pack(c, out, cap, in, n, level): bytes written to ${out}, or 0 when it does not fit ${cap} (send it plain then). */
size_t comp_pack(struct comp *c, void *out, size_t cap, const void *in, size_t n, int level);

/** comp_unpack(c, out, n, in, len): exactly ${n} bytes from one frame of ${len} bytes: 0, or -1 when it is anything else. */
int comp_unpack(struct comp *c, void *out, size_t n, const void *in, size_t len) MUST_CHECK;

#endif
