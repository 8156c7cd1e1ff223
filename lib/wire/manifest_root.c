/* The root of a restore point: where the top page is, what was counted, which paths were asked for. It is sealed into
 * the commit record, so whoever holds the record and the key needs nothing else to begin. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/manifest_internal.h"

static void optional_put(struct buf *b, bool has, struct seg_addr a) {
    buf_u8(b, has);
    if (has) addr_put(b, a);
}

int root_put(struct buf *out, const struct root *r, struct err *e) {
    buf_u8(out, ZB_FORMAT_VERSION);
    buf_u8(out, r->level);
    addr_put(out, r->top);
    buf_vu(out, r->entries);
    buf_vu(out, r->files);
    buf_vu(out, r->bytes);
    buf_u64(out, (uint64_t)r->walk_start);
    buf_str(out, r->host_name);
    buf_vu(out, r->paths_n);
    for (size_t i = 0; i < r->paths_n; i++) buf_str(out, r->paths[i]);
    optional_put(out, r->has_facts, r->facts);
    optional_put(out, r->has_runlist, r->runlist);
    buf_vu(out, 0); /* extensions */
    return buf_ok(out) ? 0 : err_set(e, ZE_INTERNAL, NULL, _("the root of the manifest does not fit"));
}

static bool optional_get(struct rd *r, struct seg_addr *a) {
    uint8_t has = rd_u8(r);
    if (has > 1) r->bad = true;
    if (has == 1) *a = addr_get(r);
    return has == 1;
}

static void paths_get(struct rd *rd, struct root *r) {
    uint64_t count = rd_vu(rd);
    if (!rd_ok(rd) || count > rd->left) rd->bad = true;
    r->paths = rd_ok(rd) ? calloc((size_t)count + 1, sizeof *r->paths) : NULL;
    if (!r->paths) rd->bad = true;
    while (rd_ok(rd) && r->paths_n < count) {
        size_t n;
        const uint8_t *p = rd_blob(rd, &n, ZB_SEGMENT_MAX);
        if (!p || n == 0 || p[0] != '/' || memchr(p, 0, n) || !(r->paths[r->paths_n] = strndup((const char *)p, n))) {
            rd->bad = true;
            return;
        }
        r->paths_n++;
    }
}

static void extensions_skip(struct rd *rd) {
    uint64_t count = rd_vu(rd);
    if (count > rd->left) rd->bad = true;
    while (rd_ok(rd) && count-- > 0) {
        size_t n;
        rd_vu(rd);
        rd_blob(rd, &n, ZB_SEGMENT_MAX);
    }
}

int root_get(struct root *r, const void *p, size_t n, struct err *e) {
    struct rd rd = rd_of(p, n);
    *r = (struct root){.level = 0};
    uint8_t version = rd_u8(&rd);
    if (version > ZB_FORMAT_VERSION) return err_set(e, ZE_NEWER, NULL, _("manifest root of version %u"), version);
    if (version == 0) rd.bad = true;
    r->level = rd_u8(&rd);
    r->top = addr_get(&rd);
    r->entries = rd_vu(&rd);
    r->files = rd_vu(&rd);
    r->bytes = rd_vu(&rd);
    r->walk_start = (int64_t)rd_u64(&rd);
    rd_str(&rd, r->host_name, sizeof r->host_name);
    paths_get(&rd, r);
    r->has_facts = optional_get(&rd, &r->facts);
    r->has_runlist = optional_get(&rd, &r->runlist);
    extensions_skip(&rd);
    if (rd_end(&rd)) return 0;
    root_free(r);
    return err_set(e, ZE_DAMAGED, NULL, _("malformed root of the manifest"));
}

void root_free(struct root *r) {
    for (size_t i = 0; r->paths && i < r->paths_n; i++) free(r->paths[i]);
    free(r->paths);
    r->paths = NULL;
    r->paths_n = 0;
}
