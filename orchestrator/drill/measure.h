/**
 * What a drill has shown (R7, faults G8, G10), computed from what was asked and from what its worker told, event by event.
 * Pure: the same events give the same figures in zaibeid, in a test and on paper.
 *
 *   verdict  red as soon as one check is red. Green only when the worker says so and each host's content was compared, each
 *            check of the level was asked and is ok, the way out was closed and nothing was left over: what is missing is red.
 *   RTO      request → the last comparison, start or check that became ok; only of a green drill
 *   RPO      request, or a given incident, − start of the point's walk; the worst host counts
 */
#ifndef DRILL_MEASURE_H
#define DRILL_MEASURE_H

#include "wrap/json.h"

enum drill_verdict { DRILL_GREEN, DRILL_RED, DRILL_CANCELLED, DRILL_FAILED };
enum drill_goal { GOAL_MET, GOAL_MISSED, GOAL_NO_TARGET, GOAL_UNMEASURED };

/** Why a drill is not green. */
enum drill_cause {
    CAUSE_NONE,
    CAUSE_RED,          /* a phase is red: detail says what the worker saw */
    CAUSE_NOT_COMPARED, /* the content of a host was never compared with its manifest */
    CAUSE_NOT_ASKED,    /* a check was never asked */
    CAUSE_EGRESS,       /* something could be reached from inside */
    CAUSE_LEFT,         /* something was left over */
    CAUSE_CONTROL,      /* the drill was spoilt on purpose, to see that this shows */
    CAUSE_WORKER,       /* the drill itself could not be done */
};

struct drill_request {
    int64_t level, requested_ns, incident_ns; /* incident 0: none was given */
    int64_t rto_target_s, rpo_target_s;       /* 0: the plan names none */
    const struct js *hosts;                   /* array of {host, walk_start}: each is to be restored */
    const struct js *checks;                  /* the plan's recovery.checks, or NULL */
};

struct drill_measure {
    enum drill_verdict verdict;
    enum drill_cause cause;
    char host[64], phase[16], name[128], detail[512]; /* of the cause; "" where it has none */
    enum drill_goal rto, rpo;
    int64_t rto_ms, rpo_ms; /* -1: not measured */
    char rpo_host[64];      /* whose point is the oldest */
    int64_t bytes, files, restore_ms, bytes_per_s; /* of fetching and restoring, over all hosts side by side; 0: none */
};

/** drill_measure(q, events, m): ${events} is an array of the worker's messages in their order; what is malformed in it counts as
 * not told. */
void drill_measure(const struct drill_request *q, const struct js *events, struct drill_measure *m);

/** drill_walks(hosts, events): put the start of the walk that counts into each host. */
void drill_walks(struct js *hosts, const struct js *events);

/** drill_phases(events): [{host, phase, name, state, begin, end, ms, files, bytes, detail}], in the order of their beginnings; a
 * phase that was cut off has state "open" and no end. To be freed. */
struct js *drill_phases(const struct js *events);

/** drill_time_ns: RFC 3339 in UTC with at most nine digits of a fraction, in ns; 0 when it is none. drill_time_set: with
 * milliseconds; 0 is set as null. */
int64_t drill_time_ns(const char *s);
void drill_time_set(struct js *j, const char *key, int64_t ns);
/** drill_number: a member that is a number, or a number as text (plans keep what was written). */
int64_t drill_number(const struct js *j, const char *key, int64_t def);

/** The words of records and of the API. drill_verdict_of: the number, or -1. */
const char *drill_verdict_name(enum drill_verdict v);
int drill_verdict_of(const char *name);
const char *drill_goal_name(enum drill_goal g);
const char *drill_cause_name(enum drill_cause c);

#endif
