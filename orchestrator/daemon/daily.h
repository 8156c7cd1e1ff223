/** What zaibeid does by itself besides queueing runs: it looks whether the table of working days reaches far enough, and it lets
 * go what plans no longer keep. Called by the thread that keeps the calendar, after each tick of the scheduler. */
#ifndef DAEMON_DAILY_H
#define DAEMON_DAILY_H

#include "daemon.h"

/** calendar_watch(d, e): while the year, or from 1 December on the next, is not in the table: the condition calendar.year. */
int calendar_watch(struct daemon *d, struct err *e) MUST_CHECK;

/** keeping_tick(d, e): the retention pass of one host whose turn it is today, by vault time (keeping.h). 1: there may be more, 0:
 * nothing to do for now, <0: to be tried again after a while. May block on the vault. */
int keeping_tick(struct daemon *d, struct err *e) MUST_CHECK;

#endif
