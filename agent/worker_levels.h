/** Within the levels of a drill: what level 4 shares with level 2. */
#ifndef AGENT_WORKER_LEVELS_H
#define AGENT_WORKER_LEVELS_H

#include "worker_check.h"

/** worker_machines(w, e): level 4, with br0 in place: machines in order, their checks, their egress. 0, also when something was red. */
int worker_machines(struct worker *w, struct err *e) MUST_CHECK;

/** levels_egress(st): try to get out of the drill's own network and of each host's that is open. */
void levels_egress(struct stage *st);

#endif
