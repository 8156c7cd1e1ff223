/** The keeper as a daemon, and as a child of serve for a vault that its own user drives (dir://). */
#ifndef VAULT_KEEP_H
#define VAULT_KEEP_H

#include "base/err.h"
#include "sys/clock.h"

/** keep_main(dir, clock, e): listen until SIGTERM or SIGINT. ZE_BUSY when another keeper of this vault runs. */
int keep_main(const char *dir, struct clock *clock, struct err *e) MUST_CHECK;

/** keep_fork(dir, clock, e): start a keeper for one connection in a child process: our end of the connection. The
 * child ends with the connection. */
int keep_fork(const char *dir, struct clock *clock, struct err *e) MUST_CHECK;

#endif
