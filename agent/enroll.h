/** The command `enroll`: this host gets its keys and its place at a vault. */
#ifndef AGENT_ENROLL_H
#define AGENT_ENROLL_H

#include "base/err.h"

int cmd_enroll(int argc, char **argv, struct err *e);

#endif
