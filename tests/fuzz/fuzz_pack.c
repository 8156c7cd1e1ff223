/* The readers of packs and of used pages: whatever they let through lies inside the bytes they were given. */
#include <stdlib.h>
#include <string.h>

#include "wire/pack.h"

/* faults: B10 B11 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every row that the index check lets through lies inside the file. */
static void pack_read(const uint8_t *p, size_t n) {
    struct err e = ERR_INIT;
    struct pack_header h;
    struct pack_trailer t;
    if (n < PACK_HEADER + PACK_TRAILER || pack_header_get(&h, p, "fuzz", &e) < 0) return;
    if (pack_trailer_get(&t, p + n - PACK_TRAILER, n, "fuzz", &e) < 0) return;
    const uint8_t *rows = p + t.index_at;
    if (rows + (size_t)t.count * PACK_ROW + PACK_TRAILER != p + n) abort();
    if (pack_index_check(rows, &t, "fuzz", &e) < 0) return;
    for (uint32_t i = 0; i < t.count; i++) {
        struct pack_row r;
        pack_row_get(&r, rows + (size_t)i * PACK_ROW);
        if (r.offset < PACK_HEADER || (uint64_t)r.offset + r.len > t.index_at || r.slot >= ZB_PACK_SLOTS_MAX) abort();
    }
}

static int bits(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    if (!len || len > ZB_PACK_SLOTS_MAX / 8 || !bitmap[len - 1]) abort();
    *(uint32_t *)arg += pack;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    uint32_t sum = 0;
    pack_read(data, size);
    if (size > SEAL_ID + 4) {
        struct buf m;
        uint32_t page = data[SEAL_ID];
        (void)!used_page_get(data + SEAL_ID + 4, size - SEAL_ID - 4, data, page, bits, &sum, &e);
        buf_init(&m, size + 64);
        buf_put(&m, "ZBUS\1\0\0", 8);
        buf_put(&m, data, SEAL_ID);
        buf_u32(&m, page);
        buf_put(&m, data + SEAL_ID + 4, size - SEAL_ID - 4);
        (void)!used_page_get(m.p, m.len, data, page, bits, &sum, &e);
        buf_free(&m);
    }
    return 0;
}
