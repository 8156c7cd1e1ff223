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

enum { TREE_NAME_MAX = 256, TREE_TMP_MAX = 64, TREE_FS_MAX = 32 };

struct tree {
    int fd; /* the target */
    bool no_openat2;
    struct buf parent; /* path of the directory that is open, NUL-terminated when parentfd >= 0 */
    int parentfd;
    uint64_t job, tmp; /* temporary names are those of one job, numbered */
    struct tree_fs {   /* file systems that were met below the target; their number, and whether there were more */
        uint64_t dev;
        int fd;
    } fs[TREE_FS_MAX];
    unsigned fs_n;
    bool fs_more;
};

/** tree_open(t, dir, make, e): open (with ${make}: make, if missing) the directory ${dir}; ZE_NOTFOUND. tree_close
 * releases; harmless after a failed open. */
int tree_open(struct tree *t, const char *dir, bool make, struct err *e) MUST_CHECK;
void tree_close(struct tree *t);

/** tree_view(t, of): the same target for another thread, with temporary names of its own; tree_close it. */
void tree_view(struct tree *t, const struct tree *of);

/** tree_is_empty(dirfd, name, but): whether this directory holds nothing, or only ${but} (may be NULL); -1 with errno. */
int tree_is_empty(int dirfd, const char *name, const char *but);

/** tree_by_steps(yes): for tests: behave as on a kernel without openat2. */
void tree_by_steps(bool yes);

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

/** tree_tmp(t, out): a fresh temporary name: ".zaibei-restore-", t->job, a number. tree_sweep(t, dirfd): remove the
 * temporary names of this job from a directory, where an interrupted run has left them; best effort. */
void tree_tmp(struct tree *t, char out[TREE_TMP_MAX]);
void tree_sweep(const struct tree *t, int dirfd);

/** tree_sync(t): put on stable storage what was done in the directories that were opened, on whatever file system they are.
 * <0 with errno, also when something written since the first was opened was lost. */
int tree_sync(const struct tree *t) MUST_CHECK;

/**
 * tree_publish(dirfd, tmp, name, replace, path, e):
 * Give ${tmp} its name: 0 if done, 1 if ${name} exists and ${replace} is false, <0 on error; unless it is 0 the
 * temporary name is gone. It appears whole or not at all. With ${replace} an immutable or append-only file gives way
 * too (and is so again where it has other names), and so does an empty directory; any other directory is ZE_EXISTS.
 */
int tree_publish(
    int dirfd, const char *tmp, const char *name, bool replace, const char *path, struct err *e) MUST_CHECK;

#endif
