/**
 * What somebody restores by hand on this host the platform hears of, too: its log of restores shall be whole (requirement R13).
 * Each beginning and each end is a small file, state/restored/<time>-<state>, before the first byte is written and after the last
 * (PROTOCOL.md §4, "restored"). `zaibei-agent run` tells them and removes what was heard; a host that no orchestrator looks after
 * keeps the last 200.
 */
#ifndef AGENT_RESTORED_H
#define AGENT_RESTORED_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config.h"
#include "sys/clock.h"
#include "wrap/json.h"

struct restored {
    uint32_t point;
    const char *target, *state; /* "begun", "ok", "partial", "failed" */
    uint64_t files, bytes, missed;
};

/** restored_note(c, clock, what): write it down, durably. A host whose state cannot be written restores all the same: the failure
 * is printed. */
void restored_note(const struct config *c, struct clock *clock, const struct restored *what);

/** restored_tell(c, tell, arg): give what was written down to ${tell}, the oldest first; what it answers with 0 is removed, below 0
 * ends it. Notes that cannot be read are removed. */
void restored_tell(const struct config *c, int (*tell)(void *arg, struct js *note), void *arg);

#endif
