/**
 * Retention by plan: which restore points of one host and plan are kept, and why. Pure: facts in, reasons out. What no reason
 * keeps may be asked of the vault, which judges by its own rules again (docs/PROTOCOL.md §5).
 *
 * Days, weeks (from Monday), months and years are those of the plan's zone, by the vault's time. Counted are complete points
 * that the calendar asked for; partial ones, those made by hand and those dated in the future never take the place of one.
 */
#ifndef ORCHESTRATOR_KEEP_H
#define ORCHESTRATOR_KEEP_H

#include "calendar/calendar.h"

/** 0: no such rule. No rule at all: everything is kept. */
struct keep_rules {
    unsigned last, daily, weekly, monthly, yearly;
    int64_t within_s;
};

/** Reasons, as bits: a point has as many as apply. */
enum keep_why {
    KEEP_LAST = 1,    /* among the last N */
    KEEP_DAILY = 2,   /* of one of the last N days that have a point: the newest labelled daily, else the newest */
    KEEP_WEEKLY = 4,  /* … weeks */
    KEEP_MONTHLY = 8, /* … months */
    KEEP_YEARLY = 16, /* … years */
    KEEP_WITHIN = 32, /* not older than that; partial ones and those made by hand too */
    KEEP_FLOOR = 64,  /* its least time is not over */
    KEEP_PINNED = 128,
    KEEP_FUTURE = 256,  /* dated after now: the clock was wrong, people decide */
    KEEP_PARTIAL = 512, /* partial, and no complete point is newer */
    KEEP_NEWEST = 1024, /* the newest complete one */
    KEEP_NO_RULES = 2048,
};
enum { KEEP_WHYS = 12 };

struct keep_point {
    int64_t number, time_s;    /* the vault's */
    int64_t floor_s, pinned_s; /* until when it is protected, and pinned; 0: not at all */
    unsigned labels;
    bool complete, by_hand; /* by_hand: no calendar asked for it */
    enum run_kind kind;
    unsigned why; /* the verdict: bits of enum keep_why; 0: nothing keeps it */
};

bool keep_rules_any(const struct keep_rules *r);

/** keep_judge(r, z, now_s, points, n): sort by time and number, and fill each ${why}. ${now_s} is vault time. */
void keep_judge(const struct keep_rules *r, const struct zone *z, int64_t now_s, struct keep_point *points, size_t n);

/** keep_at_once(existing): how many of a host's points are asked for in a day: half of what the vault lets go before it takes it
 * for an attack, so that neither two passes less than a day apart nor people's own removals meet that. */
size_t keep_at_once(size_t existing);

/** keep_word(bit): for JSON ("daily"); keep_text(bit): for people, through _(). */
const char *keep_word(unsigned bit);
const char *keep_text(unsigned bit);

#endif
