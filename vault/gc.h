/**
 * Collection: what no restore point needs any more leaves the vault. Host by host, under the host's lease and only while
 * no session of it lives; a session that comes ends the work on its host at the next step. What is removed stays for the
 * grace, since a removal may have been a mistake that a look at the log finds out.
 *
 * Interrupted anywhere, nothing that is needed is gone, and the next run finds what is left to do: it looks at what is
 * there, not at what was planned.
 */
#ifndef VAULT_GC_H
#define VAULT_GC_H

#include "log.h"
#include "packs.h"
#include "wrap/json.h"

enum { GC_GRACE_S = 7 * 86400, GC_GRACE_MAX_S = 3650 * 86400, GC_UPLOAD_DAYS = 30 };
/** The lock that shows a collection of a host at work (lock_file): held before its lease is taken. */
#define GC_LOCK "%s.gc"

struct gc_options {
    bool dry_run;
    int64_t grace_s;
};

/** What was found, and (unless dry_run) done, in one generation of one host; or, without a generation, why a host was
 * passed over. All numbers but `packs` and `bytes` are of packs or bytes that no point needs. */
struct gc_report {
    char host[64], generation[HEX_ID]; /* generation "": the whole host */
    uint64_t packs, bytes;             /* all that is there */
    uint64_t deleted, deleted_bytes;   /* packs without anything that is needed */
    uint64_t rewritten, rewritten_bytes; /* packs with less than half of their bytes needed, and what that wins */
    uint64_t pages, temporary;         /* used pages that nothing names */
    uint64_t slack_bytes;              /* stays: in packs of which half or more is needed */
    uint64_t grace_bytes;              /* stays until grace_until: of points that were removed not long ago */
    int64_t grace_until;
    uint64_t upload_bytes; /* stays until upload_until at most: of an upload that is not finished */
    int64_t upload_until;
    bool stopped;   /* the rest is for the next run: a session of the host came */
    struct err why; /* why the host, or part of the generation, was left alone; id 0: nothing was */
};

/**
 * gc_run(v, o, each, arg, e):
 * Collect in all hosts; ${each} gets a report for each generation and each host that was passed over, and what it returns
 * below 0 ends the run. One host's trouble is in its report and stops no other. ZE_BUSY while another collection runs.
 */
int gc_run(struct vault *v, const struct gc_options *o, int (*each)(void *arg, const struct gc_report *r, struct err *e),
    void *arg, struct err *e) MUST_CHECK;

/** gc_json(v, o, out, e): the same for programs: hosts passed over, generations, sums. */
int gc_json(struct vault *v, const struct gc_options *o, struct js *out, struct err *e) MUST_CHECK;

/** gc_due(v, idle): whether the keeper should collect by itself: the last time was a day ago, and it is idle or half a day
 * more has passed; it is noted as done then. gc_daily(v): do it; what goes wrong is said on stderr. */
bool gc_due(struct vault *v, bool idle);
void gc_daily(struct vault *v);

#endif
