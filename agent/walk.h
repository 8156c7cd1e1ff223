/**
 * Walking the backup paths in the order of the manifest (FORMAT.md §6): each directory is read whole, its names sorted, then
 * each is looked at by descriptor and name, never by path, so depth and length of paths do not matter. Symbolic links are
 * not followed. One file system for each backup path, unless it is a mount point itself. What is on a network or FUSE mount
 * is looked at through a watch (watch.h), so that a silent server ends neither the walk nor the process.
 */
#ifndef AGENT_WALK_H
#define AGENT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "watch.h"

struct walk;

/** Why something is not in the point, or not as it is now; left_word(l): the word for programs (FORMAT.md §6), left_text(l):
 * the sentence for people, not yet translated. */
enum left {
    LEFT_NOT,
    LEFT_PATTERN, LEFT_OTHER, LEFT_KERNEL, LEFT_MEMORY, LEFT_AUTOMOUNT, LEFT_CACHE, LEFT_OWN, LEFT_LOOP, LEFT_SOCKET,
    LEFT_UNREADABLE, LEFT_VANISHED, LEFT_SILENT, LEFT_CHANGED, LEFT_DUMP, LEFT_HOOK, /* from here on it makes the point partial */
    LEFT_N,
};
const char *left_word(enum left l);
const char *left_text(enum left l);
/** left_by_errno(no): of what could not be looked at or opened. */
enum left left_by_errno(int no);
static inline bool left_on_purpose(enum left l) { return l < LEFT_UNREADABLE; }

struct walk_item {
    const uint8_t *path; /* relative to /, valid until the next step */
    size_t path_len;
    const char *name; /* within dirfd; absolute where dirfd is AT_FDCWD, for a root directory itself */
    int dirfd;
    struct watch *watch; /* to look at it by; NULL: directly */
    struct stat st;
    bool looked;         /* WALK_PROBLEM: the directory itself was told as an item before */
    bool ancestor;       /* only a parent of a backup path */
    enum left left;      /* WALK_SKIPPED: why it is left out; WALK_ITEM: why what is below it is, or LEFT_NOT; WALK_PROBLEM */
    const char *pattern; /* LEFT_PATTERN: the one that fits */
};

enum walk_event {
    WALK_END = 0,
    WALK_ITEM = 1,
    WALK_PROBLEM = 2, /* ${e} says what could not be looked at; path is set; some of what is below it may still come */
    WALK_SKIPPED = 3, /* left out on purpose; path and left are set */
};

/** walk_new(paths, n, skip, skip_n, watch, e): ${paths} are made absolute (their last component is not followed); a path below
 * another one is walked with that one, also when it is a mount point or below one. Directories whose (device, inode) is in
 * ${skip} are not entered. ${watch} is how long to wait for silent mounts; NULL: for ever. ZE_NOTFOUND names a path that is
 * absent. */
struct dev_ino {
    dev_t dev;
    ino_t ino;
};
struct walk *walk_new(char *const *paths, size_t n, const struct dev_ino *skip, size_t skip_n,
    const struct watch_setup *watch, struct err *e);
void walk_free(struct walk *w);

/** walk_choose(w, x, cross, caches): before the first step: leave out what ${x} (may be NULL, stays the caller's) says; with
 * ${cross} enter other file systems too, except those of mounts.h that hold nothing to restore; with ${caches} leave out what
 * is in directories with a CACHEDIR.TAG. */
struct exclude;
void walk_choose(struct walk *w, const struct exclude *x, bool cross, bool caches);

/** walk_paths(w, n): the absolute paths, sorted. */
char *const *walk_paths(const struct walk *w, size_t *n);

/** walk_next(w, item, e): an enum walk_event, or <0 without memory or when the run is to end. */
int walk_next(struct walk *w, struct walk_item *item, struct err *e) MUST_CHECK;

#endif
