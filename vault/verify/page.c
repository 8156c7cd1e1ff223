/* Decoding, with every length checked: a page that opened with the right key was written by the host, but perhaps
 * by a broken one. Nothing is allocated but the path, and that is bounded by the page it comes from. */
#include "page.h"

#include <string.h>

#include "base/i18n.h"

enum { LEVEL_MAX = 15, EXTENT_SHIFT_MIN = 12, EXTENT_SHIFT_MAX = 40 };

int path_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn) {
    for (size_t i = 0; i < an && i < bn; i++)
        if (a[i] != b[i]) return (a[i] == '/' ? 0 : a[i]) < (b[i] == '/' ? 0 : b[i]) ? -1 : 1;
    return an < bn ? -1 : an > bn;
}

bool path_ok(const uint8_t *p, size_t n) {
    if (n == 0) return true;
    for (size_t i = 0, from = 0; i <= n; i++) {
        if (i < n && p[i] == 0) return false;
        if (i < n && p[i] != '/') continue;
        size_t len = i - from;
        if (len == 0 || (p[from] == '.' && (len == 1 || (len == 2 && p[from + 1] == '.')))) return false;
        from = i + 1;
    }
    return true;
}

struct addr addr_get(struct rd *r) {
    uint64_t pack = rd_vu(r), slot = rd_vu(r);
    if (pack > UINT32_MAX || slot >= ZB_PACK_SLOTS_MAX) r->bad = true;
    return (struct addr){(uint32_t)pack, (uint32_t)slot};
}

const char *page_open(struct page *pg, const uint8_t *p, size_t n, uint8_t level) {
    buf_init(&pg->path, ZB_SEGMENT_MAX);
    pg->r = rd_of(p, n);
    uint8_t version = rd_u8(&pg->r);
    if (version > 1) return _("its version is newer than this program");
    pg->level = rd_u8(&pg->r);
    pg->left = rd_vu(&pg->r);
    if (!rd_ok(&pg->r) || version != 1 || pg->level != level || pg->left == 0) return _("malformed page");
    return NULL;
}

void page_path_free(struct page *pg) { buf_free(&pg->path); }

static bool path_next(struct page *pg) {
    size_t n;
    uint64_t shared = rd_vu(&pg->r);
    const uint8_t *rest = rd_blob(&pg->r, &n, ZB_SEGMENT_MAX);
    if (!rest || shared > pg->path.len || pg->left == 0) return false;
    pg->left--;
    pg->path.len = shared;
    buf_put(&pg->path, rest, n);
    return buf_ok(&pg->path) && path_ok(pg->path.p, pg->path.len);
}

static void pairs_skip(struct rd *r, bool tagged) {
    uint64_t n = rd_vu(r);
    for (size_t len; n > 0 && rd_ok(r); n--) {
        if (tagged) rd_vu(r);
        else rd_blob(r, &len, ZB_SEGMENT_MAX);
        rd_blob(r, &len, ZB_SEGMENT_MAX);
    }
}

static const char *file_parse(struct rd *r, struct entry *en) {
    struct extent x;
    en->words = r->p;
    size_t left = r->left;
    en->size = rd_vu(r);
    en->shift = rd_u8(r);
    en->digest = rd_take(r, 32);
    if (en->flags & EF_XPAGES) en->xshift = rd_u8(r);
    en->refs_n = rd_vu(r);
    en->refs = *r;
    if (!rd_ok(r) || en->shift < 12 || en->shift > 14 || en->size > INT64_MAX) return _("malformed file");
    if (en->flags & EF_XPAGES && (en->xshift < EXTENT_SHIFT_MIN || en->xshift > EXTENT_SHIFT_MAX))
        return _("malformed file");
    for (uint64_t i = 0; i < en->refs_n; i++) {
        const char *what = NULL;
        if (en->flags & EF_XPAGES) addr_get(r);
        else what = extent_next(r, &x);
        if (what || !rd_ok(r)) return what ? what : _("malformed file");
    }
    en->words_len = left - r->left;
    return NULL;
}

const char *page_entry(struct page *pg, struct entry *en) {
    struct rd *r = &pg->r;
    size_t n;
    *en = (struct entry){0};
    if (!path_next(pg)) return _("malformed path");
    en->type = rd_u8(r);
    en->flags = rd_u8(r);
    uint64_t mode = rd_vu(r);
    rd_vu(r), rd_vu(r); /* uid, gid */
    rd_vs(r);
    uint64_t mtime_ns = rd_vu(r);
    rd_vs(r);
    uint64_t ctime_ns = rd_vu(r);
    rd_vu(r); /* inode */
    if (en->flags & EF_HARDLINK) rd_vu(r);
    if (en->flags & EF_XATTRS) pairs_skip(r, false);
    if (en->flags & EF_EXT) pairs_skip(r, true);
    if (!rd_ok(r) || mode > 07777 || mtime_ns > 999999999 || ctime_ns > 999999999) return _("malformed entry");
    const char *what = NULL;
    switch (en->type) {
    case ENT_FILE: what = file_parse(r, en); break;
    case ENT_LINK: rd_blob(r, &n, ZB_SEGMENT_MAX); break;
    case ENT_CHAR:
    case ENT_BLOCK: rd_vu(r), rd_vu(r); break;
    case ENT_DIR:
    case ENT_FIFO: break;
    default: return _("an entry of unknown type");
    }
    if (!pg->path.len && en->type != ENT_DIR) return _("the root is not a directory");
    return what ? what : rd_ok(r) ? NULL : _("malformed entry");
}

const char *page_ref(struct page *pg, struct ref *ref) {
    if (!path_next(pg)) return _("malformed path");
    ref->at = addr_get(&pg->r);
    ref->entries = rd_vu(&pg->r);
    return rd_ok(&pg->r) ? NULL : _("malformed page");
}

const char *page_end(const struct page *pg) { return rd_end(&pg->r) ? NULL : _("bytes after the end of the page"); }

const char *extent_next(struct rd *r, struct extent *x) {
    uint64_t word = rd_vu(r);
    *x = (struct extent){.len = word >> 1, .hole = word & 1};
    if (!x->hole) {
        x->at = addr_get(r);
        x->offset = rd_vu(r);
        if (x->len > ZB_SEGMENT_MAX || x->offset > ZB_SEGMENT_MAX - x->len) return _("an extent leaves its segment");
    }
    return rd_ok(r) && x->len ? NULL : _("malformed extent");
}

const char *root_parse(struct root *root, const uint8_t *p, size_t n) {
    struct rd r = rd_of(p, n);
    size_t len;
    *root = (struct root){0};
    uint8_t version = rd_u8(&r);
    if (version > 1) return _("its version is newer than this program");
    root->level = rd_u8(&r);
    root->top = addr_get(&r);
    root->entries = rd_vu(&r);
    root->files = rd_vu(&r);
    root->bytes = rd_vu(&r);
    rd_u64(&r); /* start of the walk */
    rd_blob(&r, &len, 4096);
    for (uint64_t paths = rd_vu(&r); paths > 0 && rd_ok(&r); paths--) rd_blob(&r, &len, ZB_SEGMENT_MAX);
    if ((root->has_facts = rd_u8(&r) == 1)) root->facts = addr_get(&r);
    if ((root->has_runlist = rd_u8(&r) == 1)) root->runlist = addr_get(&r);
    pairs_skip(&r, true);
    return rd_end(&r) && version == 1 && root->level <= LEVEL_MAX ? NULL : _("malformed root");
}
