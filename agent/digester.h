/**
 * The digest of a file as it lies on the disk, against the one of its entry (FORMAT.md §6): for files that somebody else may have
 * written, in what should be holes too. A second way, not that of what a restore reads back.
 */
#ifndef AGENT_DIGESTER_H
#define AGENT_DIGESTER_H

#include "points.h"
#include "wire/manifest.h"

struct digester;
struct digester *digester_new(struct source *s, const struct opened *o); /* NULL without memory */
void digester_free(struct digester *d);

/** digester_stops(d, stop, arg): when ${stop} is true, digester_same ends with ZE_CANCELLED. */
void digester_stops(struct digester *d, bool (*stop)(void *arg), void *arg);

/** digester_same(d, fd, en, e): 1 when every byte of ${fd} is what ${en} says, holes being zeros; 0 when one is not; <0 when the
 * extent pages of a large file cannot be had, or it is stopped. */
int digester_same(struct digester *d, int fd, const struct entry *en, struct err *e) MUST_CHECK;

#endif
