/**
 * Workers: a few threads that run tasks in the order in which they were given. Tasks come back on the line they were given on,
 * in the order in which they are finished; so who owns a stream (upload.h) or a restore (restore.h) stays one thread, and memory
 * is bounded by the number of its tasks.
 */
#ifndef AGENT_POOL_H
#define AGENT_POOL_H

#include <stdbool.h>

#include "wire/segment.h"

/** The first member of what its owner has to be done. ${run} is called by a worker with the worker's own sealer; nobody else may
 * touch what it reads and writes until the task was taken back. */
struct task {
    struct task *next;
    void (*run)(struct task *t, struct sealer *s);
    struct line *line;
};

struct pool;

/** Zero but for ${pool}: no tasks. ${busy}: tasks given and not taken back. Used by one thread. */
struct line {
    struct pool *pool;
    struct task *done;
    unsigned done_n, busy;
};

/** pool_new(workers, e): NULL with ${e}. pool_free: tasks that have begun are waited for, others never run; lines are not used
 * any more after it. */
struct pool *pool_new(unsigned workers, struct err *e);
void pool_free(struct pool *p);

/** line_give(l, t): to be run. line_take(l, least): a list of tasks that are finished, or NULL; waits until there are ${least}, or all
 * that are under way. */
void line_give(struct line *l, struct task *t);
struct task *line_take(struct line *l, unsigned least);

#endif
