/* The power goes at every moment of what a vault does, and takes with it every allowed part of what was not synced yet
 * (crash_state.h). Each state that can be left is opened again, as a vault: what was acknowledged is there, byte for
 * byte; what was not is complete or invisible; the agent that was cut asks again and comes to its end; the next backup
 * succeeds. For a part of the states the power goes a second time, at every moment of that recovery.
 *
 * What is recorded are the calls of the product's own store and notes (crash_seam.h), so there is no model of the store
 * that could be right where the store is wrong. The scenarios are the table of crash_vault.c. ZAIBEI_SOAK=1 judges all states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash_seam.h"
#include "crash_state.h"
#include "crash_vault.h"
#include "suite.h"
#include "unit_place.h"

struct run {
    const struct scenario *scenario;
    const struct crash_log *log;
    struct world world;  /* all that was told in the end */
    size_t told_before;
    const char *dir, *again_dir;
    unsigned recoveries; /* during about so many of them the power goes again, wherever it can */
    unsigned again;      /* which means: for each so-many-th state; 0: never */
    uint64_t states, twice;
    bool quiet;
    const struct crash_options *again_options;
    char where[256];
};

static int complain(struct run *r, const struct crash_point *p, const struct err *e) {
    char text[256];
    if (r->quiet) return 1;
    crash_describe(r->log, p->op, text, sizeof text);
    fprintf(stderr, "%s%s: state %llu, the power went %s: %s: %s\n", r->where, r->scenario->name,
        (unsigned long long)p->number, text, e->object, e->msg);
    return 1;
}

static int judge_state(void *arg, const struct crash_point *p);

/* The power goes during the recovery of this state. */
static int again(struct run *r, const struct world *start, const struct crash_point *p) {
    struct crash_log log;
    struct err e = ERR_INIT;
    struct run second = {.scenario = r->scenario, .log = &log, .world = *start, .told_before = start->told_n,
        .dir = r->again_dir, .again_options = NULL};
    crash_record(&log, r->dir);
    int rc = recover(&second.world, r->dir, NEXT, &e);
    crash_stop();
    if (rc < 0) rc = complain(r, p, &e);
    snprintf(second.where, sizeof second.where, "in the recovery of state %llu: ", (unsigned long long)p->number);
    if (rc == 0) rc = crash_states(&log, r->again_options, second.dir, judge_state, &second, &r->twice);
    crash_log_free(&log);
    return rc;
}

static int judge_state(void *arg, const struct crash_point *p) {
    struct run *r = arg;
    struct err e = ERR_INIT;
    struct world w = r->world;
    w.told_n = r->told_before + p->acked;
    
    if (r->again && p->number % r->again == 0) return again(r, &w, p);
    return recover(&w, r->dir, AFTER, &e) < 0 ? complain(r, p, &e) : 0;
}

static int no_visit(void *arg, const struct crash_point *p) { return 0; }

static uint64_t states_count(const struct crash_log *log, const struct crash_options *all, const char *cut) {
    struct crash_options none = *all;
    uint64_t n = 0;
    none.stride = UINT32_MAX;
    ck_assert_int_eq(crash_states(log, &none, cut, no_visit, NULL, &n), 0);
    return n;
}

/* The scenario is played once and recorded; its states are walked with ${all}, those of recoveries with ${few}. */
static int scenario_run(const struct scenario *s, const struct crash_options *all, const struct crash_options *few,
    struct run *r) {
    struct err e = ERR_INIT;
    struct crash_log log;
    char dir[128], cut[128], cut_again[128];
    snprintf(dir, sizeof dir, "%s/vault", place);
    snprintf(cut, sizeof cut, "%s/cut", place);
    snprintf(cut_again, sizeof cut_again, "%s/again", place);
    r->scenario = s, r->log = &log, r->dir = cut, r->again_dir = cut_again, r->again_options = few;
    crash_remove(dir);
    int rc = world_make(&r->world, s, dir, &e);
    ck_assert_msg(rc == 0, "%s: before: %s: %s", s->name, e.object, e.msg);
    r->told_before = r->world.told_n;
    crash_record(&log, dir);
    rc = s->act(&r->world, &e);
    crash_stop();
    vault_close(&r->world.v);
    ck_assert_msg(rc == 0, "%s: %s: %s", s->name, e.object, e.msg);
    if (r->recoveries) r->again = (unsigned)(states_count(&log, all, cut) / r->recoveries + 1);
    rc = crash_states(&log, all, cut, judge_state, r, &r->states);
    crash_log_free(&log);
    return rc;
}

/* faults: A2 A3 A4 A5 A6 A8 A9 A22 B9 */
START_TEST(every_power_cut_keeps_what_was_acknowledged) {
    bool soak = getenv("ZAIBEI_SOAK") != NULL;
    const struct crash_options all = {.cap = soak ? 2000 : 16, .torn = soak ? 64 : 1, .seed = 4},
                               few = {.cap = soak ? 64 : 3, .torn = 1, .seed = 5};
    uint64_t states = 0;
    for (size_t i = 0; i < scenarios_n; i++) {
        struct run r = {.recoveries = soak ? 26 : 1};
        int rc = scenario_run(&scenarios[i], &all, &few, &r);
        ck_assert_msg(rc == 0, "%s: a promise was broken, see above", scenarios[i].name);
        fflush(stdout);
        printf("figure: crash states: %s: %llu, and %llu of a second power cut in the recovery\n", scenarios[i].name,
            (unsigned long long)r.states, (unsigned long long)r.twice);
        states += r.states + r.twice;
    }
    printf("figure: crash states in all: %llu distinct, each recovered from and judged\n", (unsigned long long)states);
    ck_assert_uint_ge(states, soak ? 100000 : 400);
    suite_done(place_remove);
}
END_TEST

/* What the judge is worth: it sees it when the disk only says that it has synced, files or names. */
/* faults: B8 */
START_TEST(a_disk_that_lies_is_found_out) {
    const struct crash_options all = {.cap = 4, .torn = 2, .seed = 6, .lie = _i ? LIE_NAMES : LIE_FILES};
    for (size_t i = 0; i < scenarios_n; i++) {
        struct run r = {.quiet = true};
        ck_assert_msg(scenario_run(&scenarios[i], &all, &all, &r) != 0, "%s", scenarios[i].name);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_crash");
    TCase *t = tcase_create("crash");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 7200);
    tcase_add_exit_test(t, every_power_cut_keeps_what_was_acknowledged, 0);
    suite_add_tcase(s, t);
    t = tcase_create("lies");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 7200);
    tcase_add_loop_test(t, a_disk_that_lies_is_found_out, 0, 2);
    suite_add_tcase(s, t);
    return suite_run(s);
}
