/* Applying attributes. The owner comes first, because changing it clears set-user-id and capabilities; where it cannot
 * be set, set-user-id and set-group-id are left out, so that nobody's program runs as somebody else. The mode comes
 * after ACLs, whose mask is the mode's group bits anyway, and before the times. */
#include "restore_attrs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

enum {
    FLAGS_KEPT =
        FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL,
    NAMES_MAX = 64 << 10
};

int attrs_take(struct attrs *a, const struct entry *en, struct buf *keep, struct err *e) {
    *a = (struct attrs){.type = en->type,
        .ancestor = en->flags & EF_ANCESTOR,
        .mode = en->mode,
        .uid = en->uid,
        .gid = en->gid,
        .mtime_s = en->mtime_s,
        .mtime_ns = en->mtime_ns,
        .has_file_flags = en->has_file_flags,
        .file_flags = en->file_flags,
        .xattrs_n = en->xattrs_n,
        .xattrs_at = keep->len};
    for (size_t i = 0; i < en->xattrs_n; i++) {
        buf_vu(keep, en->xattrs[i].name_len + 1);
        buf_put(keep, en->xattrs[i].name, en->xattrs[i].name_len);
        buf_u8(keep, 0);
        buf_blob(keep, en->xattrs[i].value, en->xattrs[i].value_len);
    }
    a->xattrs_len = keep->len - a->xattrs_at;
    return buf_ok(keep) ? 0 : err_set(e, ZE_NOMEM, NULL, _("extended attributes"));
}

struct report {
    char *out;
    size_t cap;
    int failed; /* a set of enum restore_lack */
};

static void failed(struct report *r, enum restore_lack lack, const char *what) {
    size_t at = r->failed ? strlen(r->out) : 0;
    snprintf(r->out + at, r->cap - at, "%s%s: %s", at ? "; " : "", what, strerror(errno));
    r->failed |= (int)lack;
}

enum restore_lack attrs_xattr_lack(const char *name) {
    if (strncmp(name, "system.posix_acl_", 17) == 0) return LACK_ACL;
    if (strcmp(name, "security.capability") == 0) return LACK_CAPABILITY;
    return strncmp(name, "trusted.", 8) == 0 || strncmp(name, "security.", 9) == 0 ? LACK_TRUSTED : LACK_XATTR;
}

bool attrs_xattr_counts(const char *name) {
    enum restore_lack lack = attrs_xattr_lack(name);
    if (lack == LACK_TRUSTED) return strncmp(name, "security.", 9) != 0;
    return lack != LACK_XATTR || strncmp(name, "system.", 7) != 0;
}

static bool plain(const struct attrs *a) { return a->type == ENT_FILE || a->type == ENT_DIR; }

/* O_PATH descriptors take no fchmod and no fsetxattr; the magic link to one leads to exactly that object. */
static void proc_path(char out[32], int fd) { snprintf(out, 32, "/proc/self/fd/%d", fd); }

/* The bits of the mode that may be set once the owner is what it is. */
static uint32_t owner(const struct attrs *a, int fd, struct report *r) {
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_uid == a->uid && st.st_gid == a->gid) return 07777;
    if (fchownat(fd, "", a->uid, a->gid, AT_EMPTY_PATH) == 0) return 07777;
    int saved = errno;
    (void)!fchownat(fd, "", (uid_t)-1, a->gid, AT_EMPTY_PATH); /* perhaps a group this user is in */
    errno = saved;
    failed(r, LACK_OWNER, _("owner"));
    return 01777;
}

static void mode(const struct attrs *a, uint32_t allowed, int fd, struct report *r) {
    char path[32];
    if (a->type == ENT_LINK) return;
    proc_path(path, fd);
    if ((plain(a) ? fchmod(fd, a->mode & allowed) : chmod(path, a->mode & allowed)) < 0) failed(r, LACK_MODE, _("mode"));
}

static bool wanted(const struct attrs *a, const struct buf *keep, const char *name) {
    struct rd rd = rd_of(keep->p + a->xattrs_at, a->xattrs_len);
    for (size_t i = 0, n; i < a->xattrs_n; i++, rd_blob(&rd, &n, ZB_SEGMENT_MAX)) {
        const char *have = (const char *)rd_blob(&rd, &n, 256);
        if (rd_ok(&rd) && strcmp(have, name) == 0) return true;
    }
    return false;
}

/* What the object has and should not: an ACL inherited from the directory it was made in, or what an existing one had.
 * Labels of security modules are theirs to give, and what a file server calls its own cannot be taken from it. */
static void strip(const struct attrs *a, const struct buf *keep, int fd, const char *path, struct report *r) {
    char few[1024];
    ssize_t len = plain(a) ? flistxattr(fd, few, sizeof few) : listxattr(path, few, sizeof few);
    CLEANUP_FREE char *many = len < 0 && errno == ERANGE ? malloc(NAMES_MAX) : NULL;
    if (many) len = plain(a) ? flistxattr(fd, many, NAMES_MAX) : listxattr(path, many, NAMES_MAX);
    const char *names = many ? many : few;
    if (len <= 0) return;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        if (!attrs_xattr_counts(name) || wanted(a, keep, name)) continue;
        if ((plain(a) ? fremovexattr(fd, name) : removexattr(path, name)) < 0) failed(r, attrs_xattr_lack(name), name);
    }
}

static void xattrs(const struct attrs *a, const struct buf *keep, int fd, struct report *r) {
    char path[32];
    proc_path(path, fd);
    strip(a, keep, fd, path, r);
    if (a->xattrs_n == 0) return;
    struct rd rd = rd_of(keep->p + a->xattrs_at, a->xattrs_len);
    for (size_t i = 0; i < a->xattrs_n; i++) {
        size_t name_len, n;
        const char *name = (const char *)rd_blob(&rd, &name_len, 256);
        const uint8_t *value = rd_blob(&rd, &n, ZB_SEGMENT_MAX);
        if (!rd_ok(&rd)) return; /* attrs_take wrote it */
        if ((plain(a) ? fsetxattr(fd, name, value, n, 0) : setxattr(path, name, value, n, 0)) < 0) failed(r, attrs_xattr_lack(name), name);
    }
}

int attrs_apply(const struct attrs *a, const struct buf *keep, int fd, char *why, size_t cap) {
    struct report r = {.out = why, .cap = cap};
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = a->mtime_s, .tv_nsec = a->mtime_ns}};
    uint32_t allowed = owner(a, fd, &r);
    if (!a->ancestor) xattrs(a, keep, fd, &r); /* before the mode: an ordinary user may not add to a read-only file */
    mode(a, allowed, fd, &r);
    if (a->ancestor) return r.failed;
    if ((plain(a) ? futimens(fd, t) : utimensat(fd, "", t, AT_EMPTY_PATH)) < 0) failed(&r, LACK_TIME, _("time of last change"));
    return r.failed;
}

/* All at once; where that is refused one by one, so that those go on that can. */
static int set_flags(int fd, int now, int want) {
    static const int bits[] = {FS_SYNC_FL, FS_NODUMP_FL, FS_NOATIME_FL, FS_DIRSYNC_FL, FS_TOPDIR_FL, FS_APPEND_FL,
        FS_IMMUTABLE_FL}; /* after the last two nothing else can be changed */
    int all = (now & ~FLAGS_KEPT) | want, rc = 0;
    if ((now & FLAGS_KEPT) == want || ioctl(fd, FS_IOC_SETFLAGS, &all) == 0) return 0;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        int next = (now & ~bits[i]) | (want & bits[i]);
        if (next == now || ioctl(fd, FS_IOC_SETFLAGS, &next) == 0) now = next;
        else rc = -1;
    }
    return rc;
}

int attrs_flags(const struct attrs *a, int fd, char *why, size_t cap) {
    struct report r = {.out = why, .cap = cap};
    int now = 0, want = a->has_file_flags ? (int)a->file_flags & FLAGS_KEPT : 0;
    if (a->ancestor || !plain(a)) return 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0) {
        if (want) failed(&r, LACK_FLAGS, _("file flags"));
        return r.failed;
    }
    if (set_flags(fd, now, want) < 0) failed(&r, LACK_FLAGS, _("file flags"));
    return r.failed;
}
