/* Reading pages of the manifest. The path is rebuilt in one buffer and compared only from where it differs; everything
 * else is pointers into the page and arrays that are reused, so nothing is allocated for an entry. Pages may be
 * hostile: every count is checked against the bytes that are left before memory is taken for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/manifest_internal.h"

enum { LEVEL_MAX = 31, FLAGS_KNOWN = 0xff };

/* Or there was no memory to look at it, which is no fault of the page: realloc has set errno then. */
static int damaged(const struct page_iter *it, const char *what, struct err *e) {
    if (errno == ENOMEM) return err_set(e, ZE_NOMEM, it->object, _("manifest page"));
    return err_set(e, ZE_DAMAGED, it->object, _("manifest page: %s"), what);
}

int page_iter_init(struct page_iter *it, const void *p, size_t n, const char *object, struct err *e) {
    *it = (struct page_iter){.r = rd_of(p, n), .object = object};
    errno = 0;
    buf_init(&it->path, PATH_BYTES_MAX);
    if (!buf_reserve(&it->path, 256)) return err_set(e, ZE_NOMEM, object, _("manifest page"));
    uint8_t version = rd_u8(&it->r);
    it->level = rd_u8(&it->r);
    it->left = rd_vu(&it->r);
    if (version > ZB_FORMAT_VERSION) return err_set(e, ZE_NEWER, object, _("manifest page of version %u"), version);
    if (!rd_ok(&it->r) || version == 0 || it->level > LEVEL_MAX || it->left > it->r.left || (it->level && !it->left))
        return damaged(it, _("malformed head"), e);
    return 0;
}

void page_iter_free(struct page_iter *it) {
    buf_free(&it->path);
    free(it->extents);
    free(it->xpages);
    free(it->xattrs);
    *it = (struct page_iter){.object = NULL};
}

/* Rebuild the next path from the one before. What both share is equal, so only what follows is compared. */
static bool get_path(struct page_iter *it, bool first) {
    size_t n;
    uint64_t shared = rd_vu(&it->r);
    const uint8_t *rest = rd_blob(&it->r, &n, PATH_BYTES_MAX);
    if (!rest || shared > it->path.len) return false;
    if (!first && path_cmp(it->path.p + shared, it->path.len - shared, rest, n) >= 0) return false;
    it->path.len = (size_t)shared;
    buf_put(&it->path, rest, n);
    return buf_ok(&it->path) && path_ok(it->path.p, it->path.len);
}

static bool get_xattrs(struct page_iter *it, struct entry *en) {
    uint64_t count = rd_vu(&it->r);
    if (!rd_ok(&it->r) || count == 0 || count > it->r.left) return false;
    struct xattr *x = array_grow(it->xattrs, &it->xattrs_cap, (size_t)count, sizeof *x);
    if (!x) return false;
    it->xattrs = x;
    for (size_t i = 0; i < count; i++) {
        x[i].name = rd_blob(&it->r, &x[i].name_len, 255);
        x[i].value = rd_blob(&it->r, &x[i].value_len, ZB_SEGMENT_MAX);
        if (!x[i].name || !x[i].value || !x[i].name_len || memchr(x[i].name, 0, x[i].name_len)) return false;
    }
    en->xattrs = x;
    en->xattrs_n = (size_t)count;
    return true;
}

static bool get_extensions(struct rd *r, struct entry *en) {
    uint64_t count = rd_vu(r);
    if (count > r->left) return false;
    while (rd_ok(r) && count-- > 0) {
        size_t n;
        uint64_t tag = rd_vu(r);
        const uint8_t *value = rd_blob(r, &n, ZB_SEGMENT_MAX);
        if (!value || tag != EXT_FILE_FLAGS) continue;
        struct rd v = rd_of(value, n);
        en->file_flags = rd_u32(&v);
        en->has_file_flags = true;
        if (!rd_end(&v)) return false;
    }
    return rd_ok(r);
}

static bool get_xpages(struct page_iter *it, struct entry *en) {
    en->xpage_shift = rd_u8(&it->r);
    uint64_t count = rd_vu(&it->r);
    if (!rd_ok(&it->r) || en->xpage_shift < 20 || en->xpage_shift > 62 || count > it->r.left) return false;
    uint64_t last = en->size & ((1ull << en->xpage_shift) - 1);
    if (count == 0 || count != (en->size >> en->xpage_shift) + (last != 0)) return false;
    struct seg_addr *a = array_grow(it->xpages, &it->xpages_cap, (size_t)count, sizeof *a);
    if (!a) return false;
    it->xpages = en->xpages = a;
    en->xpages_n = (size_t)count;
    for (size_t i = 0; i < count; i++) a[i] = addr_get(&it->r);
    return rd_ok(&it->r);
}

static bool get_content(struct page_iter *it, struct entry *en) {
    en->size = rd_vu(&it->r);
    en->block_shift = rd_u8(&it->r);
    rd_copy(&it->r, en->digest, SEAL_HASH);
    if (!rd_ok(&it->r) || en->size > INT64_MAX || en->block_shift < 12 || en->block_shift > 14) return false;
    if (en->flags & EF_XPAGES) return get_xpages(it, en);
    if (!extents_get(&it->r, en->size, &it->extents, &it->extents_cap, &en->extents_n)) return false;
    en->extents = it->extents;
    return true;
}

static uint32_t get_vu32(struct rd *r, uint32_t most) {
    uint64_t v = rd_vu(r);
    if (v > most) r->bad = true;
    return (uint32_t)v;
}

static bool get_flags_ok(const struct entry *en) {
    if (en->type < ENT_FILE || en->type > ENT_BLOCK || (en->flags & ~FLAGS_KNOWN)) return false;
    if ((en->flags & EF_XPAGES) && en->type != ENT_FILE) return false;
    if ((en->flags & EF_HARDLINK) && en->type == ENT_DIR) return false;
    return en->type == ENT_DIR || (!(en->flags & EF_ANCESTOR) && en->path_len != 0);
}

static bool get_entry(struct page_iter *it, struct entry *en) {
    struct rd *r = &it->r;
    en->type = rd_u8(r);
    en->flags = rd_u8(r);
    if (!rd_ok(r) || !get_flags_ok(en)) return false;
    en->mode = get_vu32(r, 07777);
    en->uid = get_vu32(r, UINT32_MAX);
    en->gid = get_vu32(r, UINT32_MAX);
    en->mtime_s = rd_vs(r);
    en->mtime_ns = get_vu32(r, 999999999);
    en->ctime_s = rd_vs(r);
    en->ctime_ns = get_vu32(r, 999999999);
    en->ino = rd_vu(r);
    if (en->flags & EF_HARDLINK) en->link_group = rd_vu(r);
    if (!rd_ok(r) || ((en->flags & EF_XATTRS) && !get_xattrs(it, en))) return false;
    if ((en->flags & EF_EXT) && !get_extensions(r, en)) return false;
    if (en->type == ENT_LINK) {
        en->target = rd_blob(r, &en->target_len, 4095);
        return en->target && en->target_len && !memchr(en->target, 0, en->target_len);
    }
    if (en->type == ENT_CHAR || en->type == ENT_BLOCK) {
        en->dev_major = get_vu32(r, UINT32_MAX);
        en->dev_minor = get_vu32(r, UINT32_MAX);
    }
    return en->type == ENT_FILE ? get_content(it, en) : rd_ok(r);
}

/* 1 when there is another item and its path is rebuilt, 0 at a right end, <0. */
static int next_item(struct page_iter *it, bool leaf, struct err *e) {
    errno = 0;
    if ((it->level == 0) != leaf) return damaged(it, _("wrong level"), e);
    if (it->left == 0) return rd_end(&it->r) ? 0 : damaged(it, _("bytes after its end"), e);
    bool first = !it->started;
    it->started = true;
    it->left--;
    if (!get_path(it, first)) return damaged(it, _("a path that is malformed or out of order"), e);
    return 1;
}

int page_next_entry(struct page_iter *it, struct entry *en, struct err *e) {
    int rc = next_item(it, true, e);
    if (rc <= 0) return rc;
    *en = (struct entry){.path = it->path.p, .path_len = it->path.len};
    return get_entry(it, en) ? 1 : damaged(it, _("malformed entry"), e);
}

int page_next_ref(struct page_iter *it, struct page_ref *ref, struct err *e) {
    int rc = next_item(it, false, e);
    if (rc <= 0) return rc;
    *ref = (struct page_ref){.path = it->path.p, .path_len = it->path.len};
    ref->addr = addr_get(&it->r);
    ref->entries = rd_vu(&it->r);
    return rd_ok(&it->r) ? 1 : damaged(it, _("malformed reference"), e);
}
