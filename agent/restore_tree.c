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
#include "sys/file.h"
#include "wrap/seal.h"

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static int is_empty(int fd, const char *dir, struct err *e) {
    int copy = openat(fd, ".", DIR_FLAGS);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) return err_sys(e, dir, _("reading the target"));
    int n = 0;
    for (struct dirent *it; n == 0 && (it = readdir(d));)
        if (strcmp(it->d_name, ".") != 0 && strcmp(it->d_name, "..") != 0) n++;
    closedir(d);
    return n == 0;
}

int tree_open(struct tree *t, const char *dir, bool must_be_empty, struct err *e) {
    *t = (struct tree){.fd = -1, .parentfd = -1};
    seal_random(&t->tmp, sizeof t->tmp);
    buf_init(&t->parent, 1 << 17);
    if (file_mkdirs(AT_FDCWD, dir, 0777, e) < 0) return -1;
    t->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the person who names the target may name a link */
    if (t->fd < 0) return err_sys(e, dir, _("opening the target"));
    int empty = must_be_empty ? is_empty(t->fd, dir, e) : 1;
    if (empty == 0) err_set(e, ZE_TARGET, dir, _("there is something in it already"));
    if (empty == 1) return 0;
    tree_close(t);
    return -1;
}

void tree_close(struct tree *t) {
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

static int open_dir(struct tree *t, const char *path, bool make) {
    struct open_how how = {.flags = (uint64_t)(unsigned)DIR_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    if (*path && !t->no_openat2) {
        int fd = (int)syscall(SYS_openat2, t->fd, path, &how, sizeof how);
        if (fd >= 0) return fd;
        if (errno == ENOSYS || errno == EPERM) t->no_openat2 = true; /* EPERM: a filter that does not know it */
        else if (errno != ENAMETOOLONG && errno != EAGAIN && !(errno == ENOENT && make)) return -1;
    }
    return by_steps(t->fd, path, make);
}

int tree_dir(struct tree *t, const char *path, size_t n, struct err *e) {
    CLEANUP_FREE char *copy = strndup(path, n);
    if (!copy) return err_set(e, ZE_NOMEM, NULL, _("a path"));
    int fd = open_dir(t, copy, false);
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
    if (t->parentfd >= 0) close(t->parentfd);
    t->parentfd = -1;
    buf_reset(&t->parent);
    buf_put(&t->parent, path, dir);
    buf_u8(&t->parent, 0);
    if (!buf_ok(&t->parent)) return err_set(e, ZE_NOMEM, NULL, _("a path"));
    t->parentfd = open_dir(t, (const char *)t->parent.p, make);
    return t->parentfd < 0 ? err_sys(e, (const char *)t->parent.p, _("opening the directory")) : t->parentfd;
}

void tree_tmp(struct tree *t, char out[TREE_TMP_MAX]) {
    snprintf(out, TREE_TMP_MAX, ".zaibei-restore-%016llx", (unsigned long long)t->tmp++);
}

int tree_publish(int dirfd, const char *tmp, const char *name, bool replace, const char *path, struct err *e) {
    int rc = replace ? renameat(dirfd, tmp, dirfd, name)
                     : (int)syscall(SYS_renameat2, dirfd, tmp, dirfd, name, 1u /* RENAME_NOREPLACE */);
    if (rc < 0 && !replace && (errno == EINVAL || errno == ENOSYS)) { /* file systems without it */
        rc = linkat(dirfd, tmp, dirfd, name, 0);
        int saved = errno;
        if (rc == 0) unlinkat(dirfd, tmp, 0);
        errno = saved;
    }
    if (rc == 0) return 0;
    int saved = errno;
    unlinkat(dirfd, tmp, 0);
    errno = saved;
    if (!replace && saved == EEXIST) return 1;
    return err_sys(e, path, _("giving it its name"));
}
