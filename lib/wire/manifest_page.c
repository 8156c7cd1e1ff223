/* Writing pages of the manifest: entries (level 0) or references to pages (above), each path written as what it shares
 * with the one before and the rest. Everything is appended to one buffer, so nothing is allocated for an entry, and an
 * entry that does not fit is taken back whole. */
#include <string.h>

#include "base/i18n.h"
#include "wire/manifest_internal.h"

enum { OTHER_BYTES = 4096 }; /* more than all numbers of an entry need, its own extents among them */

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

static size_t vu_len(uint64_t v) {
    size_t n = 1;
    while (v >>= 7) n++;
    return n;
}

bool page_takes(const struct entry *en) {
    size_t n = PAGE_MAX_BYTES + OTHER_BYTES + en->path_len + en->target_len;
    for (size_t i = 0; i < en->xattrs_n; i++) n += en->xattrs[i].name_len + en->xattrs[i].value_len + 8;
    for (size_t i = 0; i < en->xpages_n; i++) n += vu_len(en->xpages[i].pack) + vu_len(en->xpages[i].slot);
    return n <= ZB_SEGMENT_MAX - 16;
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

/* However long paths are: pages above pages become fewer. */
bool page_full(const struct page_writer *w, const uint8_t h[SEAL_HASH]) {
    uint64_t least = w->level ? PAGE_MIN_REFS : PAGE_MIN_ENTRIES;
    uint8_t often = w->level ? 31 : 7;
    if (w->body.len >= PAGE_MAX_BYTES) return !w->level || w->count >= least;
    return w->count >= least && (h[w->level & 31] & often) == 0;
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
