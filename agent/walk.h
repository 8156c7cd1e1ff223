/**
 * Walking the backup paths in the order of the manifest (FORMAT.md §6): each directory is read whole, its names sorted, then
 * each is looked at by descriptor and name, never by path, so depth and length of paths do not matter. Symbolic links are
 * not followed. One file system for each backup path, unless it is a mount point itself.
 */
#ifndef AGENT_WALK_H
#define AGENT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

struct walk;

struct walk_item {
    const uint8_t *path; /* relative to /, valid until the next step */
    size_t path_len;
    const char *name; /* within dirfd; "." for a root directory itself */
    int dirfd;
    struct stat st;
    bool ancestor;   /* only a parent of a backup path */
    const char *why; /* WALK_SKIPPED: why it is left out; WALK_ITEM: why what is below it is left out, or NULL */
};

enum walk_event {
    WALK_END = 0,
    WALK_ITEM = 1,
    WALK_PROBLEM = 2, /* ${e} says what could not be looked at; path is set */
    WALK_SKIPPED = 3, /* left out on purpose; path and why are set */
};

/** walk_new(paths, n, skip, skip_n, e): ${paths} are made absolute (their last component is not followed); a path below another
 * one is walked with that one, also when it is a mount point or below one. Directories whose (device, inode) is in ${skip} are not entered. ZE_NOTFOUND names a path that is absent. */
struct dev_ino {
    dev_t dev;
    ino_t ino;
};
struct walk *walk_new(char *const *paths, size_t n, const struct dev_ino *skip, size_t skip_n, struct err *e);
void walk_free(struct walk *w);

/** walk_choose(w, x, cross, caches): before the first step: leave out what ${x} (may be NULL, stays the caller's) says; with
 * ${cross} enter other file systems too, except those that only show the kernel's state; with ${caches} leave out what is in
 * directories with a CACHEDIR.TAG. */
struct exclude;
void walk_choose(struct walk *w, const struct exclude *x, bool cross, bool caches);

/** walk_paths(w, n): the absolute paths, sorted. */
char *const *walk_paths(const struct walk *w, size_t *n);

/** walk_next(w, item, e): an enum walk_event, or <0 without memory. */
int walk_next(struct walk *w, struct walk_item *item, struct err *e) MUST_CHECK;

#endif
