/**
 * Which segments a point needs: one bit for each (pack, slot), written as used pages (FORMAT.md §7). One bit a segment:
 * 10 TB are about 1.3 MB.
 */
#ifndef AGENT_USED_H
#define AGENT_USED_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/manifest.h"

struct used;

struct used *used_new(void); /* NULL without memory */
void used_free(struct used *u);

int used_mark(struct used *u, struct seg_addr a, struct err *e) MUST_CHECK;
int used_mark_extents(struct used *u, const struct extent *x, size_t n, struct err *e) MUST_CHECK;

/** used_pages(u): how many pages there may be; used_page(u, generation, page, out): its bytes into ${out} (reset first);
 * false when nothing in it is used. */
uint32_t used_pages(const struct used *u);
bool used_page(struct used *u, const uint8_t generation[SEAL_ID], uint32_t page, struct buf *out);

#endif
