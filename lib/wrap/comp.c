/* The only file that includes <zstd.h>. */
#include "wrap/comp.h"

#include <stdlib.h>
#include <zstd.h>

struct comp {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
};

struct comp *comp_new(void) { return calloc(1, sizeof(struct comp)); }

void comp_free(struct comp *c) {
    if (!c) return;
    ZSTD_freeCCtx(c->pack);
    ZSTD_freeDCtx(c->unpack);
    free(c);
}

size_t comp_bound(size_t n) { return ZSTD_compressBound(n); }

size_t comp_pack(struct comp *c, void *out, size_t cap, const void *in, size_t n, int level) {
    if (!c->pack && !(c->pack = ZSTD_createCCtx())) return 0;
    size_t got = ZSTD_compressCCtx(c->pack, out, cap, in, n, level);
    return ZSTD_isError(got) ? 0 : got;
}

int comp_unpack(struct comp *c, void *out, size_t n, const void *in, size_t len) {
    if (!c->unpack && !(c->unpack = ZSTD_createDCtx())) return -1;
    size_t got = ZSTD_decompressDCtx(c->unpack, out, n, in, len);
    return ZSTD_isError(got) || got != n ? -1 : 0;
}
