/* The marker of an unfinished restore, and the argument why going on is right.
 *
 * Nothing else is made in the target before the marker is on stable storage, and it is removed only after all the rest
 * is. So a target without one is either untouched or finished, and a marker that cannot be read was torn while it was
 * written: nothing had begun.
 *
 * A file has its name only when it is complete, since it is composed under a temporary name and gets its attributes
 * there. After kill -9 that holds for whatever the directory shows. After a power cut a name may be on stable storage
 * while the content is not, so once the machine was started anew (another boot id) content is compared, not believed. The same
 * when the disk has refused what it was given: the kernel says so once, and keeps the pages as if they were written.
 * What was made since the marker was (by the file system's own times) is ours, and may be finished or replaced whatever
 * --existing says; the rest stays under that policy. Temporary names carry the marker's job number: what an interrupted
 * run has left is known by it, and nobody else's file is taken for one. */
#include "restore_marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "restore_same.h"
#include "restore_tree.h"
#include "sys/file.h"
#include "wrap/json.h"

enum { MARKER_MAX = 4096, BOOT = 64 };

static void boot_id(char out[BOOT]) {
    CLEANUP_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : file_read_full(fd, out, BOOT - 1);
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

/* Whether a restore that is told to refuse what exists may begin here: 0, or <0. */
static int refuse(int dirfd, const struct marker_want *w, struct err *e) {
    int empty = w->existing == EXISTING_REFUSE ? tree_is_empty(dirfd, ".", MARKER_NAME) : 1;
    if (empty < 0) return err_sys(e, w->target, _("reading the target"));
    return empty ? 0 : err_set(e, ZE_TARGET, w->target, _("there is something in it already"));
}

/* When something was made: where a file system does not keep that, when it was changed last. */
static bool born(int dirfd, const char *name, int flags, int64_t *s, uint32_t *ns) {
    struct statx x;
    if (statx(dirfd, name, flags | AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_CTIME, &x) < 0) {
        struct stat st; /* a filter may refuse statx, not knowing it */
        if (fstatat(dirfd, name, &st, flags | AT_SYMLINK_NOFOLLOW) < 0) return false;
        *s = st.st_ctim.tv_sec, *ns = (uint32_t)st.st_ctim.tv_nsec;
        return true;
    }
    struct statx_timestamp t = x.stx_mask & STATX_BTIME ? x.stx_btime : x.stx_ctime;
    *s = t.tv_sec, *ns = t.tv_nsec;
    return true;
}

bool marker_ours(const struct marker *m, int dirfd, const char *name) {
    int64_t s;
    uint32_t ns;
    if (!m->resuming || !born(dirfd, name, 0, &s, &ns)) return false;
    return s > m->born_s || (s == m->born_s && ns >= m->born_ns);
}

static void hexes(const struct marker_want *w, char generation[2 * SEAL_ID + 1], char selection[2 * SEAL_HASH + 1]) {
    text_hex(generation, w->generation, SEAL_ID);
    text_hex(selection, w->selection, SEAL_HASH);
}

/* What the marker says: 1 and it is taken over, 0 when it says nothing, <0 when it is about another restore. */
static int read_it(struct marker *m, const struct marker_want *w, struct err *e) {
    char text[MARKER_MAX], generation[2 * SEAL_ID + 1], selection[2 * SEAL_HASH + 1], boot[BOOT];
    uint64_t job = 0;
    ssize_t n = file_pread_full(m->fd, text, sizeof text, 0);
    if (n < 0) return err_sys(e, w->target, _("reading its marker"));
    CLEANUP_JS struct js *j = js_parse(text, (size_t)n, MARKER_NAME, NULL);
    const char *hex = js_str(j, "job", "");
    if (!j || !text_unhex(&job, sizeof job, hex) || js_int(j, "schema_version", 0) != 1) return 0;
    hexes(w, generation, selection);
    if (strcmp(js_str(j, "generation", ""), generation) != 0 || js_int(j, "point", -1) != w->point ||
        strcmp(js_str(j, "selection", ""), selection) != 0)
        return err_set(e, ZE_RESUMES, w->target, _("it is of point %lld of %s%s"), (long long)js_int(j, "point", 0),
            js_str(j, "host", "?"),
            js_int(j, "point", -1) == w->point ? _(", with other paths or another --strip") : "");
    int64_t existing = js_int(j, "existing", 0);
    m->existing = existing >= 0 && existing <= EXISTING_ALWAYS ? (enum restore_existing)existing : EXISTING_REFUSE;
    boot_id(boot);
    m->doubtful = !*boot || strcmp(js_str(j, "boot", ""), boot) != 0;
    m->job = job;
    m->resuming = true;
    return 1;
}

static int write_it(struct marker *m, int dirfd, const struct marker_want *w, struct err *e) {
    char generation[2 * SEAL_ID + 1], selection[2 * SEAL_HASH + 1], job[2 * sizeof m->job + 1], boot[BOOT];
    hexes(w, generation, selection);
    boot_id(boot);
    seal_random(&m->job, sizeof m->job);
    text_hex(job, &m->job, sizeof m->job);
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "about", "zaibei-agent restore is not finished here; the same command goes on");
    js_set_str(j, "host", w->host);
    js_set_int(j, "point", w->point);
    js_set_str(j, "generation", generation);
    js_set_str(j, "selection", selection);
    js_set_int(j, "existing", w->existing);
    js_set_str(j, "job", job);
    js_set_str(j, "boot", boot);
    CLEANUP_FREE char *text = js_dump(j);
    if (ftruncate(m->fd, 0) == 0 && file_pwrite_all(m->fd, text, strlen(text), 0) == 0 && fsync(m->fd) == 0 &&
        file_sync_dir(dirfd) == 0)
        return 0;
    err_sys(e, w->target, _("writing the marker of an unfinished restore"));
    unlinkat(dirfd, MARKER_NAME, 0);
    return -1;
}

/* Whether ${uid} is who owns what this user makes there: a file server may take root for nobody. To look at it only,
 * ${dirfd} is -1. */
static bool makes_as(int dirfd, uid_t uid) {
    char name[64];
    struct stat st;
    uint64_t random;
    if (uid == geteuid()) return true;
    seal_random(&random, sizeof random);
    snprintf(name, sizeof name, "%s-%016llx", MARKER_NAME, (unsigned long long)random);
    CLEANUP_FD int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool same = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == uid;
    if (fd >= 0) unlinkat(dirfd, name, 0); /* if interrupted here it stays, empty */
    return same;
}

/* Only what this user has made alone may say that a restore goes on. */
static int trusted(const struct marker *m, int dirfd, const struct marker_want *w, struct err *e) {
    struct stat st;
    if (fstat(m->fd, &st) < 0) return err_sys(e, w->target, _("reading its marker"));
    if (st.st_nlink == 0) return err_set(e, ZE_BUSY, w->target, _("a restore has ended there just now"));
    bool alone = S_ISREG(st.st_mode) && st.st_nlink == 1 && !(st.st_mode & 022);
    if (alone && makes_as(dirfd, st.st_uid)) return 0;
    return err_set(e, ZE_TARGET, w->target, _("%s in it was not made by this user's restore"), MARKER_NAME);
}

static int take(struct marker *m, int dirfd, const struct marker_want *w, struct err *e) {
    if (flock(m->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return err_set(e, ZE_BUSY, w->target, _("another restore is at work there"));
    if (trusted(m, dirfd, w, e) < 0) return -1;
    int rc = read_it(m, w, e);
    if (rc == 0 && refuse(dirfd, w, e) < 0) return -1;
    if (rc == 0) rc = write_it(m, dirfd, w, e);
    if (rc < 0) return -1;
    if (born(m->fd, "", AT_EMPTY_PATH, &m->born_s, &m->born_ns)) return 0;
    return err_sys(e, w->target, _("reading its marker"));
}

/* Without a marker: may a restore begin? */
static int may_begin(int dirfd, const struct marker_want *w, struct err *e) {
    struct stat st;
    if (fstatat(dirfd, MARKER_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0) return 0;
    return refuse(dirfd, w, e);
}

int marker_take(struct marker *m, int dirfd, const struct marker_want *w, struct err *e) {
    *m = (struct marker){.fd = -1, .existing = w->existing};
    if (may_begin(dirfd, w, e) < 0) return -1;
    m->fd = openat(dirfd, MARKER_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (m->fd < 0) return err_sys(e, w->target, _("writing the marker of an unfinished restore"));
    if (take(m, dirfd, w, e) == 0) return 0;
    marker_close(m);
    return -1;
}

int marker_look(struct marker *m, int dirfd, const struct marker_want *w, struct err *e) {
    *m = (struct marker){.fd = -1, .existing = w->existing};
    if (may_begin(dirfd, w, e) < 0) return -1;
    m->fd = openat(dirfd, MARKER_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (m->fd < 0) return errno == ENOENT ? 0 : err_sys(e, w->target, _("reading its marker"));
    int rc = trusted(m, -1, w, e) == 0 ? read_it(m, w, e) : -1;
    if (rc >= 0 && born(m->fd, "", AT_EMPTY_PATH, &m->born_s, &m->born_ns)) return 0;
    marker_close(m);
    return -1;
}

void marker_doubt(struct marker *m, int dirfd) {
    char text[MARKER_MAX];
    ssize_t n = file_pread_full(m->fd, text, sizeof text, 0);
    CLEANUP_JS struct js *j = n < 0 ? NULL : js_parse(text, (size_t)n, MARKER_NAME, NULL);
    if (j) js_set_str(j, "boot", ""); /* that of no machine */
    CLEANUP_FREE char *doubt = j ? js_dump(j) : NULL;
    size_t len = doubt ? strlen(doubt) : 0;
    if (len && file_pwrite_all(m->fd, doubt, len, 0) == 0 && ftruncate(m->fd, (off_t)len) == 0 && fsync(m->fd) == 0)
        return;
    unlinkat(dirfd, MARKER_NAME, 0);
}

int marker_end(struct marker *m, int dirfd, const char *target, struct err *e) {
    struct stat st;
    int was, rc = fstat(dirfd, &st);
    struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
    bool locked = flags_unlock(dirfd, &was) == 1; /* the target itself, as the point has it */
    if (rc == 0) rc = unlinkat(dirfd, MARKER_NAME, 0);
    /* If interrupted here everything is restored; only the time of the target itself is that of this moment, and an
     * immutable one is not locked. */
    if (rc == 0) (void)futimens(dirfd, t); /* it may be another user's */
    if (locked) flags_relock(dirfd, was);
    if (rc == 0) rc = file_sync_dir(dirfd);
    marker_close(m);
    return rc < 0 ? err_sys(e, target, _("removing the marker of an unfinished restore")) : 0;
}

void marker_close(struct marker *m) {
    if (m->fd >= 0) close(m->fd);
    m->fd = -1;
}
