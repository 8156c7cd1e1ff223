/* Directories, symbolic links, fifos, devices, and further names of what is there. All but directories are made under a
 * temporary name, get their attributes, then their name. Directories are made with mode 0700 and get their attributes
 * in the second pass, when nothing is put into them any more. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "restore_same.h"
#include "sys/file.h"

/* A directory that was there: make it writable for what comes; the second pass sets what it is in the end. */
static void enter(const struct entry *en, int dir, const char *name) {
    struct stat st;
    int was;
    if (!(en->flags & EF_ANCESTOR)) {
        CLEANUP_FD int fd = flags_open(dir, name);
        if (fd >= 0) (void)!flags_unlock(fd, &was);
    }
    if (geteuid() == 0) return;
    CLEANUP_FD int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char path[32];
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 0700) == 0700) return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)!chmod(path, (st.st_mode & 07777) | 0700);
}

/* Whatever may be done to the directory itself: what an interrupted run has left in it goes. */
static void sweep(const struct run *r, int dir, const char *name) {
    CLEANUP_FD int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) tree_sweep(&r->tree, fd);
}

/* Something that is no directory gives way; it is never followed. */
static int make_way(int dir, const char *name) {
    int was = 0;
    if (unlinkat(dir, name, 0) == 0) return 0;
    CLEANUP_FD int fd = errno == EPERM ? flags_open(dir, name) : -1;
    if (fd < 0 || flags_unlock(fd, &was) != 1) return -1;
    int rc = unlinkat(dir, name, 0), saved = errno;
    flags_relock(fd, was); /* for its other names */
    errno = saved;
    return rc;
}

int node_dir(struct run *r, const struct entry *en, const char *path, size_t n, bool *made, struct err *e) {
    char name[TREE_NAME_MAX];
    struct stat st;
    int was;
    *made = false;
    bool again = n == 0 && r->marker.resuming && r->existing != EXISTING_NEVER;
    if (again) (void)!flags_unlock(r->tree.fd, &was); /* the second pass sets them again */
    if (n == 0) return 0;
    int dir = tree_parent(&r->tree, path, n, true, name, e);
    if (dir < 0) return -1;
    *made = mkdirat(dir, name, 0700) == 0;
    if (*made) return 0;
    if (errno != EEXIST) return err_sys(e, NULL, _("making the directory"));
    bool ours = marker_ours(&r->marker, dir, name), may = ours || r->existing >= EXISTING_IF_DIFFERENT;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
        *made = ours;
        if (may) enter(en, dir, name);
        if (r->marker.resuming) sweep(r, dir, name);
        return 0;
    }
    if (!may) return err_set(e, ZE_EXISTS, NULL, _("something that is no directory stands in its place"));
    if (make_way(dir, name) < 0 || mkdirat(dir, name, 0700) < 0) return err_sys(e, NULL, _("making the directory"));
    r->out->replaced++;
    *made = true;
    return 0;
}

static int make(int dir, const char *tmp, const struct entry *en) {
    char target[4096];
    switch (en->type) {
    case ENT_LINK:
        memcpy(target, en->target, en->target_len); /* at most 4095 bytes, says the decoder */
        target[en->target_len] = 0;
        return symlinkat(target, dir, tmp);
    case ENT_FIFO: return mknodat(dir, tmp, S_IFIFO | 0600, 0);
    case ENT_CHAR: return mknodat(dir, tmp, S_IFCHR | 0600, makedev(en->dev_major, en->dev_minor));
    default: return mknodat(dir, tmp, S_IFBLK | 0600, makedev(en->dev_major, en->dev_minor));
    }
}

int node_attributes(struct run *r, int fd, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct attrs a;
    struct buf keep;
    buf_init(&keep, ZB_SEGMENT_MAX * 2);
    int rc = attrs_take(&a, en, &keep, e);
    if (rc == 0) file_attributes(r, &a, &keep, fd, path, n);
    buf_free(&keep);
    return rc;
}

int node_type(uint8_t type) {
    static const int types[] = {[ENT_FILE] = S_IFREG,
        [ENT_DIR] = S_IFDIR,
        [ENT_LINK] = S_IFLNK,
        [ENT_FIFO] = S_IFIFO,
        [ENT_CHAR] = S_IFCHR,
        [ENT_BLOCK] = S_IFBLK};
    return types[type];
}

bool node_device_same(const struct entry *en, const struct stat *st) {
    bool device = en->type == ENT_CHAR || en->type == ENT_BLOCK;
    return !device || st->st_rdev == makedev(en->dev_major, en->dev_minor);
}

/* Open what was just made under ${tmp}; not something that was put there instead, nor something with other names. Whose
 * it is says nothing: to root somebody else's directory may hold a file of root's, and a file server may take root for
 * nobody. Of the same kind it may be: then it has no content that its owner could lose. */
static int open_made(int dir, const char *tmp, const struct entry *en, struct stat *st, struct err *e) {
    int fd = openat(dir, tmp, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) < 0) {
        err_sys(e, NULL, _("opening what was made"));
    } else if (st->st_nlink != 1 || (st->st_mode & S_IFMT) != (mode_t)node_type(en->type) || !node_device_same(en, st)) {
        err_set(e, ZE_IO, NULL, _("another process has exchanged what was made"));
    } else {
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

int node_special(struct run *r, const struct entry *en, const char *path, size_t n, uint64_t *ino, struct err *e) {
    char name[TREE_NAME_MAX], tmp[TREE_TMP_MAX];
    struct stat st;
    int dir = tree_parent(&r->tree, path, n, true, name, e);
    if (dir < 0) return -1;
    tree_tmp(&r->tree, tmp);
    if (make(dir, tmp, en) < 0) return err_sys(e, NULL, _("making it"));
    CLEANUP_FD int fd = open_made(dir, tmp, en, &st, e);
    if (fd < 0 || node_attributes(r, fd, en, path, n, e) < 0) {
        unlinkat(dir, tmp, 0);
        return -1;
    }
    *ino = st.st_ino;
    int rc = tree_publish(dir, tmp, name, r->over, NULL, e);
    if (rc == 1) return err_set(e, ZE_EXISTS, NULL, _("something has this name already"));
    return rc;
}

/* One more name, under ${tmp}, of the inode that was restored first, whoever has its name now. */
static int link_tmp(int from, const char *first, int dir, const char *tmp, uint64_t ino, struct err *e) {
    struct stat st;
    if (linkat(from, first, dir, tmp, 0) < 0) return err_sys(e, NULL, _("linking it to its other name"));
    if (fstatat(dir, tmp, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == ino) return 0;
    unlinkat(dir, tmp, 0);
    return err_set(e, ZE_IO, NULL, _("another process has exchanged its other name"));
}

/* An immutable file takes no other name: its descriptor, and its flags are off for now. If interrupted here the next
 * run sets them again, since they are not as the point says. */
static int unlocked(int from, const char *first, uint64_t ino, int *was) {
    struct stat st;
    int fd = flags_open(from, first);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == ino && flags_unlock(fd, was) == 1) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int node_link(struct run *r, const struct group *g, bool over, const char *path, size_t n, struct err *e) {
    char name[TREE_NAME_MAX], tmp[TREE_TMP_MAX], first[TREE_NAME_MAX];
    struct stat st, of;
    int was = 0, rc;
    int dir = tree_parent(&r->tree, (const char *)r->groups.paths.p + g->path_at, g->path_len, false, first, e);
    CLEANUP_FD int from = dir < 0 ? -1 : fcntl(dir, F_DUPFD_CLOEXEC, 0); /* the next call may close it */
    if (from < 0) return dir < 0 ? -1 : err_sys(e, NULL, _("opening the directory"));
    if ((dir = tree_parent(&r->tree, path, n, true, name, e)) < 0) return -1;
    bool there = fstat(from, &of) == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && st.st_ino == g->ino && st.st_dev == of.st_dev) return 1;
    CLEANUP_FD int locked = unlocked(from, first, g->ino, &was);
    tree_tmp(&r->tree, tmp);
    if ((rc = link_tmp(from, first, dir, tmp, g->ino, e)) == 0) {
        rc = tree_publish(dir, tmp, name, over, NULL, e);
        unlinkat(dir, tmp, 0); /* rename leaves it when both names were links to one file already */
    }
    if (locked >= 0) flags_relock(locked, was);
    return rc == 1 ? err_set(e, ZE_EXISTS, NULL, _("something has this name already")) : rc;
}
