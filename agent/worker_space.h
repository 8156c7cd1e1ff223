/**
 * The space in which a drill is shut in: namespaces of its own for users, mounts, processes, network, IPC, host name and cgroups.
 * Its root is nobody outside (shifted ids), sees of the machine's files only the system's programs (read-only), a few devices
 * and one directory; its network has no way out; it gains no privileges; it ends with the process that made it.
 */
#ifndef AGENT_WORKER_SPACE_H
#define AGENT_WORKER_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct space {
    const char *dir, *target; /* directories that become /work and /target (NULL: none) */
    uint32_t base, count; /* outside ids base … base + count - 1 are 0 … count - 1 inside; 0: space_ids decides */
    uint64_t memory;      /* most bytes of data of one process; 0: no limit */
    int keep;             /* the one descriptor above 2 that stays open, or -1 */
};

/** space_ids(s, e): fill base and count where they are 0: by /etc/subuid, or for root 1000000 and 1000000. ZE_SPACE. */
int space_ids(struct space *s, struct err *e) MUST_CHECK;

/** space_dir(path, s, e): make a directory of mode 0700 that belongs to the root of the space. An existing one must be
 * empty, or belong to it already. */
int space_dir(const char *path, const struct space *s, struct err *e) MUST_CHECK;

/**
 * space_start(s, inside, arg, e):
 * Run ${inside} as pid 1 of a new space; what it returns is its exit status. Return its pid, or <0 with ${e}: ZE_SPACE where
 * the machine refuses. What fails within the space is told on standard error and ends it with SPACE_FAILED. The caller must have
 * one thread.
 */
enum { SPACE_FAILED = 125 };
pid_t space_start(const struct space *s, int (*inside)(void *arg), void *arg, struct err *e) MUST_CHECK;

/** space_ids_map(s, pid, self, e): give the new user namespace of process ${pid} its ids; with ${self} also our own user and group, as
 * the id after the last. */
int space_ids_map(const struct space *s, pid_t pid, bool self, struct err *e) MUST_CHECK;

/** space_as_root(s, path, work, e): run ${work} as the root of the ids only, with the machine's files, in the directory that ${path} is
 * in and with its last component: its exit status, <0. */
int space_as_root(const struct space *s, const char *path, int (*work)(const char *name), struct err *e) MUST_CHECK;

/** space_devices(at): what programs need below ${at}/dev: null, zero, full, random, urandom, tty, pts, shm. -1 with errno. */
int space_devices(const char *at) MUST_CHECK;

#endif
