/* Comparing before changing: what is right already is not touched, so a second run does nothing, an immutable file that
 * is as it should be stays immutable throughout, and a file with names outside the target is never changed through
 * this one. */
#include "restore_same.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sys/file.h"

enum { LOCKS = FS_IMMUTABLE_FL | FS_APPEND_FL, NAMES_MAX = 64 << 10 };
enum { FLAGS_KEPT = LOCKS | FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL };

int flags_open(int dirfd, const char *name) {
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return -1;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    return openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int flags_unlock(int fd, int *was) {
    if (ioctl(fd, FS_IOC_GETFLAGS, was) < 0 || !(*was & LOCKS)) return 0;
    int now = *was & ~LOCKS;
    return ioctl(fd, FS_IOC_SETFLAGS, &now) < 0 ? -1 : 1;
}

void flags_relock(int fd, int was) {
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_nlink > 0) (void)ioctl(fd, FS_IOC_SETFLAGS, &was);
}

/* The value that ${a} has for this name; NULL: none. */
static const uint8_t *wanted(const struct attrs *a, const struct buf *keep, const char *name, size_t *n) {
    if (a->xattrs_n == 0) return NULL;
    struct rd rd = rd_of(keep->p + a->xattrs_at, a->xattrs_len);
    for (size_t i = 0; i < a->xattrs_n; i++) {
        size_t len;
        const uint8_t *p = rd_blob(&rd, &len, 256), *value = rd_blob(&rd, n, ZB_SEGMENT_MAX);
        if (value && strcmp((const char *)p, name) == 0) return value;
    }
    return NULL;
}

/* Names that stand on ${fd} and count; the caller frees them. They end with an empty one. */
static char *names_of(int fd) {
    char *names = calloc(1, NAMES_MAX + 1);
    ssize_t n = names ? flistxattr(fd, names, NAMES_MAX) : 0;
    if (names && n >= 0) names[n] = 0;
    return names;
}

static bool xattrs_same(const struct attrs *a, const struct buf *keep, int fd) {
    CLEANUP_FREE char *names = names_of(fd);
    CLEANUP_FREE uint8_t *have = malloc(XATTR_SIZE_MAX);
    size_t n, found = 0;
    if (!names || !have) return false;
    for (const char *p = names; *p; p += strlen(p) + 1) {
        const uint8_t *want = wanted(a, keep, p, &n);
        if (!want && !attrs_xattr_counts(p)) continue;
        if (!want || fgetxattr(fd, p, have, XATTR_SIZE_MAX) != (ssize_t)n || memcmp(have, want, n) != 0) return false;
        found++;
    }
    return found == a->xattrs_n;
}

bool attrs_same(const struct attrs *a, const struct buf *keep, int fd) {
    struct stat st;
    int flags = 0, want = a->has_file_flags ? (int)a->file_flags & FLAGS_KEPT : 0;
    if (fstat(fd, &st) < 0 || (st.st_mode & 07777) != a->mode || st.st_uid != a->uid || st.st_gid != a->gid)
        return false;
    if (st.st_mtim.tv_sec != a->mtime_s || (uint32_t)st.st_mtim.tv_nsec != a->mtime_ns) return false;
    (void)ioctl(fd, FS_IOC_GETFLAGS, &flags); /* a file system without them has none */
    return (flags & FLAGS_KEPT) == want && xattrs_same(a, keep, fd);
}

static uint64_t capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (syscall(SYS_capget, &head, data) < 0) return geteuid() == 0 ? UINT64_MAX : 0;
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

unsigned attrs_foresee(const struct entry *en) {
    uint64_t caps = capabilities();
    unsigned lacks = 0;
    if (!(caps >> CAP_CHOWN & 1) && (en->uid != geteuid() || en->gid != getegid())) lacks |= LACK_OWNER;
    if (!(caps >> CAP_MKNOD & 1) && (en->type == ENT_CHAR || en->type == ENT_BLOCK)) lacks |= LACK_DEVICE;
    if (!(caps >> CAP_LINUX_IMMUTABLE & 1) && en->has_file_flags && (en->file_flags & LOCKS)) lacks |= LACK_FLAGS;
    for (size_t i = 0; i < en->xattrs_n; i++) {
        char name[256] = "";
        memcpy(name, en->xattrs[i].name, en->xattrs[i].name_len); /* at most 255 bytes, says the decoder */
        enum restore_lack lack = attrs_xattr_lack(name);
        if (lack == LACK_CAPABILITY && !(caps >> CAP_SETFCAP & 1)) lacks |= LACK_CAPABILITY;
        if (lack == LACK_TRUSTED && !(caps >> CAP_SYS_ADMIN & 1)) lacks |= LACK_TRUSTED;
    }
    return lacks;
}
