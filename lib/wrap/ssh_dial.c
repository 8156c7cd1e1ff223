/* Resolving and connecting: one address after the other until one answers, all within the one time limit. The socket is set
 * so that a network that has fallen silent ends the connection, with bytes under way or without. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "wrap/ssh_internal.h"

/* The watchdog counts real seconds of this process; no decision about data hangs on it. */
int64_t ssh_clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int ssh_wait(const struct ssh *s, int fd, short events, struct err *e) {
    struct pollfd p = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = s->until_ms - ssh_clock_ms();
        int rc = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (rc > 0) return 0;
        if (rc == 0) return err_set(e, ZE_TIMEOUT, s->name, _("no connection within %d s"), s->to->timeout_ms / 1000);
        if (errno != EINTR) return err_sys(e, s->name, "poll");
    }
}

static void tune(int fd) {
    const int on = 1, idle = 30, every = 10, times = 3, dead_ms = 90000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* a silent network ends the connection too */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

static int connect_one(struct ssh *s, const struct addrinfo *ai, struct err *e) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return err_sys(e, s->name, "socket");
    int why = connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    if (why == EINPROGRESS) {
        socklen_t len = sizeof why;
        if (ssh_wait(s, fd, POLLOUT, e) < 0) goto failed;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0) why = errno;
    }
    if (why == 0) {
        tune(fd);
        s->fd = fd;
        return 0;
    }
    err_set(e, ZE_UNREACHABLE, s->name, "%s", strerror(why));
failed:
    close(fd);
    return -1;
}

int ssh_dial(struct ssh *s, struct err *e) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
    char port[16];
    snprintf(port, sizeof port, "%u", s->to->port);
    int rc = getaddrinfo(s->to->host, port, &hints, &list);
    if (rc != 0) return err_set(e, ZE_UNREACHABLE, s->name, _("the name cannot be resolved: %s"), gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next) rc = connect_one(s, ai, e);
    freeaddrinfo(list);
    return rc;
}
