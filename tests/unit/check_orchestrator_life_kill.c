/* A whole life of a plan, and kill -9 at each single system call by which the catalog is written: what is there afterwards
 * can be read, is the state before or after an act, and goes on from there. The calls are SQLite's own: the functions below
 * stand in for libc's in this program, for its libraries too. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "make_orchestrator_plan.h"
#include "dying.h"
#include "suite.h"

#define PLAN(rest)                                                                                                    \
    "name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental}\nretention_days: " rest \
    "\n"

static int64_t fake_now(struct clock *c) { return (int64_t)1795392000 * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64];
static struct config cfg = {.zone = "UTC", .deadlines = {2, 3, 5}};
static struct daemon d;

static void open_all(void) {
    struct err e = ERR_INIT;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
}

static void setup(void) {
    struct err e = ERR_INIT;
    const char *shm =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* no disk has to spin: a process dies, not the power */
    snprintf(dir, sizeof dir, "%s/check_kill.XXXXXX", shm);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
}

static void teardown(void) {
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* ---- the life: each act says whether the state that is there allows it ---- */

static bool submit(const char *text) {
    struct plan p;
    struct version v;
    struct err e = ERR_INIT;
    if (plan_parse("p", text, strlen(text), "UTC", &p, &e) < 0) return false;
    int rc = decide_submit(&d, &plan_applicant, &p, text, false, &v, &e);
    plan_free(&p);
    return rc == 0;
}

static bool act(int a) {
    static const struct retirement r = {.reason = "over", .keep_backups = true};
    struct version v;
    struct err e = ERR_INIT;
    bool office = a == LIFE_REVIEW || a == LIFE_APPROVE || a == LIFE_REJECT;
    const struct principal *who = office ? &plan_office : &plan_applicant;
    return (a == LIFE_RETIRE ? decide_retire(&d, who, "p", &r, &v, &e)
                             : decide_act(&d, who, a, "p", 0, "because", &v, &e)) == 0;
}

enum { STEPS = 10 };

static bool step(int n) {
    static const int acts[STEPS] = {-1, LIFE_REVIEW, LIFE_APPROVE, -2, LIFE_REVIEW, LIFE_APPROVE, LIFE_SUSPEND,
        LIFE_RESUME, LIFE_RETIRE, LIFE_APPROVE};
    return acts[n] == -1 ? submit(PLAN("30")) : acts[n] == -2 ? submit(PLAN("60")) : act(acts[n]);
}

/* How many steps have happened: each leaves its own record. */
static int done(void) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT count(*) FROM audit WHERE who<>'zaibeid'", "");
    int n = db_next(r) ? (int)db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

/* The catalog after ${n} steps, by everything that a step changes. */
static void print_all(char *out, size_t cap) {
    static const char *const queries[] = {
        "SELECT name||version||state||leaving||drop_points||applied_ns||hash FROM plans ORDER BY version",
        "SELECT id||version||act||state||who||text FROM plan_steps ORDER BY id", "SELECT line FROM audit ORDER BY n",
        "SELECT plan||host FROM reach", "SELECT plan||place||reason FROM retirements",
        "SELECT id||kind FROM orders ORDER BY id"};
    size_t n = 0;
    db_begin(d.db);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct db_rows *r = db_query(d.db, queries[i], "");
        while (db_next(r)) n += (size_t)snprintf(out + n, cap - n, "%s\n", db_text(r, 0));
        db_done(r);
    }
    struct err e = ERR_INIT;
    ck_assert_msg(db_commit(d.db, &e) == 0, "%s", e.msg);
}

/* faults: A7 */
START_TEST(a_killed_process_leaves_the_state_before_or_after_an_act) {
    static char want[STEPS + 1][16000], got[16000];
    int kills = 0, stride = getenv("ZAIBEI_SOAK") ? 1 : 3;
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* zaibeid's log */
    open_all();
    for (int i = 0; i <= STEPS; i++) {
        print_all(want[i], sizeof want[i]);
        if (i < STEPS) ck_assert_msg(step(i), "step %d", i);
    }
    db_close(d.db);
    for (int n = 1;; n += stride) {
        teardown();
        setup();
        open_all(); /* what making the schema leaves when it is killed is the matter of check_db */
        db_close(d.db);
        pid_t pid = fork();
        if (!pid) {
            open_all();
            left = n;
            for (int i = 0; i < STEPS; i++)
                if (!step(i)) _exit(9);
            _exit(0);
        }
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "at call %d: %d", n, WEXITSTATUS(status));
        open_all();
        int at = done();
        ck_assert_int_ge(at, 0);
        print_all(got, sizeof got);
        ck_assert_msg(
            !strcmp(got, want[at]), "killed at call %d, after step %d:\n%s\ninstead of\n%s", n, at, got, want[at]);
        for (int i = at; i < STEPS; i++) ck_assert_msg(step(i), "killed at call %d: step %d is refused", n, i);
        db_close(d.db);
        if (!WIFSIGNALED(status)) break;
        kills++;
    }
    printf("killed at %d calls\n", kills);
    ck_assert_int_gt(kills, 8 * STEPS);
}
END_TEST

int main(void) {
    Suite *s = suite_create("life-kill");
    TCase *t = tcase_create("kill");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_killed_process_leaves_the_state_before_or_after_an_act);
    suite_add_tcase(s, t);
    return suite_run(s);
}
