/* What plan simulate foretells is what comes to pass: the calendar and the retention engine of the orchestrator, played day by
 * day against the vault's own keeper, log and judgement. The vault refuses nothing that was foretold to go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash_seam.h"
#include "keep/simulate.h"
#include "mini_vault.h"
#include "retention.h"
#include "suite.h"
#include "unit_place.h"

enum { DAY_S = 86400, POINTS_MAX = 1000 };
static const char host[] = "h1";

struct play {
    struct mini_clock clock;
    struct vault v;
    const struct simulation *s;
    unsigned labels[POINTS_MAX + 1], why[POINTS_MAX + 1];
    int64_t made_s[POINTS_MAX + 1], gone_s[POINTS_MAX + 1];
    uint32_t n;
};

static void ok(int rc, const struct err *e) { ck_assert_msg(rc == 0, "%s: %s", e->object, e->msg); }

/* The points as the vault's log has them, judged at vault time; those that nothing keeps are removed. */
static void pass(struct play *p, bool removing) {
    struct err e = ERR_INIT;
    struct host_log log;
    struct mini_point done;
    static struct keep_point list[POINTS_MAX];
    bool doubtful;
    size_t n = 0;
    ok(log_open(&log, &p->v, host, &e), &e);
    struct retention f = retention_facts(&log, NULL);
    for (size_t i = 0; i < log.commits_n; i++) {
        const struct log_commit *c = &log.commits[i];
        if (c->removed) continue;
        list[n++] = (struct keep_point){.number = c->point, .time_s = c->time / 1000000000, .labels = p->labels[c->point],
            .floor_s = retention_until(&f, c).until / 1000000000, .complete = c->state == STATE_COMPLETE};
    }
    int64_t now_s = log_time(&log, &doubtful) / 1000000000;
    log_free(&log);
    ck_assert(!doubtful);
    keep_judge(p->s->rules, p->s->zone, now_s, list, n);
    size_t most = keep_at_once(n);
    for (size_t i = 0; i < n; i++) {
        uint32_t point = (uint32_t)list[i].number;
        if (list[i].why) p->why[point] = list[i].why;
        if (list[i].why || !most || !removing) continue;
        ok(mini_remove(&p->v, host, point, &done, &e), &e);
        p->gone_s[point] = now_s, most--;
    }
}

static void at(struct play *p, int64_t s) { p->clock.now = s * 1000000000; }

static void run(struct play *p, const struct run *r) {
    struct err e = ERR_INIT;
    struct mini_point done;
    const struct mini_shape shape = {1, 1};
    ck_assert_uint_lt(p->n, POINTS_MAX);
    at(p, r->start_s);
    ok(mini_backup(&p->v, host, p->n && r->kind != RUN_FULL ? KIND_INCREMENTAL : KIND_FULL, (uint16_t)(p->n + 1), &shape,
           &done, &e), &e);
    ck_assert_uint_eq(done.point, ++p->n);
    p->labels[p->n] = r->labels, p->made_s[p->n] = r->start_s;
}

static void play(struct play *p, const struct simulation *s, const char *name) {
    struct err e = ERR_INIT;
    char dir[128];
    *p = (struct play){.s = s};
    snprintf(dir, sizeof dir, "%s/%s", place, name);
    mini_clock_init(&p->clock, s->now_s * 1000000000);
    ok(vault_init(dir, &p->clock.clock, &p->v, &e), &e);
    ok(mini_enrol(&p->v, host, &e), &e);
    struct run r;
    int64_t midnight = (s->now_s / DAY_S + 1) * DAY_S;
    for (int64_t now = s->now_s; calendar_next(s->schedule, s->zone, s->table, now, &r) && r.start_s <= s->until_s;
         now = r.start_s) {
        for (; midnight <= r.start_s; midnight += DAY_S) at(p, midnight), pass(p, true);
        run(p, &r);
    }
    for (; midnight <= s->until_s; midnight += DAY_S) at(p, midnight), pass(p, true);
    at(p, s->until_s);
    pass(p, false);
    vault_close(&p->v);
}

static unsigned compare(const char *name, int days, struct schedule s, struct keep_rules r, const char *zone) {
    struct err e = ERR_INIT;
    struct simulated *told;
    size_t n;
    unsigned gone = 0;
    static struct play p;
    struct zone *z = zone_open(zone, &e);
    ck_assert_ptr_nonnull(z);
    int64_t now = civil_days(2026, 11, 23) * DAY_S + 12345;
    struct simulation sim = {.schedule = &s, .zone = z, .rules = &r, .floor_s = 92 * DAY_S, .now_s = now,
        .until_s = now + (int64_t)days * DAY_S};
    ck_assert_int_eq(keep_simulate(&sim, NULL, 0, &told, &n, &e), 0);
    play(&p, &sim, name);
    ck_assert_uint_eq(n, p.n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(told[i].point.time_s, p.made_s[i + 1]);
        ck_assert_msg(told[i].gone_s == p.gone_s[i + 1], "%s: point %zu goes at %lld instead of %lld", name, i + 1,
            (long long)told[i].gone_s, (long long)p.gone_s[i + 1]);
        ck_assert_msg(told[i].point.why == p.why[i + 1], "%s: point %zu: %#x instead of %#x", name, i + 1, told[i].point.why,
            p.why[i + 1]);
        gone += told[i].gone_s != 0;
    }
    free(told);
    zone_free(z);
    return gone;
}

/* faults: D4 */
START_TEST(what_was_foretold_comes_to_pass_in_a_real_vault) {
    struct planned twice = {.kind = RUN_INCREMENTAL, .labels = LABEL_EXTRA, .len_min = 60};
    ck_assert_ptr_null(event_parse("09,21:00", &twice.when));
    struct schedule form = {RUN_INCREMENTAL, RUN_FULL, RUN_FULL, 60, 240, 7, 31},
                    both = {RUN_NONE, RUN_FULL, RUN_NONE, 23 * 60, 240, 3, 1, .events = &twice, .events_n = 1};
    bool soak = getenv("ZAIBEI_SOAK");
    unsigned gone = compare("form", soak ? 400 : 115, form, (struct keep_rules){.daily = 7, .weekly = 4, .monthly = 3}, "Asia/Shanghai");
    if (soak) gone += compare("both", 200, both, (struct keep_rules){.last = 3, .yearly = 1, .within_s = 100 * DAY_S}, "Europe/Berlin");
    printf("%u points went when it was foretold\n", gone);
    ck_assert_uint_gt(gone, 15);
}
END_TEST

int main(void) {
    Suite *s = suite_create("sim_keep");
    TCase *t = tcase_create("keep");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 600);
    tcase_add_test(t, what_was_foretold_comes_to_pass_in_a_real_vault);
    suite_add_tcase(s, t);
    return suite_run(s);
}
