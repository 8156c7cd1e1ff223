/**
 * Whose turn it is when more is due than may run at once: limits for the whole vault and for each department (R20, R14), and the
 * plans' priorities. A host runs one job at a time anyway.
 */
#ifndef DAEMON_TURNS_H
#define DAEMON_TURNS_H

#include "daemon.h"

/** turn_of(d, j, department, now_ns): whether the job may start now: fewer jobs run than zaibeid.yaml allows, and the slots that are
 * free are not waited for by jobs of a higher priority whose hosts call in. One of a system point waits for
 * nobody. Inside the caller's transaction. */
bool turn_of(struct daemon *d, const struct job *j, const char *department, int64_t now_ns);

/** turn_after_s(host, plan, hosts_n, window_s): the stable jitter of a host's run in its window: 0 for a plan of one host; hosts of one
 * plan are spread five seconds apart on average, over a quarter of the window at most. Pure. */
int64_t turn_after_s(const char *host, const char *plan, size_t hosts_n, int64_t window_s);

#endif
