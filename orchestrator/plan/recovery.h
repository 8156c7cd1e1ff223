/**
 * A plan's `recovery`: how the hosts of a system are brought back, and what proves that they work. At most one plan in
 * force of a system has it. Restores, system points and drills read the JSON of the plan's form, which recovery_check
 * has judged; struct recovery is the same with numbers in place of words, and with the order of the hosts.
 */
#ifndef ORCHESTRATOR_RECOVERY_H
#define ORCHESTRATOR_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct js;
struct yaml_node;

enum {
    RECOVERY_HOSTS_MAX = 64, /* FORM_MAPS_MAX */
    RECOVERY_DRILL_EVERY_S = 365 * 86400,
    RECOVERY_DRILL_EVERY_MAX_S = 366 * 86400,
    RECOVERY_WITHIN_MAX_S = 3600,
    RECOVERY_EXPECT_MAX = 400 /* bytes */
};

struct recovery_host {
    const char *host;                       /* this and ${after}: into the form */
    const struct js *json, *after, *freeze; /* json: the whole entry; after, freeze: arrays of names, or NULL */
    unsigned rank, written; /* rank 0: after none; else one more than the greatest of those it is after */
};

struct recovery {
    int64_t drill_every_s;
    int drill_level; /* 1, 2 or 4 */
    size_t hosts_n;
    struct recovery_host hosts[RECOVERY_HOSTS_MAX]; /* in the order of starting: by rank, then as written */
};

/** recovery_check(top, backup, e): what the table of fields cannot say of `recovery`: hosts that exist, no cycles,
 * addresses, expectations. ZE_CONFIG with file:line:column. A plan without it is fine. */
int recovery_check(const struct yaml_node *top, bool backup, struct err *e) MUST_CHECK;

/** recovery_read(recovery, out): of a plan's form that was checked (NULL: nothing, with the defaults). Borrows its
 * strings. */
void recovery_read(const struct js *recovery, struct recovery *out);
/** recovery_level(recovery): the level of a drill that nobody says one for: the plan's, else the least at which one of its checks is
 * asked, 1 where there are none. */
int recovery_level(const struct js *recovery);
/** recovery_find: the host's entry, or NULL. */
const struct recovery_host *recovery_find(const struct recovery *r, const char *host);

/** recovery_expect_ok(s, why): whether ${s} is an expectation that proves something; else why not, a message. */
bool recovery_expect_ok(const char *s, const char **why);

#endif
