/* Migrations in a real catalog with a vault that says what the test wants: each state × each act; whose word ends a
 * window; what breaks a cutover; what is told. */
#include "catalog_drills.h"
#include "migrate_box.h"
#include "migrations_restore.h"
#include "restores.h"

static const struct principal other_office = {.id = 3, .name = "wang", .roles = ROLE_OFFICE | ROLE_APPLICANT};
static const struct principal stranger = {.id = 9, .name = "chen", .department = "another", .roles = ROLE_APPLICANT};

static void setup(void) { box_make("/tmp"); }
static void teardown(void) {
    catalog_end();
    box_remove();
}

static void to_window(void) {
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_BEGIN), 0);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_JUDGE), 0);
    ck_assert_int_eq(state(), CASE_READY);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_CUT), 0);
    tick();
    ck_assert_int_eq(state(), CASE_CUTOVER);
    work_done();
    tick();
    ck_assert_int_eq(state(), CASE_WINDOW);
}

static int64_t told(const char *kind) {
    int64_t n = -1;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT count(*) FROM notices WHERE kind=? AND resolved=0", "s", kind);
    if (db_next(r)) n = db_int(r, 0);
    db_done(r);
    db_abort(d.db);
    return n;
}

START_TEST(the_window_is_three_months_of_the_zone_clamped_and_pinned) {
    to_window();
    CLEANUP_MIGRATION struct migration m = get();
    ck_assert_int_eq(m.end_ns / S_NS, civil_days(2027, 2, 28) * DAY + 16 * 3600);
    ck_assert_str_eq(js_str(js_at(js_get(m.facts, "originals"), 0), "pinned_until", ""), "2027-03-01T12:00:00Z");
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE act='migrate.pin.asked'"), 1);
}
END_TEST

/* The states in which the catalog can stand, and what each act makes of them. */
START_TEST(every_state_allows_just_the_acts_of_the_table) {
    static const int acts[] = {
        CASE_JUDGE, CASE_CUT, CASE_EXTEND, CASE_VERIFY, CASE_ROLL_BACK, CASE_CLOSE, CASE_APPROVE, CASE_REFUSE};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        char text[200];
        to_window();
        snprintf(text, sizeof text, "UPDATE migrations SET state='%s', asker=77", case_name(_i));
        sql(text);
        int to = case_next(_i, acts[i]);
        bool early = acts[i] == CASE_CLOSE && (_i == CASE_WINDOW || _i == CASE_ROLLED_BACK);
        int64_t records = number("SELECT count(*) FROM audit"), steps = number("SELECT count(*) FROM migration_steps");
        unsigned id = do_act(&plan_office, acts[i]), want = to >= 0 ? 0 : early ? ZE_WINDOWOPEN : ZE_CASESTATE;
        ck_assert_msg(id == want, "%s, %s: ZB-%u", case_name(_i), case_act_name(acts[i]), id);
        ck_assert_msg((int)state() == (to < 0 ? _i : to), "%s, %s: %s", case_name(_i), case_act_name(acts[i]),
            case_name(state()));
        /* With its record, or without a trace. */
        ck_assert_int_eq(number("SELECT count(*) FROM audit") > records, to >= 0);
        ck_assert_int_eq(number("SELECT count(*) FROM migration_steps") > steps, to >= 0);
        teardown();
        setup();
    }
}
END_TEST

/* faults: D4 D5 */
START_TEST(only_the_vaults_own_time_ends_a_window) {
    to_window();
    now_s += 366 * (int64_t)DAY; /* zaibeid's clock */
    tick();
    ck_assert_int_eq(state(), CASE_WINDOW);
    say("now", "2027-12-01T00:00:00Z"), say("doubt", "true"); /* the vault's, which it does not believe itself */
    tick();
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_CLOSE), ZE_WINDOWOPEN);
    say("now", "2027-02-28T15:59:59Z"), say("doubt", "false");
    tick();
    ck_assert_int_eq(state(), CASE_WINDOW);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_CLOSE), ZE_WINDOWOPEN);
    say("now", "2027-02-28T16:00:00Z");
    tick();
    ck_assert_int_eq(state(), CASE_ENDED);
    ck_assert_int_eq(number("SELECT count(*) FROM migration_steps WHERE act='end'"), 1);
}
END_TEST

START_TEST(nobody_consents_to_the_close_they_asked_for) {
    to_window();
    say("now", "2027-03-01T00:00:00Z");
    ck_assert_uint_eq(do_act(&other_office, CASE_CLOSE), 0); /* the end is found on the way */
    ck_assert_uint_eq(do_act(&other_office, CASE_APPROVE), ZE_OWNCLOSE);
    ck_assert_uint_eq(do_act(&other_office, CASE_REFUSE), ZE_OWNCLOSE);
    ck_assert_int_eq(state(), CASE_CLOSING);
    ck_assert_uint_eq(do_act(&plan_office, CASE_APPROVE), 0);
    ck_assert_int_eq(state(), CASE_CLOSED);
}
END_TEST

/* faults: D4 */
START_TEST(no_case_is_closed_over_an_extension_that_waits_for_the_vault) {
    static const char *away[] = {"false", NULL};
    to_window();
    say("now", "2027-03-01T00:00:00Z");
    ck_assert_uint_eq(do_act(&other_office, CASE_CLOSE), 0);
    control_release(&d.control), control_init(&d.control, away);
    ck_assert_uint_eq(do_act(&plan_office, CASE_EXTEND), 0);
    ck_assert_uint_eq(do_act(&plan_office, CASE_APPROVE), ZE_WINDOWOPEN);
    ck_assert_uint_eq(do_act(&plan_office, CASE_REFUSE), 0);
    ck_assert_uint_eq(do_act(&other_office, CASE_CLOSE), ZE_WINDOWOPEN);
    control_release(&d.control), control_init(&d.control, vault_argv);
    tick();
    ck_assert_int_eq(state(), CASE_WINDOW);
    CLEANUP_MIGRATION struct migration m = get();
    ck_assert_int_eq(m.wanted_ns, 0);
}
END_TEST

START_TEST(another_department_sees_nothing_of_it) {
    ck_assert_uint_eq(do_act(&stranger, CASE_BEGIN), ZE_NOTFOUND);
    to_window();
    static const int acts[] = {
        CASE_JUDGE, CASE_CUT, CASE_EXTEND, CASE_VERIFY, CASE_ROLL_BACK, CASE_CLOSE, CASE_APPROVE};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) ck_assert_uint_eq(do_act(&stranger, acts[i]), ZE_NOTFOUND);
}
END_TEST

static const char *failed(struct migration *m) { return js_str(m->facts, "failed", ""); }

START_TEST(a_pin_that_the_vault_does_not_hold_long_enough_breaks_the_cutover) {
    say("holds", "\"2027-02-28T15:59:59Z\"");
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_BEGIN), 0);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_JUDGE), 0);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_CUT), 0);
    work_done();
    tick();
    CLEANUP_MIGRATION struct migration m = get();
    ck_assert_int_eq(m.state, CASE_BEGUN);
    ck_assert_msg(strstr(failed(&m), "ZB-1950"), "%s", failed(&m));
    ck_assert_int_eq(m.end_ns, 0);
}
END_TEST

START_TEST(a_last_point_that_is_not_sound_breaks_the_cutover) {
    static const char *const harm[] = {"UPDATE jobs SET state='failed'", "UPDATE jobs SET state='partial', point=7",
        "UPDATE jobs SET state='cancelled'", "UPDATE jobs SET state='ok', point=8"};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(do_act(&plan_applicant, CASE_BEGIN), 0);
        ck_assert_uint_eq(do_act(&plan_applicant, CASE_JUDGE), 0);
        ck_assert_uint_eq(do_act(&plan_applicant, CASE_CUT), 0);
        if (i < 4) sql(harm[i]);
        else work_done(), say("findings", "{\"host\":\"a\",\"why\":\"rot\",\"points\":[7],\"points_count\":1}");
        tick();
        CLEANUP_MIGRATION struct migration m = get();
        ck_assert_int_eq(m.state, CASE_BEGUN);
        ck_assert_msg(strstr(failed(&m), "ZB-1951"), "%zu: %s", i, failed(&m));
        ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE act='migrate.pin.asked'"), 0);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(each_thing_that_is_missing_is_a_red_line) {
    static const struct {
        const char *name, *text, *check;
    } rows[] = {{"doubt", "true", "clock"},
        {"findings", "{\"host\":\"a\",\"why\":\"rot\",\"points\":[7],\"points_count\":1}", "point"},
        {"findings", "{\"host\":\"a\",\"why\":\"rot\",\"points\":[1,2],\"points_count\":9}", "point"}};
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_BEGIN), 0);
    for (size_t i = 0; i < 6; i++) {
        say("doubt", "false"), say("findings", "");
        if (i < 3) say(rows[i].name, rows[i].text);
        if (i == 3) now_s += DAY;                                     /* the agents were not heard of */
        if (i == 4) now_s -= DAY, say("now", "2026-12-02T00:00:00Z"); /* the point is older than a day */
        if (i == 5) say("now", "2026-11-30T02:00:00Z"), plan_force(&d, PLAN_OF("[a]")); /* nothing backs up the target */
        ck_assert_uint_eq(do_act(&plan_applicant, CASE_JUDGE), 0);
        CLEANUP_MIGRATION struct migration m = get();
        const struct js *checks = js_get(m.facts, "checks");
        bool red = false;
        for (size_t k = 0; k < js_count(checks); k++)
            red = red ||
                (!js_bool(js_at(checks, k), "ok", true) &&
                    !strcmp(js_str(js_at(checks, k), "check", ""),
                        i < 3        ? rows[i].check
                            : i == 3 ? "agent"
                            : i == 4 ? "point"
                                     : "plan"));
        ck_assert_msg(red && m.state == CASE_BEGUN, "%zu", i);
    }
    plan_force(&d, PLAN_OF("[a, b]"));
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_JUDGE), 0);
    ck_assert_int_eq(state(), CASE_READY);
    now_s += 2 * DAY;
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_CUT), ZE_NOTREADY);
}
END_TEST

START_TEST(reminders_are_told_once_each_and_again_after_an_extension) {
    to_window();
    say("now", "2026-12-20T00:00:00Z");
    tick();
    ck_assert_int_eq(told("migrate.window"), 0);
    static const char *const days[] = {
        "2027-01-20T00:00:00Z", "2027-02-10T02:00:00Z", "2027-02-20T02:00:00Z", "2027-02-27T02:00:00Z"};
    for (int i = 0; i < 4; i++) {
        say("now", days[i]);
        tick(), tick();
        CLEANUP_MIGRATION struct migration m = get();
        ck_assert_msg(told("migrate.window") == i + 1, "%s: %lld, reminded %lld", days[i],
            (long long)told("migrate.window"), (long long)m.reminded);
    }
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_EXTEND), 0);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_EXTEND), ZE_SHORTER);
    tick();
    ck_assert_int_eq(told("migrate.window"), 5); /* 30 working days before the new end have begun */
    CLEANUP_MIGRATION struct migration m = get();
    ck_assert_int_eq(m.end_ns / S_NS, civil_days(2027, 3, 31) * DAY + 16 * 3600);
}
END_TEST

START_TEST(the_points_are_looked_at_each_week_and_harm_is_told) {
    to_window();
    say("now", "2026-12-06T02:00:00Z"), say("pinned", "\"2027-03-01T12:00:00Z\"");
    tick();
    ck_assert_int_eq(number("SELECT count(*) FROM migration_steps WHERE act='verify'"), 0);
    say("now", "2026-12-07T02:00:00Z");
    tick(), tick();
    ck_assert_int_eq(number("SELECT count(*) FROM migration_steps WHERE act='verify'"), 1);
    ck_assert_int_eq(told("migrate.verify"), 0);
    say("now", "2026-12-14T02:00:00Z"), say("pinned", "\"2027-02-01T12:00:00Z\""); /* a vault that let go of it */
    tick();
    ck_assert_int_eq(told("migrate.verify"), 1);
    say("pinned", "\"2027-03-01T12:00:00Z\"");
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_VERIFY), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM notices WHERE kind='migrate.verify' AND resolved=1"), 1);
}
END_TEST

START_TEST(a_rollback_saves_the_targets_first_and_breaks_without_losing_the_window) {
    to_window();
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_ROLL_BACK), 0);
    tick();
    ck_assert_int_eq(number("SELECT count(*) FROM restores"), 0); /* not before the target's point is there */
    sql("UPDATE jobs SET state='failed' WHERE state='queued'");
    tick();
    ck_assert_int_eq(state(), CASE_WINDOW);
    ck_assert_int_eq(number("SELECT count(*) FROM restores"), 0);
    ck_assert_uint_eq(do_act(&plan_applicant, CASE_ROLL_BACK), 0);
    sql("UPDATE jobs SET state='partial', point=7 WHERE state='queued'");
    tick();
    ck_assert_int_eq(number("SELECT count(*) FROM restores WHERE migration=1"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM restore_items WHERE host='a' AND point=7 AND dir='/back/a'"), 1);
    sql("UPDATE restores SET state='failed', ended_ns=1");
    tick();
    CLEANUP_MIGRATION struct migration m = get();
    ck_assert_int_eq(m.state, CASE_WINDOW);
    ck_assert_msg(strstr(failed(&m), "ZB-1952"), "%s", failed(&m));
}
END_TEST

/* 100 bytes are pinned. */
START_TEST(the_way_back_takes_as_long_as_the_last_green_drill_says_else_as_restores_did) {
    static const char *const summaries[] = {
        "{\"drill\":1,\"verdict\":\"green\",\"rto\":{\"ms\":9000},\"restore\":{\"ms\":4000,\"bytes_per_s\":50}}",
        "{\"drill\":2,\"verdict\":\"green\",\"rto\":{\"ms\":9000},\"restore\":{\"ms\":4000,\"bytes_per_s\":25}}",
        "{\"drill\":3,\"verdict\":\"red\",\"rto\":{\"ms\":100},\"restore\":{\"ms\":10,\"bytes_per_s\":5000}}"};
    int64_t drill = -1;
    to_window();
    CLEANUP_MIGRATION struct migration m = get();
    struct err e = ERR_INIT;
    db_begin(d.db);
    ck_assert_int_eq(migration_rto_s(&d, &m, &drill), -1);
    db_exec(d.db,
        "INSERT INTO restores(who,reason,system,migration,state,existing,queued_ns) "
        "VALUES('x','x','s',0,'ok','refuse',1)",
        "");
    struct restore_item i = {
        .restore = 1, .item = 1, .host = "a", .state = "ok", .bytes = 50, .started_ns = S_NS, .ended_ns = 11 * S_NS};
    restore_item_add(d.db, &i);
    restore_item_put(d.db, &i);
    ck_assert_int_eq(migration_rto_s(&d, &m, &drill), 21); /* 5 bytes a second */
    ck_assert_int_eq(drill, 0);
    for (int k = 0; k < 3; k++) {
        struct drill x = {.level = 1, .system = "s", .state = DRILL_RUNNING};
        x.summary = object(summaries[k]), x.departments = object("[]"), x.recovery = object("{}");
        drill_add(d.db, &x);
        strcpy(x.state, DRILL_ENDED);
        drill_end(d.db, &x, "");
        drill_free(&x);
    }
    ck_assert_int_eq(
        migration_rto_s(&d, &m, &drill), 10); /* 25 bytes a second, and 5 s beside it; a red one says nothing */
    ck_assert_int_eq(drill, 2);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}
END_TEST

/* The plan that says the order is about others by the time of the rollback. */
START_TEST(the_order_of_the_cutover_is_kept) {
    plan_force(&d,
        "name: p\nsystem: s\nhosts: [a, b]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\ntargets: {rpo: 24h, "
        "rto: 1h}\n"
        "recovery: {hosts: [{host: a, address: 10.0.0.1/24}, {host: b, after: [a], address: 10.0.0.2/24}]}\n");
    to_window();
    CLEANUP_MIGRATION struct migration m = get();
    ck_assert_str_eq(js_text(js_at(js_get(js_at(js_get(js_get(m.facts, "recovery"), "hosts"), 1), "after"), 0)), "a");
}
END_TEST

int main(void) {
    Suite *s = suite_create("migrate-acts");
    TCase *t = tcase_create("acts");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_window_is_three_months_of_the_zone_clamped_and_pinned);
    tcase_add_loop_test(t, every_state_allows_just_the_acts_of_the_table, CASE_BEGUN, CASE_STATES);
    tcase_add_test(t, only_the_vaults_own_time_ends_a_window);
    tcase_add_test(t, nobody_consents_to_the_close_they_asked_for);
    tcase_add_test(t, no_case_is_closed_over_an_extension_that_waits_for_the_vault);
    tcase_add_test(t, another_department_sees_nothing_of_it);
    tcase_add_test(t, a_pin_that_the_vault_does_not_hold_long_enough_breaks_the_cutover);
    tcase_add_test(t, a_last_point_that_is_not_sound_breaks_the_cutover);
    tcase_add_test(t, each_thing_that_is_missing_is_a_red_line);
    tcase_add_test(t, reminders_are_told_once_each_and_again_after_an_extension);
    tcase_add_test(t, the_points_are_looked_at_each_week_and_harm_is_told);
    tcase_add_test(t, a_rollback_saves_the_targets_first_and_breaks_without_losing_the_window);
    tcase_add_test(t, the_way_back_takes_as_long_as_the_last_green_drill_says_else_as_restores_did);
    tcase_add_test(t, the_order_of_the_cutover_is_kept);
    suite_add_tcase(s, t);
    return suite_run(s);
}
