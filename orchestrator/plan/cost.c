/* The year is simulated once and counted; then each host's sizes are laid over the numbers. A generation is gone
 * when the last of its points is; one of which a point stays to the end never is. What goes at an instant is gone
 * before what comes then. */
#include "plan/cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "calendar/zone.h"
#include "keep/simulate.h"

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S };

/* The end of the generation that begins with run ${i}, and when it is gone (INT64_MAX: not in this year). */
static size_t generation(const struct simulated *list, size_t n, size_t i, int64_t *gone_s) {
    *gone_s = 0;
    for (bool first = true; i < n && (first || list[i].point.kind != RUN_FULL); i++, first = false) {
        int64_t gone = list[i].gone_s ? list[i].gone_s : INT64_MAX;
        if (gone > *gone_s) *gone_s = gone;
    }
    return i;
}

/* What is stored at ${at}, of the first ${known} runs. */
static struct cost_stored stored(const struct simulated *list, size_t n, size_t known, int64_t at) {
    struct cost_stored s = {.fulls = 0};
    int64_t gone;
    for (size_t i = 0, next; i < known; i = next) {
        next = generation(list, n, i, &gone);
        if (gone > at) s.fulls++, s.incrementals += (int64_t)((next < known ? next : known) - i) - 1;
    }
    return s;
}

static int count(struct cost_runs *r, const struct simulated *list, struct err *e) {
    r->after = calloc(r->n + 1, sizeof *r->after);
    if (!r->after) return err_set(e, ZE_NOMEM, "plan", "cost");
    for (size_t i = 0; i < r->n; i++) {
        r->after[i] = stored(list, r->n, i + 1, list[i].point.time_s);
        r->points += !list[i].gone_s;
    }
    r->end = stored(list, r->n, r->n, INT64_MAX - 1);
    return 0;
}

int cost_runs(const struct plan *p, const struct workdays *t, int64_t from_s, struct cost_runs *r, struct err *e) {
    struct simulated *list = NULL;
    *r = (struct cost_runs){.n = 0};
    if (!p->backup) return 0;
    struct zone *z = zone_open(p->zone, e);
    struct simulation s = {.schedule = &p->schedule,
        .zone = z,
        .table = t,
        .rules = &p->keep,
        .floor_s = p->retention_days * DAY_S,
        .now_s = from_s,
        .until_s = from_s + YEAR_S};
    int rc = z && keep_simulate(&s, NULL, 0, &list, &r->n, e) >= 0 ? count(r, list, e) : -1;
    free(list);
    zone_free(z);
    return rc;
}

void cost_runs_free(struct cost_runs *r) {
    free(r->after);
    *r = (struct cost_runs){.n = 0};
}

void plan_cost(const struct cost_runs *r, int64_t full, int64_t incremental, struct cost *c) {
    *c = (struct cost){.runs = (int64_t)r->n, .points = r->points};
    c->year_bytes = r->end.fulls * full + r->end.incrementals * incremental;
    for (size_t i = 0; i < r->n; i++) {
        int64_t bytes = r->after[i].fulls * full + r->after[i].incrementals * incremental;
        if (bytes > c->peak_bytes) c->peak_bytes = bytes;
    }
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
