/** What the parts of zaibeid share: configuration, catalog, clock, and the way to the vault. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit.h"
#include "catalog.h"
#include "config.h"
#include "control.h"
#include "sys/clock.h"

struct gate;   /* gate.h */
struct drills; /* drills.h */

struct daemon {
    const struct config *cfg;
    struct db *db;
    struct clock *clock;
    struct control control;
    struct gate *gate;         /* NULL: no limits of rate */
    struct drills *drills;     /* NULL: none are carried out */
    atomic_uint plans_changed; /* counts applies: the scheduler reads the plans again */
    atomic_bool hosts_stale;   /* a point was made: the scheduler asks the vault again */
    _Atomic int64_t hosts_asked_ns; /* when the vault was asked last for all hosts */
    atomic_uint ticks;         /* of the scheduler, that succeeded */
    uint8_t *secrets;          /* the key of secrets.h; NULL: no secret is sealed or opened */
    struct audit_key audit_key;
    pthread_mutex_t audit_lock; /* of the alarm */
    char audit_alarm[256];      /* "": all is well */
};

/** daemon_audit_alarm: what is wrong with the audit, or "". */
void daemon_audit_alarm(struct daemon *d, char out[256]);

/** daemon_log: a line on standard error with the time, escaped. */
void daemon_log(struct daemon *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline int64_t daemon_now(struct daemon *d) { return d->clock->now_ns(d->clock); }

#endif
