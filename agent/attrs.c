/* Attributes of a file that is open come from its descriptor, so that they and the content are of one inode; others by
 * /proc/self/fd/N/NAME, which does not follow the last component. */
#include "attrs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

enum { TARGET_MAX = 4096, NS_MOST = 999999999, NAMES_MAX = 64 << 10, VALUES_MAX = 512 << 10 };
enum {
    KEPT_FLAGS =
        FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_SYNC_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL
};

int attrs_init(struct attrs *a, struct err *e) {
    *a = (struct attrs){.target = malloc(TARGET_MAX + 1)};
    buf_init(&a->names, NAMES_MAX);
    buf_init(&a->values, VALUES_MAX);
    return a->target ? 0 : err_set(e, ZE_NOMEM, NULL, "attributes");
}

void attrs_free(struct attrs *a) {
    buf_free(&a->names);
    buf_free(&a->values);
    free(a->xattrs);
    free(a->target);
}

uint8_t attrs_type(const struct stat *st) {
    switch (st->st_mode & S_IFMT) {
    case S_IFREG: return ENT_FILE;
    case S_IFDIR: return ENT_DIR;
    case S_IFLNK: return ENT_LINK;
    case S_IFIFO: return ENT_FIFO;
    case S_IFCHR: return ENT_CHAR;
    case S_IFBLK: return ENT_BLOCK;
    default: return 0;
    }
}

/* What a file system says need not be possible; an entry with it would not be readable any more. */
static uint32_t nanoseconds(const struct timespec *t) { return t->tv_nsec < 0 || t->tv_nsec > NS_MOST ? NS_MOST : (uint32_t)t->tv_nsec; }

void attrs_times(struct entry *en, const struct stat *st) {
    en->mtime_s = st->st_mtim.tv_sec, en->mtime_ns = nanoseconds(&st->st_mtim);
    en->ctime_s = st->st_ctim.tv_sec, en->ctime_ns = nanoseconds(&st->st_ctim);
}

void attrs_stat(struct entry *en, const uint8_t *path, size_t n, const struct stat *st) {
    *en = (struct entry){
        .path = path,
        .path_len = n,
        .type = attrs_type(st),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .ino = st->st_ino,
        .dev_major = major(st->st_rdev),
        .dev_minor = minor(st->st_rdev),
        .block_shift = 12,
        .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
    };
    attrs_times(en, st);
}

static int by_name(const void *x, const void *y) {
    const struct xattr *a = x, *b = y;
    size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
    int c = memcmp(a->name, b->name, n);
    return c ? c : a->name_len < b->name_len ? -1 : a->name_len > b->name_len;
}

/* Take the value of one xattr behind what is in a->values. 1: it could not be read. */
static int read_value(struct attrs *a, int fd, const struct walk_item *item, const char *name, struct xattr *x, struct err *e) {
    size_t room = a->values.max - a->values.len;
    if (room > XATTR_SIZE_MAX) room = XATTR_SIZE_MAX;
    uint8_t *at = buf_reserve(&a->values, room);
    ssize_t got = -1;
    if (!room) errno = ERANGE; /* a size of 0 would only ask how much there is */
    else if (at) got = watch_xattr(item->watch, fd, item->dirfd, item->name, name, at, room);
    if (got < 0) {
        watch_err(e, name);
        return 1;
    }
    *x = (struct xattr){.name = (const uint8_t *)name, .name_len = strlen(name), .value_len = (size_t)got};
    x->value = at;
    a->values.len += (size_t)got;
    return 0;
}

static ssize_t list_names(int fd, const struct walk_item *item, uint8_t *names, size_t n) {
    return watch_xattr(item->watch, fd, item->dirfd, item->name, NULL, names, n);
}

static int read_xattrs(struct attrs *a, int fd, const struct walk_item *item, struct entry *en, struct err *e) {
    buf_reset(&a->names);
    buf_reset(&a->values);
    uint8_t *names = buf_reserve(&a->names, 1024);
    ssize_t len = names ? list_names(fd, item, names, 1024) : -1;
    if (len < 0 && errno == ERANGE && (names = buf_reserve(&a->names, NAMES_MAX)))
        len = list_names(fd, item, names, NAMES_MAX);
    if (len < 0 && (errno == ENOTSUP || errno == ENODATA)) return 0;
    if (len < 0) {
        watch_err(e, _("reading extended attributes"));
        return 1;
    }
    if (!len) return 0;
    if (!buf_reserve(&a->values, a->values.max)) return err_set(e, ZE_NOMEM, NULL, "xattrs"); /* values do not move */
    int rc = 0;
    for (const char *p = (const char *)names; p < (const char *)names + len; p += strlen(p) + 1) {
        if (en->xattrs_n == a->cap) {
            size_t cap = a->cap ? a->cap * 2 : 16;
            struct xattr *x = reallocarray(a->xattrs, cap, sizeof *x);
            if (!x) return err_set(e, ZE_NOMEM, NULL, "xattrs");
            a->xattrs = x, a->cap = cap;
        }
        if (read_value(a, fd, item, p, &a->xattrs[en->xattrs_n], e) == 0) en->xattrs_n++;
        else rc = 1;
    }
    en->xattrs = a->xattrs;
    if (en->xattrs_n) en->flags |= EF_XATTRS;
    qsort(a->xattrs, en->xattrs_n, sizeof *a->xattrs, by_name);
    return rc;
}

static void read_flags(const struct walk_item *item, int fd, struct entry *en) {
    int flags = 0;
    if (fd < 0 || watch_flags(item->watch, fd, &flags) < 0 || !(flags & KEPT_FLAGS)) return;
    en->has_file_flags = true, en->flags |= EF_EXT;
    en->file_flags = (uint32_t)(flags & KEPT_FLAGS);
}

/* A directory that is entered: flags are told by a descriptor only. One that is not (a mount point), and one whose
 * server may be silent, stays closed. */
static int open_directory(const struct walk_item *item) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(item->dirfd, item->name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(item->dirfd, item->name, flags) : fd;
}

int attrs_read(struct attrs *a, const struct walk_item *item, int fd, struct entry *en, struct err *e) {
    bool entered = fd < 0 && en->type == ENT_DIR && item->left == LEFT_NOT && !item->watch;
    CLEANUP_FD int dir = entered ? open_directory(item) : -1;
    int rc = read_xattrs(a, fd, item, en, e);
    if (rc < 0) return -1;
    if (en->type == ENT_LINK) {
        ssize_t n = watch_link(item->watch, item->dirfd, item->name, a->target, TARGET_MAX);
        if (n == 0 || n == TARGET_MAX || (n > 0 && memchr(a->target, 0, (size_t)n))) errno = EBADMSG, n = -1;
        if (n < 0) {
            watch_err(e, "readlink");
            return 1;
        }
        en->target = a->target, en->target_len = (size_t)n;
    }
    read_flags(item, fd >= 0 ? fd : dir, en);
    if (rc > 0) en->flags |= EF_RACY; /* what is missing is read by the next run, though nothing changes until then */
    return rc;
}
