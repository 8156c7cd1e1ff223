/** Protection of points as a host's log tells it (FORMAT.md §8): pins, floors, confirms, and whether a removal was allowed. */
#ifndef VERIFY_PROTECT_H
#define VERIFY_PROTECT_H

#include "log.h"
#include "record.h"

/** protect_note(v, l, name, rec, e): take a record of ${l} in its turn. What weakened protection without two approvals is
 * reported as a finding of ${name}. <0 without memory. */
int protect_note(struct verify *v, struct log *l, const char *name, const struct recd *rec, struct err *e) MUST_CHECK;

#endif
