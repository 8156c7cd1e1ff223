/** Within `run`: what jobs and restores share. */
#ifndef AGENT_RUN_INTERNAL_H
#define AGENT_RUN_INTERNAL_H

#include "config.h"
#include "progress.h"
#include "run.h"
#include "sys/clock.h"
#include "wrap/json.h"

struct run_offers;

struct runner {
    struct config *c;
    struct clock *clock;
    struct progress progress;
    const char *job;     /* that runs */
    int64_t reported_ns; /* monotonic */
    bool job_cancelled;  /* by the orchestrator */
    int64_t until_ns;    /* monotonic: the end of the job's window, or 0 */
    bool window_over;
    struct run_offers *offers; /* of restores (run_restore.c), or NULL */
};

/** run_visit(r, request, e): one visit at the orchestrator: the parsed answer, or NULL with ${e} (ZE_UNREACHABLE when nobody listens
 * behind the vault). run_tell: a result, until it is heard, a few times. run_nap: sleep, until a signal. run_error: as JSON. */
struct js *run_visit(struct runner *r, struct js *request, struct err *e) MUST_CHECK;
void run_tell(struct runner *r, struct js *result);
void run_nap(struct runner *r, unsigned seconds);
struct js *run_error(const struct err *e);

/** run_restores(r, offers, next_s, e): the restores that call-in has offered: show a key for those that wait, do those that may
 * begin; ${*next_s} becomes short while one waits. The exit code of the worst. run_restores_forget: wipe all keys. */
int run_restores(struct runner *r, const struct js *offers, unsigned *next_s);
void run_restores_forget(struct runner *r);

#endif
