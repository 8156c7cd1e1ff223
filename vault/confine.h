/** Giving up the file system (Landlock): what serve does before it looks at the first byte that it has to understand. */
#ifndef VAULT_CONFINE_H
#define VAULT_CONFINE_H

#include "base/err.h"

/**
 * confine_to(dirfd, e):
 * From here on this process can open, make, write and remove files below ${dirfd} only (-1: nowhere); descriptors it has or is passed keep
 * working, unix sockets too. Return 0, or 1 where the kernel cannot do it (nothing has changed but NO_NEW_PRIVS), or <0.
 */
int confine_to(int dirfd, struct err *e) MUST_CHECK;

#endif
