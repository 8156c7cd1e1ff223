/* Whether there is a way out. The outer process listens at the machine's own addresses, on a port that only this drill knows: what
 * it hears is proof, whatever the inner one says. From inside, every host and the drill's own network try these addresses and one
 * of the block that documentation may use and nobody routes. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "worker_egress.h"
#include "worker_outer.h"

#define NOWHERE "192.0.2.1:80" /* RFC 5737 */
enum { TRY_MS = 1500, BACKLOG = 16 };

union place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t place_len(const union place *p) { return p->any.sa_family == AF_INET ? sizeof p->v4 : sizeof p->v6; }

/* ---- outside ---- */

/* Every address, one port; -1 where the machine has no such family. */
static int listen_at(int family, uint16_t *port) {
    union place p = {.any.sa_family = (sa_family_t)family};
    socklen_t n = place_len(&p);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd >= 0 && family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (fd >= 0 && bind(fd, &p.any, n) == 0 && listen(fd, BACKLOG) == 0 && getsockname(fd, &p.any, &n) == 0) {
        *port = ntohs(family == AF_INET ? p.v4.sin_port : p.v6.sin6_port);
        return fd;
    }
    file_close_ptr(&fd);
    return -1;
}

static bool address_text(const struct ifaddrs *i, char *out, size_t cap, const uint16_t port[2]) {
    char text[INET6_ADDRSTRLEN];
    if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK)) return false;
    const union place *p = (const union place *)(const void *)i->ifa_addr;
    if (p->any.sa_family == AF_INET && port[0]) {
        inet_ntop(AF_INET, &p->v4.sin_addr, text, sizeof text);
        return snprintf(out, cap, "%s:%u", text, port[0]) > 0;
    }
    if (p->any.sa_family != AF_INET6 || !port[1] || IN6_IS_ADDR_LINKLOCAL(&p->v6.sin6_addr)) return false;
    inet_ntop(AF_INET6, &p->v6.sin6_addr, text, sizeof text);
    return snprintf(out, cap, "[%s]:%u", text, port[1]) > 0;
}

int egress_listen(struct worker_request *q, int fds[LISTENERS], struct err *e) {
    struct ifaddrs *all = NULL;
    uint16_t port[LISTENERS] = {0};
    fds[0] = listen_at(AF_INET, &port[0]), fds[1] = listen_at(AF_INET6, &port[1]);
    if (getifaddrs(&all) < 0) return err_sys(e, _("the egress check"), "getifaddrs");
    for (const struct ifaddrs *i = all; i && q->egress_n < WORKER_EGRESS_MAX - 1; i = i->ifa_next)
        if (address_text(i, q->egress[q->egress_n], sizeof *q->egress, port)) q->egress_n++;
    freeifaddrs(all);
    snprintf(q->egress[q->egress_n++], sizeof *q->egress, "%s", NOWHERE);
    return 0;
}

bool egress_heard(const int fds[LISTENERS]) {
    bool heard = false;
    for (int i = 0; i < LISTENERS; i++) {
        int fd = fds[i] < 0 ? -1 : accept4(fds[i], NULL, NULL, SOCK_CLOEXEC);
        heard = heard || fd >= 0;
        file_close_ptr(&fd);
    }
    return heard;
}

/* ---- inside ---- */

static bool place_parse(const char *text, union place *p) {
    char host[64];
    const char *colon = strrchr(text, ':');
    unsigned port;
    memset(p, 0, sizeof *p);
    if (!colon || sscanf(colon + 1, "%u", &port) != 1) return false;
    bool v6 = *text == '[';
    snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * v6, text + v6);
    p->any.sa_family = v6 ? AF_INET6 : AF_INET;
    if (v6) p->v6.sin6_port = htons((uint16_t)port);
    else p->v4.sin_port = htons((uint16_t)port);
    return inet_pton(p->any.sa_family, host, v6 ? (void *)&p->v6.sin6_addr : (void *)&p->v4.sin_addr) == 1;
}

static int begin(const char *text) {
    union place p;
    if (!place_parse(text, &p)) return -1;
    int fd = socket(p.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &p.any, place_len(&p)) < 0 && errno != EINPROGRESS) file_close_ptr(&fd), fd = -1;
    return fd;
}

static bool connected(int fd) {
    int why = 1;
    socklen_t n = sizeof why;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0 && why == 0;
}

/* All at once, since each may take its whole time. */
int egress_try(const struct worker_request *q, char *reached, size_t cap) {
    struct pollfd p[WORKER_EGRESS_MAX];
    int found = 0;
    *reached = 0;
    for (size_t i = 0; i < q->egress_n; i++) p[i] = (struct pollfd){.fd = begin(q->egress[i]), .events = POLLOUT};
    for (int left = TRY_MS, step = 50; left > 0 && !found; left -= step) {
        if (poll(p, q->egress_n, step) > 0)
            for (size_t i = 0; i < q->egress_n; i++) {
                if (p[i].fd < 0 || !p[i].revents) continue;
                if (connected(p[i].fd)) snprintf(reached, cap, "%s", q->egress[i]), found = 1;
                close(p[i].fd);
                p[i].fd = -1;
            }
        bool waiting = false;
        for (size_t i = 0; i < q->egress_n; i++) waiting = waiting || p[i].fd >= 0;
        if (!waiting) break;
    }
    for (size_t i = 0; i < q->egress_n; i++) file_close_ptr(&p[i].fd);
    return found;
}
