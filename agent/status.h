/** The command `status`: how this host is protected, in one page. */
#ifndef AGENT_STATUS_H
#define AGENT_STATUS_H

#include "base/err.h"

int cmd_status(int argc, char **argv, struct err *e);

#endif
