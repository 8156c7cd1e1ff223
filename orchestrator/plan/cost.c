/* The year is gone through run by run. A generation is one number and one date; those whose date has passed go. */
#include "plan/cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S };

struct generation {
    int64_t bytes, points, until_s;
};

struct kept {
    struct generation *list;
    size_t n, cap;
    int64_t bytes;
};

/* Generations that nothing protects any more at ${at}; the last, to which runs are added, stays. */
static void expire(struct kept *k, int64_t at_s) {
    size_t out = 0;
    for (size_t i = 0; i < k->n; i++) {
        if (i + 1 < k->n && k->list[i].until_s <= at_s) k->bytes -= k->list[i].bytes;
        else k->list[out++] = k->list[i];
    }
    k->n = out;
}

static bool begin(struct kept *k) {
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 64;
        struct generation *more = realloc(k->list, cap * sizeof *more);
        if (!more) return false;
        k->list = more, k->cap = cap;
    }
    k->list[k->n++] = (struct generation){.bytes = 0};
    return true;
}

void plan_cost(
    const struct plan *p, const struct workdays *t, int64_t from_s, int64_t full, int64_t incremental, struct cost *c) {
    struct kept k = {.list = NULL};
    struct run run;
    int64_t at = from_s, keep_s = p->retention_days * DAY_S;
    *c = (struct cost){.runs = 0};
    while (plan_next(p, t, at, &run) && run.start_s < from_s + YEAR_S) {
        bool whole = run.kind == RUN_FULL || !k.n; /* the first is a full */
        at = run.start_s;
        if (whole && !begin(&k)) break;
        expire(&k, at);
        struct generation *g = &k.list[k.n - 1];
        int64_t bytes = whole ? full : incremental;
        g->bytes += bytes, g->points++, g->until_s = at + keep_s, k.bytes += bytes;
        if (k.bytes > c->peak_bytes) c->peak_bytes = k.bytes;
        c->runs++;
    }
    expire(&k, from_s + YEAR_S);
    for (size_t i = 0; i < k.n; i++) c->points += k.list[i].points;
    c->year_bytes = k.bytes;
    free(k.list);
}

bool cost_size(const char *text, int64_t *out) {
    static const char *const units[] = {"MiB", "GiB", "TiB", "M", "G", "T", "MB", "GB", "TB"};
    static const double bytes[] = {0x1p20, 0x1p30, 0x1p40, 0x1p20, 0x1p30, 0x1p40, 1e6, 1e9, 1e12};
    char unit[8], rest;
    double n;
    if (sscanf(text, "%lf %7[A-Za-z] %c", &n, unit, &rest) != 2 || !isfinite(n) || n <= 0 || n > 1e9) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i]) != 0 || n * bytes[i] > 9e18) continue;
        *out = (int64_t)(n * bytes[i]);
        return true;
    }
    return false;
}
