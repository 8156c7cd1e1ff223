/** Unix sockets below the vault's directory, whatever the length of its path. */
#ifndef VAULT_SOCK_H
#define VAULT_SOCK_H

#include <sys/types.h>

#include "base/err.h"

/** sock_listen(dirfd, name, mode, e): a listening socket at ${name} (in place of a dead one). sock_connect: connected, trying
 * again for ${wait_ms} while nobody listens; ZE_UNREACHABLE then. Both return a descriptor. */
int sock_listen(int dirfd, const char *name, mode_t mode, struct err *e) MUST_CHECK;
int sock_connect(int dirfd, const char *name, int wait_ms, struct err *e) MUST_CHECK;

#endif
