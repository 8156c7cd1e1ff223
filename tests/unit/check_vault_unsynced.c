/* Two mishaps in a row: a process is killed right before the n-th fsync, or that fsync fails once and never again; the next
 * process goes on in what it finds, which looks whole and is partly in the kernel's memory only; then the power goes. What
 * the next process acknowledged is there: it believes in no name and in no byte that it has not made durable itself, or
 * whose being there proves that somebody had. For every n, and every moment after the first mishap. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
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
    struct crash_log log;
    struct world world; /* all that was told in the end */
    size_t told_before, from; /* from: operations until the first mishap */
    unsigned long n;
    char dir[128], cut[128];
    uint64_t states;
};

static jmp_buf killed;

/* The act until the n-th fsync; false when it came to its end without one. What the process had open goes with it. */
static bool mishap(struct run *r, bool kill) {
    struct err e = ERR_INIT;
    int first = fcntl(0, F_DUPFD, 3);
    close(first);
    if (setjmp(killed) == 0) {
        crash_fail("fsync", r->n, EIO);
        if (kill) crash_kill(&killed);
        (void)!r->scenario->act(&r->world, &e);
    }
    bool met = crash_calls() >= r->n;
    crash_fail(NULL, 0, 0);
    if (kill && met) close_range((unsigned)first, ~0u, 0);
    return met;
}

static int judge_state(void *arg, const struct crash_point *p) {
    struct run *r = arg;
    struct err e = ERR_INIT;
    struct world w = r->world;
    char text[256];
    if (p->op < r->from) return 0;
    w.told_n = r->told_before + p->acked;
    r->states++;
    if (recover(&w, r->cut, AFTER, &e) == 0) return 0;
    crash_describe(&r->log, p->op, text, sizeof text);
    fprintf(stderr, "%s: fsync %lu, then the power went %s (first mishap after %zu): %s: %s\n", r->scenario->name, r->n,
        text, r->from, e.object, e.msg);
    return 1;
}

/* False when there is no n-th fsync. */
static bool one(struct run *r, bool kill) {
    static const struct crash_options worst = {.cap = 3, .torn = 1, .seed = 7};
    struct err e = ERR_INIT;
    crash_remove(r->dir);
    int rc = world_make(&r->world, r->scenario, r->dir, &e);
    ck_assert_msg(rc == 0, "%s: %s", e.object, e.msg);
    r->told_before = r->world.told_n;
    crash_record(&r->log, r->dir);
    bool met = mishap(r, kill);
    r->from = r->log.n - r->log.base;
    vault_close(&r->world.v);
    if (met) rc = recover(&r->world, r->dir, NEXT, &e);
    crash_stop();
    ck_assert_msg(rc == 0, "%s: fsync %lu: %s: %s", r->scenario->name, r->n, e.object, e.msg);
    if (met) rc = crash_states(&r->log, &worst, r->cut, judge_state, r, NULL);
    crash_log_free(&r->log);
    ck_assert_msg(rc == 0, "a promise was broken, see above");
    return met;
}

/* faults: A5 A22 B7 */
START_TEST(nothing_that_an_earlier_process_left_unsynced_is_built_upon) {
    bool soak = getenv("ZAIBEI_SOAK") != NULL, kill = _i;
    uint64_t states = 0;
#ifdef __SANITIZE_ADDRESS__
    if (kill) return; /* what a killed process held in memory would be taken for a leak */
#endif
    for (size_t i = 0; i < scenarios_n; i++) {
        struct run r = {.scenario = &scenarios[i], .n = soak ? 1 : 1 + (i + (size_t)_i) % 5};
        snprintf(r.dir, sizeof r.dir, "%s/vault", place);
        snprintf(r.cut, sizeof r.cut, "%s/cut", place);
        while (one(&r, kill)) r.n += soak ? 1 : 23;
        states += r.states;
    }
    printf("figure: crash states after an earlier process that %s: %llu\n",
        kill ? "was killed before an fsync" : "met an fsync that failed", (unsigned long long)states);
    ck_assert_uint_gt(states, 100);
    suite_done(place_remove);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_unsynced");
    TCase *t = tcase_create("unsynced");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 7200);
    tcase_add_loop_exit_test(t, nothing_that_an_earlier_process_left_unsynced_is_built_upon, 0, 0, 2);
    suite_add_tcase(s, t);
    return suite_run(s);
}
