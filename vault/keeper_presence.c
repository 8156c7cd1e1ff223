/* Which sessions of a host live: each holds a read lock on keeper/lock/HOST.live. The lock goes with its process, so the
 * list is never stale, and F_GETLK names the process of a lock, so that a revocation can end it. (POSIX locks, which know
 * their process; a process opens this file once.) Whoever takes the lock after the revocation looked is refused by what
 * the revocation wrote before it looked. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "keeper.h"
#include "sys/file.h"

enum { STEP_MS = 20, ASK_STEPS = 15, STEPS_MAX = 250 };

static int presence_open(struct vault *v, const char *host, struct err *e) {
    char path[128];
    snprintf(path, sizeof path, "keeper/lock/%s.live", host);
    int fd = openat(v->fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? err_sys(e, path, _("open")) : fd;
}

int presence_hold(struct keeper *k, struct err *e) {
    struct flock mine = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    k->presence = presence_open(k->v, k->host, e);
    if (k->presence < 0) return -1;
    return fcntl(k->presence, F_SETLK, &mine) < 0 ? err_sys(e, k->host, _("lock")) : 0;
}

int presence_live(struct vault *v, const char *host, struct err *e) {
    struct flock theirs = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CLEANUP_FD int fd = presence_open(v, host, e);
    if (fd < 0) return -1;
    return fcntl(fd, F_GETLK, &theirs) < 0 ? err_sys(e, host, _("lock")) : theirs.l_type != F_UNLCK;
}

int presence_end(struct vault *v, const char *host, struct err *e) {
    CLEANUP_FD int fd = presence_open(v, host, e);
    if (fd < 0) return -1;
    for (int step = 0; step < STEPS_MAX; step++) {
        struct flock theirs = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_GETLK, &theirs) < 0) return err_sys(e, host, _("lock"));
        if (theirs.l_type == F_UNLCK) return 0;
        /* It ends between two requests, and says why; one that does not is ended: it may be killed at any moment. */
        if (theirs.l_pid > 1) kill(theirs.l_pid, step < ASK_STEPS ? SIGTERM : SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    return err_set(e, ZE_BUSY, host, _("it is revoked, but a session of it does not end"));
}
