/**
 * The first reader of level 1: while a restore goes on, it reads each file that has its name, and compares it with the point. It has
 * a thread and a session of its own. What it found counts only for files that nobody has touched since.
 */
#ifndef AGENT_WORKER_EARLY_H
#define AGENT_WORKER_EARLY_H

#include <sys/stat.h>

#include "points.h"
#include "progress.h"
#include "worker.h"

struct early;

/**
 * early_begin(w, h, s, o, restore):
 * Begin to read the tree of ${h}, in the order of the manifest of ${o}. ${s} is another session than the restore's, and the reader's
 * from here on, but stays the caller's to close, after early_free; ${restore} has what the restore has done, and outlives the reader. NULL
 * without memory or a thread: then all is left to the comparison.
 */
struct early *early_begin(const struct worker *w, const struct worker_host *h, struct source *s, const struct opened *o,
    const struct progress *restore);

/** early_restored(a): the restore has ended; files that are not there now will not come. ${a} may be NULL, here and below. */
void early_restored(struct early *a);

/** early_same(a, nth, st): whether file ${nth} (of the manifest's regular files, from 0), which now looks like ${st}, is known to have
 * the content of the point. Waits until the reader was there; call it after early_restored. */
bool early_same(struct early *a, uint64_t nth, const struct stat *st);

/** early_free(a): end the reader, wherever it is. */
void early_free(struct early *a);

#endif
