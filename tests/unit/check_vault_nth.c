/* The n-th call of a kind fails, for every n, while a vault is written to: write, fsync, link, unlink, open, memory. Who asked
 * gets an error with a number, or is told that it is done and then it is; when the fault is over the next run succeeds
 * by itself, and nothing that was acknowledged is lost. An fsync that failed is never believed later: what it was for is
 * written anew. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "crash_seam.h"
#include "crash_state.h"
#include "crash_vault.h"
#include "suite.h"
#include "unit_place.h"

static const struct fault {
    const char *kind;
    int error;
    unsigned step; /* outside of a soak each so-many-th place is tried */
} faults[] = {
    {"write", ENOSPC, 1},
    {"write", EIO, 1},
    {"fsync", EIO, 1},
    {"link", EIO, 1},
    {"unlink", EIO, 1},
    {"open", EMFILE, 2},
    {"malloc", ENOMEM, 5},
};

struct attempt {
    const struct scenario *scenario;
    const struct fault *fault;
    unsigned long n;
    const struct world *start;
    const char *dir;
    bool met; /* the n-th call came */
};

static int complain(const struct attempt *t, const char *when, const struct err *e) {
    fprintf(stderr, "%s, call %lu of %s fails: %s: %s: %s\n", t->scenario->name, t->n, t->fault->kind, when, e->object,
        e->msg);
    return 1;
}

static int act_here(struct attempt *t, struct world *w, struct err *e) {
    crash_fail(t->fault->kind, t->n, t->fault->error);
    int rc = t->scenario->act(w, e);
    t->met = crash_calls() >= t->n;
    crash_fail(NULL, 0, 0);
    return rc;
}

/* Without memory for a few bytes of JSON the process ends: the keeper's processes may, each has one connection. What was
 * told until then holds. */
static int act_apart(struct attempt *t, struct world *w, struct err *e) {
    struct shared {
        bool met;
        struct world w;
    } *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct vault own = w->v;
    int status = 0;
    ck_assert_ptr_ne(s, MAP_FAILED);
    s->met = true, s->w = *w;
    pid_t child = fork();
    if (child == 0) {
        s->w.clock.clock = w->clock.clock;
        int rc = act_here(t, &s->w, e);
        s->met = t->met;
        /* A full buffer cannot tell that it was memory that it did not get: ZE_INTERNAL is a name here. */
        _exit(rc == 0 || (e->id && *e->msg) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    t->met = s->met;
    *w = s->w, w->v = own;
    munmap(s, sizeof *s);
    bool well = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGABRT;
    return well ? 0 : err_set(e, ZE_INTERNAL, HOST, "status %x", (unsigned)status);
}

/* A vault that was just made from what was recorded. */
static int one_try(void *arg, const struct crash_point *p) {
    struct attempt *t = arg;
    struct world w = *t->start;
    struct err e = ERR_INIT, why = ERR_INIT;
    if (vault_open(&w.v, t->dir, &w.clock.clock, &e) < 0) return complain(t, "open", &e);
    int rc = t->fault->error == ENOMEM ? act_apart(t, &w, &why) : act_here(t, &w, &why);
    vault_close(&w.v);
    if (rc < 0 && (!why.id || !*why.msg || why.id == ZE_INTERNAL)) return complain(t, "an error without a name", &why);
    if (rc < 0 && !t->met) return complain(t, "an error without a cause", &why);
    return recover(&w, t->dir, NEXT, &e) < 0 ? complain(t, "afterwards", &e) : 0;
}

/* Every place where a call of this kind is made. */
static unsigned long fault_run(const struct fault *f, const struct scenario *s, const struct world *start,
    const struct crash_log *log, const char *dir) {
    const struct crash_options one = {.cap = 1};
    unsigned long tried = 0, step = getenv("ZAIBEI_SOAK") ? 1 : f->step;
    struct attempt t = {.scenario = s, .fault = f, .n = 1, .start = start, .dir = dir, .met = true};
    for (; t.met; t.n += step, tried++)
        ck_assert_msg(crash_states(log, &one, dir, one_try, &t, NULL) == 0, "see above");
    return tried;
}

/* faults: A24 B1 B3 B6 B7 */
START_TEST(every_call_that_fails) {
    const struct scenario *s = &scenarios[_i];
    struct err e = ERR_INIT;
    struct world start;
    struct crash_log log;
    char dir[128], copy[128];
    unsigned long tried = 0;
    snprintf(dir, sizeof dir, "%s/vault", place);
    snprintf(copy, sizeof copy, "%s/copy", place);
    ck_assert_msg(world_make(&start, s, dir, &e) == 0, "%s: %s", e.object, e.msg);
    vault_close(&start.v);
    crash_record(&log, dir);
    crash_stop();
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
#ifdef __SANITIZE_ADDRESS__
        if (!strcmp(faults[i].kind, "malloc")) continue; /* the sanitizer's own memory */
#endif
        tried += fault_run(&faults[i], s, &start, &log, copy);
    }
    printf("figure: calls made to fail, one at a time (write, fsync, link, unlink, open, memory): %s: %lu\n", s->name, tried);
    crash_log_free(&log);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_nth");
    TCase *t = tcase_create("nth");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 7200);
    tcase_add_loop_test(t, every_call_that_fails, 0, (int)scenarios_n);
    suite_add_tcase(s, t);
    return suite_run(s);
}
