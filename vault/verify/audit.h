/** An export of the orchestrator's audit (FORMAT.md §11), computed again, and compared with what a vault has seen of it. */
#ifndef VERIFY_AUDIT_H
#define VERIFY_AUDIT_H

#include "verify.h"

struct audit_opts {
    const char *file; /* the export; "-": standard input */
    FILE *in;         /* read this in place of opening it; NULL: open it */
    /* A vault that has witnesses; its anchor; the audit's public key in hex; or NULL. */
    const char *vault, *anchor, *key;
};

/**
 * audit_run(o, r, e):
 * Read the export to its end. The first record that does not fit is a finding (ZE_AUDITBAD) with its number, and ends the
 * computing; where the audit and the vault disagree is one too (ZE_AUDITFORK). <0 when there is nothing to judge: ZE_NOTFOUND,
 * ZE_IO, ZE_NEWER, ZE_USAGE for what is no export. Memory: one line of at most 1 MiB, and 80 bytes for each witness.
 */
int audit_run(const struct audit_opts *o, struct report *r, struct err *e) MUST_CHECK;

#endif
