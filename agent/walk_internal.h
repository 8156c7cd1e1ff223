/** What walk.c (step after step) and walk_paths.c (the backup paths, beginning and end) share. */
#ifndef AGENT_WALK_INTERNAL_H
#define AGENT_WALK_INTERNAL_H

#include "base/buf.h"
#include "exclude.h"
#include "walk.h"

struct level {
    int fd;
    dev_t dev;        /* its file system: others are not entered */
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
    const struct exclude *exclude;
    bool cross, caches;
    struct level *stack;
    size_t depth, cap;
    struct buf path, done; /* current path; ancestors told so far end with `done` */
    size_t ancestor_at;    /* within the backup path under way: where the next ancestor begins */
    int enter_fd,
        enter_errno; /* a directory that was just told and is entered at the next step, or -1; why it cannot be */
    dev_t enter_dev;
    bool enter_only;
};

/* What is told: something below a backup path, the path itself, a directory above one, or one that is on the way to a backup
 * path below another that stops before it (at a mount point). */
enum role { ROLE_ITEM, ROLE_ROOT, ROLE_ABOVE, ROLE_WAY };

/** walk_pop(w): leave the innermost directory. */
void walk_pop(struct walk *w);

#endif
