/** Giving up files, programs and the network (Landlock, seccomp): what serve does before it has to understand a byte.
 * */
#ifndef VAULT_CONFINE_H
#define VAULT_CONFINE_H

#include "base/err.h"

/**
 * confine_to(dirfd, e):
 * From here on this process can open, make, write and remove files below ${dirfd} only (-1: nowhere); descriptors it
 * has or is passed keep working, unix sockets too; it can start nothing. Return 0, or 1 where the kernel cannot do
 * all of it, or <0.
 */
int confine_to(int dirfd, struct err *e) MUST_CHECK;

#endif
