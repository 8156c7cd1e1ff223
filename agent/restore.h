/**
 * Restoring: `zaibei-agent restore` (design §4). Entries go below a target under their original path without the
 * leading slash; nothing outside the target is ever opened. Each file appears under its name only when it is complete
 * and its digest is right; what is damaged or cannot be made is told and the rest goes on.
 */
#ifndef AGENT_RESTORE_H
#define AGENT_RESTORE_H

#include "points.h"

struct progress;

enum restore_existing {
    EXISTING_REFUSE,       /* the target must be empty */
    EXISTING_NEVER,        /* what exists stays as it is */
    EXISTING_IF_DIFFERENT, /* files whose content differs are replaced; attributes are set */
    EXISTING_ALWAYS,       /* everything is replaced */
};

struct restore_request {
    const char *target;
    char *const *paths; /* originals, with or without leading slash; none: everything */
    size_t paths_n;
    unsigned strip; /* components to leave out at the front */
    enum restore_existing existing;
    bool dry_run;
    struct progress *progress;    /* may be NULL */
    bool (*cancelled)(void *arg); /* may be NULL; true ends the run with ZE_CANCELLED */
    void *cancelled_arg;
    /** Told of each path that was not restored, or (${attribute}) not with all its attributes. May be NULL. */
    void (*tell)(void *arg, const char *path, size_t n, bool attribute, const struct err *why);
    void *tell_arg;
};

struct restore_result {
    uint64_t files, dirs, others, bytes; /* restored; with dry_run: what would be */
    uint64_t skipped;                    /* existed already */
    uint64_t missed, attributes;         /* told: not restored; restored without some attribute */
};

/**
 * restore_run(s, o, q, out, e):
 * Restore from the opened point ${o} of ${s}. Return 0 when everything was done or told; what is complete is on stable
 * storage then. <0 with ${e}: ZE_TARGET, ZE_NOPATH, ZE_NOGRANT, ZE_CANCELLED, ZE_NOSPACE, …; with ZE_DAMAGED,
 * ZE_TRUNCATED or ZE_MISSING (the first path it hit) everything else was restored before. Temporary names are removed
 * in every case.
 */
int restore_run(struct source *s, const struct opened *o, const struct restore_request *q, struct restore_result *out,
    struct err *e) MUST_CHECK;

/** `restore POINT …`; see command.h. */
int cmd_restore(int argc, char **argv, struct err *e);

#endif
