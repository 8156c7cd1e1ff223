/**
 * The scheduler: turns plans and time into queued jobs, runs that did not happen into missed ones that are caught up once,
 * and jobs nobody finishes into jobs to be tried again. Everything it does is decided by the catalog and the clock, so it
 * may be stopped at any moment and started again.
 */
#ifndef DAEMON_SCHEDULER_H
#define DAEMON_SCHEDULER_H

#include "daemon.h"

struct scheduler;

struct scheduler *scheduler_new(struct daemon *d); /* NULL without memory */
void scheduler_free(struct scheduler *s);

/** scheduler_tick(s, e): do what is due now, or a bounded part of it: scheduler_more says after it whether to tick again at
 * once. Cheap when nothing is due, whatever the number of plans. Never asks the vault. */
int scheduler_tick(struct scheduler *s, struct err *e) MUST_CHECK;
bool scheduler_more(const struct scheduler *s);

#endif
