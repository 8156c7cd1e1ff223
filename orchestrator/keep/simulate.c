/* Runs and passes in the order of time. The points that are there are a list of their own, so that a pass costs what is there
 * and not what has ever been. */
#include "keep/simulate.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400 };

struct work {
    const struct simulation *s;
    struct simulated *all;
    struct keep_point *alive;
    size_t all_n, alive_n;
};

static struct simulated *of(struct work *w, int64_t number) { return &w->all[number]; }

/* Points are known by their place in ${all} while the simulation runs. */
static void add(struct work *w, const struct keep_point *p, bool existing) {
    w->all[w->all_n] = (struct simulated){.point = *p, .existing = existing};
    w->alive[w->alive_n] = *p;
    w->alive[w->alive_n++].number = (int64_t)w->all_n++;
}

static void judge(struct work *w, int64_t now_s) {
    keep_judge(w->s->rules, w->s->zone, now_s, w->alive, w->alive_n);
    for (size_t i = 0; i < w->alive_n; i++)
        if (w->alive[i].why) of(w, w->alive[i].number)->point.why = w->alive[i].why;
}

static void pass(struct work *w, int64_t now_s) {
    size_t left = 0, most = keep_at_once(w->alive_n);
    judge(w, now_s);
    for (size_t i = 0; i < w->alive_n; i++) {
        if (w->alive[i].why || !most) w->alive[left++] = w->alive[i];
        else of(w, w->alive[i].number)->gone_s = now_s, most--;
    }
    w->alive_n = left;
}

static struct keep_point point_of(const struct simulation *s, const struct run *run, bool first) {
    return (struct keep_point){.time_s = run->start_s,
        .floor_s = run->start_s + s->floor_s,
        .labels = run->labels,
        .complete = true,
        .kind = first ? RUN_FULL : run->kind};
}

static int play(struct work *w, struct simulation *s) {
    struct run run;
    int64_t passes = (s->now_s / DAY_S + 1) * DAY_S;
    for (int64_t at = s->now_s; calendar_next(s->schedule, s->zone, s->table, at, &run) && run.start_s <= s->until_s;) {
        for (; passes <= run.start_s; passes += DAY_S) pass(w, passes);
        if (w->all_n == SIMULATE_POINTS_MAX) {
            s->until_s = at;
            break;
        }
        struct keep_point p = point_of(s, &run, !w->alive_n);
        add(w, &p, false);
        at = run.start_s;
    }
    for (; passes <= s->until_s; passes += DAY_S) pass(w, passes);
    judge(w, s->until_s);
    return w->all_n == SIMULATE_POINTS_MAX;
}

int keep_simulate(struct simulation *s, const struct keep_point *existing, size_t n, struct simulated **out,
    size_t *out_n, struct err *e) {
    struct work w = {.s = s};
    if (n > SIMULATE_POINTS_MAX) n = SIMULATE_POINTS_MAX;
    w.all = calloc(SIMULATE_POINTS_MAX, sizeof *w.all);
    w.alive = calloc(SIMULATE_POINTS_MAX, sizeof *w.alive);
    int rc = w.all && w.alive ? 0 : err_set(e, ZE_NOMEM, "simulate", "points");
    for (size_t i = 0; rc == 0 && i < n; i++) add(&w, &existing[i], true);
    if (rc == 0) rc = play(&w, s);
    free(w.alive);
    if (rc < 0) free(w.all), w.all = NULL;
    *out = w.all, *out_n = w.all_n;
    return rc;
}
