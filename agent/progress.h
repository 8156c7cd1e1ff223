/**
 * Telling people how far it is: on a terminal one line with phase, bytes, files, rate, time left and errors, at most five
 * times a second; elsewhere one line a minute; with --json lines of message_type status, once a second. SIGUSR1 prints
 * one line at the next step. The counters may be raised by any thread; progress_step is called by one thread only.
 */
#ifndef AGENT_PROGRESS_H
#define AGENT_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys/clock.h"

struct progress {
    const char *phase; /* translated by the printer; set by progress_phase */
    _Atomic uint64_t bytes, bytes_total, files, files_total, errors; /* totals of 0 are not known */

    struct clock *clock; /* the rest is private */
    bool json, tty, shown;
    int64_t began, last, phase_began;
    uint64_t phase_bytes;
};

/** progress_init(p, clock, json): all counters 0; ${json}: status lines on stdout instead of a bar on stderr. Also takes
 * SIGUSR1. No memory is held. */
void progress_init(struct progress *p, struct clock *clock, bool json);

/** progress_phase(p, name): a new phase (N_("reading"), …; kept by pointer): rate and time left begin anew; the counters
 * stay the caller's. */
void progress_phase(struct progress *p, const char *name);

/** progress_step(p): cheap; call it after each file or MiB. Prints when it is time. ${p} may be NULL: nothing happens. */
void progress_step(struct progress *p);

/** progress_end(p): take the bar off the terminal, so that other lines can follow. ${p} may be NULL. */
void progress_end(struct progress *p);

#endif
