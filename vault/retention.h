/**
 * What protects a restore point, and until when: decisions only. Facts go in, a verdict comes out; nothing is read, written
 * or asked of a clock here, so that simulations judge by the same code as the vault.
 */
#ifndef VAULT_RETENTION_H
#define VAULT_RETENTION_H

#include "log.h"
#include "notes.h"

/** Why a point may not be removed; RETAINED_NOT: it may. Those after RETAINED_PIN hold whatever the time. */
enum retained {
    RETAINED_NOT,
    RETAINED_FLOOR,
    RETAINED_PLAN,
    RETAINED_CONFIRM, /* made while the clock was in doubt: the floor counts from the confirm */
    RETAINED_PIN,
    RETAINED_CLOCK,
    RETAINED_IN_USE,
    RETAINED_NEWEST,
    RETAINED_MANY,
};
/** retained_text: for people, through _(). retained_word: for JSON. */
const char *retained_text(enum retained why);
const char *retained_word(enum retained why);

struct verdict {
    enum retained why;
    uint32_t point;
    int64_t until; /* the end of its protection in time, whatever ${why} says */
};

struct retention {
    const struct host_log *log;
    int64_t now; /* vault time */
    bool doubtful;
    unsigned floor_days;
    uint32_t in_use; /* the point that an upload under way builds on; 0: none */
};

/** retention_facts: of a log that was just refreshed. retention_floor: the greatest of the default, the host's rights (NULL:
 * none) and its latest floor record. */
struct retention retention_facts(const struct host_log *l, const struct rights *r);
unsigned retention_floor(const struct host_log *l, const struct rights *r);

/** retention_until: the instant until which ${c} is protected, and by what. */
struct verdict retention_until(const struct retention *f, const struct log_commit *c);

/**
 * retention_judge(f, points, n, approved):
 * Whether all ${n} existing points may be removed now: the first reason why not, or RETAINED_NOT. ${approved}: two approvers
 * said so, which lifts everything but use.
 */
struct verdict retention_judge(const struct retention *f, const uint32_t *points, size_t n, bool approved);

#endif
