/**
 * The life of a plan's version (R1–R4): which step may follow which. Pure; the API, docs/PLANS.md and the tests read the same
 * table. Whose step it is stands in people/may.h; that nobody decides on what they submitted is judged where the people are
 * known (daemon/decide.h).
 *
 * A plan has at most one version in force (active or suspended, perhaps with a retirement asked for) and at most one that is
 * on its way (draft to approved). All others are history.
 */
#ifndef PLAN_LIFE_H
#define PLAN_LIFE_H

#include <stdbool.h>

#include "base/err.h"

enum life_state {
    LIFE_NONE, /* there is no such plan yet */
    LIFE_DRAFT,
    LIFE_SUBMITTED,
    LIFE_REVIEWED,
    LIFE_APPROVED, /* never seen at rest: an approved version comes into force in the same transaction */
    LIFE_ACTIVE,
    LIFE_SUSPENDED,
    LIFE_ACTIVE_LEAVING, /* active, and its retirement was asked for */
    LIFE_SUSPENDED_LEAVING,
    LIFE_SUPERSEDED,
    LIFE_REJECTED,
    LIFE_WITHDRAWN,
    LIFE_RETIRED,
    LIFE_STATES
};

enum life_act {
    LIFE_SAVE,    /* write a draft */
    LIFE_SUBMIT,  /* ask for a decision */
    LIFE_REVIEW,  /* the office has read it */
    LIFE_APPROVE, /* of a version: it comes into force; of a retirement: it happens */
    LIFE_ENACT,   /* zaibeid itself, after an approval */
    LIFE_REPLACE, /* zaibeid itself: a newer version came into force */
    LIFE_REJECT,
    LIFE_WITHDRAW,
    LIFE_SUSPEND,
    LIFE_RESUME,
    LIFE_RETIRE, /* ask for the end (form 3) */
    LIFE_ACTS
};

/** life_next(from, act): the state after the act, or -1 when this state does not know it. From a state that is in force or
 * history, SAVE and SUBMIT begin a new version and leave the old one as it is. */
int life_next(enum life_state from, enum life_act act);

/** life_step: the same with an error, ZE_PLANSTATE, that names the state of ${object}. */
int life_step(enum life_state from, enum life_act act, const char *object, struct err *e) MUST_CHECK;

/** life_open: on its way to a decision. life_in_force: active or suspended. */
bool life_open(enum life_state s);
bool life_in_force(enum life_state s);
/** life_leaving: a retirement is asked for. */
bool life_leaving(enum life_state s);

/** life_name: the word in catalog, API and docs; the two leaving states have the names of those without. life_of(name,
 * leaving): back, LIFE_NONE for an unknown word. life_act_name: "review". */
const char *life_name(enum life_state s);
enum life_state life_of(const char *name, bool leaving);
const char *life_act_name(enum life_act a);

#endif
