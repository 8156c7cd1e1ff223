/* The helper makes one call after the other and dies with its socket. Whatever it waits for is its own affair: it shares
 * nothing with the agent but the directories that it is handed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "watch_internal.h"

/* ---- heads and descriptors ---- */

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

int watch_send(int sock, const void *head, size_t n, int fd) {
    union control c = {.room = {0}};
    struct iovec v = {(void *)(uintptr_t)head, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = &c, m.msg_controllen = sizeof c.room;
        c.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&c.head), &fd, sizeof fd);
    }
    ssize_t sent;
    do sent = sendmsg(sock, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n ? 0 : -1; /* heads are small: they are sent whole */
}

int watch_receive(int sock, void *head, size_t n, int *fd) {
    union control c = {.room = {0}};
    struct iovec v = {head, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c.room};
    ssize_t got;
    do got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    *fd = -1;
    if (got > 0 && m.msg_controllen >= CMSG_LEN(sizeof *fd) && c.head.cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(&c.head), sizeof *fd);
    return got == (ssize_t)n ? 0 : -1;
}

/* ---- the calls ---- */

int plain_look(int dirfd, const char *name, bool cached, struct stat *st) {
#ifdef AT_STATX_DONT_SYNC
    /* What the kernel remembers of a mount point is asked of no server. What statx gives is put into st only as far as the
     * point of a mount matters: its type, owner, times and device. */
    static const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    struct statx x;
    if (cached && statx(dirfd, name, flags, STATX_BASIC_STATS, &x) == 0) {
        *st = (struct stat){.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor), .st_ino = x.stx_ino, .st_mode = x.stx_mode,
            .st_nlink = x.stx_nlink, .st_uid = x.stx_uid, .st_gid = x.stx_gid, .st_size = (off_t)x.stx_size,
            .st_blksize = (blksize_t)x.stx_blksize, .st_blocks = (blkcnt_t)x.stx_blocks,
            .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor), .st_mtim = {x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec},
            .st_atim = {x.stx_atime.tv_sec, x.stx_atime.tv_nsec}, .st_ctim = {x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec}};
        return 0;
    }
#endif
    return fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
}

static int open_quietly(int dirfd, const char *name, int flags) { /* O_NOATIME is only for the owner */
    int fd = openat(dirfd, name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(dirfd, name, flags) : fd;
}

int plain_enter(int dirfd, const char *name) {
    return open_quietly(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int plain_open(int dirfd, const char *name) {
    return open_quietly(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

ssize_t plain_xattr(int fd, int dirfd, const char *name, const char *attr, void *p, size_t n) {
    char below[320];
    const char *path = dirfd == AT_FDCWD ? name : below;
    if (fd >= 0) return attr ? fgetxattr(fd, attr, p, n) : flistxattr(fd, p, n);
    snprintf(below, sizeof below, "/proc/self/fd/%d/%s", dirfd, path == below ? name : "");
    return attr ? lgetxattr(path, attr, p, n) : llistxattr(path, p, n);
}

/* ---- one question after the other ---- */

static int64_t act(const struct question *q, int dirfd, int *file, const char *name, char *p, struct answer *a, int *give) {
    const char *attr = q->flag & Q_ATTR ? name + strlen(name) + 1 : NULL;
    int flags = 0;
    char *real;
    switch ((enum watch_op)q->op) {
    case W_LOOK: return plain_look(dirfd, name, q->flag & Q_CACHED, &a->st);
    case W_ENTER: return *give = plain_enter(dirfd, name);
    case W_NAMES: return getdents64(dirfd, p, q->n);
    case W_REAL:
        if (!(real = realpath(name, NULL))) return -1;
        snprintf(p, WATCH_BYTES_MAX, "%s", real);
        free(real);
        return (int64_t)strlen(p) + 1;
    case W_OPEN: return *file = plain_open(dirfd, name);
    case W_STAT: return fstat(*file, &a->st);
    case W_READ: return file_pread_full(*file, p, q->n, q->at);
    case W_SEEK: return lseek(*file, q->at, q->whence);
    case W_FLAGS: return ioctl(*file, FS_IOC_GETFLAGS, &flags) < 0 ? -1 : flags;
    case W_CLOSE: return close(*file);
    case W_XATTR: return plain_xattr(q->flag & Q_FILE ? *file : -1, dirfd, name, attr, p, q->n);
    case W_LINK: return readlinkat(dirfd, name, p, q->n);
    case W_OPS: break;
    }
    errno = ENOSYS;
    return -1;
}

static bool has_bytes(uint8_t op) { return op == W_NAMES || op == W_REAL || op == W_READ || op == W_XATTR || op == W_LINK; }

int cmd_watch(int argc, char **argv, struct err *e) {
    static char names[WATCH_NAMES_MAX];
    CLEANUP_FREE char *bytes = malloc(WATCH_BYTES_MAX);
    struct question q;
    int file = -1, dirfd;
    if (argc != 1 || !bytes) return err_set(e, ZE_USAGE, argv[0], _("not for people"));
    while (watch_receive(WATCH_SOCKET, &q, sizeof q, &dirfd) == 0) {
        struct answer a = {.result = -1};
        int give = -1;
        if (q.names > sizeof names || q.n > WATCH_BYTES_MAX ||
            file_read_full(WATCH_SOCKET, names, q.names) != (ssize_t)q.names)
            break;
        a.result = act(&q, q.has_fd ? dirfd : AT_FDCWD, &file, names, bytes, &a, &give);
        a.error = a.result < 0 ? errno : 0;
        a.bytes = a.result > 0 && has_bytes(q.op) && q.n ? (uint32_t)a.result : 0;
        if (dirfd >= 0) close(dirfd);
        if (watch_send(WATCH_SOCKET, &a, sizeof a, give) < 0 || file_write_all(WATCH_SOCKET, bytes, a.bytes) < 0) break;
        if (give >= 0) close(give);
    }
    return 0;
}
