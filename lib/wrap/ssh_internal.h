/** What ssh.c and ssh_dial.c share. */
#ifndef WRAP_SSH_INTERNAL_H
#define WRAP_SSH_INTERNAL_H

#include <libssh2.h>

#include "wrap/ssh.h"

enum owed { OWED_NOTHING, OWED_READ, OWED_WRITE, OWED_END };

struct ssh {
    int fd;
    const struct ssh_target *to; /* while it is being opened */
    int64_t until_ms;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    enum owed owed;
    size_t held; /* bytes that libssh2 has from us */
    char name[320];
};

/** ssh_clock_ms(): real milliseconds of this process. ssh_wait(s, fd, events, e): until one of them, or s->until_ms:
 * ZE_TIMEOUT. */
int64_t ssh_clock_ms(void);
int ssh_wait(const struct ssh *s, int fd, short events, struct err *e) MUST_CHECK;

/** ssh_dial(s, e): resolve and connect: s->fd. ZE_UNREACHABLE, ZE_TIMEOUT. */
int ssh_dial(struct ssh *s, struct err *e) MUST_CHECK;

#endif
