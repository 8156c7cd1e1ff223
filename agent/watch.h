/**
 * Calls that may never come back. On a network or FUSE mount whose server is silent open, stat, read, and even close wait
 * without end, and once the server has taken the request no signal ends that wait, not SIGKILL either; a process that makes
 * such a call can then not even exit. So on these mounts a helper makes the calls (the hidden command `watch` of this
 * program): it holds no key, no lock, and nothing open but the one file. When it does not answer in time it is left behind,
 * another one takes over, and after WATCH_HUNG_MAX such calls the mount is given up.
 *
 * We hold directories on such a mount open, never files: closing a directory asks no server.
 *
 * Each function is the system call of that name on the helper's side, -1 with errno; ETIMEDOUT when it does not come back or
 * the mount was given up, ECANCELED when the run is to end. Without a watch (NULL), or for a descriptor other than WATCH_FD,
 * it is the plain call.
 */
#ifndef AGENT_WATCH_H
#define AGENT_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "sys/clock.h"

struct watch;
struct progress;

enum { WATCH_FD = INT_MAX, WATCH_HUNG_MAX = 3, WATCH_PATIENCE_S = 60 };

struct watch_setup {
    unsigned patience_s; /* for one call */
    struct clock *clock;
    struct progress *progress;    /* stepped while waiting; may be NULL */
    bool (*cancelled)(void *arg); /* asked while waiting; may be NULL */
    void *cancelled_arg;
};

/** watch_new(s): NULL without memory; the helper starts with the first call. watch_free: NULL is fine; a helper that hangs
 * is left to the kernel. */
struct watch *watch_new(const struct watch_setup *s);
void watch_free(struct watch *w);

/** watch_gave_up(w): nothing more is asked of this mount. False for NULL. */
bool watch_gave_up(const struct watch *w);

/** watch_err(e, what): err_sys, except that ETIMEDOUT becomes ZE_HUNG and ECANCELED ZE_CANCELLED. */
int watch_err(struct err *e, const char *what);

/** watch_look: lstat below ${dirfd}; ${cached}: what the kernel remembers will do, so that the point of a dead mount can be
 * looked at. watch_enter: a directory, as a descriptor of ours. watch_names: getdents64. watch_real: realpath; the caller
 * frees it. */
int watch_look(struct watch *w, int dirfd, const char *name, bool cached, struct stat *st);
int watch_enter(struct watch *w, int dirfd, const char *name);
ssize_t watch_names(struct watch *w, int fd, void *p, size_t n);
char *watch_real(struct watch *w, const char *path);

/** watch_open: for reading, without following a link or waiting for a writer: a descriptor, or WATCH_FD. One at a time. */
int watch_open(struct watch *w, int dirfd, const char *name);
int watch_stat(struct watch *w, int fd, struct stat *st);
ssize_t watch_read(struct watch *w, int fd, void *p, size_t n, off_t at); /* all of it, less only at the end of the file */
off_t watch_seek(struct watch *w, int fd, off_t at, int whence);
int watch_flags(struct watch *w, int fd, int *flags); /* FS_IOC_GETFLAGS */
void watch_close(struct watch *w, int fd);

/** Of the open file, or with ${fd} -1 of the name below ${dirfd}, which is not followed. ${attr} NULL: the names. */
ssize_t watch_xattr(struct watch *w, int fd, int dirfd, const char *name, const char *attr, void *p, size_t n);
ssize_t watch_link(struct watch *w, int dirfd, const char *name, void *p, size_t n);

/** The helper: not for people; see command.h. */
int cmd_watch(int argc, char **argv, struct err *e);

#endif
