/* The names of one directory, sorted, in one arena. Reading goes by getdents64 with a buffer of our own, since the directory
 * may have to be read by the helper of a watch. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "walk_internal.h"

enum { NAMES_BYTES = 32 << 10 };

void walk_pop(struct walk *w) {
    struct level *l = &w->stack[--w->depth];
    close(l->fd);
    buf_free(&l->arena);
    free(l->at);
}

static int compare_names(const void *a, const void *b, void *arena) {
    return strcmp((char *)arena + *(const uint32_t *)a, (char *)arena + *(const uint32_t *)b);
}

static int add_name(struct level *l, const char *name, struct err *e) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        uint32_t *p = reallocarray(l->at, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, NULL, "walk");
        l->at = p, l->cap = cap;
    }
    l->at[l->n++] = (uint32_t)l->arena.len;
    buf_put(&l->arena, name, strlen(name) + 1);
    return buf_ok(&l->arena) ? 0 : err_set(e, ZE_NOMEM, NULL, "walk");
}

/* A directory with a name that holds a slash, or with none, is a broken (or hostile) file system's. */
static bool name_ok(const char *name) {
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/');
}

static int read_names(struct level *l, struct err *e) {
    char bytes[NAMES_BYTES] __attribute__((aligned(8)));
    ssize_t got;
    while ((got = watch_names(l->watch, l->fd, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *de = (const struct dirent64 *)(const void *)(bytes + at);
            at += de->d_reclen;
            if (name_ok(de->d_name) && add_name(l, de->d_name, e) < 0) return -1;
        }
    if (got == 0) return WALK_ITEM;
    if (errno == ECANCELED) return watch_err(e, "walk");
    watch_err(e, _("reading the directory"));
    return WALK_PROBLEM;
}

/* A name that is made anew while its directory is read may be told twice. */
static void sort_names(struct level *l) {
    size_t n = 0;
    if (l->n) qsort_r(l->at, l->n, sizeof *l->at, compare_names, l->arena.p);
    for (size_t i = 0; i < l->n; i++)
        if (!n || compare_names(&l->at[n - 1], &l->at[i], l->arena.p) != 0) l->at[n++] = l->at[i];
    l->n = n;
}

int walk_push(struct walk *w, struct err *e) {
    if (w->depth == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        struct level *p = reallocarray(w->stack, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, NULL, "walk");
        w->stack = p, w->cap = cap;
    }
    struct level *l = &w->stack[w->depth++];
    *l = (struct level){.fd = w->enter_fd, .path_len = w->path.len, .dev = w->enter_dev, .ino = w->enter_ino,
        .only = w->enter_only, .watch = w->enter_watch};
    w->enter_fd = -1;
    buf_init(&l->arena, UINT32_MAX);
    int rc = read_names(l, e);
    if (rc >= 0) sort_names(l);
    return rc;
}
