/**
 * Restores: some hosts' points, each to a host of its own (the same one, or another), in order and a few at a time, over agents
 * (PROTOCOL.md §4). A restore is one row, each host of it an item. Functions that take a struct db work inside the caller's
 * transaction.
 *
 * An item is queued → running → ok | partial | failed | cancelled; it is waiting while the agent has shown a key and nobody has
 * given the grant for it. One that fails takes along those that come after it, and no others.
 */
#ifndef DAEMON_RESTORES_H
#define DAEMON_RESTORES_H

#include "daemon.h"

#define CATALOG_RESTORES                                                                                                 \
    "CREATE TABLE restores(id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, reason TEXT NOT NULL,"               \
    "  system TEXT NOT NULL, migration INTEGER NOT NULL, state TEXT NOT NULL, existing TEXT NOT NULL,"                   \
    "  cancel INTEGER NOT NULL DEFAULT 0, queued_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL DEFAULT 0) STRICT;"      \
    "CREATE INDEX restores_open ON restores(id) WHERE ended_ns=0;"                                                       \
    "CREATE TABLE restore_items(restore INTEGER NOT NULL REFERENCES restores(id), item INTEGER NOT NULL,"                \
    "  host TEXT NOT NULL, host_id TEXT NOT NULL, target_host TEXT NOT NULL, dir TEXT NOT NULL, after TEXT NOT NULL,"    \
    "  state TEXT NOT NULL, public_key TEXT NOT NULL, phase TEXT NOT NULL, err_object TEXT NOT NULL,"                    \
    "  err_msg TEXT NOT NULL, point INTEGER NOT NULL, needs_grant INTEGER NOT NULL, note_ns INTEGER NOT NULL,"           \
    "  lease_ns INTEGER NOT NULL, not_before_ns INTEGER NOT NULL, attempts INTEGER NOT NULL, files INTEGER NOT NULL,"    \
    "  bytes INTEGER NOT NULL, files_total INTEGER NOT NULL, bytes_total INTEGER NOT NULL, missed INTEGER NOT NULL,"     \
    "  attributes INTEGER NOT NULL, started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, err_id INTEGER NOT NULL,"    \
    "  sealed TEXT NOT NULL DEFAULT '', PRIMARY KEY(restore, item)) STRICT;"                                             \
    "CREATE INDEX restore_items_open ON restore_items(target_host, restore) WHERE state IN ('queued','waiting','running');"

enum { RESTORE_ITEMS_MAX = 64 };

struct restore_item {
    int64_t restore, item, point, needs_grant, note_ns, lease_ns, not_before_ns, attempts;
    int64_t files, bytes, files_total, bytes_total, missed, attributes, started_ns, ended_ns, err_id;
    char host[64], host_id[40], target_host[64], dir[4096], after[4160], state[16], public_key[64], phase[64];
    char err_object[256], err_msg[512];
};

struct restore {
    int64_t id, migration, cancel, queued_ns, ended_ns;
    char who[64], reason[256], system[64], state[16], existing[16];
    struct restore_item *item; /* n of them, by number from 1 */
    size_t n;
};

/** What is wanted. ${target_host} "" or NULL: the host itself; ${dir} "": in place; ${after}: those of the items' hosts that must be
 * there before. ${existing}: refuse, never, if-different, always. ${migration}: the number of a case, or 0. */
struct restore_wish {
    const char *who, *reason, *system, *existing;
    int64_t migration;
    size_t n;
    struct restore_want {
        const char *host, *target_host, *dir;
        int64_t point;
        const char *after[RESTORE_ITEMS_MAX];
        size_t after_n;
    } items[RESTORE_ITEMS_MAX];
};

/** restore_new(d, w, e): queue it, with its record; its number. <0, and nothing is written: ZE_NOTFOUND for a host that is not
 * known or a target that is not enrolled, ZE_USAGE for hosts that wait for each other, that come twice, and the rest. */
int64_t restore_new(struct daemon *d, const struct restore_wish *w, struct err *e);

/** restore_order(w, recovery): each item comes after those others that the plan's recovery (plan/recovery.h; NULL: none) wants up
 * before it; a host in between that is not restored passes on what it waits for. The names stay ${recovery}'s.
 * restore_order_check: ZE_USAGE for hosts that wait for each other, or for one that is not restored. */
void restore_order(struct restore_wish *w, const struct js *recovery);
int restore_order_check(const struct restore_wish *w, struct err *e) MUST_CHECK;

/** restore_get: false when there is none; restore_free releases the items. restore_open: whether the state is not an end. */
bool restore_get(struct db *d, int64_t id, struct restore *r);
void restore_free(struct restore *r);
bool restore_open(const char *state);

/** restore_cancel: what has not begun is cancelled, agents are told of the rest; false when it has ended. restore_grant: the sealed
 * grant for an item's present key; ZE_NOTFOUND, ZE_EXISTS when it does not wait for one. */
bool restore_cancel(struct daemon *d, int64_t id, const char *who);
int restore_grant(struct daemon *d, int64_t id, int64_t item, const char *sealed, const char *until, const char *who,
    struct err *e) MUST_CHECK;

/** restores_tick(d, e): items whose agent fell silent are queued again. In a transaction of its own. */
int restores_tick(struct daemon *d, struct err *e) MUST_CHECK;

/* Among the files of this part. restore_items: those of ${host} as a target that are open, for ${restore} 0; else all of the
 * restore; an array to be freed. */
struct restore_item *restore_items(struct db *d, const char *target_host, int64_t restore, size_t *n);
bool restore_item_get(struct db *d, int64_t restore, int64_t item, struct restore_item *i);
void restore_item_put(struct db *d, const struct restore_item *i);
void restore_item_add(struct db *d, const struct restore_item *i);
/** The sealed grant, to be freed; restore_sealed_put: "" forgets it. */
char *restore_sealed(struct db *d, const struct restore_item *i);
void restore_sealed_put(struct db *d, const struct restore_item *i, const char *sealed);
/** restore_ready: its order and the limit let it begin now. restore_settle: after an item's state has changed: those after one that
 * failed, the whole, records. restore_item_again: a try that came to nothing, for ${pause_s}; failed after ATTEMPTS_MAX. */
bool restore_ready(struct daemon *d, const struct restore_item *i);
void restore_settle(struct daemon *d, int64_t id);
void restore_item_again(struct daemon *d, struct restore_item *i, int64_t pause_s, const struct err *why);
bool restore_cancelled(struct db *d, int64_t id);

/* For agents.c: the offers for call-in (the agent is idle: what ran there is queued again), and the answers to what an agent says
 * of a restore, NULL with ${e}. */
struct js *agents_restores(struct daemon *d, const char *host, bool busy);
struct js *agents_restore(struct daemon *d, const char *host, const char *op, const struct js *q, struct err *e);
/** agents_restored: what somebody has restored there by hand (PROTOCOL.md §4), for the audit. */
struct js *agents_restored(struct daemon *d, const char *host, const struct js *q, struct err *e);

#endif
