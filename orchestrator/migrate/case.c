/* The table. A row is a state, a column an act; a hole is a refusal. docs/MIGRATION.md shows the same, and a test
 * holds the two equal. A rollback that breaks leaves the case in its window: where the end had come meanwhile, the
 * next look at the vault's time finds that again. */
#include "migrate/case.h"

#include <string.h>

#include "base/i18n.h"

static const char *const states[CASE_STATES] = {
    [CASE_NONE] = "none",
    [CASE_BEGUN] = "begun",
    [CASE_READY] = "ready",
    [CASE_CUTOVER] = "cutover",
    [CASE_WINDOW] = "window",
    [CASE_ENDED] = "ended",
    [CASE_CLOSING] = "closing",
    [CASE_ROLLING_BACK] = "rolling-back",
    [CASE_ROLLED_BACK] = "rolled-back",
    [CASE_CLOSED] = "closed",
};

static const char *const acts[CASE_ACTS] = {
    [CASE_BEGIN] = "begin",
    [CASE_JUDGE] = "ready",
    [CASE_UNREADY] = "unready",
    [CASE_CUT] = "cutover",
    [CASE_PIN] = "pin",
    [CASE_BREAK] = "break",
    [CASE_EXTEND] = "extend",
    [CASE_VERIFY] = "verify",
    [CASE_END] = "end",
    [CASE_ROLL_BACK] = "rollback",
    [CASE_RESTORED] = "restored",
    [CASE_CLOSE] = "close",
    [CASE_APPROVE] = "approve",
    [CASE_REFUSE] = "refuse",
};

#define JUDGED [CASE_JUDGE] = CASE_READY, [CASE_UNREADY] = CASE_BEGUN, [CASE_CLOSE] = CASE_CLOSED
#define PINNED(s) [CASE_EXTEND] = CASE_##s, [CASE_VERIFY] = CASE_##s

/* 0, CASE_NONE, is a refusal: nothing ever leads back to it. */
static const unsigned char next[CASE_STATES][CASE_ACTS] = {
    [CASE_NONE] = {[CASE_BEGIN] = CASE_BEGUN},
    [CASE_BEGUN] = {JUDGED},
    [CASE_READY] = {JUDGED, [CASE_CUT] = CASE_CUTOVER},
    [CASE_CUTOVER] = {[CASE_PIN] = CASE_WINDOW, [CASE_BREAK] = CASE_BEGUN},
    [CASE_WINDOW] = {PINNED(WINDOW), [CASE_END] = CASE_ENDED, [CASE_ROLL_BACK] = CASE_ROLLING_BACK},
    [CASE_ENDED] = {[CASE_EXTEND] = CASE_WINDOW,
        [CASE_VERIFY] = CASE_ENDED,
        [CASE_ROLL_BACK] = CASE_ROLLING_BACK,
        [CASE_CLOSE] = CASE_CLOSING},
    [CASE_CLOSING] = {[CASE_EXTEND] = CASE_WINDOW,
        [CASE_VERIFY] = CASE_CLOSING,
        [CASE_ROLL_BACK] = CASE_ROLLING_BACK,
        [CASE_APPROVE] = CASE_CLOSED,
        [CASE_REFUSE] = CASE_ENDED},
    [CASE_ROLLING_BACK] = {PINNED(ROLLING_BACK), [CASE_RESTORED] = CASE_ROLLED_BACK, [CASE_BREAK] = CASE_WINDOW},
    [CASE_ROLLED_BACK] = {PINNED(ROLLED_BACK), [CASE_END] = CASE_ENDED, [CASE_ROLL_BACK] = CASE_ROLLING_BACK},
};

int case_next(enum case_state from, enum case_act act) {
    int to = from < CASE_STATES && act < CASE_ACTS ? next[from][act] : CASE_NONE;
    return to == CASE_NONE ? -1 : to;
}

int case_step(enum case_state from, enum case_act act, const char *object, struct err *e) {
    int to = case_next(from, act);
    return to >= 0 ? to : err_set(e, ZE_CASESTATE, object, _("%s: not while it is %s"), acts[act], states[from]);
}

bool case_counts(enum case_state s) { return s >= CASE_WINDOW && s <= CASE_ROLLED_BACK; }
bool case_works(enum case_state s) { return s == CASE_CUTOVER || s == CASE_ROLLING_BACK; }

const char *case_name(enum case_state s) { return s < CASE_STATES ? states[s] : ""; }
const char *case_act_name(enum case_act a) { return a < CASE_ACTS ? acts[a] : ""; }

enum case_state case_of(const char *name) {
    for (int i = 1; i < CASE_STATES; i++)
        if (!strcmp(name, states[i])) return i;
    return CASE_NONE;
}
