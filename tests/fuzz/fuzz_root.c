/* Roots from anybody: what decodes encodes again, and decodes to the same. */
#include <stdlib.h>
#include <string.h>

#include "wire/manifest.h"

/* faults: G3 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct root r, again;
    struct err e = ERR_INIT;
    struct buf b;
    if (root_get(&r, data, size, &e) < 0) return 0;
    buf_init(&b, ZB_SEGMENT_MAX * 4);
    if (root_put(&b, &r, &e) == 0) {
        if (root_get(&again, b.p, b.len, &e) < 0) abort();
        if (again.paths_n != r.paths_n || again.bytes != r.bytes || again.runlist.slot != r.runlist.slot) abort();
        root_free(&again);
    }
    buf_free(&b);
    root_free(&r);
    return 0;
}
