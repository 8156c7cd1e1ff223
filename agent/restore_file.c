/* One regular file: composed under a temporary name, read back and hashed, given its attributes, then its name. If the
 * restore ends in between, a name beginning with ".zaibei-restore-" is all that is left; what stood there before is
 * untouched until the rename. The digest is taken from what the file system gives back, not from what was sent to
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "sys/file.h"

static const char *path_of(const struct run *r, const struct item *it) {
    return (const char *)r->batch.keep.p + it->path_at;
}

/* Keep at most BATCH_FDS descriptors: the one opened longest ago gives way, and is opened again by name when it is
 * needed. */
static void remember_fd(struct run *r, const struct item *it) {
    struct batch *b = &r->batch;
    uint32_t me = (uint32_t)(it - b->items), *slot = &b->fds[b->fds_at++ % BATCH_FDS];
    struct item *old = *slot < b->items_n && *slot != me ? &b->items[*slot] : NULL;
    struct stat st;
    if (old && old->fd >= 0 && !old->large && !old->hashing && !old->pinned && fstat(old->fd, &st) == 0) {
        old->ino = close(old->fd) < 0 ? 0 : st.st_ino;
        old->fd = -1;
    }
    *slot = me;
}

bool file_one_piece(const struct run *r, const struct item *it) {
    const struct extent *x = r->batch.extents + it->extents_at;
    return it->extents_n == 1 && !x->hole && x->len == it->size;
}

void file_drop(struct run *r, struct item *it) {
    char name[TREE_NAME_MAX];
    struct err ignored = ERR_INIT;
    if (it->fd >= 0) close(it->fd);
    it->fd = -1;
    int dir = it->made ? tree_parent(&r->tree, path_of(r, it), it->path_len, false, name, &ignored) : -1;
    if (dir >= 0) unlinkat(dir, it->tmp, 0);
    it->made = false;
}

/* The temporary file by its name again: not something that was put there instead, nor something with other names. */
static int open_again(int dir, const struct item *it, struct err *e) {
    struct stat st;
    if (!it->ino) return err_set(e, ZE_IO, NULL, _("what was written to it was refused"));
    CLEANUP_FD int fd = openat(dir, it->tmp, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) return err_sys(e, NULL, _("opening what was made"));
    if (st.st_ino != it->ino || st.st_nlink != 1)
        return err_set(e, ZE_IO, NULL, _("another process has exchanged what was made"));
    int own = fd;
    fd = -1;
    return own;
}

int file_fd(struct run *r, struct item *it, struct err *e) {
    char name[TREE_NAME_MAX];
    if (it->fd >= 0) return it->fd;
    int dir = tree_parent(&r->tree, path_of(r, it), it->path_len, true, name, e);
    if (dir < 0) return -1;
    if (!it->made) tree_tmp(&r->tree, it->tmp);
    if (it->made) it->fd = open_again(dir, it, e);
    else if ((it->fd = openat(dir, it->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
        err_sys(e, NULL, _("making a temporary file"));
    if (it->fd < 0) return -1;
    remember_fd(r, it);
    bool grow = !it->made && !file_one_piece(r, it); /* whatever is not written stays a hole */
    it->made = true;
    if (!grow || ftruncate(it->fd, (off_t)it->size) == 0) return it->fd;
    err_sys(e, NULL, _("giving it its size"));
    file_drop(r, it); /* whoever asks again is told again */
    return -1;
}

static int cancelled(void *arg, struct err *e) { return run_cancelled(arg, e); }

int file_hash(struct run *r, struct reading *f, struct err *e) { return reading_hash(f, r->window, cancelled, r, e); }

void file_attributes(struct run *r, const struct attrs *a, const struct buf *keep, int fd, const char *path, size_t n) {
    char text[400];
    int lacks = attrs_apply(a, keep, fd, text, sizeof text);
    run_lacks(r, path, n, (unsigned)lacks, text);
}

void file_flags(struct run *r, const struct attrs *a, int fd, const char *path, size_t n) {
    char text[400];
    int lacks = attrs_flags(a, fd, text, sizeof text);
    run_lacks(r, path, n, (unsigned)lacks, text);
}

static int publish(struct run *r, struct item *it, struct err *e) {
    char name[TREE_NAME_MAX];
    const char *path = path_of(r, it);
    int dir = tree_parent(&r->tree, path, it->path_len, false, name, e);
    if (dir < 0) return -1;
    int rc = tree_publish(dir, it->tmp, name, it->over, NULL, e);
    it->made = false;
    if (rc == 1) return err_set(e, ZE_EXISTS, NULL, _("something has this name already"));
    return rc;
}

void file_counted(struct run *r, const struct item *it) {
    r->out->files++;
    r->out->bytes += it->size;
    if (r->q->progress) r->q->progress->files++;
    progress_step(r->q->progress);
}

/* A file server may refuse bytes only when the file is closed, which each descriptor that is closed asks for. */
static bool taken(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy >= 0 && close(copy) == 0;
}

int file_finish(struct run *r, struct item *it, const uint8_t got[SEAL_HASH], struct err *e) {
    struct err why = ERR_INIT;
    struct stat st;
    const char *path = path_of(r, it);
    int rc = 0;
    if (!r->q->compared && memcmp(got, it->digest, SEAL_HASH) != 0)
        rc = err_set(&why, ZE_DAMAGED, NULL, _("its content does not match its digest; it is not given its name"));
    if (rc == 0 && fstat(it->fd, &st) < 0) rc = err_sys(&why, NULL, "stat");
    if (rc == 0 && (uint64_t)st.st_size != it->size) /* a hole at the end is not read */
        rc = err_set(&why, ZE_IO, NULL, _("it is not as long as it was"));
    if (rc == 0) file_attributes(r, &it->attrs, &r->batch.keep, it->fd, path, it->path_len);
    if (rc == 0 && !taken(it->fd)) rc = err_sys(&why, NULL, _("what was written to it was refused"));
    if (rc == 0) rc = publish(r, it, &why);
    if (rc < 0) {
        file_drop(r, it);
        it->failed = true;
        return run_problem(r, path, it->path_len, &why, e);
    }
    file_flags(r, &it->attrs, it->fd, path, it->path_len);
    struct group *g = it->linked ? groups_find(&r->groups, it->group) : NULL;
    if (g && g->ino == 0) g->ino = st.st_ino;
    close(it->fd);
    it->fd = -1;
    file_counted(r, it);
    return 0;
}
