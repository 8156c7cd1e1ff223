/**
 * Commands around a run (design §4). They are run by a guard, a process of this program that holds no key: the agent asks it
 * for one command after the other, and when the agent dies, of whatever, the guard ends what runs and runs the post commands
 * that are still due, so that nothing stays frozen. Until it is done it holds state/hooks.lock: no other run begins before.
 */
#ifndef AGENT_HOOK_GUARD_H
#define AGENT_HOOK_GUARD_H

#include "config.h"
#include "hooks.h"
#include "sys/clock.h"

struct guard;

struct guard_setup {
    const struct config *cfg;
    const struct hook_asks *post; /* due once the guard has started */
    unsigned hold_s;              /* at the latest so long after the first pre command has begun; 0: when the agent is done */
    const char *job, *plan;       /* for the environment of the commands; NULL: none */
    struct clock *clock;
    bool (*cancelled)(void *arg); /* asked while a command runs */
    void *cancelled_arg;
};

/** guard_start(s, e): NULL with ${e}: ZE_BUSY while the guard of an earlier run is not done. guard_end(g): NULL is fine; the
 * post commands that were not asked for are run first. */
struct guard *guard_start(const struct guard_setup *s, struct err *e) MUST_CHECK;
void guard_end(struct guard *g);

/** guard_late(g): the time is over, and the guard runs the post commands, or has run them. False for NULL. */
bool guard_late(const struct guard *g);

/**
 * guard_ask(g, phase, ask, out, result, e):
 * Run the entry ${ask} of ${phase} and tell on standard error what it says. ${out}: where a dump's output goes (-1 else).
 * ${result}: "ok" or "failed", for post commands, which are not cancelled. Return 0 after exit 0, of a dump with at least as
 * many bytes as are expected; <0: ZE_HOOK or ZE_DUMP with why, ZE_CANCELLED.
 */
int guard_ask(struct guard *g, enum hook_phase phase, const struct hook_ask *ask, int out, const char *result, struct err *e)
    MUST_CHECK;

/** The guard: not for people; see command.h. */
int cmd_hook(int argc, char **argv, struct err *e);

/** What both say to each other, beside one descriptor for a dump; the answer is followed by ${said_n} bytes. */
enum { GUARD_SOCKET = 3, GUARD_LOCK = 4, GUARD_STOP = 100, GUARD_DONE = 101 };
struct guard_question {
    uint8_t op; /* enum hook_phase, GUARD_STOP, GUARD_DONE */
    char name[64], result[16];
    uint32_t timeout_s; /* 0: the list's */
};
struct guard_answer {
    uint8_t how; /* enum hook_how */
    int32_t status;
    uint64_t out, least;
    uint32_t said_n, timeout_s;
};

#endif
