/* Listening on the network. The address is numbers, never a name: what is listened on must not depend on who answers
 * for a name. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/sock.h"

/* "192.0.2.1:8443", "[::]:8443" */
static int split(const char *address, char host[64], char port[8], struct err *e) {
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;
    bool six = n > 2 && address[0] == '[' && address[n - 1] == ']';
    if (!n || n >= 64 || strlen(colon + 1) >= 8 || !colon[1] || (!six && memchr(address, ':', n)))
        return err_set(e, ZE_CONFIG, address, _("expected ADDRESS:PORT, as 0.0.0.0:8443 or [::]:8443"));
    snprintf(host, 64, "%.*s", (int)(six ? n - 2 : n), address + six);
    snprintf(port, 8, "%s", colon + 1);
    return 0;
}

int sock_listen_net(const char *address, struct err *e) {
    char host[64], port[8];
    struct addrinfo *a = NULL, hint = {.ai_socktype = SOCK_STREAM,
                                .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    if (split(address, host, port, e) < 0) return -1;
    int rc = getaddrinfo(host, port, &hint, &a), on = 1;
    if (rc != 0) return err_set(e, ZE_CONFIG, address, "%s", gai_strerror(rc));
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 128) < 0) {
        rc = errno == EADDRINUSE ? err_set(e, ZE_BUSY, address, _("another process listens here"))
                                 : err_sys(e, address, _("listen"));
        if (fd >= 0) close(fd);
        fd = rc;
    }
    freeaddrinfo(a);
    return fd;
}
