/** The digest of a file as it lies on the disk, against the one of its entry (FORMAT.md §6): a second way, not the restore's. */
#ifndef AGENT_WORKER_DIGEST_H
#define AGENT_WORKER_DIGEST_H

#include "points.h"
#include "wire/manifest.h"

struct digester;
struct digester *digester_new(struct source *s, const struct opened *o); /* NULL without memory */
void digester_free(struct digester *d);

/** digester_same(d, fd, en, e): 1 when every byte of ${fd} is what ${en} says, holes being zeros; 0 when one is not; <0 when the
 * extent pages of a large file cannot be had. */
int digester_same(struct digester *d, int fd, const struct entry *en, struct err *e) MUST_CHECK;

#endif
