/* Applying attributes. The owner comes first, because changing it clears set-user-id and capabilities; where it cannot
 * be set, set-user-id and set-group-id are left out, so that nobody's program runs as somebody else. The mode comes
 * after ACLs, whose mask is the mode's group bits anyway, and before the times. */
#include "restore_attrs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/i18n.h"

enum { FLAGS_KEPT = FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_DIRSYNC_FL };

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
    int failed;
};

static void failed(struct report *r, const char *what) {
    size_t at = r->failed ? strlen(r->out) : 0;
    snprintf(r->out + at, r->cap - at, "%s%s: %s", at ? "; " : "", what, strerror(errno));
    r->failed = 1;
}

static bool plain(const struct attrs *a) { return a->type == ENT_FILE || a->type == ENT_DIR; }

/* O_PATH descriptors take no fchmod and no fsetxattr; the magic link to one leads to exactly that object. */
static void proc_path(char out[32], int fd) { snprintf(out, 32, "/proc/self/fd/%d", fd); }

/* The bits of the mode that may be set once the owner is what it is. */
static uint32_t owner(const struct attrs *a, int fd, struct report *r) {
    struct stat st;
    if (fchownat(fd, "", a->uid, a->gid, AT_EMPTY_PATH) == 0) return 07777;
    int saved = errno;
    if (fstat(fd, &st) == 0 && st.st_uid == a->uid && st.st_gid == a->gid) return 07777;
    errno = saved;
    failed(r, _("owner"));
    return 01777;
}

static void mode(const struct attrs *a, uint32_t allowed, int fd, struct report *r) {
    char path[32];
    if (a->type == ENT_LINK) return;
    proc_path(path, fd);
    if ((plain(a) ? fchmod(fd, a->mode & allowed) : chmod(path, a->mode & allowed)) < 0) failed(r, _("mode"));
}

static void xattrs(const struct attrs *a, const struct buf *keep, int fd, struct report *r) {
    if (a->xattrs_n == 0) return;
    struct rd rd = rd_of(keep->p + a->xattrs_at, a->xattrs_len);
    char path[32];
    proc_path(path, fd);
    for (size_t i = 0; i < a->xattrs_n; i++) {
        size_t name_len, n;
        const char *name = (const char *)rd_blob(&rd, &name_len, 256);
        const uint8_t *value = rd_blob(&rd, &n, ZB_SEGMENT_MAX);
        if (!rd_ok(&rd)) return; /* attrs_take wrote it */
        if ((plain(a) ? fsetxattr(fd, name, value, n, 0) : setxattr(path, name, value, n, 0)) < 0) failed(r, name);
    }
}

int attrs_apply(const struct attrs *a, const struct buf *keep, int fd, char *why, size_t cap) {
    struct report r = {.out = why, .cap = cap};
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = a->mtime_s, .tv_nsec = a->mtime_ns}};
    uint32_t allowed = owner(a, fd, &r);
    if (!a->ancestor) xattrs(a, keep, fd, &r); /* before the mode: an ordinary user may not add to a read-only file */
    mode(a, allowed, fd, &r);
    if (a->ancestor) return r.failed;
    if ((plain(a) ? futimens(fd, t) : utimensat(fd, "", t, AT_EMPTY_PATH)) < 0) failed(&r, _("time of last change"));
    return r.failed;
}

int attrs_flags(const struct attrs *a, int fd, char *why, size_t cap) {
    struct report r = {.out = why, .cap = cap};
    int now = 0;
    if (!a->has_file_flags || a->ancestor || !plain(a)) return 0;
    int want = (int)a->file_flags & FLAGS_KEPT;
    if (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0) {
        if (want) failed(&r, _("file flags"));
        return r.failed;
    }
    if ((now & FLAGS_KEPT) == want) return 0;
    now = (now & ~FLAGS_KEPT) | want;
    if (ioctl(fd, FS_IOC_SETFLAGS, &now) < 0) failed(&r, _("file flags"));
    return r.failed;
}
