/* Files that a segment holds whole, as it does most small ones: the worker that has opened the segment makes them, from the
 * temporary name to the name, in the same order of steps as restore_file.c. It does so only as long as there is nothing to tell:
 * whatever goes wrong or is lacking is undone, and the thread of the restore does that file again, and tells. What is for groups,
 * or comes after a file has its name (file flags), is not for workers. While they work nobody else touches these items, and the
 * batch does not grow. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "sys/file.h"

enum { UNDONE_MAX = 64 }; /* where most lack something (an ordinary user's restore) it would all be done twice */

bool whole_fits(const struct run *r, const struct item *it) {
    return !it->failed && !it->linked && !it->large && !it->attrs.has_file_flags && file_one_piece(r, it) &&
        atomic_load(&r->undone) < UNDONE_MAX;
}

/* What the file system gives back is what the point has. */
static bool right(const struct run *r, const struct item *it, int fd, uint8_t *window) {
    uint8_t got[SEAL_HASH];
    struct err ignored = ERR_INIT;
    struct reading f = {.fd = fd,
        .shift = it->block_shift,
        .end = it->size,
        .x = r->batch.extents + it->extents_at,
        .n = it->extents_n};
    if (r->q->compared) return true;
    digest_init(&f.digest, it->block_shift, it->size);
    int rc = reading_hash(&f, window, NULL, NULL, &ignored);
    digest_final(&f.digest, got);
    return rc == 0 && memcmp(got, it->digest, SEAL_HASH) == 0;
}

static bool fill(const struct run *r, const struct item *it, const struct job *j, int fd, const struct opened_segment *s,
    uint8_t *window) {
    char why[400];
    struct err ignored = ERR_INIT;
    return piece_write(s, j->offset, j->len, fd, j->at, &ignored) == 0 && right(r, it, fd, window) &&
        attrs_apply(&it->attrs, &r->batch.keep, fd, why, sizeof why) == 0 &&
        attrs_flags(&it->attrs, fd, why, sizeof why) == 0; /* there are none: before the name is as good as after it */
}

static bool make(const struct run *r, struct tree *t, const struct item *it, const struct job *j,
    const struct opened_segment *s, uint8_t *window) {
    char name[TREE_NAME_MAX], tmp[TREE_TMP_MAX];
    struct err ignored = ERR_INIT;
    const char *path = (const char *)r->batch.keep.p + it->path_at;
    int dir = tree_parent(t, path, it->path_len, false, name, &ignored);
    if (dir < 0) return false;
    tree_tmp(t, tmp);
    int fd = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    /* If interrupted here the temporary name is left, and the next run removes it. */
    bool filled = fill(r, it, j, fd, s, window), taken = close(fd) == 0; /* a file server may refuse its bytes only now */
    if (filled && taken) return tree_publish(dir, tmp, name, it->over, NULL, &ignored) == 0;
    unlinkat(dir, tmp, 0);
    return false;
}

void whole_inside(void *arg, const struct opened_segment *s, uint8_t *window) {
    struct run *r = arg;
    struct batch *b = &r->batch;
    struct tree t;
    tree_view(&t, &r->tree);
    for (size_t k = b->first_job[s->i]; k < b->first_job[s->i + 1]; k++) {
        struct item *it = &b->items[b->jobs[k].item];
        if (!whole_fits(r, it)) continue;
        it->whole = make(r, &t, it, &b->jobs[k], s, window);
        if (!it->whole) atomic_fetch_add(&r->undone, 1);
    }
    tree_close(&t);
}
