/**
 * Agents that call in (PROTOCOL.md §4), through serve and a unix socket of their own. The host's name is said by serve, which
 * knows it from the forced command; what the agent itself says is never trusted beyond its own jobs.
 */
#ifndef DAEMON_AGENTS_H
#define DAEMON_AGENTS_H

#include "daemon.h"

/** agents_answer(d, host, request, n): the answer to one call, JSON to be freed; {"error":{…}} for what cannot be done. */
char *agents_answer(struct daemon *d, const char *host, const void *request, size_t n);

/** agents_offer(j, p, now_ns): the job as its host gets it (PROTOCOL.md §4); to be freed. */
struct js *agents_offer(const struct job *j, const struct plan *p, int64_t now_ns);

/** agents_error(result): the error that an agent tells in a result; id 0 when there is none. */
struct err agents_error(const struct js *result);

/** agents_serve(d, fd): accept on the listening socket ${fd} and answer, each connection in a thread of its own, at most 64
 * at a time and 20 s without a frame. Returns never; run it in a thread. */
void agents_serve(struct daemon *d, int fd);

#endif
