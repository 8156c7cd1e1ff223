/** The command `run`: call in at the orchestrator, do its jobs, sleep as long as it says (PROTOCOL.md §4). */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hooks.h"
#include "wire/limits.h"

int cmd_run(int argc, char **argv, struct err *e);

/** run_backoff(failures): seconds to wait after so many failures in a row: 5, 10, … at most 300. */
unsigned run_backoff(unsigned failures);

/** A job as it came; run_job_parse copies nothing: the strings live as long as the JSON. False when it is none. */
struct js;
enum { RUN_PATHS_MAX = 256, RUN_PATIENCE_MAX_S = 3600 };
struct run_job {
    const char *id, *ticket, *plan, *system_point; /* the latter NULL: it runs alone */
    bool full, cross, caches, reread;
    unsigned patience_s;
    struct limits limits;
    int64_t until_s; /* stop after so many seconds: the window ends; 0: never */
    const char *paths[RUN_PATHS_MAX], *excludes[RUN_PATHS_MAX];
    size_t paths_n, excludes_n;
    struct hook_asks pre, post, dumps;
};
bool run_job_parse(const struct js *j, struct run_job *out);

#endif
