/* Choosing entries: everything, or what is at and below some paths. Directories above a path that was asked for are
 * found one by one and given out as ancestors, so that what is restored does not lie below directories with a
 * stranger's mode. The order stays that of the manifest, which the second pass over directories relies on. A page of
 * the manifest that is damaged or missing is told once, in the first pass, and what it lists is left out. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
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
    if (r->q->spare && n == strlen(r->q->spare) && !memcmp(path, r->q->spare, n)) return 0;
    if (strip(r->q->strip, &path, &n)) return fn(r, en, path, n, e);
    if (en->type == ENT_DIR || fn != r->first_pass) return 0;
    struct err why = ERR_INIT;
    err_set(&why, ZE_USAGE, NULL, _("--strip %u leaves nothing of its path"), r->q->strip);
    return run_problem(r, (const char *)en->path, en->path_len, &why, e);
}

struct losing {
    struct run *r;
    const struct wanted *w;
    bool tell, again, met;
};

/* A part of the manifest from ${path} on is lost: does that concern what is wanted? */
static int lost(void *arg, const uint8_t *path, size_t n, uint64_t entries, const struct err *why, struct err *e) {
    struct losing *l = arg;
    const struct wanted *w = l->w;
    if (w && !path_below(path, n, w->p, w->n) && path_cmp(path, n, w->p, w->n) > 0) return 0;
    l->met = true;
    if (l->again && l->r->losses-- == 0) { /* it was there in the first pass: nothing that belongs to the vault */
        *e = *why;
        return -1;
    }
    if (!l->tell) return 0;
    l->r->losses++;
    struct err named = ERR_INIT;
    err_set(&named, why->id, NULL, _("%llu entries of the list, from this one on, are lost: %s: %s"),
        (unsigned long long)entries, why->object, why->msg);
    if (entries > 1) l->r->out->missed += entries - 1;
    return run_problem(l->r, n ? (const char *)path : "/", n ? n : 1, &named, e);
}

/* The entries at and below ${w} (all when it is NULL); with ${only} just the one at ${w}, as an ancestor. */
static int walk(struct run *r, each_fn fn, const struct wanted *w, bool only, struct err *e) {
    struct manifest_walk *m =
        manifest_walk_new(r->s->fetch, r->o->keys, &r->o->root, w ? (const char *)w->p : NULL, w ? w->n : 0);
    struct entry en = {.path = NULL};
    struct losing losing = {
        .r = r, .w = w, .tell = fn == r->first_pass && !only, .again = fn != r->first_pass && !only};
    int rc = m ? 1 : err_set(e, ZE_NOMEM, NULL, _("the manifest"));
    if (m) manifest_walk_tolerate(m, lost, &losing);
    while (rc == 1 && (rc = manifest_walk_next(m, &en, e)) == 1) {
        if (w && !path_below(en.path, en.path_len, w->p, w->n)) break;
        if (only && (en.path_len != w->n || en.type != ENT_DIR)) break;
        if (only) en.flags |= EF_ANCESTOR;
        if (give(r, fn, &en, e) < 0) rc = -1;
        if (only) break;
    }
    manifest_walk_free(m);
    if (rc >= 0 && only && losing.met && fn == r->first_pass)
        run_lacks(r, (const char *)w->p, w->n, LACK_OWNER | LACK_MODE, _("its entry in the list is lost"));
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

/* Is the path there? The first entry at or after it tells. */
static int check(struct run *r, const struct wanted *w, struct err *e) {
    const char *path = (const char *)w->p;
    if (!path_ok(w->p, w->n)) return err_set(e, ZE_USAGE, path, _("a path without . and .. is expected"));
    struct manifest_walk *m = manifest_walk_new(r->s->fetch, r->o->keys, &r->o->root, path, w->n);
    struct entry en = {.path = NULL};
    struct losing losing = {.r = r, .w = w};
    if (m) manifest_walk_tolerate(m, lost, &losing);
    int rc = m ? manifest_walk_next(m, &en, e) : err_set(e, ZE_NOMEM, NULL, _("the manifest"));
    bool there = losing.met || (rc == 1 && path_below(en.path, en.path_len, w->p, w->n));
    manifest_walk_free(m);
    if (rc < 0 || there) return rc < 0 ? -1 : 0;
    char object[256] = "/"; /* as it was given */
    text_escape(object + 1, sizeof object - 1, path, w->n);
    return err_set(e, ZE_NOPATH, object, _("nothing at or below it"));
}

/* The paths that were asked for, in the order of the manifest; the caller frees them. */
static struct wanted *sorted(const struct restore_request *q, struct err *e) {
    struct wanted *w = calloc(q->paths_n + 1, sizeof *w);
    if (!w) {
        err_set(e, ZE_NOMEM, NULL, _("paths"));
        return NULL;
    }
    for (size_t i = 0; i < q->paths_n; i++) w[i] = wanted_of(q->paths[i]);
    qsort(w, q->paths_n, sizeof *w, by_path);
    return w;
}

int selection_hash(const struct restore_request *q, uint8_t out[SEAL_HASH], struct err *e) {
    struct wanted *w = sorted(q, e);
    struct hash_state h;
    if (!w) return -1;
    hash_init(&h, NULL);
    hash_update(&h, &q->strip, sizeof q->strip);
    for (size_t i = 0; i < q->paths_n; i++) {
        hash_update(&h, w[i].p, w[i].n);
        hash_update(&h, "", 1);
    }
    hash_final(&h, out);
    free(w);
    return 0;
}

int selection_check(struct run *r, struct err *e) {
    struct wanted *w = sorted(r->q, e);
    int rc = w ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < r->q->paths_n; i++) rc = check(r, &w[i], e);
    free(w);
    return rc;
}

int each_entry(struct run *r, each_fn fn, struct err *e) {
    size_t n = r->q->paths_n;
    if (n == 0) return walk(r, fn, NULL, false, e);
    struct wanted *w = sorted(r->q, e);
    if (!w) return -1;
    int rc = 0;
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
