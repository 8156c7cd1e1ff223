/* Over several drills. Only green ones have figures; the others are counted. */
#include "drill/trend.h"

#include <stdlib.h>
#include <string.h>

enum { DRILLS_MAX = 10000 };
static const int64_t LONGEST_MS = (int64_t)1 << 53;

static bool green(const struct js *record) { return !strcmp(js_str(record, "verdict", ""), "green"); }

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* ${better}: 1 where more is better, else -1. */
static struct js *figures(const struct js *records, const char *map, const char *key, int better) {
    struct js *j = js_object();
    size_t n = 0, most = js_count(records) < DRILLS_MAX ? js_count(records) : DRILLS_MAX;
    int64_t *v = calloc(most + 1, sizeof *v), last = -1;
    for (size_t i = js_count(records) - most; v && i < js_count(records); i++) {
        int64_t x = green(js_at(records, i)) ? js_int(js_get(js_at(records, i), map), key, -1) : -1;
        if (x >= 0) v[n++] = last = x;
    }
    if (n) {
        qsort(v, n, sizeof *v, by_value);
        js_set_int(j, "last", last);
        js_set_int(j, "best", better > 0 ? v[n - 1] : v[0]);
        js_set_int(j, "worst", better > 0 ? v[0] : v[n - 1]);
        js_set_int(j, "median", v[(n - 1) / 2]);
    }
    free(v);
    return j;
}

struct js *drill_trend(const struct js *records) {
    int64_t greens = 0, reds = 0, row = 0;
    for (size_t i = 0; i < js_count(records); i++) {
        bool ok = green(js_at(records, i)), red = !strcmp(js_str(js_at(records, i), "verdict", ""), "red");
        greens += ok, reds += red;
        row = red ? 0 : row + ok;
    }
    struct js *j = js_object();
    js_set_int(j, "greens", greens);
    js_set_int(j, "reds", reds);
    js_set_int(j, "since_red", row);
    js_set(j, "rto", figures(records, "rto", "ms", -1));
    js_set(j, "rpo", figures(records, "rpo", "ms", -1));
    js_set(j, "bytes_per_s", figures(records, "restore", "bytes_per_s", 1));
    return j;
}

struct drill_forecast drill_forecast(const struct js *record, int64_t bytes, int64_t target_s) {
    const struct js *restore = js_get(record, "restore");
    int64_t speed = js_int(restore, "bytes_per_s", 0), rto = js_int(js_get(record, "rto"), "ms", -1);
    int64_t other = rto - js_int(restore, "ms", 0);
    struct drill_forecast f = {.ms = -1, .goal = target_s ? GOAL_UNMEASURED : GOAL_NO_TARGET};
    if (!green(record) || rto < 0 || speed <= 0 || bytes < 0) return f;
    int64_t whole = bytes / speed;
    f.ms = whole > LONGEST_MS / 1000 ? LONGEST_MS : whole * 1000 + (speed > LONGEST_MS ? 0 : bytes % speed * 1000 / speed);
    if (other > 0) f.ms += other;
    if (target_s) f.goal = f.ms <= target_s * 1000 ? GOAL_MET : GOAL_MISSED;
    return f;
}
