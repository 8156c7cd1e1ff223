/* Netlink messages, one at a time, each answered before the next. Interfaces need no removal: they end with the namespace. */
#include "worker_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

#define LEAK_OUTSIDE "169.254.77.1/30"
#define LEAK_INSIDE "169.254.77.2/30"
#define LEAK_GATEWAY "169.254.77.1"
#define LEAK_NIC "leak0"

struct message {
    union {
        struct nlmsghdr head;
        char room[1024];
    };
};

static void *payload(struct message *m, uint16_t type, uint16_t flags, size_t n) {
    memset(m, 0, sizeof *m);
    m->head = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH((uint32_t)n),
        .nlmsg_type = type,
        .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
        .nlmsg_seq = 1};
    return NLMSG_DATA(&m->head);
}

/* Our attributes are few and short: there is room. */
static struct rtattr *attr(struct message *m, uint16_t type, const void *p, size_t n) {
    struct rtattr *a = (struct rtattr *)(void *)(m->room + NLMSG_ALIGN(m->head.nlmsg_len));
    *a = (struct rtattr){.rta_len = (uint16_t)RTA_LENGTH(n), .rta_type = type};
    if (n) memcpy(RTA_DATA(a), p, n);
    m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
    return a;
}

static void attr_text(struct message *m, uint16_t type, const char *text) { attr(m, type, text, strlen(text) + 1); }
static void attr_number(struct message *m, uint16_t type, uint32_t v) { attr(m, type, &v, sizeof v); }
static void nest_end(struct message *m, struct rtattr *a) {
    a->rta_len = (uint16_t)(m->room + m->head.nlmsg_len - (char *)a);
}

static int ask(struct message *m, const char *what, struct err *e) {
    char room[4096];
    CLEANUP_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (fd < 0 || sendto(fd, m, m->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return err_set(e, ZE_SPACE, what, "%s", strerror(errno));
    ssize_t n = recv(fd, room, sizeof room, 0);
    const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)room;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
        return err_set(e, ZE_SPACE, what, _("no answer of the kernel"));
    int why = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
    return why ? err_set(e, ZE_SPACE, what, "%s", strerror(-why)) : 0;
}

/* ---- addresses as text ---- */

struct address {
    uint8_t raw[16], family, len, prefix;
};

static int address_parse(const char *text, struct address *a, struct err *e) {
    char host[64];
    const char *slash = strchr(text, '/');
    int n = slash ? (int)(slash - text) : (int)strlen(text);
    snprintf(host, sizeof host, "%.*s", n, text);
    a->family = strchr(host, ':') ? AF_INET6 : AF_INET;
    a->len = a->family == AF_INET ? 4 : 16;
    int prefix = slash ? atoi(slash + 1) : a->len * 8;
    a->prefix = (uint8_t)prefix;
    if (inet_pton(a->family, host, a->raw) == 1 && prefix > 0 && prefix <= a->len * 8) return 0;
    return err_set(e, ZE_USAGE, text, _("it is no address"));
}

static bool mac_parse(const char *text, uint8_t mac[6]) {
    unsigned b[6];
    if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6) return false;
    for (int i = 0; i < 6; i++) mac[i] = (uint8_t)b[i];
    return true;
}

/* ---- interfaces ---- */

static int up(const char *nic, const char *bridge, struct err *e) {
    struct message m;
    struct ifinfomsg *i = payload(&m, RTM_NEWLINK, 0, sizeof *i);
    i->ifi_index = (int)if_nametoindex(nic);
    i->ifi_flags = i->ifi_change = IFF_UP;
    if (bridge) attr_number(&m, IFLA_MASTER, if_nametoindex(bridge));
    return ask(&m, nic, e);
}

static int address_add(const char *nic, const char *text, struct err *e) {
    struct message m;
    struct address a;
    if (address_parse(text, &a, e) < 0) return -1;
    struct ifaddrmsg *i = payload(&m, RTM_NEWADDR, NLM_F_CREATE, sizeof *i);
    i->ifa_family = a.family, i->ifa_prefixlen = a.prefix, i->ifa_index = if_nametoindex(nic);
    if (a.family == AF_INET6)
        i->ifa_flags = IFA_F_NODAD; /* there is nobody who could have it, and a drill does not wait */
    attr(&m, IFA_LOCAL, a.raw, a.len);
    attr(&m, IFA_ADDRESS, a.raw, a.len);
    return ask(&m, text, e);
}

static int route_default(const char *nic, const char *gateway, struct err *e) {
    struct message m;
    struct address a;
    if (address_parse(gateway, &a, e) < 0) return -1;
    struct rtmsg *r = payload(&m, RTM_NEWROUTE, NLM_F_CREATE, sizeof *r);
    *r = (struct rtmsg){.rtm_family = a.family,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST};
    attr(&m, RTA_GATEWAY, a.raw, a.len);
    attr_number(&m, RTA_OIF, if_nametoindex(nic));
    return ask(&m, gateway, e);
}

int net_loopback(struct err *e) { return up("lo", NULL, e); }

int worker_bridge(const char *gateway, struct err *e) {
    struct message m;
    payload(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    attr_text(&m, IFLA_IFNAME, WORKER_BRIDGE);
    struct rtattr *info = attr(&m, IFLA_LINKINFO, NULL, 0);
    attr_text(&m, IFLA_INFO_KIND, "bridge");
    nest_end(&m, info);
    if (net_loopback(e) < 0 || ask(&m, WORKER_BRIDGE, e) < 0) return -1;
    if (gateway && address_add(WORKER_BRIDGE, gateway, e) < 0) return -1;
    return up(WORKER_BRIDGE, NULL, e);
}

/* ${near} here, ${far} in the namespace of ${pid}. */
static int veth(const char *near, pid_t pid, const char *far, const char *mac, struct err *e) {
    struct message m;
    struct ifinfomsg none = {.ifi_family = AF_UNSPEC};
    uint8_t raw[6];
    if (strlen(far) >= IFNAMSIZ || (mac && !mac_parse(mac, raw)))
        return err_set(e, ZE_USAGE, mac ? mac : far, _("it is no interface"));
    payload(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof none);
    attr_text(&m, IFLA_IFNAME, near);
    struct rtattr *info = attr(&m, IFLA_LINKINFO, NULL, 0);
    attr_text(&m, IFLA_INFO_KIND, "veth");
    struct rtattr *data = attr(&m, IFLA_INFO_DATA, NULL, 0), *peer = attr(&m, VETH_INFO_PEER, &none, sizeof none);
    attr_text(&m, IFLA_IFNAME, far);
    attr_number(&m, IFLA_NET_NS_PID, (uint32_t)pid);
    if (mac) attr(&m, IFLA_ADDRESS, raw, sizeof raw);
    nest_end(&m, peer), nest_end(&m, data), nest_end(&m, info);
    return ask(&m, far, e);
}

int net_cable(unsigned i, pid_t pid, const char *nic, const char *mac, struct err *e) {
    char near[IFNAMSIZ];
    snprintf(near, sizeof near, "port%u", i % 10000);
    return veth(near, pid, nic, mac, e) < 0 ? -1 : up(near, WORKER_BRIDGE, e);
}

int net_address(const char *nic, const char *address, const char *gateway, struct err *e) {
    if (net_loopback(e) < 0 || address_add(nic, address, e) < 0 || up(nic, NULL, e) < 0) return -1;
    return gateway ? route_default(nic, gateway, e) : 0;
}

int net_leak_outside(pid_t pid, struct err *e) {
    char near[IFNAMSIZ];
    snprintf(near, sizeof near, "zb%d", (int)pid);
    if (veth(near, pid, LEAK_NIC, NULL, e) < 0 || address_add(near, LEAK_OUTSIDE, e) < 0) return -1;
    return up(near, NULL, e);
}

int net_leak_inside(struct err *e) { return net_address(LEAK_NIC, LEAK_INSIDE, LEAK_GATEWAY, e); }
