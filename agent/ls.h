/** Listing what a restore point holds: `ls POINT[:/path] [-l] [--json]`. A directory lists what is directly in it; with
 * --recursive all below it, with --find what fits a pattern (exclude.h) there; with --left-out what is not in the point. For a
 * `--facts` prints what is known of the machine. For a
 * path that is not there the error says why, where the run list or the backup paths tell. */
#ifndef AGENT_LS_H
#define AGENT_LS_H

#include "points.h"

/** See command.h. */
int cmd_ls(int argc, char **argv, struct err *e);

/** facts_print(s, o, e): the host facts of the point (FORMAT.md §6), for people or as one JSON line. ZE_NOTFOUND when it has none. */
int facts_print(struct source *s, const struct opened *o, struct err *e) MUST_CHECK;

#endif
