/* Asking the helper, and giving it up. A helper that does not answer is told to die, which it does when the kernel lets it,
 * and is not waited for; its end of the socket goes with it, so that a late answer reaches nobody. */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "progress.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "transport.h"
#include "watch_internal.h"

struct watch {
    struct watch_setup s;
    struct proc helper;
    int sock;
    unsigned hung;
    pid_t left[WATCH_HUNG_MAX]; /* helpers left behind */
};

struct watch *watch_new(const struct watch_setup *s) {
    struct watch *w = calloc(1, sizeof *w);
    if (w) *w = (struct watch){.s = *s, .helper = PROC_NONE, .sock = -1};
    return w;
}

static void leave(struct watch *w) {
    close(w->sock);
    w->sock = -1;
    kill(w->helper.pid, SIGKILL);
    if (waitpid(w->helper.pid, NULL, WNOHANG) == 0 && w->hung < WATCH_HUNG_MAX) w->left[w->hung] = w->helper.pid;
    w->helper.pid = 0;
}

void watch_free(struct watch *w) {
    if (!w) return;
    if (w->sock >= 0) {
        close(w->sock); /* it ends at the end of its input */
        proc_wait(&w->helper, -1, NULL);
    }
    for (size_t i = 0; i < WATCH_HUNG_MAX; i++)
        if (w->left[i]) waitpid(w->left[i], NULL, WNOHANG);
    free(w);
}

bool watch_gave_up(const struct watch *w) { return w && w->hung >= WATCH_HUNG_MAX; }

int watch_err(struct err *e, const char *what) {
    if (errno == ECANCELED) return err_set(e, ZE_CANCELLED, NULL, "%s", what);
    if (errno == ETIMEDOUT) return err_set(e, ZE_HUNG, NULL, _("%s: its file system does not answer"), what);
    return err_sys(e, NULL, what);
}

/* ---- the helper ---- */

static int start(struct watch *w) {
    char self[4096];
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    program_self(self, sizeof self);
    const char *argv[] = {self, "watch", NULL};
    /* It has nothing to say: a helper that hangs would keep open what others wait to see the end of. */
    int rc = proc_spawn_apart(&w->helper, argv, (int[]){-1, -1, -1, pair[1]}, WATCH_SOCKET + 1, -1, NULL);
    close(pair[1]);
    if (rc < 0) {
        close(pair[0]);
        errno = ECHILD;
        return -1;
    }
    w->sock = pair[0];
    return 0;
}

/* Wait until there is something to read: 0, or -1 with ETIMEDOUT or ECANCELED. */
static int await(struct watch *w, int64_t until) {
    for (;;) {
        struct pollfd p = {.fd = w->sock, .events = POLLIN};
        int64_t left = until - w->s.clock->mono_ns(w->s.clock);
        if (poll(&p, 1, left < 0 ? 0 : left < 1000000000 ? (int)(left / 1000000) + 1 : 1000) > 0) return 0;
        progress_step(w->s.progress);
        errno = w->s.cancelled && w->s.cancelled(w->s.cancelled_arg) ? ECANCELED : left < 0 ? ETIMEDOUT : 0;
        if (errno) return -1;
    }
}

static int receive(struct watch *w, struct answer *a, int *fd, char *p, size_t room) {
    int64_t until = w->s.clock->mono_ns(w->s.clock) + (int64_t)w->s.patience_s * 1000000000;
    if (await(w, until) < 0) return -1;
    if (watch_receive(w->sock, a, sizeof *a, fd) < 0 || a->bytes > room || file_read_full(w->sock, p, a->bytes) != a->bytes) {
        errno = ECHILD;
        return -1;
    }
    return 0;
}

/* One question, with at most two names. The result as the call gave it; bytes go to ${p}, which has q->n. */
static int64_t ask(struct watch *w, struct question q, int dirfd, const char *name, const char *attr, void *p,
    struct stat *st, int *give) {
    char names[WATCH_NAMES_MAX];
    size_t n = name ? strlen(name) + 1 : 0, m = attr ? strlen(attr) + 1 : 0;
    struct answer a;
    int fd = -1;
    errno = n + m > sizeof names ? ENAMETOOLONG : watch_gave_up(w) ? ETIMEDOUT : 0;
    if (errno || (w->sock < 0 && start(w) < 0)) return -1;
    if (n) memcpy(names, name, n);
    if (m) memcpy(names + n, attr, m), q.flag |= Q_ATTR;
    q.names = (uint32_t)(n + m), q.has_fd = dirfd >= 0;
    if (watch_send(w->sock, &q, sizeof q, dirfd) < 0 || file_write_all(w->sock, names, n + m) < 0) errno = ECHILD;
    else if (receive(w, &a, &fd, p, q.n) == 0) {
        if (give) *give = fd;
        else if (fd >= 0) close(fd);
        if (st) *st = a.st;
        errno = a.error;
        return a.result;
    }
    int error = errno;
    leave(w);
    if (error == ETIMEDOUT) w->hung++;
    errno = error;
    return -1;
}

/* ---- the calls ---- */

int watch_look(struct watch *w, int dirfd, const char *name, bool cached, struct stat *st) {
    if (!w) return plain_look(dirfd, name, cached, st);
    return (int)ask(w, (struct question){.op = W_LOOK, .flag = cached ? Q_CACHED : 0}, dirfd, name, NULL, NULL, st, NULL);
}

int watch_enter(struct watch *w, int dirfd, const char *name) {
    int fd = -1;
    if (!w) return plain_enter(dirfd, name);
    return ask(w, (struct question){.op = W_ENTER}, dirfd, name, NULL, NULL, NULL, &fd) < 0 ? -1 : fd;
}

ssize_t watch_names(struct watch *w, int fd, void *p, size_t n) {
    if (!w) return getdents64(fd, p, n);
    return ask(w, (struct question){.op = W_NAMES, .n = n}, fd, NULL, NULL, p, NULL, NULL);
}

char *watch_real(struct watch *w, const char *path) {
    char real[PATH_MAX];
    if (!w) return realpath(path, NULL);
    struct question q = {.op = W_REAL, .n = sizeof real};
    return ask(w, q, -1, path, NULL, real, NULL, NULL) < 0 ? NULL : strdup(real);
}

int watch_open(struct watch *w, int dirfd, const char *name) {
    if (!w) return plain_open(dirfd, name);
    return ask(w, (struct question){.op = W_OPEN}, dirfd, name, NULL, NULL, NULL, NULL) < 0 ? -1 : WATCH_FD;
}

int watch_stat(struct watch *w, int fd, struct stat *st) {
    if (fd != WATCH_FD) return fstat(fd, st);
    return (int)ask(w, (struct question){.op = W_STAT}, -1, NULL, NULL, NULL, st, NULL);
}

ssize_t watch_read(struct watch *w, int fd, void *p, size_t n, off_t at) {
    if (fd != WATCH_FD) return file_pread_full(fd, p, n, at);
    return ask(w, (struct question){.op = W_READ, .n = n, .at = at}, -1, NULL, NULL, p, NULL, NULL);
}

off_t watch_seek(struct watch *w, int fd, off_t at, int whence) {
    if (fd != WATCH_FD) return lseek(fd, at, whence);
    return ask(w, (struct question){.op = W_SEEK, .at = at, .whence = whence}, -1, NULL, NULL, NULL, NULL, NULL);
}

int watch_flags(struct watch *w, int fd, int *flags) {
    if (fd != WATCH_FD) return ioctl(fd, FS_IOC_GETFLAGS, flags);
    int64_t rc = ask(w, (struct question){.op = W_FLAGS}, -1, NULL, NULL, NULL, NULL, NULL);
    if (rc >= 0) *flags = (int)rc;
    return rc < 0 ? -1 : 0;
}

void watch_close(struct watch *w, int fd) {
    if (fd == WATCH_FD && w && w->sock >= 0) (void)ask(w, (struct question){.op = W_CLOSE}, -1, NULL, NULL, NULL, NULL, NULL);
    else if (fd >= 0 && fd != WATCH_FD) close(fd);
}

ssize_t watch_xattr(struct watch *w, int fd, int dirfd, const char *name, const char *attr, void *p, size_t n) {
    if (!w) return plain_xattr(fd, dirfd, name, attr, p, n);
    struct question q = {.op = W_XATTR, .flag = fd >= 0 ? Q_FILE : 0, .n = n};
    return ask(w, q, fd >= 0 ? -1 : dirfd, name, attr, p, NULL, NULL);
}

ssize_t watch_link(struct watch *w, int dirfd, const char *name, void *p, size_t n) {
    if (!w) return readlinkat(dirfd, name, p, n);
    return ask(w, (struct question){.op = W_LINK, .n = n}, dirfd, name, NULL, p, NULL, NULL);
}
