/** Listing what a restore point holds: `ls POINT[:/path] [-l] [--json]`. A directory lists what is directly in it; with
 * --recursive all below it. */
#ifndef AGENT_LS_H
#define AGENT_LS_H

#include "base/err.h"

/** See command.h. */
int cmd_ls(int argc, char **argv, struct err *e);

#endif
