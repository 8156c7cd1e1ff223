/**
 * A plan: the approval form (plans/FORMAT.md) as YAML, checked strictly. What concerns backup is interpreted; the other
 * fields are carried in ${form} and printed back.
 *
 * The canonical text is the whole form as JSON with sorted keys: comments, order and quoting do not matter. Its BLAKE2b-256
 * is the plan hash that every ticket and restore point carries.
 */
#ifndef ORCHESTRATOR_PLAN_H
#define ORCHESTRATOR_PLAN_H

#include <stdbool.h>

#include "calendar/calendar.h"
#include "keep/keep.h"
#include "wire/limits.h"
#include "wrap/json.h"
#include "wrap/seal.h"

enum { PLAN_HOSTS_MAX = 1000, PLAN_PATHS_MAX = 1000, SCHEDULE_MAX = 50, PLAN_PATIENCE_MAX_S = 3600 }; /* FORM_LIST_MAX */

/** An entry of the host's own allow-list. A plan names no commands, so that nobody gets to run any by a plan. */
struct plan_entry {
    const char *name;  /* into form */
    int64_t timeout_s; /* 0: the host's own; the shorter of both holds */
    uint64_t least;    /* bytes that a command's output has at least; 0: one */
};

struct plan {
    char name[64], system[64], zone[101];
    bool backup; /* false: the form says that no backup is needed; then nothing is scheduled */
    size_t hosts_n;
    const char **hosts; /* into form */
    struct schedule schedule;
    struct keep_rules keep;
    int64_t retention_days, rpo_s, rto_s;     /* targets: 0 when the plan names none */
    int64_t approvals;                        /* people of the office who have to approve */
    int64_t priority;                         /* 1 … 9, the greater first */
    uint64_t quota;                           /* bytes wished for at the vault; 0: not said */
    struct plan_entry *commands, *pre, *post; /* content.commands, hooks.pre, hooks.post */
    size_t commands_n, pre_n, post_n;
    struct limits limits;              /* what a run may take of its host; the host's own may be lower */
    bool window_end;                   /* a run stops when its window ends, and goes on in the next one */
    struct js *form;                   /* every field, as in the canonical text */
    const struct js *paths, *excludes; /* arrays of strings in form; NULL when there are none */
    const struct js *recovery;         /* of form, or NULL (recovery.h) */
    char *canonical;
    uint8_t hash[SEAL_HASH];
};

/** plan_parse(name, p, n, zone, out, e): from YAML text; ${name} stands for the file in errors, ${zone} holds where the plan
 * names none. ZE_CONFIG with file:line:column, field, what was expected and what was found. On error nothing is kept. */
int plan_parse(const char *name, const void *p, size_t n, const char *zone, struct plan *out, struct err *e) MUST_CHECK;
void plan_free(struct plan *p);

/** plan_next(plan, t, after_s, run): calendar_next in the plan's zone; false when nothing is scheduled. */
bool plan_next(const struct plan *p, const struct workdays *t, int64_t after_s, struct run *run);
/** plan_frozen(plan, at_s, until_s): whether no run may start at this instant, and when that is over. */
bool plan_frozen(const struct plan *p, int64_t at_s, int64_t *until_s);
bool plan_has_host(const struct plan *p, const char *host);

#endif
