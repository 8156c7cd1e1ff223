/** Following a restore (cmd_restore.c, and whoever begins one). */
#ifndef CLI_RESTORE_WATCH_H
#define CLI_RESTORE_WATCH_H

#include "cli.h"

/** restore_watch(c, id, e): show how far its hosts are until it has ended; with --kit give a grant to each that waits for one. The
 * exit code that tells its state. restore_print: the whole of it, for people. */
int restore_watch(struct cli *c, int64_t id, struct err *e);
void restore_print(const struct js *j);

#endif
