/**
 * An SSH agent for one child: a socket below the state directory that shows one key and signs one kind of thing
 * (signing.h). It lives as long as the transport, in a thread of the agent.
 */
#ifndef AGENT_SSHAGENT_H
#define AGENT_SSHAGENT_H

#include "config.h"

struct ssh_agent;

/** ssh_agent_start(c, dirfd, name, e): listen on the socket ${name} below ${dirfd} (replacing what stands there); NULL with
 * ${e}. ${c} and ${dirfd} must live until ssh_agent_stop, which removes the socket. */
struct ssh_agent *ssh_agent_start(const struct config *c, int dirfd, const char *name, struct err *e) MUST_CHECK;
void ssh_agent_stop(struct ssh_agent *a); /* NULL is fine */

/** ssh_agent_answer(c, p, n, out): one request without its length (draft-miller-ssh-agent) to one answer, appended to ${out}
 * with its length; what is not known or not allowed is answered with SSH_AGENT_FAILURE. */
void ssh_agent_answer(const struct config *c, const uint8_t *p, size_t n, struct buf *out);

#endif
