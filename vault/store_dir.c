/* The directory store: put-new is a temporary file beside the name, fsync, link(2), fsync of the directory. link
 * fails when the name exists, so of several writers exactly one wins, also across machines. The descriptor of the
 * directory is held from the start: nobody can put another directory in its place while the keeper runs. If
 * interrupted before link, a file ".tmp-*" stays and means nothing; after it, the object exists whole (its bytes were
 * fsynced before it got its name). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/i18n.h"
#include "store.h"
#include "sys/file.h"

enum { OBJECT_MODE = 0440, DIR_MODE = 0750 };

static int parent_make(struct store *s, const char *name, struct err *e) {
    char dir[STORE_NAME_MAX];
    const char *slash = strrchr(name, '/');
    if (!slash) return 0;
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - name), name);
    return file_dir_used(s->fd, dir) ? 0 : file_mkdirs(s->fd, dir, DIR_MODE, e);
}

static int dir_put_new(struct store *s, const char *name, const void *p, size_t n, struct err *e) {
    if (parent_make(s, name, e) < 0) return -1;
    return file_put_new(s->fd, name, p, n, OBJECT_MODE, e);
}

static int dir_tmp_open(struct store *s, const char *name, struct store_tmp *t, struct err *e) {
    t->fd = -1;
    if (parent_make(s, name, e) < 0) return -1;
    t->fd = file_tmp_open(s->fd, name, O_RDWR, OBJECT_MODE, t->name, sizeof t->name);
    return t->fd < 0 ? err_sys(e, name, "create") : 0;
}

static void dir_tmp_drop(struct store *s, struct store_tmp *t) {
    if (t->fd < 0) return;
    close(t->fd);
    unlinkat(s->fd, t->name, 0);
    t->fd = -1;
}

/* fsync of the directory that holds ${name}. */
static int parent_sync(struct store *s, const char *name) {
    char dir[STORE_NAME_MAX];
    const char *slash = strrchr(name, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - name) : 1, slash ? name : ".");
    CLEANUP_FD int fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : file_sync_dir(fd);
}

static int dir_tmp_put(struct store *s, struct store_tmp *t, const char *name, struct err *e) {
    int rc = 0;
    /* If interrupted here, only the temporary name exists: the object was never there. */
    if (fsync(t->fd) < 0) rc = err_sys(e, name, "fsync");
    else if (linkat(s->fd, t->name, s->fd, name, 0) < 0) rc = errno == EEXIST ? 1 : err_sys(e, name, "link");
    /* If interrupted here, the object may or may not be there after a power cut: nobody has been told that it is. */
    dir_tmp_drop(s, t);
    if (rc >= 0 && parent_sync(s, name) < 0) rc = err_sys(e, name, "fsync of the directory");
    return rc;
}

static int dir_settle(struct store *s, const char *dir, struct err *e) {
    CLEANUP_FD int fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : err_sys(e, dir, "open");
    return file_sync_dir(fd) < 0 ? err_sys(e, dir, "fsync of the directory") : 0;
}

static int dir_load(struct store *s, const char *name, size_t max, struct buf *out, struct err *e) {
    return file_load(s->fd, name, max, out, e);
}

static int dir_open_fd(struct store *s, const char *name, struct err *e) {
    int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0) return err_sys(e, name, "open");
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) return fd;
    close(fd);
    return err_set(e, ZE_DAMAGED, name, _("not a regular file"));
}

static ssize_t dir_get_range(struct store *s, const char *name, uint64_t at, void *p, size_t n, struct err *e) {
    CLEANUP_FD int fd = dir_open_fd(s, name, e);
    if (fd < 0) return -1;
    ssize_t got = file_pread_full(fd, p, n, (off_t)at);
    return got < 0 ? err_sys(e, name, "read") : got;
}

/* Every name directly below dir, the unfinished ones too. */
static int dir_each(struct store *s, const char *dir, int (*each)(void *arg, int fd, const char *name, struct err *e),
    void *arg, struct err *e) {
    int fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
    if (fd < 0 && errno == ENOENT) return 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0) close(fd);
        return err_sys(e, dir, "open");
    }
    for (struct dirent *de; rc == 0 && (errno = 0, de = readdir(d));)
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0) rc = each(arg, fd, de->d_name, e);
    if (rc == 0 && errno) rc = err_sys(e, dir, "readdir");
    closedir(d);
    return rc;
}

struct list_arg {
    int (*each)(void *arg, const char *name, uint64_t size, struct err *e);
    void *arg;
};

static int list_one(void *arg, int fd, const char *name, struct err *e) {
    struct list_arg *l = arg;
    struct stat st;
    if (*name == '.') return 0;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : err_sys(e, name, "stat");
    int rc = l->each(l->arg, name, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0, e);
    errno = 0;
    return rc < 0 ? rc : 0;
}

static int dir_list(struct store *s, const char *dir,
    int (*each)(void *arg, const char *name, uint64_t size, struct err *e), void *arg, struct err *e) {
    struct list_arg l = {each, arg};
    return dir_each(s, dir, list_one, &l, e);
}

static int name_one(void *arg, int fd, const char *name, struct err *e) {
    struct list_arg *l = arg;
    int rc = *name == '.' ? 0 : l->each(l->arg, name, 0, e);
    errno = 0;
    return rc < 0 ? rc : 0;
}

static int dir_names(struct store *s, const char *dir,
    int (*each)(void *arg, const char *name, uint64_t size, struct err *e), void *arg, struct err *e) {
    struct list_arg l = {each, arg};
    return dir_each(s, dir, name_one, &l, e);
}

static int sweep_one(void *arg, int fd, const char *name, struct err *e) {
    const int64_t *before = arg;
    struct stat st;
    if (strncmp(name, ".tmp-", 5) != 0) return 0;
    bool old = *before == INT64_MAX || (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_mtim.tv_sec < *before / 1000000000);
    if (old && unlinkat(fd, name, 0) < 0 && errno != ENOENT) return err_sys(e, name, "unlink");
    errno = 0;
    return 0;
}

/* A directory that is empty means nothing, so whether it goes does not matter, unless somebody is about to write there. */
static int dir_sweep(struct store *s, const char *dir, int64_t before_ns, struct err *e) {
    int rc = dir_each(s, dir, sweep_one, &before_ns, e);
    if (rc == 0 && before_ns == INT64_MAX) (void)!unlinkat(s->fd, dir, AT_REMOVEDIR);
    return rc;
}

static int dir_delete(struct store *s, const char *name, struct err *e) {
    if (unlinkat(s->fd, name, 0) < 0 && errno != ENOENT) return err_sys(e, name, "unlink");
    return parent_sync(s, name) < 0 ? err_sys(e, name, "fsync of the directory") : 0;
}

static int dir_space(struct store *s, uint64_t *free_bytes, uint64_t *used_bytes, struct err *e) {
    struct statvfs v;
    if (fstatvfs(s->fd, &v) < 0) return err_sys(e, "store", "statvfs");
    *free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    *used_bytes = (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize;
    return 0;
}

static const struct store_ops dir_ops = {
    .put_new = dir_put_new,
    .tmp_open = dir_tmp_open,
    .tmp_put = dir_tmp_put,
    .tmp_drop = dir_tmp_drop,
    .sweep = dir_sweep,
    .settle = dir_settle,
    .load = dir_load,
    .get_range = dir_get_range,
    .open_fd = dir_open_fd,
    .list = dir_list,
    .names = dir_names,
    .del = dir_delete,
    .space = dir_space,
};

int store_dir_open(struct store *s, int dirfd, const char *name, struct err *e) {
    *s = (struct store){.ops = &dir_ops, .fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
    return s->fd < 0 ? err_sys(e, name, "open") : 0;
}

void store_close(struct store *s) {
    if (s->ops && s->fd >= 0) close(s->fd);
    s->fd = -1;
}
