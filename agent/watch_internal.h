/** What watch.c (asking) and watch_helper.c (doing) say to each other, over a stream socket between two processes of one
 * program: a question with its names and at most one descriptor, an answer with its bytes and at most one descriptor. And
 * the calls themselves, which are made here or there. */
#ifndef AGENT_WATCH_INTERNAL_H
#define AGENT_WATCH_INTERNAL_H

#include <stdint.h>

#include "watch.h"

enum watch_op { W_LOOK, W_ENTER, W_NAMES, W_REAL, W_OPEN, W_STAT, W_READ, W_SEEK, W_FLAGS, W_CLOSE, W_XATTR, W_LINK, W_OPS };

enum { WATCH_NAMES_MAX = 8192, WATCH_BYTES_MAX = 1 << 20, WATCH_SOCKET = 3 };

struct question {
    uint8_t op, has_fd, flag; /* flag: cached; of the open file; a second name (an attribute) follows the first */
    uint32_t names;           /* bytes that follow: one or two names with their NULs */
    int32_t whence;
    uint64_t n; /* room for the answer */
    int64_t at;
};

struct answer {
    int64_t result;
    int32_t error;
    uint32_t bytes; /* that follow */
    struct stat st;
};

enum { Q_CACHED = 1, Q_FILE = 2, Q_ATTR = 4 };

/** watch_send, watch_receive: a head with at most one descriptor (-1: none). 0, or -1: the other side is gone. */
int watch_send(int sock, const void *head, size_t n, int fd);
int watch_receive(int sock, void *head, size_t n, int *fd);

/** The plain calls, with descriptors of the calling process. */
int plain_look(int dirfd, const char *name, bool cached, struct stat *st);
int plain_enter(int dirfd, const char *name);
int plain_open(int dirfd, const char *name);
ssize_t plain_xattr(int fd, int dirfd, const char *name, const char *attr, void *p, size_t n);

#endif
