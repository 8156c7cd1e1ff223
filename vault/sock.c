/* Unix socket addresses hold 107 bytes, paths of vaults may be longer: the name goes through /proc/self/fd of the directory
 * that is held open anyway. */
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"

enum { BACKLOG = 128, RETRY_MS = 100 };

static struct sockaddr_un address(int dirfd, const char *name) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%.64s", dirfd, name);
    return a;
}

int sock_listen(int dirfd, const char *name, mode_t mode, struct err *e) {
    struct sockaddr_un a = address(dirfd, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_sys(e, name, "socket");
    if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT) err_sys(e, name, _("remove"));
    else if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) err_sys(e, name, "bind");
    else if (fchmodat(dirfd, name, mode, 0) < 0) err_sys(e, name, "chmod");
    else if (listen(fd, BACKLOG) < 0) err_sys(e, name, "listen");
    else return fd;
    close(fd);
    return -1;
}

int sock_connect(int dirfd, const char *name, int wait_ms, struct err *e) {
    struct sockaddr_un a = address(dirfd, name);
    for (;; wait_ms -= RETRY_MS) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;
        if (fd < 0) return err_sys(e, name, "socket");
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
        saved = errno;
        close(fd);
        bool absent = saved == ENOENT || saved == ECONNREFUSED || saved == EAGAIN;
        if (!absent || wait_ms <= 0) return err_set(e, ZE_UNREACHABLE, name, _("nobody listens: %s"), strerror(saved));
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
}
