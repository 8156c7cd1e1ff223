/** Giving up files, programs, other processes and the network (Landlock, seccomp): what serve does before it reads a byte
 * of what the agent sends. */
#ifndef VAULT_CONFINE_H
#define VAULT_CONFINE_H

#include "base/err.h"

/**
 * confine(e):
 * From here on this process has the descriptors it holds and those it is passed, time and memory; it can write no file
 * beyond ZB_PACK_MAX bytes. It opens, makes, removes and lists no file, makes no socket and no connection, starts
 * nothing, and reaches no other process. Cannot be undone. Return 0, or 1 where the kernel cannot do all of it, or <0.
 */
int confine(struct err *e) MUST_CHECK;

#endif
