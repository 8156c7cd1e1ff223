/* A machine's wire: a port of the bridge, without a tap.
 *
 * A tap wants /dev/net/tun, which belongs to root alone on some systems, and inside the user namespace nobody is root
 * outside. A pair of virtual interfaces can be made by whoever owns the network namespace: one end is a port of br0,
 * on the other a packet socket takes and gives whole frames. qemu speaks datagrams over a pair of unix sockets only,
 * so a small process stands between the two and passes frames on, with no other right than that. A frame that finds
 * no room is lost, as on any wire.
 *
 * Between interfaces of one machine the kernel leaves checksums out and sends frames larger than the wire carries; it
 * counts on the receiver being itself. The guest is not, so both are turned off at the bridge's end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "machine_internal.h"
#include "sys/file.h"
#include "worker_net.h"
#include "wrap/sandbox.h"

enum { FRAME_MAX = 64 << 10, BURST = 64, MACHINE_PORTS = 1000 };

static int feature_off(int s, const char *name, uint32_t command) {
    struct ethtool_value v = {.cmd = command};
    struct ifreq r = {.ifr_data = (void *)&v};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    return ioctl(s, SIOCETHTOOL, &r);
}

static int up(int s, const char *name) {
    struct ifreq r = {.ifr_flags = 0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (ioctl(s, SIOCGIFFLAGS, &r) < 0) return -1;
    r.ifr_flags |= IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, &r);
}

static int frames_open(const char *peer) {
    int on = 1, s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* hears nothing before it is bound */
    if (s < 0) return -1;
    struct sockaddr_ll a = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(peer)};
    setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    if (a.sll_ifindex && bind(s, (struct sockaddr *)&a, sizeof a) == 0) return s;
    close(s);
    return -1;
}

static int port_make(unsigned number, const char *host, struct err *e) {
    char port[IFNAMSIZ], peer[IFNAMSIZ];
    snprintf(port, sizeof port, "port%u", number);
    snprintf(peer, sizeof peer, "wire%u", number);
    if (net_cable(number, getpid(), peer, NULL, e) < 0) return -1;
    CLEANUP_FD int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int fd = s >= 0 && feature_off(s, port, ETHTOOL_STXCSUM) == 0 && up(s, peer) == 0 ? frames_open(peer) : -1;
    return fd >= 0 ? fd : err_sys(e, host, _("its port of the drill's bridge"));
}

/* ---- the process in between ---- */

/* Frames that wait at ${from} go to ${to}; false when the wire is gone. Both descriptors do not block. */
static bool pass(int from, int to, char *frame) {
    for (int i = 0; i < BURST; i++) {
        ssize_t n = read(from, frame, FRAME_MAX);
        if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENETDOWN;
        if (n && write(to, frame, (size_t)n) < 0 && (errno == EPIPE || errno == EBADF)) return false;
    }
    return true;
}

__attribute__((noreturn)) static void relay(int port, int machine) {
    static char frame[FRAME_MAX];
    struct pollfd p[2] = {{.fd = 3, .events = POLLIN}, {.fd = 4, .events = POLLIN}};
    signal(SIGPIPE, SIG_IGN), signal(SIGTERM, SIG_DFL), signal(SIGINT, SIG_DFL);
    int high[2] = {fcntl(port, F_DUPFD, 5), fcntl(machine, F_DUPFD, 5)};
    if (high[0] < 0 || high[1] < 0 || dup2(high[0], 3) < 0 || dup2(high[1], 4) < 0) _exit(1);
    close_range(5, ~0u, 0);
    close(0), close(1);
    if (fcntl(3, F_SETFL, O_NONBLOCK) < 0 || fcntl(4, F_SETFL, O_NONBLOCK) < 0) _exit(1);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_relay_only() < 0) _exit(1);
    while (poll(p, 2, -1) >= 0 || errno == EINTR)
        if (!pass(3, 4, frame) || !pass(4, 3, frame)) break;
    _exit(0);
}

int machine_port(unsigned number, const char *host, struct proc *between, struct err *e) {
    int pair[2];
    CLEANUP_FD int port = port_make(MACHINE_PORTS + number, host, e);
    if (port < 0) return -1;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0) return err_sys(e, host, "socketpair");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) relay(port, pair[1]);
        _exit(1);
    }
    close(pair[1]);
    if (pid > 0) {
        *between = (struct proc){.pid = pid, .in = -1, .out = -1, .name = "wire"};
        return pair[0];
    }
    close(pair[0]);
    return err_sys(e, host, "fork");
}
