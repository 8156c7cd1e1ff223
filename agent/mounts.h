/**
 * What is mounted here (/proc/self/mountinfo), and what that means for a backup. It is read from the kernel's list and never
 * by looking at a mount, since looking at one whose server is silent may never end.
 */
#ifndef AGENT_MOUNTS_H
#define AGENT_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum mount_kind {
    MOUNT_LOCAL,     /* disks of this machine, and all that is not named below */
    MOUNT_FOREIGN,   /* network and FUSE: its server may be silent */
    MOUNT_PSEUDO,    /* shows the state of the kernel or of a program: nothing in it can be restored */
    MOUNT_MEMORY,    /* devtmpfs, and tmpfs at or below /dev and /run: gone with the next boot */
    MOUNT_AUTOMOUNT, /* opening it would mount something */
};

struct watch;
struct mount {
    char *point; /* absolute */
    size_t n;
    dev_t dev;
    enum mount_kind kind;
    struct watch *watch; /* MOUNT_FOREIGN, once it was needed; the walk's */
};

struct mounts {
    struct mount *m;
    size_t n, cap, foreign;
}; /* foreign: how many of them */

/** mounts_load(m, file, e): read ${file} (NULL: /proc/self/mountinfo); without it there are no mounts, and all is local.
 * <0 without memory. mounts_free releases all but the watches. */
int mounts_load(struct mounts *m, const char *file, struct err *e) MUST_CHECK;
void mounts_free(struct mounts *m);

/** mounts_at(m, path, n): what is mounted at exactly this path (without leading slash), the topmost, or NULL.
 * mounts_over: what the path is in. */
struct mount *mounts_at(const struct mounts *m, const uint8_t *path, size_t n);
struct mount *mounts_over(const struct mounts *m, const uint8_t *path, size_t n);

/** mount_kind_of(type, source, point): by the file system's type as mountinfo has it. */
enum mount_kind mount_kind_of(const char *type, const char *source, const char *point);

#endif
