/* What stands under the name of an entry, and what is to be done about it. Under a policy that compares, and for what an
 * interrupted run of this restore has made, a file that is right is kept and its attributes are set; all else is
 * composed anew beside it. Whether that run has made it is told by times; where a clock was set back meanwhile, by
 * content. Nothing is changed in place but attributes, and those only where the inode has no name outside: one link, or
 * made by this restore. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "restore_same.h"
#include "sys/file.h"

struct place {
    int dir;
    char name[TREE_NAME_MAX];
    const char *path;
    size_t n;
    bool ours;
    struct stat *st;
};

static bool content_same(struct run *r, int fd, const struct entry *en, struct err *e) {
    if (r->marker.doubtful) /* what the disk has, not what it was given */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (!r->digester && !(r->digester = digester_new(r->s, r->o))) return false;
    digester_stops(r->digester, r->q->cancelled, r->q->cancelled_arg);
    return digester_same(r->digester, fd, en, e) > 0;
}

/* A file whose content is right: its attributes too. 0: that must not be done to this inode. */
static int settle(struct run *r, int fd, const struct entry *en, const struct place *p, struct err *e) {
    struct attrs a;
    struct buf keep;
    int was, rc;
    buf_init(&keep, ZB_SEGMENT_MAX * 2);
    rc = attrs_take(&a, en, &keep, e);
    if (rc == 0 && !attrs_same(&a, &keep, fd)) {
        rc = p->ours || p->st->st_nlink == 1 ? 1 : 0;
        if (rc && !r->q->dry_run) {
            (void)!flags_unlock(fd, &was); /* what cannot be set is told below */
            file_attributes(r, &a, &keep, fd, p->path, p->n);
            file_flags(r, &a, fd, p->path, p->n);
        }
    } else if (rc == 0) {
        rc = 1;
    }
    buf_free(&keep);
    return rc;
}

/* Made by this restore, which was killed, on a machine that went on: it has its name, so it is complete, unless
 * somebody has changed it since. */
static bool believed(const struct run *r, const struct entry *en, const struct place *p) {
    const struct stat *st = p->st;
    return p->ours && !r->marker.doubtful && st->st_mtim.tv_sec == en->mtime_s &&
        (uint32_t)st->st_mtim.tv_nsec == en->mtime_ns && (st->st_mode & 07777) == en->mode;
}

static int file_same(struct run *r, const struct entry *en, const struct place *p, struct err *e) {
    struct err why = ERR_INIT;
    if (!S_ISREG(p->st->st_mode) || (uint64_t)p->st->st_size != en->size) return 0;
    CLEANUP_FD int fd = openat(p->dir, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, p->st) < 0 || !S_ISREG(p->st->st_mode) || (uint64_t)p->st->st_size != en->size) return 0;
    if (!believed(r, en, p) && !content_same(r, fd, en, &why)) {
        if (why.id != ZE_CANCELLED) return 0;
        return err_set(e, ZE_CANCELLED, r->q->target, _("what is complete stays; unfinished files were removed"));
    }
    return settle(r, fd, en, p, e);
}

static int special_same(struct run *r, const struct entry *en, const struct place *p, struct err *e) {
    char target[4096];
    if ((p->st->st_mode & S_IFMT) != (mode_t)node_type(en->type) || (!p->ours && p->st->st_nlink != 1)) return 0;
    CLEANUP_FD int fd = openat(p->dir, p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != p->st->st_ino) return 0;
    if (en->type == ENT_LINK) {
        ssize_t n = readlinkat(fd, "", target, sizeof target);
        if (n != (ssize_t)en->target_len || memcmp(target, en->target, (size_t)n) != 0) return 0;
    }
    if (!node_device_same(en, &st)) return 0;
    return r->q->dry_run || node_attributes(r, fd, en, p->path, p->n, e) == 0 ? 1 : -1;
}

int found_entry(struct run *r, const struct entry *en, const char *path, size_t n, struct stat *st, struct err *e) {
    struct place p = {.path = path, .n = n, .st = st};
    struct err ignored = ERR_INIT;
    r->over = r->existing >= EXISTING_IF_DIFFERENT;
    if (r->existing == EXISTING_REFUSE && !r->marker.resuming) return FOUND_NOTHING; /* the target was empty */
    p.dir = tree_parent(&r->tree, path, n, false, p.name, &ignored);
    if (p.dir < 0 || fstatat(p.dir, p.name, st, AT_SYMLINK_NOFOLLOW) < 0) return FOUND_NOTHING;
    p.ours = marker_ours(&r->marker, p.dir, p.name);
    if (r->existing == EXISTING_NEVER && !p.ours) return FOUND_LEFT;
    r->over = r->over || p.ours;
    if (!p.ours && r->existing == EXISTING_ALWAYS) return FOUND_OTHER;
    int same = en->type == ENT_FILE ? file_same(r, en, &p, e) : special_same(r, en, &p, e);
    return same < 0 ? -1 : same ? FOUND_SAME : FOUND_OTHER;
}
