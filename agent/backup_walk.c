/* Entry after entry: the walk and the parent's manifest go side by side in the same order. An entry that is equal (size,
 * times, inode; FORMAT and design §4) is taken over without opening the file; others are read. A path that is new may be an
 * old file renamed: its inode leads to the page that held it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "sys/file.h"

/* A file whose last change is so close to our look at it that another change could carry the same time. */
enum { GRANULARITY_NS = 50000000 };

static bool racy(const struct run *r, const struct stat *st) {
    int64_t now = r->q->clock->now_ns(r->q->clock);
    int64_t changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
    return changed > now - GRANULARITY_NS;
}

/* Step the parent's manifest up to ${path}: true when r->old is exactly there. */
static int seek_old(struct run *r, const uint8_t *path, size_t n, bool *hit, struct err *e) {
    *hit = false;
    while (r->prev) {
        if (!r->has_old) {
            int rc = manifest_walk_next(r->prev, &r->old, e);
            if (rc < 0) return -1;
            if (rc == 0) {
                manifest_walk_free(r->prev);
                r->prev = NULL;
                return 0;
            }
            r->has_old = true;
        }
        int c = path_cmp(r->old.path, r->old.path_len, path, n);
        *hit = c == 0;
        if (c >= 0) return 0;
        r->has_old = false;
    }
    return 0;
}

static bool equal(const struct entry *old, const struct stat *st) {
    return old->type == attrs_type(st) && !(old->flags & (EF_CHANGED | EF_RACY | EF_ANCESTOR)) && old->ino == st->st_ino &&
           old->mtime_s == st->st_mtim.tv_sec && old->mtime_ns == (uint32_t)st->st_mtim.tv_nsec &&
           old->ctime_s == st->st_ctim.tv_sec && old->ctime_ns == (uint32_t)st->st_ctim.tv_nsec &&
           (old->type != ENT_FILE || old->size == (uint64_t)st->st_size) &&
           (old->type == ENT_DIR || !(old->flags & EF_HARDLINK) == (st->st_nlink < 2));
}

/* Mark what an entry that is taken over needs: 1, or 0 when the vault has lost some of it. */
static int mark_old(struct run *r, const struct entry *en, struct err *e) {
    for (size_t i = 0; i < en->extents_n; i++)
        if (!en->extents[i].hole && upload_damaged(r->upload, en->extents[i].addr)) return 0;
    if (used_mark_extents(r->used, en->extents, en->extents_n, e) < 0) return -1;
    for (size_t p = 0; p < en->xpages_n; p++) {
        uint64_t at = (uint64_t)p << en->xpage_shift, len = (uint64_t)1 << en->xpage_shift;
        size_t n;
        if (upload_damaged(r->upload, en->xpages[p])) return 0;
        if (fetch_one(r->fetch, r->sealer, r->keys, SEG_EXTENTS, en->xpages[p], &r->xpage, e) < 0) return -1;
        if (xpage_get(r->xpage.p, r->xpage.len, en->size - at < len ? en->size - at : len, &r->xs, &r->xs_cap, &n,
                NULL, "extent page", e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (!r->xs[i].hole && upload_damaged(r->upload, r->xs[i].addr)) return 0;
        if (used_mark_extents(r->used, r->xs, n, e) < 0 || used_mark(r->used, en->xpages[p], e) < 0) return -1;
    }
    return 1;
}

/* The same for all names of an inode, in every run, whatever else is backed up beside it; another on another file system. */
static uint64_t link_group(const struct stat *st) {
    return st->st_ino ^ (uint64_t)st->st_dev * 0x9e3779b97f4a7c15ull;
}

/* ---- a file that was renamed ---- */

struct found {
    struct page_iter it;
    struct buf page;
    struct manifest_walk *w;
    struct entry en;
    bool has;
};

static void found_free(struct found *f) {
    page_iter_free(&f->it);
    buf_free(&f->page);
    manifest_walk_free(f->w);
}

/* The parent's entry for a large file with this inode, wherever it was. What the index says is proved against the parent's
 * manifest, since the page may be that of an older point. */
static int find_renamed(struct run *r, const struct stat *st, struct found *f, struct err *e) {
    uint8_t key[SEAL_ID];
    struct seg_addr page;
    struct entry en;
    tree_ino_key(key, r->cfg->host_key, st->st_ino);
    int rc = ids_find(r->ids, key, &page, e);
    if (rc <= 0 || page.pack >= r->begin.begin.first_pack) return rc < 0 ? -1 : 0;
    if (fetch_one(r->fetch, r->sealer, r->keys, SEG_PAGE, page, &f->page, e) < 0 ||
        page_iter_init(&f->it, f->page.p, f->page.len, "manifest page", e) < 0 || f->it.level != 0) {
        *e = (struct err)ERR_INIT; /* an old page that is gone, or something else: no basis then */
        return 0;
    }
    while ((rc = page_next_entry(&f->it, &en, e)) == 1 && (en.type != ENT_FILE || en.ino != st->st_ino)) continue;
    if (rc <= 0) {
        *e = (struct err)ERR_INIT;
        return 0;
    }
    f->w = manifest_walk_new(r->fetch, r->keys, &r->parent_root, (const char *)en.path, en.path_len);
    if (!f->w) return err_set(e, ZE_NOMEM, NULL, "manifest");
    rc = manifest_walk_next(f->w, &f->en, e);
    if (rc < 0) return -1;
    f->has = rc == 1 && f->en.type == ENT_FILE && f->en.ino == st->st_ino && f->en.path_len == en.path_len &&
             memcmp(f->en.path, en.path, en.path_len) == 0;
    return 0;
}

/* ---- files ---- */

static int open_file(const struct walk_item *item) {
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    int fd = openat(item->dirfd, item->name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(item->dirfd, item->name, flags) : fd;
}

static int store_content(struct run *r, int fd, const struct stat *st, const struct entry *old, struct entry *en,
    struct err *e) {
    struct found f = {.has = false};
    buf_init(&f.page, ZB_SEGMENT_MAX);
    int rc = 0;
    if (!old && r->parent.type && st->st_size >= FILE_SMALL) rc = find_renamed(r, st, &f, e);
    if (rc == 0) rc = filer_store(r->filer, fd, st, f.has ? &f.en : old, en, e);
    found_free(&f);
    return rc;
}

static int add_file(struct run *r, const struct walk_item *item, const struct entry *old, struct err *e) {
    struct entry en;
    CLEANUP_FD int fd = open_file(item);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        err_sys(e, NULL, _("opening it"));
        run_unread(r, item->path, item->path_len, e);
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(e, ZE_IO, NULL, _("it became something else while it was looked at"));
        run_unread(r, item->path, item->path_len, e);
        return 0;
    }
    attrs_stat(&en, item->path, item->path_len, &st);
    if (racy(r, &st)) en.flags |= EF_RACY;
    int partly = attrs_read(&r->attrs, item, fd, &en, e);
    if (partly < 0) return -1;
    if (partly) run_unread(r, item->path, item->path_len, e);
    uint64_t group = 0;
    if (st.st_nlink > 1) group = link_group(&st);
    bool linked = st.st_nlink > 1 && links_find(r->links, group, &en);
    if (!linked) {
        int rc = store_content(r, fd, &st, old, &en, e);
        if (rc < 0) return -1;
        if (rc == FILED_UNREADABLE) {
            run_unread(r, item->path, item->path_len, e);
            return 0;
        }
    }
    if (en.flags & EF_CHANGED) {
        err_set(e, ZE_PARTIAL, NULL, _("it changed while it was read; it is stored as it was read"));
        run_unread(r, item->path, item->path_len, e);
    }
    if (st.st_nlink > 1) en.flags |= EF_HARDLINK, en.link_group = group;
    int rc = tree_add(r->tree, &en, e);
    if (rc == 0 && st.st_nlink > 1) links_put(r->links, group, &en, st.st_nlink - 1);
    return rc;
}

static int add_other(struct run *r, const struct walk_item *item, struct err *e) {
    struct entry en;
    attrs_stat(&en, item->path, item->path_len, &item->st);
    if (racy(r, &item->st)) en.flags |= EF_RACY;
    if (item->ancestor) { /* mode and owner only, so that its times do not make each point differ */
        en.flags = EF_ANCESTOR;
        en.mtime_s = en.ctime_s = 0, en.mtime_ns = en.ctime_ns = 0, en.ino = 0;
        return tree_add(r->tree, &en, e);
    }
    int rc = attrs_read(&r->attrs, item, -1, &en, e);
    if (rc < 0) return -1;
    if (rc > 0) run_unread(r, item->path, item->path_len, e);
    if (rc > 0 && en.type == ENT_LINK && !en.target_len) return 0; /* it vanished */
    if (en.type != ENT_DIR && item->st.st_nlink > 1) en.flags |= EF_HARDLINK, en.link_group = link_group(&item->st);
    return tree_add(r->tree, &en, e);
}

static int one_item(struct run *r, const struct walk_item *item, struct err *e) {
    uint8_t type = attrs_type(&item->st);
    if (!type) {
        run_skipped(r, item->path, item->path_len, "socket");
        return 0;
    }
    bool hit = false;
    if (seek_old(r, item->path, item->path_len, &hit, e) < 0) return -1;
    bool same = hit && !item->ancestor && equal(&r->old, &item->st);
    if (r->q->dry_run) {
        if (type == ENT_FILE) r->out->files++, r->out->bytes += (uint64_t)item->st.st_size;
        if (type == ENT_FILE && !same) r->to_read++, r->to_read_bytes += (uint64_t)item->st.st_size;
        return 0;
    }
    if (same) {
        int whole = mark_old(r, &r->old, e);
        if (whole) return whole < 0 ? -1 : tree_add(r->tree, &r->old, e);
    }
    if (type == ENT_FILE) return add_file(r, item, hit && r->old.type == ENT_FILE ? &r->old : NULL, e);
    return add_other(r, item, e);
}

int run_walk(struct run *r, struct err *e) {
    for (unsigned i = 0;; i++) {
        struct walk_item item;
        int rc = walk_next(r->walk, &item, e);
        if (rc <= 0) return rc;
        if (rc == WALK_SKIPPED) {
            run_skipped(r, item.path, item.path_len, item.why);
            continue;
        }
        if (rc == WALK_PROBLEM) {
            run_unread(r, item.path, item.path_len, e);
            continue;
        }
        if (one_item(r, &item, e) < 0) return -1;
        if (item.why) run_skipped(r, item.path, item.path_len, item.why);
        if (r->q->progress && S_ISREG(item.st.st_mode)) r->q->progress->files++;
        if (i % 64) continue;
        progress_step(r->q->progress);
        if (r->q->cancelled && r->q->cancelled(r->q->cancelled_arg)) return err_set(e, ZE_CANCELLED, NULL, "backup");
    }
}
