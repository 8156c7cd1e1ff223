/** The command `key`: what people compare, and recovery kits that are added later. No secret is shown. */
#ifndef AGENT_KEY_H
#define AGENT_KEY_H

#include "base/err.h"

int cmd_key(int argc, char **argv, struct err *e);

#endif
