/* Choosing entries: everything, or what is at and below some paths. Directories above a path that was asked for are
 * found one by one and given out as ancestors, so that what is restored does not lie below directories with a
 * stranger's mode. The order stays that of the manifest, which the second pass over directories relies on. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "restore_internal.h"

struct wanted {
    const uint8_t *p;
    size_t n;
};

static struct wanted wanted_of(const char *path) {
    while (*path == '/') path++;
    size_t n = strlen(path);
    while (n && path[n - 1] == '/') n--;
    return (struct wanted){(const uint8_t *)path, n};
}

static int by_path(const void *a, const void *b) {
    const struct wanted *x = a, *y = b;
    return path_cmp(x->p, x->n, y->p, y->n);
}

/* The path below the target: without the first q->strip components. False when nothing is left. */
static bool strip(unsigned count, const char **path, size_t *n) {
    for (; count && *n; count--) {
        const char *slash = memchr(*path, '/', *n);
        size_t drop = slash ? (size_t)(slash - *path) + 1 : *n;
        *path += drop, *n -= drop;
        if (!slash) return false;
    }
    return count == 0;
}

static int give(struct run *r, each_fn fn, struct entry *en, struct err *e) {
    const char *path = (const char *)en->path;
    size_t n = en->path_len;
    if (run_cancelled(r, e) < 0) return -1;
    if (strip(r->q->strip, &path, &n)) return fn(r, en, path, n, e);
    if (en->type == ENT_DIR || fn != r->first_pass) return 0;
    struct err why = ERR_INIT;
    err_set(&why, ZE_USAGE, NULL, _("--strip %u leaves nothing of its path"), r->q->strip);
    return run_problem(r, (const char *)en->path, en->path_len, false, &why, e);
}

/* The entries at and below ${w} (all when it is NULL); with ${only} just the one at ${w}, as an ancestor. */
static int walk(struct run *r, each_fn fn, const struct wanted *w, bool only, struct err *e) {
    struct manifest_walk *m =
        manifest_walk_new(r->s->fetch, r->o->keys, &r->o->root, w ? (const char *)w->p : NULL, w ? w->n : 0);
    struct entry en = {.path = NULL};
    int rc = m ? 1 : err_set(e, ZE_NOMEM, NULL, _("the manifest"));
    while (rc == 1 && (rc = manifest_walk_next(m, &en, e)) == 1) {
        if (w && !path_below(en.path, en.path_len, w->p, w->n)) break;
        if (only && (en.path_len != w->n || en.type != ENT_DIR)) break;
        if (only) en.flags |= EF_ANCESTOR;
        if (give(r, fn, &en, e) < 0) rc = -1;
        if (only) break;
    }
    manifest_walk_free(m);
    return rc < 0 ? -1 : 0;
}

static int ancestors(struct run *r, each_fn fn, const struct wanted *w, const struct wanted *before, struct err *e) {
    for (size_t n = 0; n < w->n; n++) {
        if (w->p[n] != '/') continue;
        struct wanted up = {w->p, n};
        if (before && path_below(before->p, before->n, up.p, up.n)) continue;
        if (walk(r, fn, &up, true, e) < 0) return -1;
    }
    return 0;
}

/* Before anything is made: is the path there? The first entry at or after it tells. */
static int check(struct run *r, const struct wanted *w, struct err *e) {
    const char *path = (const char *)w->p;
    if (!path_ok(w->p, w->n)) return err_set(e, ZE_USAGE, path, _("a path without . and .. is expected"));
    struct manifest_walk *m = manifest_walk_new(r->s->fetch, r->o->keys, &r->o->root, path, w->n);
    struct entry en = {.path = NULL};
    int rc = m ? manifest_walk_next(m, &en, e) : err_set(e, ZE_NOMEM, NULL, _("the manifest"));
    bool there = rc == 1 && path_below(en.path, en.path_len, w->p, w->n);
    manifest_walk_free(m);
    return rc < 0 ? -1 : there ? 0 : err_set(e, ZE_NOPATH, path, _("nothing at or below it"));
}

int each_entry(struct run *r, each_fn fn, struct err *e) {
    size_t n = r->q->paths_n;
    if (n == 0) return walk(r, fn, NULL, false, e);
    struct wanted *w = calloc(n, sizeof *w);
    if (!w) return err_set(e, ZE_NOMEM, NULL, _("paths"));
    for (size_t i = 0; i < n; i++) w[i] = wanted_of(r->q->paths[i]);
    qsort(w, n, sizeof *w, by_path);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n && fn == r->first_pass; i++) rc = check(r, &w[i], e);
    const struct wanted *before = NULL;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (before && path_below(w[i].p, w[i].n, before->p, before->n)) continue; /* given already */
        rc = ancestors(r, fn, &w[i], before, e);
        if (rc == 0) rc = walk(r, fn, &w[i], false, e);
        before = &w[i];
    }
    free(w);
    return rc;
}
