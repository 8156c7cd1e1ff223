/* The table. A row is a state, a column an act; a hole is a refusal. New acts and states are added here and in
 * docs/PLANS.md, which a test holds equal. */
#include "plan/life.h"

#include <string.h>

#include "base/i18n.h"

static const char *const states[LIFE_STATES] = {
    [LIFE_NONE] = "none",
    [LIFE_DRAFT] = "draft",
    [LIFE_SUBMITTED] = "submitted",
    [LIFE_REVIEWED] = "reviewed",
    [LIFE_APPROVED] = "approved",
    [LIFE_ACTIVE] = "active",
    [LIFE_SUSPENDED] = "suspended",
    [LIFE_ACTIVE_LEAVING] = "active",
    [LIFE_SUSPENDED_LEAVING] = "suspended",
    [LIFE_SUPERSEDED] = "superseded",
    [LIFE_REJECTED] = "rejected",
    [LIFE_WITHDRAWN] = "withdrawn",
    [LIFE_RETIRED] = "retired",
};

static const char *const acts[LIFE_ACTS] = {
    [LIFE_SAVE] = "save",
    [LIFE_SUBMIT] = "submit",
    [LIFE_REVIEW] = "review",
    [LIFE_APPROVE] = "approve",
    [LIFE_ENACT] = "enact",
    [LIFE_REPLACE] = "replace",
    [LIFE_REJECT] = "reject",
    [LIFE_WITHDRAW] = "withdraw",
    [LIFE_SUSPEND] = "suspend",
    [LIFE_RESUME] = "resume",
    [LIFE_RETIRE] = "retire",
};

#define FRESH [LIFE_SAVE] = LIFE_DRAFT, [LIFE_SUBMIT] = LIFE_SUBMITTED

/* 0, LIFE_NONE, is a refusal: nothing ever leads back to it. */
static const unsigned char next[LIFE_STATES][LIFE_ACTS] = {
    [LIFE_NONE] = {FRESH},
    [LIFE_DRAFT] = {FRESH, [LIFE_WITHDRAW] = LIFE_WITHDRAWN},
    [LIFE_SUBMITTED] = {[LIFE_REVIEW] = LIFE_REVIEWED, [LIFE_REJECT] = LIFE_REJECTED, [LIFE_WITHDRAW] = LIFE_WITHDRAWN},
    [LIFE_REVIEWED] = {[LIFE_APPROVE] = LIFE_APPROVED, [LIFE_REJECT] = LIFE_REJECTED, [LIFE_WITHDRAW] = LIFE_WITHDRAWN},
    [LIFE_APPROVED] = {[LIFE_ENACT] = LIFE_ACTIVE},
    [LIFE_ACTIVE] =
        {FRESH, [LIFE_REPLACE] = LIFE_SUPERSEDED, [LIFE_SUSPEND] = LIFE_SUSPENDED, [LIFE_RETIRE] = LIFE_ACTIVE_LEAVING},
    [LIFE_SUSPENDED] =
        {FRESH, [LIFE_REPLACE] = LIFE_SUPERSEDED, [LIFE_RESUME] = LIFE_ACTIVE, [LIFE_RETIRE] = LIFE_SUSPENDED_LEAVING},
    [LIFE_ACTIVE_LEAVING] = {[LIFE_APPROVE] = LIFE_RETIRED,
        [LIFE_REJECT] = LIFE_ACTIVE,
        [LIFE_WITHDRAW] = LIFE_ACTIVE,
        [LIFE_SUSPEND] = LIFE_SUSPENDED_LEAVING},
    [LIFE_SUSPENDED_LEAVING] = {[LIFE_APPROVE] = LIFE_RETIRED,
        [LIFE_REJECT] = LIFE_SUSPENDED,
        [LIFE_WITHDRAW] = LIFE_SUSPENDED,
        [LIFE_RESUME] = LIFE_ACTIVE_LEAVING},
    [LIFE_SUPERSEDED] = {FRESH},
    [LIFE_REJECTED] = {FRESH},
    [LIFE_WITHDRAWN] = {FRESH},
    [LIFE_RETIRED] = {FRESH},
};

int life_next(enum life_state from, enum life_act act) {
    int to = from < LIFE_STATES && act < LIFE_ACTS ? next[from][act] : LIFE_NONE;
    return to == LIFE_NONE ? -1 : to;
}

int life_step(enum life_state from, enum life_act act, const char *object, struct err *e) {
    int to = life_next(from, act);
    if (to >= 0) return to;
    if (life_leaving(from))
        return err_set(e, ZE_PLANSTATE, object, _("%s: not while its retirement waits for a decision"), acts[act]);
    return err_set(e, ZE_PLANSTATE, object, _("%s: not while it is %s"), acts[act], states[from]);
}

bool life_open(enum life_state s) { return s >= LIFE_DRAFT && s <= LIFE_APPROVED; }
bool life_in_force(enum life_state s) { return s >= LIFE_ACTIVE && s <= LIFE_SUSPENDED_LEAVING; }
bool life_leaving(enum life_state s) { return s == LIFE_ACTIVE_LEAVING || s == LIFE_SUSPENDED_LEAVING; }

const char *life_name(enum life_state s) { return s < LIFE_STATES ? states[s] : ""; }
const char *life_act_name(enum life_act a) { return a < LIFE_ACTS ? acts[a] : ""; }

enum life_state life_of(const char *name, bool leaving) {
    for (int i = 1; i < LIFE_STATES; i++)
        if (!strcmp(name, states[i]) && life_leaving(i) == (leaving && life_in_force(i))) return i;
    return LIFE_NONE;
}
