/** The record of a drill (FORMAT.md §13): its signature, and whether its verdict follows from its own phases. */
#ifndef VERIFY_DRILL_H
#define VERIFY_DRILL_H

#include "verify.h"

enum { DRILL_BYTES_MAX = 16 << 20 };

struct drill_opts {
    const char *file; /* "-": standard input */
    FILE *in;         /* read this in place of opening it; NULL: open it */
    const char *key;  /* the public key of that zaibeid in hex, or NULL */
};

/**
 * drill_run(o, r, e):
 * Read the file and say what it is: "authentic" when it is signed by ${key}, "self-consistent" when it is signed by the key that
 * it names itself; what does not hold is a finding (ZE_RECORDBAD). <0 when there is nothing to judge: ZE_NOTFOUND, ZE_IO,
 * ZE_NEWER, ZE_USAGE for what is no record.
 */
int drill_run(const struct drill_opts *o, struct report *r, struct err *e) MUST_CHECK;

#endif
