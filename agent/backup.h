/**
 * Making a restore point: `zaibei-agent backup`, and the jobs of `run` (design §4; FORMAT.md for what is stored).
 */
#ifndef AGENT_BACKUP_H
#define AGENT_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "sys/clock.h"
#include "walk.h"

struct progress;

struct backup_request {
    char *const *paths; /* absolute or relative to the working directory; several make one point */
    size_t paths_n;
    const char *const *excludes; /* patterns (exclude.h) */
    size_t excludes_n;
    bool cross;         /* enter other file systems */
    bool caches;        /* leave out what is in directories with a CACHEDIR.TAG */
    bool full;          /* start a new generation */
    bool reread;        /* read every file again, whatever its times say; stay in the generation */
    bool dry_run;       /* look and count, read and send nothing, write nothing anywhere */
    unsigned patience_s; /* for one call to a file on a network or FUSE mount; 0: the default */
    struct hook_asks pre, post, dumps; /* names of the host's own list; a dry run runs none */
    const char *job, *plan; /* for the environment of these commands; NULL: none */
    const char *ticket; /* job's ticket at the vault; NULL: none */
    /** Of a run that is one of several: asked each second, first whether it may freeze, then (${frozen}) whether it may walk: 1 go
     * on, 0 not yet, <0 it comes to nothing. NULL: it runs alone. */
    int (*together)(void *arg, bool frozen, struct err *e);
    void *together_arg;
    struct clock *clock;
    struct progress *progress; /* may be NULL */
    /** Asked now and then; true ends the run with ZE_CANCELLED. May be NULL. */
    bool (*cancelled)(void *arg);
    void *cancelled_arg;
    /** Told each path that is left out (${pattern} for LEFT_PATTERN) or not read (${why}). May be NULL. */
    void (*left_out)(void *arg, const uint8_t *path, size_t n, enum left left, const char *pattern, const struct err *why);
    void *left_out_arg;
};

struct backup_result {
    uint32_t point;
    uint8_t kind, state; /* enum point_kind, point_state */
    uint64_t files, bytes; /* files and their sizes in the point */
    uint64_t bytes_read, bytes_sent, bytes_stored;
    uint64_t to_read;      /* dry run: files that would be read; bytes_read are their sizes */
    uint64_t unread;       /* paths that could not be read; the run list in the point names them */
    uint64_t kept;         /* files taken over from the parent since they, or what they are in, could not be read */
    uint64_t left[LEFT_N]; /* how many paths were left out or not read, and why */
    struct err hook;       /* the first command that failed although the point was made; id 0: none */
    int64_t started, ended;
    int64_t walked; /* when the walk began; 0: it did not come to that */
};

/**
 * backup_run(cfg, q, out, e):
 * Make one restore point of ${q}. Return 0 with ${out} filled (state tells complete or partial), or <0: no point was made,
 * except when ${e} is ZE_CUT or ZE_TIMEOUT during the commit, where the next run finds out. What was durable by then is not
 * sent again. Blocks; memory is bounded (docs/ARCHITECTURE.md). Locks the state directory: ZE_BUSY when another run is active.
 */
int backup_run(const struct config *cfg, const struct backup_request *q, struct backup_result *out, struct err *e)
    MUST_CHECK;

/** The command `backup [--full] [--dry-run] PATH…`; see command.h for the convention. */
int cmd_backup(int argc, char **argv, struct err *e);

#endif
