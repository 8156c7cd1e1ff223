/* Scheduler, catalog and agents together, with a clock of our own and a vault that only takes notes. */
#include "jobs_box.h"

/* R14, R20 */
START_TEST(no_more_run_at_once_than_the_vault_and_a_department_may) {
    crowd("5");
    cfg.limit_vault = 2, cfg.limit_department = 0;
    int first = call_in("ha", false);
    ck_assert_int_ne(first, 0);
    ck_assert_int_ne(call_in("hb", false), 0);
    ck_assert_int_eq(call_in("hc", false), 0);
    char q[100];
    snprintf(q, sizeof q, "\"state\":\"ok\",\"point\":1");
    result("ha", first, q);
    ck_assert_int_ne(call_in("hc", false), 0);
    cfg.limit_vault = 0;
}
END_TEST


START_TEST(a_department_has_its_own_limit) {
    crowd("5");
    cfg.limit_vault = 0, cfg.limit_department = 1;
    ck_assert_int_ne(call_in("ha", false), 0);
    ck_assert_int_eq(call_in("hb", false), 0); /* north */
    ck_assert_int_ne(call_in("hc", false), 0); /* south */
    cfg.limit_department = 0;
}
END_TEST

START_TEST(the_last_slot_is_for_the_plan_of_the_higher_priority_while_its_host_calls_in) {
    crowd("9");
    cfg.limit_vault = 1;
    everybody_was_heard();
    ck_assert_int_eq(call_in("ha", false), 0);
    now_s += 1000; /* hb was not heard of for so long that nobody waits for it */
    ck_assert_int_ne(call_in("ha", false), 0);
    cfg.limit_vault = 0;
}
END_TEST

START_TEST(hosts_of_a_plan_are_spread_in_the_first_quarter_of_the_window_each_at_its_place) {
    int64_t least = INT64_MAX, most = 0, sum = 0;
    ck_assert_int_eq(turn_after_s("h", "p", 1, 14400), 0);
    for (int i = 0; i < 1000; i++) {
        char host[16];
        snprintf(host, sizeof host, "h%d", i);
        int64_t t = turn_after_s(host, "p", 1000, 14400);
        ck_assert_int_eq(t, turn_after_s(host, "p", 1000, 14400));
        least = t < least ? t : least, most = t > most ? t : most, sum += t;
    }
    ck_assert(least >= 0 && most < 3600 && least < 100 && most > 3500);
    ck_assert(sum / 1000 > 1600 && sum / 1000 < 2000);
}
END_TEST

/* R21 */
START_TEST(what_waits_when_a_freeze_begins_waits_until_it_is_over_and_a_job_by_hand_does_not) {
    apply("name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n"
          "schedule: {zone: UTC, window: \"22:00-04:00\", freeze: [{from: 2026-11-24, until: 2026-11-25, reason: r}]}\n");
    now_s += 23 * 3600;
    tick();
    ck_assert_str_eq(jobs(), "queued calendar full daily");
    now_s += 3600; /* midnight: its window ends with the day before the freeze */
    tick();
    ck_assert_str_eq(jobs(), "missed calendar full daily; queued catch-up full daily");
    ck_assert_int_eq(call_in("h", false), 0);
    now_s += 86400;
    tick();
    ck_assert_int_eq(call_in("h", false), 0);
    struct job j = {.plan_version = 1, .origin = "manual", .state = "queued", .kind = "full", .labels = "manual", .host = "h", .plan = "p"};
    struct err e = ERR_INIT;
    db_begin(d.db);
    job_add(d.db, &j);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(call_in("h", false), j.id);
    result("h", (int)j.id, "\"state\":\"ok\"");
    now_s += 86400;
    tick();
    ck_assert_int_eq(call_in("h", false), 2);
}
END_TEST

START_TEST(the_first_run_of_a_host_without_points_is_a_full_in_its_window_with_a_ticket_at_the_vault) {
    apply(PLAN("s", "/srv"));
    tick();
    ck_assert_str_eq(jobs(), "");
    ck_assert_int_eq(call_in("h", false), 0);
    now_s += 3600;
    tick();
    ck_assert_str_eq(jobs(), "queued calendar full daily");
    struct js *j = ask("h", "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    const struct js *job = js_at(js_get(j, "jobs"), 0);
    ck_assert_str_eq(js_str(job, "kind", ""), "full");
    ck_assert_str_eq(js_text(js_at(js_get(job, "paths"), 0)), "/srv");
    struct buf b;
    struct err e = ERR_INIT;
    buf_init(&b, 4096);
    ck_assert_int_eq(file_load(AT_FDCWD, notes, 4095, &b, &e), 0);
    struct js *q = js_parse(b.p, b.len, "notes", &e);
    ck_assert_str_eq(js_str(q, "op", ""), "ticket");
    ck_assert_str_eq(js_str(q, "host", ""), "h");
    ck_assert_str_eq(js_str(q, "ticket", "?"), js_str(job, "ticket", ""));
    ck_assert_str_eq(js_text(js_at(js_get(q, "labels"), 0)), "daily");
    ck_assert_str_eq(js_str(q, "retain_until", ""), "2027-02-21T01:00:00Z");
    ck_assert_uint_eq(strlen(js_str(q, "plan_hash", "")), 64);
    result("h", 1, "\"state\":\"ok\",\"point\":1,\"files\":5,\"bytes_read\":7");
    ck_assert_str_eq(jobs(), "ok calendar full daily");
    now_s += 86400;
    tick(); /* before the vault was asked: the point that was just made counts */
    ck_assert_str_eq(jobs(), "ok calendar full daily; queued calendar incremental daily");
    js_free(j), js_free(q), buf_free(&b);
}
END_TEST

/* faults: E4 */
START_TEST(a_run_is_queued_once_whatever_restarts_in_between) {
    apply(PLAN("s", "/srv"));
    points(1);
    now_s += 3600;
    for (int i = 0; i < 3; i++) {
        tick();
        apply(PLAN("s", "/srv"));
        tick();
        close_all();
        open_all();
    }
    apply(PLAN("other", "/srv")); /* a new version does not run the same day again */
    tick();
    ck_assert_str_eq(jobs(), "queued calendar incremental daily");
}
END_TEST


START_TEST(a_host_that_stays_away_has_one_run_waiting_and_no_more) {
    apply(PLAN("s", "/srv"));
    points(1);
    for (int h = 0; h < 60; h++, now_s += 3600) tick();
    ck_assert_str_eq(jobs(),
        "missed calendar incremental daily; skipped catch-up incremental daily; "
        "missed calendar incremental daily; skipped catch-up incremental daily; "
        "missed calendar incremental daily; queued catch-up incremental daily");
}
END_TEST

START_TEST(an_agent_that_falls_silent_loses_its_job_which_is_tried_again_and_fails_at_last) {
    apply(PLAN("s", "/srv"));
    points(1);
    now_s += 3600;
    tick();
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        ck_assert_int_eq(call_in("h", false), 1);
        ck_assert_int_eq(call_in("other", false), 0);
        now_s += LEASE_S + 1;
        tick();
        if (i < ATTEMPTS_MAX - 1) ck_assert_int_eq(call_in("h", false), 0); /* the pause */
        now_s += BACKOFF_MAX_S / 6;
        tick();
    }
    ck_assert_str_eq(jobs(), "failed calendar incremental daily");
}
END_TEST

START_TEST(an_agent_that_is_busy_keeps_its_job_and_one_that_calls_in_idle_has_lost_it) {
    apply(PLAN("s", "/srv"));
    points(1);
    now_s += 3600;
    tick();
    ck_assert_int_eq(call_in("h", false), 1);
    for (int i = 0; i < 10; i++, now_s += LEASE_S - 10) {
        tick();
        ck_assert_int_eq(call_in("h", true), 0);
        ck_assert_str_eq(jobs(), "running calendar incremental daily");
    }
    ck_assert_int_eq(call_in("h", false), 0);
    ck_assert_str_eq(jobs(), "queued calendar incremental daily");
    now_s += BACKOFF_S;
    ck_assert_int_eq(call_in("h", false), 1);
}
END_TEST

START_TEST(without_a_ticket_at_the_vault_no_job_is_handed_out) {
    apply(PLAN("s", "/srv"));
    now_s += 3600;
    tick();
    char good[sizeof script];
    strcpy(good, script);
    strcpy(script, "read -r l; echo '{\"ok\":false,\"error\":{\"id\":1401,\"object\":\"v\",\"message\":\"full\"}}'");
    ck_assert_int_eq(call_in("h", false), 0);
    strcpy(script, "exit 3");
    now_s += BACKOFF_S;
    ck_assert_int_eq(call_in("h", false), 0);
    ck_assert_str_eq(jobs(), "queued calendar full daily");
    strcpy(script, good);
    now_s += BACKOFF_S;
    ck_assert_int_eq(call_in("h", false), 1);
}
END_TEST

START_TEST(a_host_can_speak_of_its_own_jobs_only) {
    apply(PLAN("s", "/srv"));
    now_s += 3600;
    tick();
    ck_assert_int_eq(call_in("h", false), 1);
    result("evil", 1, "\"state\":\"ok\",\"point\":1");
    ck_assert_str_eq(jobs(), "running calendar full daily");
    struct js *j = ask("evil", "{\"op\":\"progress\",\"job\":\"1\",\"phase\":\"x\",\"files\":1,\"bytes\":1}");
    ck_assert(js_bool(j, "cancel", false));
    js_free(j);
    j = ask("h", "{\"op\":\"progress\",\"job\":\"1\",\"phase\":\"x\",\"files\":1,\"bytes\":1}");
    ck_assert(!js_bool(j, "cancel", true));
    js_free(j);
}
END_TEST

static int64_t restored_in_audit(const char *host) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT count(*) FROM audit WHERE act='restore.own' AND object=?", "s", host);
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return n;
}

START_TEST(what_a_host_restored_by_itself_is_in_the_audit_and_a_day_of_it_has_a_bound) {
    char *q = malloc(6000);
    snprintf(q, 6000, "{\"op\":\"restored\",\"state\":\"begun\",\"point\":3,\"target\":\"%05000d\"}", 1);
    js_free(ask("h", q)); /* it is in, without what is too long */
    free(q);
    for (int i = 1; i < 1000; i++) js_free(ask("h", "{\"op\":\"restored\",\"state\":\"ok\",\"point\":3,\"target\":\"/x\",\"files\":-1}"));
    ck_assert_int_eq(restored_in_audit("h"), 1000);
    struct js *j = ask("h", "{\"op\":\"restored\",\"state\":\"ok\"}");
    ck_assert_int_eq(js_int(js_get(j, "error"), "id", 0), ZE_TOOFAST);
    js_free(j);
    j = ask("g", "{\"op\":\"restored\",\"state\":\"ok\"}");
    ck_assert(!js_has(j, "error"));
    js_free(j);
    now_s += 86400 + 1;
    js_free(ask("h", "{\"op\":\"restored\",\"state\":\"ok\"}"));
    ck_assert_int_eq(restored_in_audit("h"), 1001);
}
END_TEST

START_TEST(a_result_counts_once_and_passing_failures_are_tried_again) {
    apply(PLAN("s", "/srv"));
    now_s += 3600;
    tick();
    ck_assert_int_eq(call_in("h", false), 1);
    result("h", 1, "\"state\":\"failed\",\"error\":{\"id\":1503,\"object\":\"v\",\"message\":\"cut\"}");
    ck_assert_str_eq(jobs(), "queued calendar full daily");
    now_s += 3600;
    ck_assert_int_eq(call_in("h", false), 1);
    result("h", 1, "\"state\":\"partial\",\"point\":4");
    result("h", 1, "\"state\":\"failed\",\"error\":{\"id\":1401,\"object\":\"v\",\"message\":\"full\"}");
    ck_assert_str_eq(jobs(), "partial calendar full daily");
}
END_TEST

/* faults: F5 */
START_TEST(a_job_says_what_its_run_left_out_and_takes_no_more_than_words_and_numbers) {
    struct err e = ERR_INIT;
    struct job j;
    apply(PLAN("s", "/srv"));
    now_s += 3600;
    tick();
    ck_assert_int_eq(call_in("h", false), 1);
    result("h", 1,
        "\"state\":\"partial\",\"point\":4,\"not_read\":3,\"kept\":-2,\"left_out\":"
        "{\"cache\":7,\"own-state\":1,\"\\u001b[2J\":9,\"pattern\":\"many\",\"deep\":{\"a\":1}}");
    db_begin(d.db);
    ck_assert(job_get(d.db, 1, &j));
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(j.not_read, 3);
    ck_assert_int_eq(j.kept, 0);
    ck_assert_str_eq(j.left_out, "{\"cache\":7,\"own-state\":1}");
}
END_TEST

START_TEST(a_job_carries_the_limits_of_its_plan_and_the_seconds_left_of_its_window) {
    apply(PLAN("s", "/srv") "limits: {bandwidth: 20 MB/s, cpu: 50 %, io: idle, window_end: true}\n");
    points(1);
    now_s += 3600 + 7200;
    tick();
    struct js *a = ask("h", "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    const struct js *j = js_at(js_get(a, "jobs"), 0);
    struct limits l;
    ck_assert(js_get(j, "limits") && limits_take(js_get(j, "limits"), &l));
    ck_assert(l.bandwidth == 20000000 && l.cpu == 50 && l.io == IO_IDLE && l.memory == 0);
    ck_assert_int_eq(js_int(j, "until_s", 0), 2 * 3600 + 1);
    js_free(a);
}
END_TEST

START_TEST(a_job_carries_how_its_plan_wants_the_paths_walked) {
    apply(PLAN("s", "/srv], cross: true, reread: false, patience: 2m, exclude_caches: \"true\", excludes: [\"*.o\"") "limits: {cpu: 50 %}\n");
    points(1);
    now_s += 3600;
    tick();
    struct js *a = ask("h", "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    char *text = js_dump(js_get(js_at(js_get(a, "jobs"), 0), "options"));
    ck_assert_str_eq(text, "{\"cross\":true,\"exclude_caches\":true,\"patience_s\":120}");
    free(text);
    js_free(a);
}
END_TEST

START_TEST(a_run_that_its_window_stopped_waits_for_the_next_window_and_keeps_its_kind) {
    apply(PLAN("s", "/srv") "limits: {window_end: true}\n");
    now_s += 3600;
    tick();
    int id = call_in("h", false);
    ck_assert_int_gt(id, 0);
    now_s += 4 * 3600 + 1;
    result("h", id, "\"state\":\"failed\",\"error\":{\"id\":1018,\"message\":\"the window\"}");
    ck_assert_str_eq(jobs(), "queued calendar full daily");
    tick();
    ck_assert_int_eq(call_in("h", false), 0);
    now_s += 20 * 3600;
    tick();
    ck_assert_str_eq(jobs(), "failed calendar full daily; queued calendar full daily");
    ck_assert_int_gt(call_in("h", false), id);
}
END_TEST

START_TEST(days_that_were_missed_are_caught_up_once_with_all_labels_and_the_stronger_kind) {
    apply(PLAN("s", "/srv"));
    points(1);
    tick();
    now_s += 8 * 86400 + 6 * 3600; /* Tuesday 06:00; zaibeid slept over eight windows: a Sunday, a 30th */
    tick();
    ck_assert_str_eq(jobs(),
        "missed calendar incremental daily; missed calendar incremental daily; missed calendar incremental daily; "
        "missed calendar incremental daily; missed calendar incremental daily; missed calendar incremental daily; "
        "missed calendar full daily,weekly; missed calendar full daily,weekly,monthly; "
        "missed calendar full daily,weekly,monthly; queued catch-up full daily,weekly,monthly");
    ck_assert_int_eq(count_of("SELECT count(*) FROM audit WHERE act='job.missed'"), 9);
    tick();
    now_s += 3600;
    tick();
    ck_assert_int_eq(call_in("h", false), 10);
    result("h", 10, "\"state\":\"ok\",\"point\":2");
    now_s += 86400;
    tick();
    ck_assert_ptr_nonnull(
        strstr(jobs(), "ok catch-up full daily,weekly,monthly; missed calendar incremental daily; queued catch-up"));
}
END_TEST

START_TEST(nonsense_from_a_host_is_answered_with_an_error) {
    static const char *const bad[] = {"", "[]", "{}", "{\"op\":\"reboot\"}", "{\"op\":\"result\",\"job\":1}", "\xff",
        "{\"op\":\"result\",\"job\":\"99999999999999999999\",\"state\":\"ok\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct js *j = ask("h", bad[i]);
        ck_assert_msg(js_int(js_get(j, "error"), "id", 0) > 1000, "%s", bad[i]);
        js_free(j);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("jobs");
    TCase *t = tcase_create("jobs");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_first_run_of_a_host_without_points_is_a_full_in_its_window_with_a_ticket_at_the_vault);
    tcase_add_test(t, what_waits_when_a_freeze_begins_waits_until_it_is_over_and_a_job_by_hand_does_not);
    tcase_add_test(t, a_run_is_queued_once_whatever_restarts_in_between);
    tcase_add_test(t, days_that_were_missed_are_caught_up_once_with_all_labels_and_the_stronger_kind);
    tcase_add_test(t, a_host_that_stays_away_has_one_run_waiting_and_no_more);
    tcase_add_test(t, an_agent_that_falls_silent_loses_its_job_which_is_tried_again_and_fails_at_last);
    tcase_add_test(t, an_agent_that_is_busy_keeps_its_job_and_one_that_calls_in_idle_has_lost_it);
    tcase_add_test(t, without_a_ticket_at_the_vault_no_job_is_handed_out);
    tcase_add_test(t, a_host_can_speak_of_its_own_jobs_only);
    tcase_add_test(t, what_a_host_restored_by_itself_is_in_the_audit_and_a_day_of_it_has_a_bound);
    tcase_add_test(t, a_result_counts_once_and_passing_failures_are_tried_again);
    tcase_add_test(t, a_job_carries_how_its_plan_wants_the_paths_walked);
    tcase_add_test(t, a_job_carries_the_limits_of_its_plan_and_the_seconds_left_of_its_window);
    tcase_add_test(t, a_run_that_its_window_stopped_waits_for_the_next_window_and_keeps_its_kind);
    tcase_add_test(t, nonsense_from_a_host_is_answered_with_an_error);
    tcase_add_test(t, no_more_run_at_once_than_the_vault_and_a_department_may);
    tcase_add_test(t, a_department_has_its_own_limit);
    tcase_add_test(t, the_last_slot_is_for_the_plan_of_the_higher_priority_while_its_host_calls_in);
    tcase_add_test(t, hosts_of_a_plan_are_spread_in_the_first_quarter_of_the_window_each_at_its_place);
    tcase_add_test(t, a_job_says_what_its_run_left_out_and_takes_no_more_than_words_and_numbers);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
