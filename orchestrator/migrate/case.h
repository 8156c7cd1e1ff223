/**
 * The life of a migration (R5; Sichuan 20, Huizhou 20): which step may follow which. Pure; the API, docs/MIGRATION.md
 * and the tests read the same table. Whose step it is stands in people/may.h; that nobody consents to what they asked
 * for is judged where the people are known.
 *
 * From the cutover on the originals' last points are pinned at the vault. No act here takes a pin away, and none
 * leads out of the window before its end but a restore.
 */
#ifndef MIGRATE_CASE_H
#define MIGRATE_CASE_H

#include <stdbool.h>

#include "base/err.h"

enum case_state {
    CASE_NONE, /* there is no such migration yet */
    CASE_BEGUN,
    CASE_READY,   /* was judged, and everything held */
    CASE_CUTOVER, /* the originals' last points are being made and pinned */
    CASE_WINDOW,  /* they are pinned, and the end has not come */
    CASE_ENDED,   /* the end has come; everything is still there */
    CASE_CLOSING, /* its close was asked for */
    CASE_ROLLING_BACK,
    CASE_ROLLED_BACK, /* the originals were restored; the window goes on */
    CASE_CLOSED,
    CASE_STATES
};

enum case_act {
    CASE_BEGIN,
    CASE_JUDGE,   /* ready: everything held */
    CASE_UNREADY, /* ready: something did not */
    CASE_CUT,     /* cutover: make the last points */
    CASE_PIN,     /* zaibeid itself: they are there, checked and pinned */
    CASE_BREAK,   /* zaibeid itself: the cutover or the rollback failed */
    CASE_EXTEND,
    CASE_VERIFY, /* look at the pinned points again */
    CASE_END,    /* zaibeid itself: the window's end has come by the vault's time */
    CASE_ROLL_BACK,
    CASE_RESTORED, /* zaibeid itself: every original was restored */
    CASE_CLOSE,    /* ask for the end; of a migration that has nothing pinned: end it */
    CASE_APPROVE,
    CASE_REFUSE,
    CASE_ACTS
};

/** case_next(from, act): the state after the act, or -1 when this state does not know it. */
int case_next(enum case_state from, enum case_act act);
/** case_step: the same with an error, ZE_CASESTATE, that names the state of ${object}. */
int case_step(enum case_state from, enum case_act act, const char *object, struct err *e) MUST_CHECK;

/** case_counts: its window runs: the end is looked for, announced, and the points are verified. case_works: zaibeid has
 * something to do for it at every tick. */
bool case_counts(enum case_state s);
bool case_works(enum case_state s);

/** case_name: the word in catalog, API and docs; case_of(name): back, CASE_NONE for an unknown word. case_act_name. */
const char *case_name(enum case_state s);
enum case_state case_of(const char *name);
const char *case_act_name(enum case_act a);

#endif
