/**
 * Restoring: `zaibei-agent restore` (design §4). Entries go below a target under their original path without the
 * leading slash; nothing outside the target is ever opened. Each file appears under its name only when it is complete
 * and its digest is right; what is damaged or cannot be made is told and the rest goes on. A restore that was
 * interrupted goes on when it is asked for again (restore_marker.h).
 */
#ifndef AGENT_RESTORE_H
#define AGENT_RESTORE_H

#include "points.h"

struct progress;

enum restore_existing {
    EXISTING_REFUSE,       /* the target must be empty, or hold the same restore unfinished */
    EXISTING_NEVER,        /* what exists stays as it is */
    EXISTING_IF_DIFFERENT, /* files whose content differs are replaced; attributes are set */
    EXISTING_ALWAYS,       /* everything is replaced */
};

/** What something may lack, as a set. */
enum restore_lack {
    LACK_OWNER = 1,
    LACK_MODE = 2,
    LACK_ACL = 4,
    LACK_CAPABILITY = 8,
    LACK_TRUSTED = 16, /* extended attributes that only root sets */
    LACK_XATTR = 32,
    LACK_TIME = 64,
    LACK_FLAGS = 128,
    LACK_DEVICE = 256, /* not restored at all */
    LACK_LINK = 512,   /* it is a file of its own, not one more name of another */
};
enum { LACKS = 10 };

/** A path that was not restored, or was without ${lacks}. */
struct restore_told {
    const char *path;
    size_t n;
    bool restored;
    unsigned lacks;
    const struct err *why;
};

struct restore_request {
    const char *target;
    char *const *paths; /* originals, with or without leading slash; none: everything */
    size_t paths_n;
    const char *spare; /* an original path without leading slash that is never restored; NULL: none */
    unsigned strip; /* components to leave out at the front */
    enum restore_existing existing;
    bool dry_run;
    bool compared; /* somebody else compares every file: it has its name without being read back */
    struct progress *progress;    /* may be NULL */
    bool (*cancelled)(void *arg); /* may be NULL; true ends the run with ZE_CANCELLED */
    void *cancelled_arg;
    void (*tell)(void *arg, const struct restore_told *t); /* may be NULL */
    void *tell_arg;
};

/** With dry_run: what would be. Files and others that exist and are not left count as restored too. */
struct restore_result {
    bool resumed;                        /* an interrupted restore went on */
    uint64_t files, dirs, others, bytes; /* restored */
    uint64_t already, already_bytes;     /* complete before: not fetched */
    uint64_t skipped;                    /* left as they were */
    uint64_t replaced, kinds;            /* of those restored: over something else; over something of another kind */
    uint64_t missed, attributes;         /* told: not restored; restored without some attribute */
    uint64_t lacks[LACKS];               /* by bit of enum restore_lack */
};

/**
 * restore_run(s, o, q, out, e):
 * Restore from the opened point ${o} of ${s}. Return 0 when everything was done or told; what is complete is on stable
 * storage then. <0 with ${e}: ZE_TARGET, ZE_RESUMES, ZE_BUSY, ZE_NOPATH, ZE_NOGRANT, ZE_CANCELLED, ZE_NOSPACE, …: the
 * same request goes on from there; with ZE_DAMAGED, ZE_TRUNCATED or ZE_MISSING (the first path it hit) everything else
 * was restored before. Temporary names are removed in every case.
 */
int restore_run(struct source *s, const struct opened *o, const struct restore_request *q, struct restore_result *out,
    struct err *e) MUST_CHECK;

/** `restore POINT …`; see command.h. */
int cmd_restore(int argc, char **argv, struct err *e);

#endif
