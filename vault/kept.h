/**
 * Second copies (FORMAT.md §8): kept/HOST/N is the same bytes as record N of the host's log, for the records on which a
 * restore point and its protection rest. Whoever finds the record absent or damaged uses the copy.
 */
#ifndef VAULT_KEPT_H
#define VAULT_KEPT_H

#include "log.h"

/** kept_type: whether records of this type have a copy: commit, pin, remove, floor, key. kept_name: the name of the copy. */
bool kept_type(uint8_t type);
void kept_name(char out[STORE_NAME_MAX], const char *host, uint64_t n);

/** kept_follow(l, raw): after record l->next − 1 with the bytes ${raw} was made: its copy, and those before it that are
 * missing. What fails is made up for later: the record itself counts. */
void kept_follow(struct host_log *l, const struct buf *raw);

/** kept_repair(l, made, e): make every missing copy, and every missing record of which there is a copy; ${made} counts
 * them. Safe at any time, beside writers too. */
int kept_repair(struct host_log *l, unsigned *made, struct err *e) MUST_CHECK;

/** records_above(s, dir, than, n, e): the least number of a record in ${dir} that is ${than} or more: 1 and ${n}, 0 when there is none. */
int records_above(struct store *s, const char *dir, uint64_t than, uint64_t *n, struct err *e) MUST_CHECK;

/** kept_next(l, n, e): the least number above l->next that has a record or a copy: 1 and ${n}, 0 when there is none. */
int kept_next(struct host_log *l, uint64_t *n, struct err *e) MUST_CHECK;

#endif
