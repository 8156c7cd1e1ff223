/* The list of points is read from the commit records each time: there is no catalogue here that could be wrong. */
#include "points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

static struct point point_of(const struct record *r) {
    const struct rec_commit *c = &r->commit;
    return (struct point){.number = c->point,
        .kind = c->kind,
        .state = c->state,
        .time = r->time,
        .labels = c->labels,
        .files = c->files,
        .bytes = c->bytes,
        .bytes_read = c->bytes_read,
        .bytes_sent = c->bytes_sent,
        .bytes_stored = c->bytes_stored};
}

static int add(void *arg, const struct record *commit, struct err *e) {
    struct points *p = arg;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct point *q = reallocarray(p->p, cap, sizeof *q);
        if (!q) return err_set(e, ZE_NOMEM, NULL, _("list of restore points"));
        p->p = q, p->cap = cap;
    }
    p->p[p->n++] = point_of(commit);
    return 0;
}

int points_load(struct source *s, struct points *out, struct err *e) {
    *out = (struct points){.n = 0};
    if (source_points(s, add, out, e) == 0) return 0;
    points_free(out);
    return -1;
}

void points_free(struct points *p) {
    free(p->p);
    *p = (struct points){.n = 0};
}

static const struct point *by_number(const struct points *p, uint64_t number) {
    for (size_t i = 0; i < p->n; i++)
        if (p->p[i].number == number) return &p->p[i];
    return NULL;
}

static const struct point *by_time(const struct points *p, const char *prefix, size_t *fits) {
    const struct point *found = NULL;
    char text[32];
    *fits = 0;
    for (size_t i = 0; i < p->n; i++) {
        text_time(text, p->p[i].time);
        if (strncmp(text, prefix, strlen(prefix)) != 0) continue;
        found = &p->p[i];
        ++*fits;
    }
    return found;
}

const struct point *points_select(const struct points *p, const char *selector, struct err *e) {
    uint64_t n = 0;
    size_t fits;
    const struct point *found = NULL;
    if (strcmp(selector, "latest") == 0 ||
        (strncmp(selector, "latest~", 7) == 0 && text_u64(selector + 7, SIZE_MAX, &n))) {
        if (n < p->n) return &p->p[p->n - 1 - n];
        err_set(e, ZE_NOPOINT, selector, _("there are %zu restore points"), p->n);
        return NULL;
    }
    if (text_u64(selector, UINT32_MAX, &n)) found = by_number(p, n);
    if (found) return found;
    found = strlen(selector) >= 4 ? by_time(p, selector, &fits) : NULL;
    if (!found) err_set(e, ZE_NOPOINT, selector, _("neither a number nor the beginning of a time that a point has"));
    else if (fits > 1)
        err_set(
            e, ZE_USAGE, selector, _("%zu restore points begin like this; give more of the time, or the number"), fits);
    return found && fits == 1 ? found : NULL;
}

struct opening {
    struct source *s;
    struct opened *out;
    bool found;
};

static int open_root(struct opened *o, const struct rec_commit *c, struct err *e) {
    struct buf b;
    struct sealer *s = sealer_new();
    buf_init(&b, ZB_SEGMENT_MAX);
    int rc =
        s ? root_open(s, o->keys, c->point, c->root, c->root_len, &b, e) : err_set(e, ZE_NOMEM, NULL, _("the root"));
    if (rc == 0) rc = root_get(&o->root, b.p, b.len, e);
    buf_free(&b);
    sealer_free(s);
    return rc;
}

static int open_it(void *arg, const struct record *commit, struct err *e) {
    struct opening *o = arg;
    if (commit->commit.point != o->out->point.number || o->found) return 0;
    o->found = true;
    if (source_keys(o->s, commit, &o->out->keys, e) < 0) return -1;
    return open_root(o->out, &commit->commit, e);
}

int point_open(struct source *s, const char *selector, struct opened *out, struct err *e) {
    struct points all;
    *out = (struct opened){.keys = NULL};
    if (points_load(s, &all, e) < 0) return -1;
    const struct point *p = points_select(&all, selector, e);
    if (p) out->point = *p;
    points_free(&all);
    if (!p) return -1;
    struct opening o = {.s = s, .out = out};
    int rc = source_points(s, open_it, &o, e);
    if (rc == 0 && !o.found) rc = err_set(e, ZE_NOPOINT, selector, _("it was removed just now"));
    if (rc < 0) point_close(out);
    return rc;
}

void point_close(struct opened *o) {
    root_free(&o->root);
    gen_keys_free(o->keys);
    o->keys = NULL;
}
