/** What the files of the manifest share among themselves (manifest.c, manifest_page.c,
 * manifest_iter.c, manifest_root.c). */
#ifndef WIRE_MANIFEST_INTERNAL_H
#define WIRE_MANIFEST_INTERNAL_H

#include "wire/manifest.h"

enum { PATH_BYTES_MAX = 64 << 10 };

void addr_put(struct buf *b, struct seg_addr a);
struct seg_addr addr_get(struct rd *r); /* the reader goes bad past the limits of FORMAT §1 */

/** extents_put: a count and the extents; ${b} goes bad when a length is 0 or above 2^63. extents_get: the same back,
 * their lengths adding up to ${len} and none outside a segment; ${*x} grows; false on anything else (or without
 * memory). */
void extents_put(struct buf *b, const struct extent *x, size_t n);
bool extents_get(struct rd *r, uint64_t len, struct extent **x, size_t *cap, size_t *n);

/** array_grow(p, cap, want, size): ${p} with room for ${want} items of ${size} bytes; NULL without memory (${p}
 * stays). */
void *array_grow(void *p, size_t *cap, size_t want, size_t size);

#endif
