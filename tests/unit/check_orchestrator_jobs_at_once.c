/* Jobs when things happen at once, or when a clock was wrong: what was decided meanwhile holds, no run is made twice, none is forgotten. */
#include "jobs_box.h"

/* The vault may take a minute to refuse a ticket; whoever cancels the job meanwhile was told that it is cancelled. */
START_TEST(a_job_that_is_cancelled_while_its_ticket_is_refused_stays_cancelled) {
    struct err e = ERR_INIT;
    struct job j;
    pthread_t t;
    strcpy(script, "while read -r l; do sleep 0.6; echo '{\"ok\":false,\"error\":{\"id\":1501,\"message\":\"x\"}}'; done");
    apply(PLAN("s", "/srv"));
    now_s += 3600;
    tick();
    ck_assert_int_eq(pthread_create(&t, NULL, calls_in, (void *)(uintptr_t)"h"), 0);
    for (int i = 0; i < 100 && !count_of("SELECT count(*) FROM jobs WHERE ticket<>''"); i++) poll(NULL, 0, 5);
    db_begin(d.db);
    ck_assert(job_get(d.db, 1, &j));
    strcpy(j.state, "cancelled");
    job_put(d.db, &j);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(pthread_join(t, NULL), 0);
    ck_assert_str_eq(jobs(), "cancelled calendar full daily");
}
END_TEST

START_TEST(a_version_that_is_approved_while_the_ticket_is_laid_is_the_one_that_runs) {
    pthread_t t;
    void *given;
    strcpy(script, "while read -r l; do sleep 0.6; echo '{\"ok\":true}'; done");
    apply(PLAN("s", "/srv"));
    now_s += 3600;
    tick();
    ck_assert_int_eq(pthread_create(&t, NULL, calls_in, (void *)(uintptr_t)"h"), 0);
    for (int i = 0; i < 100 && !count_of("SELECT count(*) FROM jobs WHERE ticket<>''"); i++) poll(NULL, 0, 5);
    apply(PLAN("s", "/other"));
    ck_assert_int_eq(pthread_join(t, &given), 0);
    ck_assert_uint_eq((uintptr_t)given, 0);
    ck_assert_int_eq(call_in("h", false), 1);
    ck_assert_int_eq(count_of("SELECT plan_version FROM jobs WHERE state='running'"), 2);
}
END_TEST

/* The file of a zone is away for a moment while the machine's table is updated: the plan is not forgotten for that. */
/* faults: D3 */
START_TEST(a_plan_that_cannot_be_read_for_a_while_is_told_and_runs_again) {
    struct err e = ERR_INIT;
    apply(PLAN("s", "/srv"));
    db_begin(d.db);
    db_exec(d.db, "UPDATE plans SET text=replace(text,'zone: UTC','zone: No/Where')", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    tick();
    tick();
    ck_assert_str_eq(jobs(), "");
    ck_assert_int_eq(count_of("SELECT count(*) FROM notices WHERE kind='plan.unreadable' AND NOT resolved"), 1);
    db_begin(d.db);
    db_exec(d.db, "UPDATE plans SET text=replace(text,'zone: No/Where','zone: UTC')", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    now_s += 3600;
    tick();
    ck_assert_str_eq(jobs(), "queued calendar full daily");
    ck_assert_int_eq(count_of("SELECT count(*) FROM notices WHERE kind='plan.unreadable' AND resolved"), 1);
}
END_TEST

/* What is due next month is worked out again each day: the machine's table of zones may be another one by then. */
START_TEST(no_plan_is_left_alone_for_longer_than_a_day) {
    apply("name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {monthly: full}\n"
          "schedule: {zone: UTC, window: \"01:00-05:00\", monthly_day: 20}\n");
    tick();
    ck_assert_int_eq(count_of("SELECT at_s FROM due") - now_s, 86400);
}
END_TEST

static void jump(int64_t by) { now_s += by, jumped_s += by; }

static void some_ticks(void) {
    for (int i = 0; i < 60; i++) tick();
}

/* A machine wakes up with its clock a year ahead; it is put right after ten minutes, while zaibeid runs or when it does not. */
/* faults: D1 */
START_TEST(a_clock_that_was_a_year_ahead_does_not_end_the_backups) {
    for (int restart = 0; restart < 2; restart++) {
        apply(PLAN("s", "/srv"));
        points(1);
        now_s += 3600;
        some_ticks();
        int id = call_in("h", false);
        ck_assert_int_ne(id, 0);
        result("h", id, "\"state\":\"ok\",\"point\":1");
        jump(365 * 86400);
        some_ticks();
        now_s += 600;
        some_ticks();
        if (restart) close_all();
        jump(-365 * 86400);
        if (restart) open_all();
        some_ticks();
        now_s += 86400 - 600;
        some_ticks();
        id = call_in("h", false);
        ck_assert_int_ne(id, 0);
        result("h", id, "\"state\":\"ok\",\"point\":2");
        ck_assert_int_eq(call_in("h", false), 0);
        ck_assert_int_eq(count_of("SELECT count(*) FROM audit WHERE act='clock.back'"), restart + 1);
        now_s += 86400 - 3600;
    }
}
END_TEST

START_TEST(a_clock_that_was_some_hours_ahead_makes_no_run_twice) {
    apply(PLAN("s", "/srv"));
    points(1);
    some_ticks();
    jump(8 * 3600); /* past the window of tonight */
    some_ticks();
    int id = call_in("h", false);
    ck_assert_int_ne(id, 0);
    result("h", id, "\"state\":\"ok\",\"point\":2");
    jump(-8 * 3600);
    now_s += 3600;
    some_ticks();
    ck_assert_int_eq(call_in("h", false), 0);
    now_s += 86400;
    some_ticks();
    ck_assert_int_ne(call_in("h", false), 0);
}
END_TEST

/* The machine of zaibeid slept, or zaibeid was away: the agents did not. */
START_TEST(a_job_outlives_the_sleep_of_zaibeid) {
    apply(PLAN("s", "/srv"));
    points(1);
    now_s += 3600;
    tick();
    int id = call_in("h", false);
    ck_assert_int_ne(id, 0);
    for (int restart = 0; restart < 2; restart++) {
        if (restart) close_all();
        jump(7200);
        if (restart) open_all();
        tick();
        char q[100];
        snprintf(q, sizeof q, "{\"op\":\"progress\",\"job\":\"%d\",\"phase\":\"walk\"}", id);
        struct js *j = ask("h", q);
        ck_assert(!js_bool(j, "cancel", true));
        js_free(j);
    }
    now_s += LEASE_S + 1; /* but it is not waited for for ever */
    tick();
    ck_assert_int_eq(count_of("SELECT count(*) FROM jobs WHERE state='running'"), 0);
}
END_TEST

/* Who calls in while the ticket of another is on its way to the vault has chosen before that other's job counts as running. */
START_TEST(limits_hold_when_all_call_in_at_once) {
    static char hosts[3][3] = {"ha", "hb", "hc"};
    pthread_t t[3];
    size_t given = 0;
    strcpy(script, "while read -r l; do sleep 0.5; echo '{\"ok\":true}'; done");
    crowd("5");
    cfg.limit_vault = 1, cfg.limit_department = 0;
    for (int i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, calls_in, hosts[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *n;
        ck_assert_int_eq(pthread_join(t[i], &n), 0);
        given += (uintptr_t)n;
    }
    ck_assert_uint_eq(given, 1);
    cfg.limit_vault = 0;
}
END_TEST

int main(void) {
    Suite *suite = suite_create("jobs at once");
    TCase *t = tcase_create("jobs at once");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_job_that_is_cancelled_while_its_ticket_is_refused_stays_cancelled);
    tcase_add_test(t, a_version_that_is_approved_while_the_ticket_is_laid_is_the_one_that_runs);
    tcase_add_test(t, a_plan_that_cannot_be_read_for_a_while_is_told_and_runs_again);
    tcase_add_test(t, no_plan_is_left_alone_for_longer_than_a_day);
    tcase_add_test(t, a_clock_that_was_a_year_ahead_does_not_end_the_backups);
    tcase_add_test(t, a_clock_that_was_some_hours_ahead_makes_no_run_twice);
    tcase_add_test(t, a_job_outlives_the_sleep_of_zaibeid);
    tcase_add_test(t, limits_hold_when_all_call_in_at_once);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
