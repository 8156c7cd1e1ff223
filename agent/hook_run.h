/**
 * Running one command of the host's list, to its end or to the end of its time: without a shell, in a session and process
 * group of its own, with nothing open but /dev/null and two pipes, with a small environment, and as another user without any
 * of our rights.
 */
#ifndef AGENT_HOOK_RUN_H
#define AGENT_HOOK_RUN_H

#include "hooks.h"
#include "sys/clock.h"

enum { HOOK_SAID_MAX = 64 << 10, HOOK_GRACE_MS = 2000 };

/** How it ended; what ${status} of struct hook_end is. */
enum hook_how {
    HOOK_EXITED,   /* the exit status */
    HOOK_SIGNALLED, /* the signal */
    HOOK_LATE,     /* its time was over: it was ended, all of its group */
    HOOK_STOPPED,  /* the same, as asked */
    HOOK_UNSTORED, /* the errno of writing its output */
    HOOK_UNBEGUN,  /* the errno of what could not be had; 0: there is no such user, or we may not become it */
};

struct hook_end {
    enum hook_how how;
    int status;
    uint64_t out;             /* bytes written to ${out} */
    char said[HOOK_SAID_MAX]; /* the last of its output; of a dump of its standard error */
    size_t said_n;
};

struct hook_job {
    const struct hook *hook;
    enum hook_phase phase;
    unsigned timeout_s;
    char *const *env; /* "NAME=value", NULL: added to the few that it gets in any case */
    int out;          /* where its standard output goes; -1: to what it says */
    int stop;         /* ended when this socket has something or closes; -1: none */
    struct clock *clock;
};

/** hook_run(job, end): run it; when it returns, nothing of its process group lives. Blocks for at most its time and the
 * grace. */
void hook_run(const struct hook_job *job, struct hook_end *end);

#endif
