/* Years of a vault in one process. The orchestrator's own calendar says when a run is due, the vault's own keeper and acts
 * carry it out; clock, faults and the disk are ours, and all chance comes from one seed: ZAIBEI_SEED=N plays year N alone.
 * Answers are lost, calls fail, the power goes (crash_state.h), the clock jumps, people pin and remove.
 *
 * The oracle is a list kept beside: at the end of each quarter every point that was acknowledged and not removed reads back
 * exactly, no pin has become shorter, and nothing was ever removed before its floor or pin, or while time was in doubt. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acts.h"
#include "calendar/calendar.h"
#include "clockwatch.h"
#include "crash_seam.h"
#include "crash_state.h"
#include "crash_vault.h"
#include "suite.h"
#include "unit_place.h"

enum { POINTS_MAX = 1200, FLOOR_DAYS = 92, YEARS = 20, YEARS_SOAK = 1000 };

struct year {
    uint64_t random, seed;
    struct mini_clock clock;
    struct vault v;
    struct mini m;
    bool open, doubtful;
    char dir[128], cut[128], broken[256];
    struct mini_point told[POINTS_MAX];
    size_t told_n;
    struct fate {
        int64_t since, pinned; /* a point: not before it was made; its pin that was told, or asked for */
    } fate[POINTS_MAX];        /* of each of told[] */
    uint16_t upload;
    unsigned runs, cuts, failures, lost, jumps, pins, removals, refused;
};

static bool chance(struct year *y, unsigned one_in) { return crash_random(&y->random) % one_in == 0; }

static void wrong(struct year *y, const char *what, const struct err *e) {
    if (!*y->broken) snprintf(y->broken, sizeof y->broken, "%s: %.80s: %.120s", what, e->object, e->msg);
}

static void leave(struct year *y) {
    if (y->open) mini_close(&y->m);
    y->open = false;
}

static bool arrive(struct year *y) {
    struct err e = ERR_INIT;
    if (y->open) return true;
    y->open = mini_open(&y->m, &y->v, HOST, &e) == 0;
    if (!y->open) mini_close(&y->m), wrong(y, "a session", &e);
    return y->open;
}

/* The keeper begins again, with what is on the disk. */
static void restart(struct year *y) {
    struct err e = ERR_INIT;
    leave(y);
    vault_close(&y->v);
    if (vault_open(&y->v, y->dir, &y->clock.clock, &e) < 0) wrong(y, "open", &e);
}

static int backup_steps(struct year *y, uint8_t kind, uint8_t page[SEAL_HASH], bool *asked, struct mini_point *done,
    struct err *e) {
    const struct mini_shape shape = {1, 2};
    int rc = mini_begin(&y->m, kind, y->upload, e);
    if (rc == 0) rc = mini_packs(&y->m, &shape, e);
    if (rc == 0) rc = mini_used(&y->m, &shape, page, e);
    *asked = rc == 0;
    return rc < 0 ? rc : mini_commit(&y->m, y->upload, page, done, e);
}

static int swap_in(void *arg, const struct crash_point *p) {
    struct year *y = arg;
    crash_remove(y->dir);
    return rename(y->cut, y->dir) == 0 ? 1 : -1;
}

/* The power goes somewhere in what was recorded: one of its states is the disk from now on. */
static void power_cut(struct year *y, struct crash_log *log) {
    struct crash_options o = {.cap = 4, .torn = 1, .seed = crash_random(&y->random), .only = UINT64_MAX};
    uint64_t states = 0;
    leave(y);
    vault_close(&y->v);
    (void)crash_states(log, &o, y->cut, swap_in, y, &states);
    o.only = 1 + crash_random(&y->random) % states;
    if (crash_states(log, &o, y->cut, swap_in, y, NULL) != 1) snprintf(y->broken, sizeof y->broken, "no state was made");
    struct err e = ERR_INIT;
    if (vault_open(&y->v, y->dir, &y->clock.clock, &e) < 0) wrong(y, "open after a power cut", &e);
    y->cuts++;
}

/* One run; whatever comes between, the agent asks again until it knows. */
static void run(struct year *y, uint8_t kind) {
    static const char *const kinds[] = {"write", "fsync", "link", "open"};
    struct err e = ERR_INIT;
    struct mini_point done;
    struct crash_log log;
    uint8_t page[SEAL_HASH];
    bool asked = false, cut = chance(y, 50), fails = !cut && chance(y, 20);
    y->runs++, y->upload++;
    if (!arrive(y)) return;
    if (cut) crash_record(&log, y->dir);
    if (fails) crash_fail(kinds[crash_random(&y->random) % 4], 1 + crash_random(&y->random) % 24, EIO), y->failures++;
    int rc = backup_steps(y, kind, page, &asked, &done, &e);
    crash_fail(NULL, 0, 0);
    crash_stop();
    if (cut) {
        power_cut(y, &log); /* before the answer */
        crash_log_free(&log);
        rc = -1;
    } else if (rc == 0 && chance(y, 30)) y->lost++, rc = -1;
    if (rc < 0) {
        leave(y);
        struct err why = ERR_INIT;
        if (!arrive(y)) return;
        rc = asked ? mini_commit(&y->m, y->upload, page, &done, &why) : -1;
        if (rc < 0) rc = backup_steps(y, kind, page, &asked, &done, &e);
    }
    if (rc < 0) {
        wrong(y, "the next run after a fault", &e);
        return;
    }
    y->fate[y->told_n].since = y->clock.now;
    y->told[y->told_n++] = done;
}

/* A point of the list that is not gone, or told_n. */
static size_t pick(struct year *y, bool oldest) {
    size_t at = oldest ? 0 : crash_random(&y->random) % (y->told_n ? y->told_n : 1);
    while (at < y->told_n && y->told[at].what == TOLD_REMOVED) at++;
    return at;
}

static void pin(struct year *y) {
    struct err e = ERR_INIT;
    struct mini_point done;
    char until[32];
    size_t at = pick(y, false);
    if (at >= y->told_n) return;
    int64_t day = y->clock.now / NS_PER_DAY + 1 + (int64_t)(crash_random(&y->random) % 500), year;
    unsigned month, mday;
    civil_date(day, &year, &month, &mday);
    snprintf(until, sizeof until, "%04d-%02u-%02uT00:00:00Z", (int)year, month, mday);
    if (mini_pin(&y->v, HOST, y->told[at].point, until, &done, &e) < 0) {
        wrong(y, "a pin", &e);
        return;
    }
    if (done.until > y->fate[at].pinned) y->fate[at].pinned = done.until;
    y->pins++;
}

static void removal(struct year *y) {
    struct err e = ERR_INIT;
    struct mini_point done;
    size_t at = pick(y, !chance(y, 4));
    if (at >= y->told_n) return;
    if (mini_remove(&y->v, HOST, y->told[at].point, &done, &e) < 0) {
        y->refused++;
        if (e.id != ZE_RETAINED) wrong(y, "a removal", &e);
        return;
    }
    const struct fate *f = &y->fate[at];
    if (y->doubtful || y->clock.now < f->since + FLOOR_DAYS * NS_PER_DAY || y->clock.now < f->pinned)
        snprintf(y->broken, sizeof y->broken, "point %u was removed too early", y->told[at].point);
    y->told[at] = done;
    y->removals++;
}

/* The keeper looks at the clock, as it does all the time. */
static void watch(struct year *y) {
    struct clock_reading last = {0};
    struct err e = ERR_INIT;
    if (clockwatch(&y->v, &last, &e) < 0) wrong(y, "the clock", &e);
}

/* Somebody moves the clock; days later somebody puts it right and confirms it. */
static void clock_moves(struct year *y) {
    struct err e = ERR_INIT;
    if (!y->doubtful && chance(y, 90)) {
        y->clock.moved = NS_PER_DAY * (int64_t)(1 + crash_random(&y->random) % 3650) * (chance(y, 2) ? 1 : -1);
        y->doubtful = true, y->jumps++;
        watch(y);
    } else if (y->doubtful && chance(y, 8)) {
        y->clock.moved = 0;
        watch(y);
        if (act_confirm_alone(&y->v, &e) < 0) wrong(y, "confirm", &e);
        y->doubtful = false;
    } else watch(y);
}

static void judge(struct year *y) {
    static struct mini_point all[2 * POINTS_MAX];
    struct err e = ERR_INIT;
    size_t points, alive = 0, n = y->told_n;
    leave(y);
    memcpy(all, y->told, n * sizeof *all);
    for (size_t i = 0; i < y->told_n; i++) {
        if (y->told[i].what != TOLD_POINT) continue;
        alive++;
        if (y->fate[i].pinned)
            all[n++] = (struct mini_point){.what = TOLD_PIN, .point = y->told[i].point, .until = y->fate[i].pinned};
    }
    if (mini_judge(&y->v, HOST, all, n, &points, &e) < 0) wrong(y, "promises", &e);
    else if (points != alive) snprintf(y->broken, sizeof y->broken, "%zu points instead of %zu", points, alive);
}

static void year_play(struct year *y, struct schedule *s, const struct zone *z) {
    int64_t start = y->clock.now / NS_PER_S, quarter = start + 91 * 86400;
    struct run due;
    for (int64_t at = start; !*y->broken && calendar_next(s, z, NULL, at, &due) && due.start_s < start + 365 * 86400;) {
        at = due.start_s;
        y->clock.now = (at + (int64_t)(crash_random(&y->random) % (uint64_t)(due.end_s - at))) * NS_PER_S;
        clock_moves(y);
        if (chance(y, 60)) restart(y);
        run(y, due.kind == RUN_FULL ? KIND_FULL : KIND_INCREMENTAL);
        if (!y->doubtful && chance(y, 25)) pin(y);
        if (chance(y, 6)) removal(y);
        if (at > quarter) judge(y), quarter += 91 * 86400;
    }
    if (!*y->broken) judge(y);
}

/* 0 when every promise was kept. */
static int year_run(struct year *y, uint64_t seed) {
    static const char *const zones[] = {"Asia/Shanghai", "Europe/Berlin", "UTC"};
    struct err e = ERR_INIT;
    *y = (struct year){.random = seed, .seed = seed};
    struct schedule s = {.daily = RUN_INCREMENTAL, .weekly = RUN_FULL, .monthly = chance(y, 2) ? RUN_FULL : RUN_NONE,
        .window_start_min = (unsigned)(crash_random(&y->random) % 1440), .window_len_min = 60,
        .weekly_day = 1 + (unsigned)(crash_random(&y->random) % 7), .monthly_day = 31};
    struct zone *z = zone_open(zones[crash_random(&y->random) % 3], &e);
    ck_assert_ptr_nonnull(z);
    snprintf(y->dir, sizeof y->dir, "%s/vault", place);
    snprintf(y->cut, sizeof y->cut, "%s/cut", place);
    crash_remove(y->dir);
    mini_clock_init(&y->clock, (1700000000 + (int64_t)(crash_random(&y->random) % 300000000)) * NS_PER_S);
    int rc = vault_init(y->dir, &y->clock.clock, &y->v, &e);
    if (rc == 0) rc = mini_enrol(&y->v, HOST, &e);
    ck_assert_msg(rc == 0, "%s: %s", e.object, e.msg);
    year_play(y, &s, z);
    leave(y);
    vault_close(&y->v);
    zone_free(z);
    if (*y->broken) fprintf(stderr, "year %llu (ZAIBEI_SEED=%llu plays it again), run %u: %s\n",
        (unsigned long long)seed, (unsigned long long)seed, y->runs, y->broken);
    return *y->broken != 0;
}

/* faults: A5 A8 A9 A17 D1 D3 D4 */
START_TEST(years) {
    const char *seed = getenv("ZAIBEI_SEED"), *count = getenv("ZAIBEI_YEARS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    unsigned n = count ? (unsigned)atoi(count) : seed ? 1 : getenv("ZAIBEI_SOAK") ? YEARS_SOAK : YEARS;
    struct year *y = calloc(1, sizeof *y), sum = {0};
    ck_assert_ptr_nonnull(y);
    for (unsigned i = 0; i < n; i++) {
        ck_assert_msg(year_run(y, first + i) == 0, "a promise was broken, see above");
        sum.runs += y->runs, sum.cuts += y->cuts, sum.failures += y->failures, sum.lost += y->lost;
        sum.jumps += y->jumps, sum.pins += y->pins, sum.removals += y->removals, sum.refused += y->refused;
    }
    printf("figure: simulated years: %u: %u runs, %u power cuts, %u calls failed, %u answers lost, %u jumps of the clock, %u pins, "
           "%u removals, %u refused\n", n, sum.runs, sum.cuts, sum.failures, sum.lost, sum.jumps, sum.pins, sum.removals,
        sum.refused);
    ck_assert_uint_ge(sum.removals, n);
    free(y);
    suite_done(place_remove);
}
END_TEST

int main(void) {
    Suite *s = suite_create("sim_years");
    TCase *t = tcase_create("years");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 7200);
    tcase_add_exit_test(t, years, 0);
    suite_add_tcase(s, t);
    return suite_run(s);
}
