/**
 * The tree below a restore's target. Every name is reached from the target's descriptor with openat2 (beneath, no
 * symbolic links, no magic links), or component by component with O_NOFOLLOW where the kernel has none: whatever a
 * manifest says and whoever exchanges directories meanwhile, nothing outside is opened. Paths are relative, without a
 * slash in front.
 */
#ifndef AGENT_RESTORE_TREE_H
#define AGENT_RESTORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct tree {
    int fd; /* the target */
    bool no_openat2;
    struct buf parent; /* path of the directory that is open, NUL-terminated when parentfd >= 0 */
    int parentfd;
    uint64_t tmp; /* the next temporary name */
};

enum { TREE_NAME_MAX = 256, TREE_TMP_MAX = 48 };

/** tree_open(t, dir, must_be_empty, e): open (make, if missing) the directory ${dir}. ZE_TARGET when it has to be empty
 * and is not. tree_close releases. */
int tree_open(struct tree *t, const char *dir, bool must_be_empty, struct err *e) MUST_CHECK;
void tree_close(struct tree *t);

/**
 * tree_parent(t, path, n, make, name, e):
 * The descriptor of the directory above ${path}, which stays the tree's and is valid until the next call, and in
 * ${name} the last component. With ${make} missing directories are made with mode 0700. <0 with ${e} (ZE_NOTFOUND,
 * ZE_IO, …).
 */
int tree_parent(
    struct tree *t, const char *path, size_t n, bool make, char name[TREE_NAME_MAX], struct err *e) MUST_CHECK;

/** tree_dir(t, path, n, e): a new descriptor of the directory ${path} itself (the target for the empty path). */
int tree_dir(struct tree *t, const char *path, size_t n, struct err *e) MUST_CHECK;

/** tree_tmp(t, out): a fresh temporary name, ".zaibei-restore-" and digits that begin at random. */
void tree_tmp(struct tree *t, char out[TREE_TMP_MAX]);

/** tree_publish(dirfd, tmp, name, replace, e): give ${tmp} its name: 0 if done, 1 if ${name} exists and ${replace} is
 * false (the temporary name is gone then too), <0 on error. Either way it appears whole or not at all. */
int tree_publish(
    int dirfd, const char *tmp, const char *name, bool replace, const char *path, struct err *e) MUST_CHECK;

#endif
