/** Between log.c and log_acts.c only. */
#ifndef VAULT_LOG_ACTS_H
#define VAULT_LOG_ACTS_H

#include "log.h"

enum { UNCERTAIN_S = 300 };

/** log_grow: room for one more element of an array; NULL with ${e} when there is no memory. */
void *log_grow(void *array, size_t n, size_t *cap, size_t size, struct err *e) MUST_CHECK;
/** log_note_acts: take from ${r} what concerns protection and time. */
int log_note_acts(struct host_log *l, const struct record *r, struct err *e) MUST_CHECK;
/** log_append_as_is: log_append without the mark. */
int log_append_as_is(struct host_log *l, struct record *r, struct buf *raw, struct err *e) MUST_CHECK;

#endif
