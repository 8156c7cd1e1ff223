/* Names below a target. A descriptor of the last parent is kept, since entries come in order and most share it; it is
 * still the same directory when somebody has moved it meanwhile, and it was below the target when it was opened. */
#include "restore_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_same.h"
#include "sys/file.h"
#include "wrap/seal.h"

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

int tree_is_empty(int dirfd, const char *name, const char *but) {
    int fd = openat(dirfd, name, DIR_FLAGS), n = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) return -1;
    for (struct dirent *it; n == 0 && (it = readdir(d));)
        n += strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0 && (!but || strcmp(it->d_name, but) != 0);
    closedir(d);
    return n == 0;
}

/* A descriptor of each file system stays: the kernel tells what it has lost since that was opened. */
static void note_fs(struct tree *t, int fd) {
    struct stat st;
    if (fstat(fd, &st) < 0) return;
    for (unsigned i = 0; i < t->fs_n; i++)
        if (t->fs[i].dev == st.st_dev) return;
    int copy = t->fs_n < TREE_FS_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy < 0) t->fs_more = true;
    else t->fs[t->fs_n++] = (struct tree_fs){st.st_dev, copy};
}

static bool steps_only;

void tree_by_steps(bool yes) { steps_only = yes; }

int tree_open(struct tree *t, const char *dir, bool make, struct err *e) {
    *t = (struct tree){.fd = -1, .parentfd = -1, .no_openat2 = steps_only};
    buf_init(&t->parent, 1 << 17);
    if (make && file_mkdirs(AT_FDCWD, dir, 0777, e) < 0) return -1;
    t->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the person who names the target may name a link */
    if (t->fd < 0) return err_sys(e, dir, _("opening the target"));
    note_fs(t, t->fd);
    return 0;
}

void tree_view(struct tree *t, const struct tree *of) {
    *t = (struct tree){
        .fd = fcntl(of->fd, F_DUPFD_CLOEXEC, 0), .parentfd = -1, .no_openat2 = steps_only, .job = of->job};
    buf_init(&t->parent, 1 << 17);
    seal_random(&t->tmp, sizeof t->tmp);
}

int tree_sync(const struct tree *t) {
    int saved = 0;
    for (unsigned i = 0; i < t->fs_n; i++)
        if (syncfs(t->fs[i].fd) < 0) saved = errno;
    if (t->fs_more) sync();
    errno = saved;
    return saved ? -1 : 0;
}

void tree_close(struct tree *t) {
    while (t->fs_n) close(t->fs[--t->fs_n].fd);
    if (t->parentfd >= 0) close(t->parentfd);
    if (t->fd >= 0) close(t->fd);
    t->fd = t->parentfd = -1;
    buf_free(&t->parent);
}

/* One component: an open directory below ${dirfd}, made when that is wanted and it is missing. */
static int one_dir(int dirfd, const char *name, bool make) {
    int fd = openat(dirfd, name, DIR_FLAGS);
    if (fd >= 0 || errno != ENOENT || !make) return fd;
    if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST) return -1;
    return openat(dirfd, name, DIR_FLAGS);
}

static int by_steps(int top, const char *path, bool make) {
    int fd = openat(top, ".", DIR_FLAGS);
    char name[TREE_NAME_MAX];
    while (fd >= 0 && *path) {
        size_t n = strcspn(path, "/");
        if (n >= sizeof name) {
            close(fd);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = 0;
        int next = one_dir(fd, name, make), saved = errno;
        close(fd);
        errno = saved;
        fd = next;
        path += n + (path[n] == '/');
    }
    return fd;
}

static int open_below(struct tree *t, int top, const char *path, bool make) {
    struct open_how how = {.flags = (uint64_t)(unsigned)DIR_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    if (*path && !t->no_openat2) {
        int fd = (int)syscall(SYS_openat2, top, path, &how, sizeof how);
        if (fd >= 0) return fd;
        if (errno == ENOSYS || errno == EPERM) t->no_openat2 = true; /* EPERM: a filter that does not know it */
        else if (errno != ENAMETOOLONG && errno != EAGAIN && !(errno == ENOENT && make)) return -1;
    }
    return by_steps(top, path, make);
}

static int open_dir(struct tree *t, int top, const char *path, bool make) {
    int fd = open_below(t, top, path, make);
    if (fd >= 0) note_fs(t, fd);
    return fd;
}

int tree_dir(struct tree *t, const char *path, size_t n, struct err *e) {
    CLEANUP_FREE char *copy = strndup(path, n);
    if (!copy) return err_set(e, ZE_NOMEM, NULL, _("a path"));
    int fd = open_dir(t, t->fd, copy, false);
    return fd < 0 ? err_sys(e, copy, _("opening the directory")) : fd;
}

int tree_parent(struct tree *t, const char *path, size_t n, bool make, char name[TREE_NAME_MAX], struct err *e) {
    const char *slash = memrchr(path, '/', n);
    size_t dir = slash ? (size_t)(slash - path) : 0, base = slash ? dir + 1 : 0;
    if (n - base >= TREE_NAME_MAX || n == base) {
        errno = ENAMETOOLONG;
        return err_sys(e, path, _("name"));
    }
    memcpy(name, path + base, n - base);
    name[n - base] = 0;
    if (dir == 0) return t->fd;
    if (t->parentfd >= 0 && t->parent.len == dir + 1 && memcmp(t->parent.p, path, dir) == 0) return t->parentfd;
    CLEANUP_FD int old = t->parentfd;
    size_t have = old >= 0 ? t->parent.len - 1 : 0; /* below it the way is shorter */
    bool below = have && dir > have && path[have] == '/' && memcmp(t->parent.p, path, have) == 0;
    t->parentfd = -1;
    buf_reset(&t->parent);
    buf_put(&t->parent, path, dir);
    buf_u8(&t->parent, 0);
    if (!buf_ok(&t->parent)) return err_set(e, ZE_NOMEM, NULL, _("a path"));
    t->parentfd = open_dir(t, below ? old : t->fd, (const char *)t->parent.p + (below ? have + 1 : 0), make);
    return t->parentfd < 0 ? err_sys(e, (const char *)t->parent.p, _("opening the directory")) : t->parentfd;
}

enum { PREFIX_MAX = 40 };

static int prefix(const struct tree *t, char out[PREFIX_MAX]) {
    return snprintf(out, PREFIX_MAX, ".zaibei-restore-%016llx-", (unsigned long long)t->job);
}

void tree_tmp(struct tree *t, char out[TREE_TMP_MAX]) {
    char begin[PREFIX_MAX];
    prefix(t, begin);
    snprintf(out, TREE_TMP_MAX, "%s%llx", begin, (unsigned long long)t->tmp++);
}

void tree_sweep(const struct tree *t, int dirfd) {
    char begin[PREFIX_MAX];
    size_t n = (size_t)prefix(t, begin);
    int copy = openat(dirfd, ".", DIR_FLAGS);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) return;
    for (struct dirent *it; (it = readdir(d));)
        if (strncmp(it->d_name, begin, n) == 0) unlinkat(dirfd, it->d_name, 0);
    closedir(d);
}

static int place(int dirfd, const char *tmp, const char *name, bool replace) {
    if (replace) return renameat(dirfd, tmp, dirfd, name);
    int rc = (int)syscall(SYS_renameat2, dirfd, tmp, dirfd, name, 1u /* RENAME_NOREPLACE */);
    if (rc == 0 || (errno != EINVAL && errno != ENOSYS)) return rc;
    rc = linkat(dirfd, tmp, dirfd, name, 0); /* file systems without it */
    if (rc < 0 && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)) { /* without hard links, too (exFAT) */
        struct stat st;
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) errno = EEXIST;
        else if (errno == ENOENT) return renameat(dirfd, tmp, dirfd, name); /* over what comes in this moment only */
        return -1;
    }
    int saved = errno;
    if (rc == 0) unlinkat(dirfd, tmp, 0);
    errno = saved;
    return rc;
}

/* Over a file that is immutable or append only. What it was stays its own where it has other names, or where it could
 * not be replaced. If interrupted here the old file is still there, whole, without these flags. */
static int place_over_locked(int dirfd, const char *tmp, const char *name) {
    CLEANUP_FD int old = flags_open(dirfd, name);
    int flags = 0;
    if (old < 0 || flags_unlock(old, &flags) != 1) {
        errno = EPERM;
        return -1;
    }
    int rc = place(dirfd, tmp, name, true), saved = errno;
    flags_relock(old, flags);
    errno = saved;
    return rc;
}

int tree_publish(int dirfd, const char *tmp, const char *name, bool replace, const char *path, struct err *e) {
    int rc = place(dirfd, tmp, name, replace);
    if (rc < 0 && replace && errno == EPERM) rc = place_over_locked(dirfd, tmp, name);
    bool dir = rc < 0 && replace && (errno == EISDIR || errno == EEXIST || errno == ENOTEMPTY);
    if (dir && (rc = unlinkat(dirfd, name, AT_REMOVEDIR)) == 0) {
        /* If interrupted here nothing has this name, and there was nothing in the directory that had it. */
        rc = place(dirfd, tmp, name, true);
        dir = false;
    }
    if (rc == 0) return 0;
    int saved = errno;
    unlinkat(dirfd, tmp, 0);
    errno = saved;
    if (!replace && saved == EEXIST) return 1;
    if (dir && (saved == ENOTEMPTY || saved == EEXIST))
        return err_set(e, ZE_EXISTS, path, _("a directory that is not empty stands in its place"));
    return err_sys(e, path, _("giving it its name"));
}
