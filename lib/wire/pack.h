/**
 * Packs (FORMAT.md §5) and used pages (§7): the parts that agent and vault share. No keys are needed here.
 */
#ifndef WIRE_PACK_H
#define WIRE_PACK_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wrap/seal.h"

enum { PACK_META = 1, PACK_DATA = 2 };
enum { PACK_HEADER = 64, PACK_ROW = 76, PACK_TRAILER = 48 };

struct pack_header {
    uint8_t kind, system_id[SEAL_ID], host_id[SEAL_ID], generation[SEAL_ID];
    uint32_t pack, revision;
};

struct pack_row {
    uint32_t slot, offset, len;
    uint8_t identity[SEAL_HASH], hash[SEAL_HASH];
};

struct pack_trailer {
    uint64_t index_at;
    uint32_t count;
    uint8_t hash[SEAL_HASH];
};

void pack_header_put(uint8_t out[PACK_HEADER], const struct pack_header *h);
/** ZE_DAMAGED, or ZE_NEWER for a version above 1; ${object} names the pack in errors. */
int pack_header_get(struct pack_header *h, const uint8_t in[PACK_HEADER], const char *object, struct err *e) MUST_CHECK;

void pack_row_put(uint8_t out[PACK_ROW], const struct pack_row *r);
void pack_row_get(struct pack_row *r, const uint8_t in[PACK_ROW]);

/** pack_trailer_put: ${hash} is over header and index. pack_trailer_get: ${file_len} bounds index_at and count: exactly
 * index and trailer must follow index_at; ZE_TRUNCATED when the end is not a trailer. */
void pack_trailer_put(uint8_t out[PACK_TRAILER], const struct pack_trailer *t);
int pack_trailer_get(struct pack_trailer *t, const uint8_t in[PACK_TRAILER], uint64_t file_len, const char *object,
    struct err *e) MUST_CHECK;

/** pack_index_check(rows, count, t, e…): slots ascending and < ZB_PACK_SLOTS_MAX, every segment inside [PACK_HEADER,
 * t->index_at) and at most ZB_SEALED_MAX long; ${rows} are the raw index bytes. */
int pack_index_check(const uint8_t *rows, const struct pack_trailer *t, const char *object, struct err *e) MUST_CHECK;

/** Used pages: sets of (pack, slot) for 256 packs. used_page_put writes the object's bytes from bitmaps[i] (NULL: none used)
 * of lens[i] bytes; used_page_get calls ${each} for each pack with its bitmap; ZE_DAMAGED when malformed. */
void used_page_put(struct buf *out, const uint8_t generation[SEAL_ID], uint32_t page, uint8_t *const bitmaps[256],
    const size_t lens[256]);
int used_page_get(const void *p, size_t n, const uint8_t generation[SEAL_ID], uint32_t page,
    int (*each)(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e), void *arg, struct err *e)
    MUST_CHECK;

#endif
