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

/* A file whose last change is so close to our look at it that another change could carry the same time. Whole seconds are of a
 * file system that keeps no others (ext3), or only each second one (FAT). */
static const int64_t GRANULARITY_NS = 50000000, COARSE_NS = 2050000000;

static bool racy(const struct run *r, const struct stat *st) {
    int64_t now = r->q->clock->now_ns(r->q->clock);
    int64_t changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
    return changed > now - (st->st_ctim.tv_nsec ? GRANULARITY_NS : COARSE_NS);
}

int run_seek_old(struct run *r, const uint8_t *path, size_t n, bool *hit, struct err *e) {
    *hit = false;
    while (r->prev) {
        if (!r->has_old) {
            r->old_seen = false;
            int rc = manifest_walk_next(r->prev, &r->old, e);
            if (rc < 0) return -1;
            if (rc == 0) {
                manifest_walk_free(r->prev);
                r->prev = NULL;
                return 0;
            }
            r->has_old = true;
        }
        int c = path ? path_cmp(r->old.path, r->old.path_len, path, n) : -1;
        *hit = c == 0;
        if (*hit) r->old_seen = true;
        if (c >= 0) return 0;
        if (run_keep_unseen(r, e) < 0) return -1;
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

/* Whether the vault has lost a segment, or, of an interrupted run (${of}), may never have had it. */
static bool lost(const struct run *r, const struct attempt *of, struct seg_addr a) {
    return upload_damaged(r->upload, a) || (of && !attempt_trusts(of, a.pack));
}

/* Extent pages that no point uses yet are only given to hosts that may read all: then the file is read again. */
int run_mark_old(struct run *r, const struct entry *en, const struct attempt *of, struct err *e) {
    for (size_t i = 0; i < en->extents_n; i++)
        if (!en->extents[i].hole && lost(r, of, en->extents[i].addr)) return 0;
    if (used_mark_extents(r->used, en->extents, en->extents_n, e) < 0) return -1;
    for (size_t p = 0; p < en->xpages_n; p++) {
        uint64_t at = (uint64_t)p << en->xpage_shift, len = (uint64_t)1 << en->xpage_shift;
        size_t n;
        if (lost(r, of, en->xpages[p])) return 0;
        if (fetch_one(r->fetch, r->sealer, r->keys, SEG_EXTENTS, en->xpages[p], &r->xpage, e) < 0) {
            if (!of || e->id == ZE_CUT || e->id == ZE_TIMEOUT || e->id == ZE_CANCELLED) return -1;
            *e = (struct err)ERR_INIT;
            return 0;
        }
        if (xpage_get(r->xpage.p, r->xpage.len, en->size - at < len ? en->size - at : len, &r->xs, &r->xs_cap, &n,
                NULL, "extent page", e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (!r->xs[i].hole && lost(r, of, r->xs[i].addr)) return 0;
        if (used_mark_extents(r->used, r->xs, n, e) < 0 || used_mark(r->used, en->xpages[p], e) < 0) return -1;
    }
    return 1;
}

/* The same for all names of an inode, in every run, whatever else is backed up beside it; another on another file system. */
static uint64_t link_group(const struct stat *st) {
    return st->st_ino ^ (uint64_t)st->st_dev * 0x9e3779b97f4a7c15ull;
}

/* ---- files ---- */

/* It could not be read: kept as the parent has it (${old}, or NULL), listed in any case. */
static int missed(struct run *r, const struct walk_item *item, enum left left, const struct entry *old, struct err *e) {
    struct err why = *e;
    int kept = old && run_keeps(left) ? run_keep(r, old, EF_RACY, e) : 0;
    if (kept < 0) return -1;
    run_unread(r, item->path, item->path_len, left, kept, &why);
    return 0;
}

static int store_content(struct run *r, const struct walk_item *item, int fd, const struct stat *st, const struct entry *old,
    struct entry *en, struct err *e) {
    struct found f;
    found_init(&f);
    int rc = 0;
    if (!old && r->parent.type && st->st_size >= FILE_SMALL) rc = found_find(r, item, st, &f, e);
    if (rc == 0) rc = filer_store(r->filer, fd, item->watch, st, f.has ? &f.en : old, en, e);
    if (rc == 0) found_told(r, &f, filer_copied(r->filer));
    found_free(&f);
    return rc;
}

static int add_opened(struct run *r, const struct walk_item *item, int fd, const struct entry *old, struct err *e) {
    struct entry en;
    struct stat st;
    if (fd < 0 || watch_stat(item->watch, fd, &st) < 0) {
        enum left left = left_by_errno(errno);
        watch_err(e, _("opening it"));
        return missed(r, item, left, old, e);
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(e, ZE_IO, NULL, _("it became something else while it was looked at"));
        return missed(r, item, LEFT_CHANGED, NULL, e);
    }
    attrs_stat(&en, item->path, item->path_len, &st);
    if (racy(r, &st)) en.flags |= EF_RACY;
    int partly = attrs_read(&r->attrs, item, fd, &en, e);
    if (partly < 0) return -1;
    if (partly) run_unread(r, item->path, item->path_len, LEFT_UNREADABLE, false, e);
    uint64_t group = 0;
    if (st.st_nlink > 1) group = link_group(&st);
    bool linked = st.st_nlink > 1 && links_find(r->links, group, &en);
    if (!linked) {
        int rc = store_content(r, item, fd, &st, old, &en, e);
        if (rc < 0) return -1;
        if (rc == FILED_UNREADABLE)
            return missed(r, item, e->id == ZE_HUNG ? LEFT_SILENT : LEFT_UNREADABLE, old, e);
    }
    if (!page_takes(&en)) {
        err_set(e, ZE_IO, NULL, _("it is in more pieces than a restore point holds of one file"));
        return missed(r, item, LEFT_UNREADABLE, old, e);
    }
    if (en.flags & EF_CHANGED) {
        err_set(e, ZE_PARTIAL, NULL, _("it changed while it was read; it is stored as it was read"));
        run_unread(r, item->path, item->path_len, LEFT_CHANGED, false, e);
    }
    if (st.st_nlink > 1) en.flags |= EF_HARDLINK, en.link_group = group;
    int rc = tree_add(r->tree, &en, e);
    if (rc == 0 && !partly && r->attempt) attempt_add(r->attempt, &en);
    if (rc == 0 && st.st_nlink > 1) links_put(r->links, group, &en, st.st_nlink - 1);
    return rc;
}

static int add_file(struct run *r, const struct walk_item *item, const struct entry *old, struct err *e) {
    int fd = watch_open(item->watch, item->dirfd, item->name);
    int rc = add_opened(r, item, fd, old, e);
    watch_close(item->watch, fd);
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
    bool vanished = rc > 0 && en.type == ENT_LINK && !en.target_len;
    if (rc > 0) run_unread(r, item->path, item->path_len, vanished ? LEFT_VANISHED : LEFT_UNREADABLE, false, e);
    if (vanished) return 0;
    if (en.type != ENT_DIR && item->st.st_nlink > 1) en.flags |= EF_HARDLINK, en.link_group = link_group(&item->st);
    return tree_add(r->tree, &en, e);
}

/* A dry run counts, and asks whether it might read; what is on foreign mounts it takes as it looks. */
static int dry_file(struct run *r, const struct walk_item *item, bool same, struct err *e) {
    if (!same && !item->watch && faccessat(item->dirfd, item->name, R_OK, AT_EACCESS) < 0 && errno == EACCES) {
        err_sys(e, NULL, _("opening it"));
        run_unread(r, item->path, item->path_len, LEFT_UNREADABLE, false, e);
        return 0;
    }
    r->out->files++, r->out->bytes += (uint64_t)item->st.st_size;
    if (!same) r->to_read++, r->to_read_bytes += (uint64_t)item->st.st_size;
    return 0;
}

static int one_item(struct run *r, const struct walk_item *item, struct err *e) {
    uint8_t type = attrs_type(&item->st);
    if (!type) {
        run_skipped(r, item->path, item->path_len, LEFT_SOCKET, NULL);
        return 0;
    }
    bool hit = false;
    if (run_seek_old(r, item->path, item->path_len, &hit, e) < 0) return -1;
    bool same = hit && !item->ancestor && equal(&r->old, &item->st) && !(r->q->reread && type == ENT_FILE);
    if (r->q->dry_run) return type == ENT_FILE ? dry_file(r, item, same, e) : 0;
    bool ask = r->attempt && type == ENT_FILE && !r->q->reread;
    const struct entry *done = ask ? attempt_find(r->attempt, item->path, item->path_len) : NULL;
    if (done && equal(done, &item->st)) {
        int whole = run_mark_old(r, done, r->attempt, e);
        if (whole) return whole < 0 ? -1 : tree_add(r->tree, done, e);
    }
    if (same) {
        int whole = run_mark_old(r, &r->old, NULL, e);
        r->old.flags &= (uint8_t)~EF_KEPT; /* it could be looked at, and is as it was */
        if (whole) return whole < 0 ? -1 : tree_add(r->tree, &r->old, e);
    }
    if (type == ENT_FILE) return add_file(r, item, hit && r->old.type == ENT_FILE ? &r->old : NULL, e);
    return add_other(r, item, e);
}

/* What is left out, with all below it. */
static void left_out(struct run *r, const struct walk_item *item) {
    run_shut(r, item->path, item->path_len);
    run_skipped(r, item->path, item->path_len, item->left, item->pattern);
}

/* What the walk tells besides items; the parent's manifest is stepped along, since what is passed over may be kept. */
static int beside(struct run *r, const struct walk_item *item, int event, struct err *e) {
    struct err why = *e;
    bool hit, keeps = run_keeps(item->left);
    if (run_seek_old(r, item->path, item->path_len, &hit, e) < 0) return -1;
    if (event == WALK_SKIPPED) {
        left_out(r, item);
        return 0;
    }
    if (hit && !item->looked) r->old_seen = false;
    if (keeps) run_blind(r, item->path, item->path_len);
    run_unread(r, item->path, item->path_len, item->left, keeps && hit, &why);
    return 0;
}

int run_walk(struct run *r, struct err *e) {
    bool hit;
    for (unsigned i = 0;; i++) {
        struct walk_item item;
        int rc = walk_next(r->walk, &item, e);
        if (rc < 0) return rc;
        if (run_dumps(r, rc == WALK_END ? NULL : item.path, rc == WALK_END ? 0 : item.path_len, e) < 0) return -1;
        if (rc == WALK_END) return r->is_blind ? run_seek_old(r, NULL, 0, &hit, e) : 0;
        if (run_dumps_own(r, item.path, item.path_len)) {
            run_skipped(r, item.path, item.path_len, LEFT_OWN, NULL);
            continue;
        }
        if (rc == WALK_ITEM ? one_item(r, &item, e) < 0 : beside(r, &item, rc, e) < 0) return -1;
        if (rc != WALK_ITEM) continue;
        if (item.left) left_out(r, &item);
        if (r->q->progress && S_ISREG(item.st.st_mode)) r->q->progress->files++;
        if (i % 64) continue;
        progress_step(r->q->progress);
        if (run_stopped(r)) return err_set(e, ZE_CANCELLED, NULL, "backup");
    }
}
