/** The vault's unix sockets, whatever the length of the path to its directory. */
#ifndef VAULT_DOOR_H
#define VAULT_DOOR_H

#include <sys/types.h>

#include "base/err.h"

/** door_listen(dirfd, name, mode, e): a listening socket at ${name} (in place of a dead one). door_connect:
 * connected, trying again for ${wait_ms} while nobody listens; ZE_UNREACHABLE then. Both return a descriptor. */
int door_listen(int dirfd, const char *name, mode_t mode, struct err *e) MUST_CHECK;
int door_connect(int dirfd, const char *name, int wait_ms, struct err *e) MUST_CHECK;

#endif
