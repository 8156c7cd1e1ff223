/**
 * The way to the vault: `zaibei-vault control` on a pipe (PROTOCOL.md §5), started when it is first needed, kept, and
 * started again when it has died. Threads take turns; a call blocks up to 60 s.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <pthread.h>

#include "sys/proc.h"
#include "wrap/json.h"

struct control {
    const char *const *argv;
    struct proc proc;
    pthread_mutex_t lock;
};

void control_init(struct control *c, const char *const *argv);
void control_release(struct control *c);

/**
 * control_call(c, request, answer, e):
 * One question, which stays the caller's; ${answer} is to be freed. An operation may be asked twice when the helper died in
 * between: all of §5 are idempotent but `token`, where a second token is harmless. Return 0, or <0: the vault's error, or
 * ZE_UNREACHABLE when the command cannot be started, ends or stays silent.
 */
int control_call(struct control *c, const struct js *request, struct js **answer, struct err *e) MUST_CHECK;

#endif
