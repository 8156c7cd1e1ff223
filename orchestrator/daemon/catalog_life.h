/**
 * Versions of plans, the steps they went, what was asked at their end, and the orders that follow from it. All functions work
 * inside the caller's transaction, where errors stick.
 */
#ifndef DAEMON_CATALOG_LIFE_H
#define DAEMON_CATALOG_LIFE_H

#include "catalog.h"
#include "plan/life.h"

enum { LIFE_TEXT_MAX = 4000 };

/** One version of a plan. Times are 0 where something has not happened. */
struct version {
    char name[64], department[256 * 4], hash[65];
    int64_t version, submitter, asker; /* asker: of the retirement */
    int64_t state_ns, applied_ns, leaving_ns, executed_ns;
    enum life_state state;
    bool drop_points; /* retired, and its restore points are not to be kept longer than they are protected */
};

/** Which one: a number, or the one in force, on its way, or written last. */
enum { VERSION_IN_FORCE = 0, VERSION_OPEN = -1, VERSION_NEWEST = -2 };
bool version_get(struct db *d, const char *name, int64_t which, struct version *v);
/** version_add: a new one; v->version becomes the next number. version_put: state and times of one that is there.
 * version_write: the text, hash and department of a draft. */
void version_add(struct db *d, struct version *v, const char *text);
void version_put(struct db *d, const struct version *v);
void version_write(struct db *d, const struct version *v, const char *text);
/** version_text: its text, to be freed; NULL when there is none. */
char *version_text(struct db *d, const char *name, int64_t version);

/** versions_list(d, query, …, n): an array to be freed, sorted by name and version, of what follows ${after} (name, version).
 * PLANS: one of each plan, that in force, else on its way, else the last. WAITING: those somebody has to do something with.
 * ${department} "": all; ${state} "": all; ${name} "": all. */
enum versions_query { VERSIONS_PLANS, VERSIONS_ALL, VERSIONS_WAITING };
struct versions_filter {
    const char *name, *department, *state, *after, *text; /* text: part of the name; NULL: all */
    int64_t after_version, limit;
};
struct version *versions_list(struct db *d, enum versions_query q, const struct versions_filter *f, size_t *n);

/** steps_add: who did what with which result. steps_json: all of a plan, or of one version where it is not 0, in order. */
void steps_add(
    struct db *d, const struct version *v, const char *act, const char *who, int64_t now_ns, const char *text);
struct js *steps_json(struct db *d, const char *plan, int64_t version);

/** The answers to the cancellation form (Kaifeng, form 3). */
struct retirement {
    bool keep_backups, keep_vm_files, at_platform; /* 保留: 备份, 虚拟机文件; 保留所在地, else 自主保留 */
    const char *reason;
};
void retirement_put(struct db *d, const struct version *v, const struct retirement *r);
/** retirement_get: as JSON {keep_backups, keep_vm_files, place, reason}, NULL when none was asked for. */
struct js *retirement_get(struct db *d, const char *plan, int64_t version);

/** What a person has to do outside of this system, open until it is confirmed. Kinds: keep-vm-files, hand-over-vm-files,
 * remove-vm-files, hand-over-backups. */
struct order {
    int64_t id, version, opened_ns, done_ns;
    char plan[64], department[256 * 4], kind[32], done_by[64], note[LIFE_TEXT_MAX + 1];
};
void order_add(struct db *d, const struct version *v, const char *kind, int64_t now_ns);
bool order_get(struct db *d, int64_t id, struct order *o);
void order_done(struct db *d, int64_t id, const char *who, const char *note, int64_t now_ns);
/** orders_list: by number, those after ${after}; ${open}: only those not confirmed; ${plan}, ${department} "": all. */
struct order *orders_list(
    struct db *d, const char *plan, const char *department, bool open, int64_t after, int64_t limit, size_t *n);


#endif
