/** The egress check, from inside: see worker_egress.c. */
#ifndef AGENT_WORKER_EGRESS_H
#define AGENT_WORKER_EGRESS_H

#include "worker.h"

/** egress_try(q, reached, cap): try every address of q->egress from the present network namespace: 1 and the one that was reached, or
 * 0. Takes up to 1.5 seconds. */
int egress_try(const struct worker_request *q, char *reached, size_t cap);

#endif
