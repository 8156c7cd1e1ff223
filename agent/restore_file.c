/* One regular file: composed under a temporary name, read back and hashed, given its attributes, then its name. If the
 * restore ends in between, a name beginning with ".zaibei-restore-" is all that is left; what stood there before is
 * untouched until the rename. The digest is taken from what the file system gives back, not from what was sent to
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "sys/file.h"

enum { WINDOW = ZB_SEGMENT_MAX };

static const char *path_of(const struct run *r, const struct item *it) {
    return (const char *)r->batch.keep.p + it->path_at;
}

/* Keep at most BATCH_FDS descriptors: the one opened longest ago gives way, and is opened again by name when it is
 * needed. */
static void remember_fd(struct run *r, const struct item *it) {
    struct batch *b = &r->batch;
    uint32_t me = (uint32_t)(it - b->items), *slot = &b->fds[b->fds_at++ % BATCH_FDS];
    struct item *old = *slot < b->items_n && *slot != me ? &b->items[*slot] : NULL;
    if (old && old->fd >= 0 && !old->large) {
        close(old->fd);
        old->fd = -1;
    }
    *slot = me;
}

int file_fd(struct run *r, struct item *it, struct err *e) {
    char name[TREE_NAME_MAX];
    if (it->fd >= 0) return it->fd;
    int dir = tree_parent(&r->tree, path_of(r, it), it->path_len, true, name, e);
    if (dir < 0) return -1;
    if (!it->made) tree_tmp(&r->tree, it->tmp);
    int flags = it->made ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
    it->fd = openat(dir, it->tmp, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (it->fd < 0) return err_sys(e, NULL, _("making a temporary file"));
    remember_fd(r, it);
    if (!it->made && ftruncate(it->fd, (off_t)it->size) < 0) { /* whatever is not written stays a hole */
        it->made = true;
        return err_sys(e, NULL, _("giving it its size"));
    }
    it->made = true;
    return it->fd;
}

void file_drop(struct run *r, struct item *it) {
    char name[TREE_NAME_MAX];
    struct err ignored = ERR_INIT;
    if (it->fd >= 0) close(it->fd);
    it->fd = -1;
    int dir = it->made ? tree_parent(&r->tree, path_of(r, it), it->path_len, false, name, &ignored) : -1;
    if (dir >= 0) unlinkat(dir, it->tmp, 0);
    it->made = false;
}

/* Extents seen as a sequence of ranges, asked with rising positions: is [at, at + n) wholly in holes? */
struct ranges {
    const struct extent *x;
    size_t n, i;
    uint64_t start; /* of x[i] in the file */
};

static bool in_hole(struct ranges *g, uint64_t at, uint64_t n) {
    while (g->i < g->n && g->start + g->x[g->i].len <= at) g->start += g->x[g->i++].len;
    uint64_t start = g->start;
    for (size_t i = g->i; i < g->n && start < at + n; start += g->x[i++].len)
        if (!g->x[i].hole) return false;
    return true;
}

int file_hash(struct run *r, int fd, struct digest *d, uint8_t shift, uint64_t at, uint64_t end, const struct extent *x,
    size_t n, struct err *e) {
    struct ranges g = {.x = x, .n = n, .start = at};
    uint64_t have = 0, have_end = 0; /* the part of the file that is in the window */
    uint8_t leaf[SEAL_HASH];
    while (at < end) {
        uint64_t len = end - at < 1ull << shift ? end - at : 1ull << shift;
        if (in_hole(&g, at, len)) {
            digest_block(d, NULL);
        } else {
            if (at + len > have_end) {
                ssize_t got =
                    file_pread_full(fd, r->window, end - at < WINDOW ? (size_t)(end - at) : WINDOW, (off_t)at);
                if (got < 0) return err_sys(e, NULL, _("reading it back"));
                have = at, have_end = at + (uint64_t)got;
                if (have_end < at + len) return err_set(e, ZE_IO, NULL, _("it is shorter than what was written"));
            }
            seal_hash(leaf, r->window + (at - have), len);
            digest_block(d, leaf);
        }
        at += len;
    }
    return 0;
}

static int set_attributes(
    struct run *r, const struct attrs *a, const struct buf *keep, int fd, const char *path, size_t n, struct err *e) {
    char text[400];
    struct err why = ERR_INIT;
    if (attrs_apply(a, keep, fd, text, sizeof text) == 0) return 0;
    err_set(&why, ZE_PARTIAL, NULL, "%s", text);
    return run_problem(r, path, n, true, &why, e);
}

static int set_flags(struct run *r, const struct attrs *a, int fd, const char *path, size_t n, struct err *e) {
    char text[400];
    struct err why = ERR_INIT;
    if (attrs_flags(a, fd, text, sizeof text) == 0) return 0;
    err_set(&why, ZE_PARTIAL, NULL, "%s", text);
    return run_problem(r, path, n, true, &why, e);
}

static int publish(struct run *r, struct item *it, struct err *e) {
    char name[TREE_NAME_MAX];
    const char *path = path_of(r, it);
    int dir = tree_parent(&r->tree, path, it->path_len, false, name, e);
    if (dir < 0) return -1;
    int rc = tree_publish(dir, it->tmp, name, r->q->existing >= EXISTING_IF_DIFFERENT, NULL, e);
    it->made = false;
    if (rc == 1) return err_set(e, ZE_EXISTS, NULL, _("something has this name already"));
    return rc;
}

int file_finish(struct run *r, struct item *it, const uint8_t got[SEAL_HASH], struct err *e) {
    struct err why = ERR_INIT;
    const char *path = path_of(r, it);
    int rc = 0;
    if (memcmp(got, it->digest, SEAL_HASH) != 0)
        rc = err_set(&why, ZE_DAMAGED, NULL, _("its content does not match its digest; it is not given its name"));
    if (rc == 0 && set_attributes(r, &it->attrs, &r->batch.keep, it->fd, path, it->path_len, e) < 0) return -1;
    if (rc == 0) rc = publish(r, it, &why);
    if (rc < 0) {
        file_drop(r, it);
        it->failed = true;
        return run_problem(r, path, it->path_len, false, &why, e);
    }
    if (set_flags(r, &it->attrs, it->fd, path, it->path_len, e) < 0) return -1;
    close(it->fd);
    it->fd = -1;
    r->out->files++;
    r->out->bytes += it->size;
    if (r->q->progress) r->q->progress->files++;
    progress_step(r->q->progress);
    return 0;
}

/* The digest of an open file that has the extents of ${en}, wherever they are written down. */
static int digest_of(struct run *r, int fd, const struct entry *en, uint8_t out[SEAL_HASH], struct err *e) {
    struct digest d;
    digest_init(&d, en->block_shift, en->size);
    if (en->flags & EF_XPAGES) return 1; /* its extents are not at hand: treated as different */
    if (file_hash(r, fd, &d, en->block_shift, 0, en->size, en->extents, en->extents_n, e) < 0) return -1;
    digest_final(&d, out);
    return 0;
}

int file_same(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    char name[TREE_NAME_MAX];
    uint8_t got[SEAL_HASH];
    struct stat st;
    struct err ignored = ERR_INIT;
    int dir = tree_parent(&r->tree, path, n, false, name, &ignored);
    CLEANUP_FD int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != en->size) return 0;
    if (digest_of(r, fd, en, got, &ignored) != 0 || memcmp(got, en->digest, SEAL_HASH) != 0) return 0;
    struct attrs a;
    struct buf keep;
    buf_init(&keep, ZB_SEGMENT_MAX * 2);
    int rc = attrs_take(&a, en, &keep, e);
    if (rc == 0) rc = set_attributes(r, &a, &keep, fd, path, n, e);
    if (rc == 0) rc = set_flags(r, &a, fd, path, n, e);
    buf_free(&keep);
    return rc < 0 ? -1 : 1;
}

/* One extent page: fetch its extents, write what they name, hash that part of the file. */
static int large_part(struct run *r, const struct entry *en, size_t i, struct digest *d, struct buf *page,
    struct extent **x, size_t *cap, struct err *e) {
    uint64_t at = (uint64_t)i << en->xpage_shift, end = at + (1ull << en->xpage_shift);
    size_t n;
    char name[64];
    struct item *it = r->batch.items;
    if (end > en->size) end = en->size;
    snprintf(name, sizeof name, "pack %08x slot %u", en->xpages[i].pack, en->xpages[i].slot);
    if (fetch_one(r->s->fetch, r->sealer, r->o->keys, SEG_EXTENTS, en->xpages[i], page, e) < 0) return -1;
    if (xpage_get(page->p, page->len, end - at, x, cap, &n, NULL, name, e) < 0) return -1;
    for (size_t k = 0; k < n;) {
        size_t part = n - k < BATCH_JOBS ? n - k : BATCH_JOBS;
        uint64_t from = at;
        for (size_t j = 0; j < k; j++) from += (*x)[j].len;
        if (batch_extents(r, 0, *x + k, part, from, e) < 0 || batch_write(r, e) < 0) return -1;
        k += part;
    }
    if (it->failed) return 1;
    int fd = file_fd(r, it, e);
    return fd < 0 ? -1 : file_hash(r, fd, d, en->block_shift, at, end, *x, n, e);
}

int file_large(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct digest d;
    struct buf page;
    struct extent *x = NULL;
    size_t cap = 0;
    uint8_t got[SEAL_HASH];
    struct err why = ERR_INIT;
    int rc = batch_add_file(r, en, path, n, e);
    struct item *it = r->batch.items;
    if (rc < 0) return -1;
    buf_init(&page, ZB_SEGMENT_MAX);
    digest_init(&d, en->block_shift, en->size);
    for (size_t i = 0; rc == 0 && i < en->xpages_n; i++) rc = large_part(r, en, i, &d, &page, &x, &cap, &why);
    buf_free(&page);
    free(x);
    if (rc == 0) {
        digest_final(&d, got);
        return file_finish(r, it, got, e);
    }
    file_drop(r, it);
    if (it->failed) return 0; /* told already */
    it->failed = true;
    return run_problem(r, path, n, false, &why, e);
}
