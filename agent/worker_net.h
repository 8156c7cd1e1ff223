/** The network of a drill, by rtnetlink: one bridge, a cable to it for each host, no way out. All in the present network namespace. */
#ifndef AGENT_WORKER_NET_H
#define AGENT_WORKER_NET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define WORKER_BRIDGE "br0"

/** net_loopback(e): lo is up. */
int net_loopback(struct err *e) MUST_CHECK;

/** worker_bridge(gateway, e): make br0 with the address ${gateway} ("10.20.0.1/24", v4 or v6; NULL: none) and put it up, with lo. */
int worker_bridge(const char *gateway, struct err *e) MUST_CHECK;

/** net_cable(i, pid, nic, mac, e): a cable number ${i} from the bridge to the network namespace of process ${pid}, where its end has
 * the name ${nic} and, unless ${mac} is NULL, this address. */
int net_cable(unsigned i, pid_t pid, const char *nic, const char *mac, struct err *e) MUST_CHECK;

/** net_address(nic, address, gateway, e): within a host's network: the interface gets its address and is up; the default route
 * goes to ${gateway} (with or without prefix length; NULL: none). */
int net_address(const char *nic, const char *address, const char *gateway, struct err *e) MUST_CHECK;

/**
 * The control "egress-open": a cable between the machine's network and that of the drill, with a route to everywhere.
 * net_leak_outside(pid, e): from outside, to the network of process ${pid}; needs root. net_leak_inside(e): its other end.
 */
int net_leak_outside(pid_t pid, struct err *e) MUST_CHECK;
int net_leak_inside(struct err *e) MUST_CHECK;

#endif
