/* Unix sockets. The path is bound under a temporary name, gets its mode, and is renamed into place: at no moment is there a
 * socket with other permissions, and whoever connects meets either the old one or the new one. If interrupted in between,
 * a socket PATH.new stays behind that nobody asks for; the next start replaces it. */
#include "sys/sock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

static int address(const char *path, struct sockaddr_un *a, struct err *e) {
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a->sun_path)
        return err_set(e, ZE_CONFIG, path, _("the path of a socket may have %zu bytes"), sizeof a->sun_path - 1);
    memcpy(a->sun_path, path, strlen(path));
    return 0;
}

int sock_connect(const char *path, struct err *e) {
    struct sockaddr_un a;
    if (address(path, &a, e) < 0) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_sys(e, path, "socket");
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    err_set(e, ZE_UNREACHABLE, path, _("nobody listens here: %s"), strerror(errno));
    close(fd);
    return -1;
}

int sock_listen(const char *path, mode_t mode, struct err *e) {
    char tmp[sizeof(struct sockaddr_un) + 8];
    struct sockaddr_un a;
    snprintf(tmp, sizeof tmp, "%.*s.new", (int)sizeof a.sun_path, path);
    if (address(path, &a, e) < 0 || address(tmp, &a, e) < 0) return -1;
    struct err none = ERR_INIT;
    CLEANUP_FD int there = sock_connect(path, &none);
    if (there >= 0) return err_set(e, ZE_BUSY, path, _("another process listens here"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return err_sys(e, path, "socket");
    unlink(tmp);
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(tmp, mode) < 0 ||
        listen(fd, 128) < 0 || rename(tmp, path) < 0) {
        err_sys(e, path, _("listen"));
        close(fd);
        unlink(tmp);
        return -1;
    }
    return fd;
}

void sock_ready(void) {
    static const char word[] = "READY=1";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof a.sun_path || (*path != '/' && *path != '@')) return;
    memcpy(a.sun_path, path, n);
    if (*path == '@') a.sun_path[0] = 0; /* an abstract name */
    CLEANUP_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (fd >= 0) (void)!sendto(fd, word, sizeof word - 1, MSG_NOSIGNAL, (struct sockaddr *)&a, len);
}
