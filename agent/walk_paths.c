/* The backup paths: absolute, sorted as the manifest is, each once. One below another is not walked by itself; it is kept,
 * since the other one may stop before it, at a mount point. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "walk_internal.h"
#include "wire/manifest.h"

enum { SPARE_FDS = 64 };

/* By the watch of the mount that the path is on, as far as that is known before it is resolved. */
static char *real_path(struct walk *w, const char *path) {
    bool at;
    buf_reset(&w->path);
    if (*path == '/') buf_put(&w->path, path + 1, strlen(path + 1));
    return watch_real(*path == '/' ? walk_watch(w, false, &at) : NULL, path);
}

static int look(struct walk *w, const char *path, struct stat *st) {
    bool at;
    buf_reset(&w->path);
    buf_put(&w->path, path + 1, strlen(path + 1));
    struct watch *watch = walk_watch(w, false, &at);
    return watch_look(watch, AT_FDCWD, path, at, st);
}

/* Absolute, with its parent resolved and the last component as it is. */
static char *absolute(struct walk *w, const char *path) {
    CLEANUP_FREE char *copy = strdup(path);
    if (!copy) return NULL;
    size_t n = strlen(copy);
    while (n > 1 && copy[n - 1] == '/') copy[--n] = 0;
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0 || !*last) return real_path(w, copy);
    const char *parent = !slash ? "." : slash == copy ? "/" : copy;
    if (slash && slash != copy) *slash = 0;
    CLEANUP_FREE char *dir = real_path(w, parent);
    char *out = NULL;
    if (dir && asprintf(&out, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, last) < 0) out = NULL;
    return out;
}

static int by_path(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    return path_cmp((const uint8_t *)x, strlen(x), (const uint8_t *)y, strlen(y));
}

static bool below(const char *p, const char *dir) {
    size_t n = strlen(dir);
    return strcmp(dir, "/") == 0 || (strncmp(p, dir, n) == 0 && (p[n] == '/' || !p[n]));
}

struct walk *walk_new(char *const *paths, size_t n, const struct dev_ino *skip, size_t skip_n,
    const struct watch_setup *watch, struct err *e) {
    struct walk *w = calloc(1, sizeof *w);
    if (!w || !(w->paths = calloc(n + 1, sizeof *w->paths)) || !(w->nested = calloc(n + 1, sizeof *w->nested)))
        goto nomem;
    w->skip = skip, w->skip_n = skip_n, w->watch = watch, w->enter_fd = -1;
    if (mounts_load(&w->mounts, NULL, e) < 0) goto nomem;
    buf_init(&w->path, 64 << 20);
    buf_init(&w->done, 64 << 20);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        char *p = absolute(w, paths[i]);
        if (p) w->paths[w->paths_n++] = p;
        if (!p || look(w, p, &st) < 0) {
            watch_err(e, _("backup path"));
            snprintf(e->object, sizeof e->object, "%s", paths[i]);
            walk_free(w);
            return NULL;
        }
    }
    qsort(w->paths, w->paths_n, sizeof *w->paths, by_path);
    size_t kept = 0;
    for (size_t i = 0; i < w->paths_n; i++) {
        if (kept && below(w->paths[i], w->paths[kept - 1])) w->nested[w->nested_n++] = w->paths[i];
        else w->paths[kept++] = w->paths[i];
    }
    w->paths_n = kept;
    struct rlimit rl; /* one descriptor for each level */
    if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
        rl.rlim_cur = rl.rlim_max < 65536 ? rl.rlim_max : 65536;
        (void)!setrlimit(RLIMIT_NOFILE, &rl);
    }
    w->depth_max =
        getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur > 2 * SPARE_FDS ? rl.rlim_cur - SPARE_FDS : SPARE_FDS;
    return w;
nomem:
    err_set(e, ZE_NOMEM, NULL, "walk");
    if (w) free(w->paths), free(w->nested);
    free(w);
    return NULL;
}

void walk_free(struct walk *w) {
    if (!w) return;
    while (w->depth) walk_pop(w);
    if (w->enter_fd >= 0) close(w->enter_fd);
    for (size_t i = 0; i < w->mounts.n; i++) watch_free(w->mounts.m[i].watch);
    mounts_free(&w->mounts);
    for (size_t i = 0; i < w->paths_n; i++) free(w->paths[i]);
    for (size_t i = 0; i < w->nested_n; i++) free(w->nested[i]);
    free(w->paths);
    free(w->nested);
    free(w->stack);
    buf_free(&w->path);
    buf_free(&w->done);
    free(w);
}

char *const *walk_paths(const struct walk *w, size_t *n) {
    *n = w->paths_n;
    return w->paths;
}

void walk_choose(struct walk *w, const struct exclude *x, bool cross, bool caches) {
    w->exclude = x, w->cross = cross, w->caches = caches;
}
