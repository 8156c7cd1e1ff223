/* One packet, one JSON value: lines of two processes on one socket never mix, and descriptors travel with the packet that they
 * belong to. What comes is trusted no more than a peer's: a packet that is too long or no JSON is none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/file.h"
#include "worker.h"

union control {
    char room[CMSG_SPACE(SOCK_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

bool sock_put(int sock, const struct js *j, const int *fds, size_t n) {
    CLEANUP_FREE char *text = js_dump(j);
    union control c = {.room = {0}};
    struct iovec iov = {.iov_base = text, .iov_len = strlen(text)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (iov.iov_len > SOCK_PACKET_MAX || n > SOCK_FDS_MAX) return false;
    if (n) {
        m.msg_control = c.room, m.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&m);
        *head =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(head), fds, n * sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(sock, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)iov.iov_len;
}

static void descriptors_take(struct msghdr *m, int fds[SOCK_FDS_MAX]) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0)); /* there is no room for more than SOCK_FDS_MAX */
    }
}

struct js *sock_get(int sock, int fds[SOCK_FDS_MAX]) {
    CLEANUP_FREE char *text = malloc(SOCK_PACKET_MAX);
    union control c;
    struct iovec iov = {.iov_base = text, .iov_len = SOCK_PACKET_MAX};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof c.room};
    struct err ignored = ERR_INIT;
    ssize_t n;
    for (int i = 0; i < SOCK_FDS_MAX; i++) fds[i] = -1;
    if (!text) return NULL;
    do n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n >= 0) descriptors_take(&m, fds);
    struct js *j = n > 0 && !(m.msg_flags & MSG_TRUNC) ? js_parse(text, (size_t)n, "worker", &ignored) : NULL;
    for (int i = 0; i < SOCK_FDS_MAX && !j; i++) file_close_ptr(&fds[i]), fds[i] = -1;
    return j;
}
