/**
 * SSH by libssh2, and the only door to it: one connection, one exec channel, one ed25519 key on each side.
 *
 * Methods are set explicitly (curve25519-sha256, ssh-ed25519, aes-ctr, hmac-sha2, no compression). The server's raw host key
 * is compared with the pinned one after the handshake and before anything is sent about the user; every outcome but
 * equality ends the connection. The user's private key is not here: the caller's function signs the one request.
 *
 * Until ssh_open returns everything together has ${timeout_ms}; afterwards nothing blocks. Only a server that never lets
 * libssh2 wait (endless lines before its banner) is beyond that: the caller keeps an alarm. Memory is bounded whatever the
 * server sends; a network that has gone silent ends the connection after 90 seconds.
 */
#ifndef WRAP_SSH_H
#define WRAP_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { SSH_KEY = 32, SSH_SIG = 64 };

struct ssh;

struct ssh_target {
    const char *host, *user;
    unsigned port;
    uint8_t host_key[SSH_KEY], user_key[SSH_KEY]; /* raw public keys: the pinned one, ours */
    int timeout_ms;
    /** Sign ${n} bytes: 0, or -1 (the connection ends with ZE_AUTH). */
    int (*sign)(void *arg, const uint8_t *p, size_t n, uint8_t sig[SSH_SIG]);
    void *arg;
};

/**
 * ssh_connect(to, out, e): resolve and connect; not a byte is read yet. ssh_adopt: the same with a connected socket, which
 * becomes ${out}'s when that succeeds. ZE_UNREACHABLE, ZE_TIMEOUT. ${to} has to live until ssh_open has returned. No file is
 * needed from here on.
 */
int ssh_connect(const struct ssh_target *to, struct ssh **out, struct err *e) MUST_CHECK;
int ssh_adopt(int fd, const struct ssh_target *to, struct ssh **out, struct err *e) MUST_CHECK;

/**
 * ssh_open(s, e): handshake, check, authenticate, open a session channel and ask for a command (the server's forced command
 * wins). Once, and nothing but ssh_free after an error: ZE_UNREACHABLE, ZE_TIMEOUT, ZE_METHODS, ZE_HOSTKEY, ZE_AUTH,
 * ZE_REFUSED.
 */
int ssh_open(struct ssh *s, struct err *e) MUST_CHECK;
void ssh_free(struct ssh *s); /* without a farewell; NULL is fine */

/** ssh_fd: the socket, to be polled for ssh_wants (POLLIN, POLLOUT or both) when a call gave SSH_AGAIN. */
int ssh_fd(const struct ssh *s);
short ssh_wants(const struct ssh *s);

/**
 * ssh_read, ssh_read_err (standard error), ssh_write: bytes moved (> 0), SSH_AGAIN, SSH_END (reading: the other side has sent
 * all), or SSH_FAIL with ${e} (ZE_CUT). After SSH_AGAIN from ssh_write the same bytes have to be offered again. Who reads has room for
 * SSH_READ bytes at ${p}, always as many: see ssh.c.
 */
enum { SSH_END = 0, SSH_FAIL = -1, SSH_AGAIN = -2, SSH_READ = 64 << 10 };
ssize_t ssh_read(struct ssh *s, void *p, struct err *e);
ssize_t ssh_read_err(struct ssh *s, void *p, struct err *e);
ssize_t ssh_write(struct ssh *s, const void *p, size_t n, struct err *e);
/** ssh_write_end: no more bytes from us: 1 done, SSH_AGAIN, SSH_FAIL. */
int ssh_write_end(struct ssh *s, struct err *e);
/** ssh_status: the exit status of the command, when it has come; else -1. */
int ssh_status(struct ssh *s);

#endif
