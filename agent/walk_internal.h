/** What walk.c (step after step) and walk_paths.c (the backup paths, beginning and end) share. */
#ifndef AGENT_WALK_INTERNAL_H
#define AGENT_WALK_INTERNAL_H

#include "base/buf.h"
#include "exclude.h"
#include "mounts.h"
#include "walk.h"

struct level {
    int fd;
    dev_t dev;        /* its file system: others are not entered */
    ino_t ino;
    struct watch *watch;
    bool only;        /* only a way to backup paths below: other names are passed over */
    struct buf arena; /* names, each with its NUL */
    uint32_t *at;     /* offsets of the names, sorted */
    size_t n, cap, next, path_len;
};

struct walk {
    char **paths, **nested; /* nested: below another backup path; they matter where that one would stop */
    size_t paths_n, path_next, nested_n, depth_max;
    const struct dev_ino *skip;
    size_t skip_n;
    struct mounts mounts;
    const struct watch_setup *watch;
    const struct exclude *exclude;
    bool cross, caches;
    struct level *stack;
    size_t depth, cap;
    struct buf path, done; /* current path; ancestors told so far end with `done` */
    size_t ancestor_at;    /* within the backup path under way: where the next ancestor begins */
    int enter_fd,
        enter_errno; /* a directory that was just told and is entered at the next step, or -1; why it cannot be */
    dev_t enter_dev;
    ino_t enter_ino;
    bool enter_only;
    struct watch *enter_watch;
};

/* What is told: something below a backup path, the path itself, a directory above one, or one that is on the way to a backup
 * path below another that stops before it (at a mount point). */
enum role { ROLE_ITEM, ROLE_ROOT, ROLE_ABOVE, ROLE_WAY };

/** walk_push(w, e): read and sort the names of the directory that was opened last, and be in it. WALK_ITEM when it could be
 * read, WALK_PROBLEM (what was read of it comes), or <0. walk_pop(w): leave the innermost directory. */
int walk_push(struct walk *w, struct err *e) MUST_CHECK;
void walk_pop(struct walk *w);

/** walk_watch(w, within, at): the watch for the current path if it lies on a foreign mount, else NULL; ${within}: it is in the
 * innermost directory of the stack; *at: it is the mount point.
 * walk_closed(w, item, dev): why a directory is not entered: by what stat and the mounts say (${dev}: the file system it
 * should be on). walk_closed_inside: by what is in it. */
struct watch *walk_watch(struct walk *w, bool within, bool *at);
enum left walk_closed(const struct walk *w, const struct walk_item *item, dev_t dev);
enum left walk_closed_inside(const struct walk *w, int fd, struct watch *watch, bool new_file_system);

#endif
