/** Sockets: listening where nobody else does, and connecting. */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H

#include <sys/types.h>

#include "base/err.h"

/**
 * sock_listen(path, mode, e):
 * A listening stream socket at ${path} with these permissions from its first moment; missing parent directories are an
 * error. A socket that somebody answers at is ZE_BUSY; one left behind by a process that died is replaced. Return the
 * descriptor (close-on-exec, non-blocking), or <0 with ${e}.
 */
int sock_listen(const char *path, mode_t mode, struct err *e) MUST_CHECK;

/** sock_listen_net(address, e): a listening TCP socket (close-on-exec, non-blocking) at "192.0.2.1:8443" or "[::]:8443", the latter
 * for IPv4 too where the system does that; or <0 with ZE_CONFIG, ZE_BUSY, ZE_IO. */
int sock_listen_net(const char *address, struct err *e) MUST_CHECK;

/** sock_connect(path, e): a connected stream socket (close-on-exec, blocking), or <0 with ZE_UNREACHABLE. */
int sock_connect(const char *path, struct err *e) MUST_CHECK;

/** sock_ready(): tell who started this service (systemd's Type=notify, sd_notify(3)) that it answers from now on; without
 * $NOTIFY_SOCKET nothing happens. */
void sock_ready(void);

#endif
