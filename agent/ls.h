/** Listing what a restore point holds: `ls POINT[:/path] [-l] [--json]`. A directory lists what is directly in it; with
 * --recursive all below it, with --find what fits a pattern (exclude.h) there; with --left-out what is not in the point. For a
 * path that is not there the error says why, where the run list or the backup paths tell. */
#ifndef AGENT_LS_H
#define AGENT_LS_H

#include "base/err.h"

/** See command.h. */
int cmd_ls(int argc, char **argv, struct err *e);

#endif
