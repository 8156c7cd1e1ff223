/**
 * Link: the agent's child that alone meets the network (PROTOCOL.md §3). It relays bytes between the agent's pipe and the
 * vault's sshd and holds no key; what it is told comes as one packet on descriptor 3, what it cannot do itself, signing,
 * it asks there.
 */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "base/err.h"

enum { LINK_CONTROL = 3 };

/** The command `link`, for the agent only: descriptors 0 and 1 the stream, 2 words for people, 3 the control socket. */
int cmd_link(int argc, char **argv, struct err *e);

/** What the kernel may have refused to take from link; bit i is told as link_words[i]. LINK_KEEPS_SECCOMP is the caller's. */
enum link_keeps {
    LINK_KEEPS_FILES = 1,        /* its root directory is not an empty one */
    LINK_KEEPS_NETWORK = 2,      /* it is in the machine's network */
    LINK_KEEPS_USER = 4,         /* it runs as the agent's user */
    LINK_KEEPS_CAPABILITIES = 8, /* it holds capabilities */
    LINK_KEEPS_PRIVILEGES = 16,  /* a program that it starts could gain privileges */
    LINK_KEEPS_LANDLOCK = 32,
    LINK_KEEPS_SECCOMP = 64,
};
enum { LINK_KEPT_MAX = 7 };
extern const char *const link_words[LINK_KEPT_MAX];

/**
 * link_isolate(socket):
 * Give up files, network, user, capabilities, privileges, and every descriptor but 0 to 3 and ${socket}, for ever: what is
 * open goes on working. Return what could not be given up, as enum link_keeps. The process must have one thread.
 */
unsigned link_isolate(int socket);

/** link_relay(in, out, words, s, e): move bytes both ways until the vault has sent everything and it is passed on. Takes at
 * most 512 KiB of memory; sleeps in poll whenever nothing moves. 0, or <0 with ${e}: ZE_CUT. */
struct ssh;
int link_relay(int in, int out, int words, struct ssh *s, struct err *e) MUST_CHECK;

#endif
