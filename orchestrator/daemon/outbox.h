/**
 * What is to be told, in the catalog: a notice is written in the transaction of what it tells of; later it becomes one delivery for
 * each channel that wants it, in one transaction too, so nothing is lost and nothing is sent twice, except where a channel took a
 * message and zaibeid died before it could note that (webhooks carry the delivery's number, mails a Message-ID of it).
 */
#ifndef DAEMON_OUTBOX_H
#define DAEMON_OUTBOX_H

#include "notify/channels.h"
#include "wrap/db.h"

enum { OUTBOX_TRIES = 20, OUTBOX_PAUSE_S = 30, OUTBOX_PAUSE_MAX_S = 3600, OUTBOX_AGAIN_S = 86400, CONTACTS_MAX = 16384,
    OUTBOX_KEPT_S = 366 * 86400, OUTBOX_FORGET = 1000 };

/** notice_add(db, now_ns, kind, object, department, detail): tell of something that happened. ${kind} is a name of the table; ${plan}
 * gives the department and may be "". Inside the caller's transaction. ${detail} is taken; NULL: none. */
void notice_add(
    struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, struct js *detail);

/** notice_end: the same about something that has ended. */
void notice_end(
    struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, struct js *detail);

/** condition_set(db, now_ns, kind, object, plan, on, detail): tell when a state of affairs begins, once a day while it lasts, and when
 * it ends. ${detail} is taken. */
void condition_set(
    struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, bool on, struct js *detail);

/** condition_holds: whether it was told of and has not ended. */
bool condition_holds(struct db *d, const char *kind, const char *object);

struct delivery {
    int64_t id, tries, resolved;
    char channel[64];
    char *to;             /* a plan's contacts, separated by commas, instead of the channel's; NULL: the channel's. The caller's */
    struct notice notice; /* its detail is the caller's, js_free */
};

/** What a plan adds to a notice about it: whose it is, and its contacts, separated by commas. */
struct about {
    char department[256], contacts[CONTACTS_MAX];
};

/** outbox_spread(db, now_ns, cfg, about, arg): turn the notices that are new into deliveries. ${about} fills what a plan adds (zeroed
 * before). outbox_next: the delivery that is due and waits longest; false when there is none. outbox_done: it was taken
 * (${why} NULL), or not: tried again later, failed after OUTBOX_TRIES; where the server is away or silent, whatever else is for that
 * channel waits too. */
void outbox_spread(struct db *d, int64_t now_ns, const struct notify_config *cfg,
    void (*about)(void *arg, const char *plan, struct about *out), void *arg);
bool outbox_next(struct db *d, int64_t now_ns, struct delivery *x);
void outbox_done(struct db *d, const struct delivery *x, int64_t now_ns, const struct err *why);

/** outbox_each: the mail was refused as one; each of the ${n} recipients has a delivery of its own now. */
void outbox_each(struct db *d, const struct delivery *x, int64_t now_ns, const char *const *to, size_t n);

/** outbox_forget: of the notices that are older than OUTBOX_KEPT_S, the oldest OUTBOX_FORGET go with their deliveries. */
void outbox_forget(struct db *d, int64_t now_ns);

/** outbox_retry: a delivery that failed or waits is due now; false when there is none of this number. */
bool outbox_retry(struct db *d, int64_t id, int64_t now_ns);

#endif
