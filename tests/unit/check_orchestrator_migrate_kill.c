/* A migration's whole life, and kill -9 at each single system call by which the catalog is written: whoever comes
 * after goes on from what is there, no act is lost or done twice, and no window stands in the catalog whose point the
 * vault does not hold. The calls are SQLite's own: the functions below stand in for libc's in this program, for its
 * libraries too. */
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/civil.h"
#include "dying.h"
#include "migrate_box.h"

static bool has(const char *act) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT 1 FROM migration_steps WHERE act=?", "s", act);
    bool found = db_next(r);
    db_done(r);
    db_abort(d.db);
    return found;
}

/* The next thing that people or time do to it, by what is there; false when all is done. */
static bool step(void) {
    static const int acts[CASE_STATES] = {[CASE_NONE] = CASE_BEGIN,
        [CASE_BEGUN] = CASE_JUDGE,
        [CASE_READY] = CASE_CUT,
        [CASE_ENDED] = CASE_CLOSE,
        [CASE_CLOSING] = CASE_APPROVE};
    enum case_state s = state();
    unsigned id = 0;
    if (s == CASE_CLOSED) return false;
    if (s == CASE_WINDOW && !has("extend")) {
        CLEANUP_MIGRATION struct migration m = get();
        if (m.wanted_ns) tick(); /* asked for before the death */
        else id = do_act(&plan_applicant, CASE_EXTEND);
    } else if (s == CASE_WINDOW) {
        id = do_act(&plan_applicant, CASE_ROLL_BACK);
    } else if (acts[s] || s == CASE_NONE) {
        id = do_act(s == CASE_CLOSING ? &plan_office : &plan_applicant, (enum case_act)acts[s]);
    } else {
        if (s == CASE_ROLLED_BACK) say("now", "2027-04-02T00:00:00Z");
        else work_done();
        tick();
    }
    if (id) fprintf(stderr, "%s: ZB-%u\n", case_name(s), id);
    return !id;
}

/* Where the catalog says that a window runs, the vault holds the point at least so long. */
static void check_pin(int n) {
    char path[100], until[64] = "";
    CLEANUP_MIGRATION struct migration m = get();
    int64_t held = 0;
    if (!case_counts(m.state)) return;
    snprintf(path, sizeof path, "%s/pinned", dir);
    FILE *f = fopen(path, "r");
    ck_assert(f && fgets(until, sizeof until, f));
    fclose(f);
    ck_assert_msg(sscanf(until, "\"%40[^\"]\"", path) == 1 && civil_time_get(path, &held), "%s", until);
    ck_assert_msg(held >= m.end_ns, "killed at call %d: the vault holds it until %s", n, path);
}

static void acts_done(char out[1000]) {
    size_t n = 0;
    *out = 0;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT act FROM migration_steps ORDER BY id", "");
    while (db_next(r)) n += (size_t)snprintf(out + n, 1000 - n, "%s ", db_text(r, 0));
    db_done(r);
    db_abort(d.db);
}

/* faults: A7 */
START_TEST(a_killed_zaibeid_is_carried_on_for_and_no_pin_is_lost) {
    static const char want[] = "begin ready cutover pin extend rollback restored end close approve ";
    char got[1000];
    int kills = 0, stride = getenv("ZAIBEI_SOAK") ? 1 : 5;
    for (int n = 1;; n += stride) {
        box_make(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* a process dies, not the power */
        catalog_end();
        pid_t pid = fork();
        if (!pid) {
            catalog_begin();
            left = n;
            while (step()) {}
            _exit(state() == CASE_CLOSED ? 0 : 9);
        }
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "at call %d: %d", n, WEXITSTATUS(status));
        catalog_begin();
        check_pin(n);
        for (int i = 0; i < 60 && state() != CASE_CLOSED; i++) {
            ck_assert_msg(step(), "killed at call %d: refused while %s", n, case_name(state()));
            check_pin(n);
        }
        acts_done(got);
        ck_assert_msg(!strcmp(got, want), "killed at call %d:\n%s\ninstead of\n%s", n, got, want);
        ck_assert_int_eq(number("SELECT count(*) FROM restores"), 1);
        ck_assert_int_eq(number("SELECT count(*) FROM jobs"), 2);
        catalog_end();
        box_remove();
        if (!WIFSIGNALED(status)) break;
        kills++;
    }
    printf("killed at %d calls\n", kills);
    ck_assert_int_gt(kills, 60);
}
END_TEST

int main(void) {
    Suite *s = suite_create("migrate-kill");
    TCase *t = tcase_create("kill");
    tcase_set_timeout(t, 290);
    tcase_add_test(t, a_killed_zaibeid_is_carried_on_for_and_no_pin_is_lost);
    suite_add_tcase(s, t);
    return suite_run(s);
}
