/* Pages of the manifest: entries (level 0) or references to pages (above), each path written as what it shares with the
 * one before and the rest. Writing appends to one buffer; reading hands out pointers into the page and into arrays that
 * are reused, so neither allocates for each entry. A reader rebuilds the path in one buffer and compares only from
 * where it differs. Pages may be hostile: every count is checked against the bytes that are left before memory is
 * taken for it. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/manifest_internal.h"

enum { PATH_BYTES_MAX = 64 << 10, LEVEL_MAX = 31, FLAGS_KNOWN = 0xff & ~64 };

void page_writer_init(struct page_writer *w, uint8_t level) {
    *w = (struct page_writer){.level = level};
    buf_init(&w->body, ZB_SEGMENT_MAX - 16);
    buf_init(&w->last, PATH_BYTES_MAX);
    buf_init(&w->first, PATH_BYTES_MAX);
}

void page_writer_free(struct page_writer *w) {
    buf_free(&w->body);
    buf_free(&w->last);
    buf_free(&w->first);
}

void page_writer_reset(struct page_writer *w) {
    buf_reset(&w->body);
    buf_reset(&w->last);
    buf_reset(&w->first);
    w->count = w->entries = 0;
}

/* The path of the next entry or ref, if it is one and comes after the last. */
static int put_path(struct page_writer *w, const uint8_t *path, size_t n, struct err *e) {
    if (n > PATH_BYTES_MAX || !path_ok(path, n))
        return err_set(e, ZE_INTERNAL, NULL, _("a path that the manifest does not allow"));
    if (w->count && path_cmp(w->last.p, w->last.len, path, n) >= 0)
        return err_set(e, ZE_INTERNAL, NULL, _("entries of the manifest out of order"));
    size_t shared = 0, most = w->count ? w->last.len < n ? w->last.len : n : 0;
    while (shared < most && w->last.p[shared] == path[shared]) shared++;
    buf_vu(&w->body, shared);
    buf_blob(&w->body, path + shared, n - shared);
    return 0;
}

/* After entry or ref are in the body: remember its path, or take it back when it does not fit. */
static int put_done(struct page_writer *w, size_t before, const uint8_t *path, size_t n, struct err *e) {
    if (!buf_ok(&w->body)) {
        w->body.len = before, w->body.bad = false;
        return err_set(e, ZE_INTERNAL, NULL, _("an entry is too large for a page of the manifest"));
    }
    if (w->count == 0) buf_reset(&w->first), buf_put(&w->first, path, n);
    buf_reset(&w->last);
    buf_put(&w->last, path, n);
    if (!buf_ok(&w->last) || !buf_ok(&w->first)) return err_set(e, ZE_NOMEM, NULL, _("manifest page"));
    w->count++;
    return 0;
}

static void put_xattrs(struct buf *b, const struct entry *en) {
    buf_vu(b, en->xattrs_n);
    for (size_t i = 0; i < en->xattrs_n; i++) {
        buf_blob(b, en->xattrs[i].name, en->xattrs[i].name_len);
        buf_blob(b, en->xattrs[i].value, en->xattrs[i].value_len);
    }
}

static void put_extensions(struct buf *b, const struct entry *en) {
    buf_vu(b, 1);
    buf_vu(b, EXT_FILE_FLAGS);
    buf_vu(b, 4);
    buf_u32(b, en->file_flags);
}

static void put_content(struct buf *b, const struct entry *en) {
    buf_vu(b, en->size);
    buf_u8(b, en->block_shift);
    buf_put(b, en->digest, SEAL_HASH);
    if (!(en->flags & EF_XPAGES)) {
        extents_put(b, en->extents, en->extents_n);
        return;
    }
    buf_u8(b, en->xpage_shift);
    buf_vu(b, en->xpages_n);
    for (size_t i = 0; i < en->xpages_n; i++) addr_put(b, en->xpages[i]);
}

int page_add_entry(struct page_writer *w, const struct entry *en, struct err *e) {
    struct buf *b = &w->body;
    size_t before = b->len;
    uint8_t flags = (uint8_t)(en->flags & ~(EF_XATTRS | EF_EXT));
    if (en->xattrs_n) flags |= EF_XATTRS;
    if (en->has_file_flags) flags |= EF_EXT;
    if (put_path(w, en->path, en->path_len, e) < 0) return -1;
    buf_u8(b, en->type);
    buf_u8(b, flags);
    buf_vu(b, en->mode);
    buf_vu(b, en->uid);
    buf_vu(b, en->gid);
    buf_vs(b, en->mtime_s);
    buf_vu(b, en->mtime_ns);
    buf_vs(b, en->ctime_s);
    buf_vu(b, en->ctime_ns);
    buf_vu(b, en->ino);
    if (flags & EF_HARDLINK) buf_vu(b, en->link_group);
    if (flags & EF_XATTRS) put_xattrs(b, en);
    if (flags & EF_EXT) put_extensions(b, en);
    if (en->type == ENT_LINK) buf_blob(b, en->target, en->target_len);
    if (en->type == ENT_CHAR || en->type == ENT_BLOCK) buf_vu(b, en->dev_major), buf_vu(b, en->dev_minor);
    if (en->type == ENT_FILE) put_content(b, en);
    if (put_done(w, before, en->path, en->path_len, e) < 0) return -1;
    w->entries++;
    return 0;
}

int page_add_ref(
    struct page_writer *w, const uint8_t *path, size_t n, struct seg_addr addr, uint64_t entries, struct err *e) {
    size_t before = w->body.len;
    if (put_path(w, path, n, e) < 0) return -1;
    addr_put(&w->body, addr);
    buf_vu(&w->body, entries);
    if (put_done(w, before, path, n, e) < 0) return -1;
    w->entries += entries;
    return 0;
}

bool page_full(const struct page_writer *w, const uint8_t h[SEAL_HASH]) {
    uint64_t least = w->level ? PAGE_MIN_REFS : PAGE_MIN_ENTRIES;
    return w->body.len >= PAGE_MAX_BYTES || (w->count >= least && (h[w->level & 31] & 31) == 0);
}

int page_finish(const struct page_writer *w, struct buf *out, struct err *e) {
    buf_reset(out);
    buf_u8(out, ZB_FORMAT_VERSION);
    buf_u8(out, w->level);
    buf_vu(out, w->count);
    buf_put(out, w->body.p, w->body.len);
    if (!buf_ok(out) || out->len > ZB_SEGMENT_MAX)
        return err_set(e, ZE_INTERNAL, NULL, _("a manifest page does not fit"));
    return 0;
}

static int damaged(const struct page_iter *it, const char *what, struct err *e) {
    return err_set(e, ZE_DAMAGED, it->object, _("manifest page: %s"), what);
}

int page_iter_init(struct page_iter *it, const void *p, size_t n, const char *object, struct err *e) {
    *it = (struct page_iter){.r = rd_of(p, n), .object = object};
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
