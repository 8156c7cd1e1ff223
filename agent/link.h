/**
 * Link: the agent's child that alone meets the network (PROTOCOL.md §3). It relays bytes between the agent's pipe and the
 * vault's sshd and holds no key; what it is told comes as one packet on descriptor 3, what it cannot do itself, signing,
 * it asks there.
 */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "base/err.h"

/** The command `link`, for the agent only: descriptors 0 and 1 the stream, 2 words for people, 3 the control socket. */
int cmd_link(int argc, char **argv, struct err *e);

/** link_relay(in, out, words, s, e): move bytes both ways until the vault has sent everything and it is passed on. Takes at
 * most 512 KiB of memory; sleeps in poll whenever nothing moves. 0, or <0 with ${e}: ZE_CUT. */
struct ssh;
int link_relay(int in, int out, int words, struct ssh *s, struct err *e) MUST_CHECK;

#endif
