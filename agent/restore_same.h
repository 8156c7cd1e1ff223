/**
 * What stands in the target already: is it what the point says, may it be changed in place, and the two file flags that
 * are in the way of that. Everything by descriptor.
 */
#ifndef AGENT_RESTORE_SAME_H
#define AGENT_RESTORE_SAME_H

#include "restore_attrs.h"

/** attrs_same(a, keep, fd): whether everything that attrs_apply and attrs_flags would set is so already. */
bool attrs_same(const struct attrs *a, const struct buf *keep, int fd);

/** attrs_foresee(en): the set of enum restore_lack that this process will not be able to set for this entry. */
unsigned attrs_foresee(const struct entry *en);

/** flags_open(dirfd, name): a descriptor of the regular file or directory of this name, never of what a link leads to;
 * -1 with errno. */
int flags_open(int dirfd, const char *name);
/** flags_unlock(fd, was): 1 when it was immutable or append only and is no more (${was}: the flags it had), 0 when it
 * was neither, -1 with errno. flags_relock(fd, was): as it was before, if it still has a name. */
int flags_unlock(int fd, int *was) MUST_CHECK;
void flags_relock(int fd, int was);

#endif
