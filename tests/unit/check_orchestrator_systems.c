/* Systems and the barrier of their points, by the questions that agents ask: who may go on when, and how it ends for
 * all when it ends for one. The vault only takes notes, the clock is ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents.h"
#include "make_orchestrator_plan.h"
#include "scheduler.h"
#include "suite.h"
#include "systems.h"

#define PLAN(name, recovery)                                                                                   \
    "name: " name "\nsystem: shop\nhosts: [db, web, job]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n" \
    "schedule: {zone: UTC, window: \"01:00-05:00\"}\nhooks: {pre: [{name: usual}], post: [{name: thaw}]}\n" recovery
#define RECOVERY                                                                    \
    "recovery:\n  hosts:\n    - {host: db, address: 10.0.0.1/24, freeze: [stop]}\n" \
    "    - {host: web, after: [db], address: 10.0.0.2/24, freeze: [stop, sync]}\n"

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64];
static const char *argv[] = {"sh", "-c", "while read -r l; do echo '{\"ok\":true}'; done", NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60};
static struct daemon d;
static struct scheduler *s;

static void setup(void) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/check_systems.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    now_s = 1800000000;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
    ck_assert_ptr_nonnull(s = scheduler_new(&d));
}

static void teardown(void) {
    char cmd[100];
    scheduler_free(s);
    control_release(&d.control);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct js *ask(const char *host, const char *request) {
    struct err e = ERR_INIT;
    char *text = agents_answer(&d, host, request, strlen(request));
    struct js *j = js_parse(text, strlen(text), "zaibeid", &e);
    free(text);
    ck_assert_ptr_nonnull(j);
    return j;
}

/* The job that is handed out, 0 for none; its pre commands go to ${pre}. */
static int call_in(const char *host, char pre[100]) {
    CLEANUP_JS struct js *j = ask(host, "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    const struct js *job = js_at(js_get(j, "jobs"), 0);
    char *text = js_get(job, "pre") ? js_dump(js_get(job, "pre")) : strdup("");
    snprintf(pre, 100, "%s", text);
    free(text);
    return atoi(js_str(job, "job", "0"));
}

/* 1, 0 or minus the number of the error. */
static int64_t may(const char *host, const char *op, int job) {
    char q[100];
    snprintf(q, sizeof q, "{\"op\":\"%s\",\"job\":\"%d\"}", op, job);
    CLEANUP_JS struct js *j = ask(host, q);
    return js_get(j, "error") ? -js_int(js_get(j, "error"), "id", 0) : js_bool(j, "go", false);
}

static void result(const char *host, int job, const char *rest) {
    char q[200];
    snprintf(q, sizeof q, "{\"op\":\"result\",\"job\":\"%d\",%s}", job, rest);
    js_free(ask(host, q));
}

static int64_t take_point(void) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    int64_t id = system_point_new(&d, "li", "shop", "why", &e);
    ck_assert_msg(id > 0, "%s", e.msg);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return id;
}

static void tick(void) {
    struct err e = ERR_INIT;
    ck_assert_msg(scheduler_tick(s, &e) == 0, "%s", e.msg);
}

/* "STATE: host state error point; …" */
static const char *point(int64_t id) {
    static char out[600];
    struct err e = ERR_INIT;
    tick();
    db_begin(d.db);
    CLEANUP_JS struct js *p = system_point_get(d.db, id);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    snprintf(out, sizeof out, "%s:", js_str(p, "state", ""));
    for (size_t i = 0; i < js_count(js_get(p, "hosts")); i++) {
        const struct js *h = js_at(js_get(p, "hosts"), i);
        snprintf(out + strlen(out), sizeof out - strlen(out), " %s %s %s %lld;", js_str(h, "host", ""),
            js_str(h, "state", ""), js_str(js_get(h, "error"), "id", "-"), (long long)js_int(h, "point", 0));
    }
    return out;
}

static int jobs[3]; /* db, web, job */
static const char *const names[] = {"db", "web", "job"};

static int64_t begun(void) {
    char pre[100];
    plan_force(&d, PLAN("shop", RECOVERY));
    int64_t id = take_point();
    for (int i = 0; i < 3; i++) ck_assert_int_gt(jobs[i] = call_in(names[i], pre), 0);
    return id;
}

START_TEST(hosts_freeze_in_the_opposite_order_and_walk_together) {
    char pre[100];
    plan_force(&d, PLAN("shop", RECOVERY));
    int64_t id = take_point();
    ck_assert_int_gt(jobs[0] = call_in("db", pre), 0);
    ck_assert_str_eq(pre, "[{\"name\":\"stop\"}]");
    ck_assert_int_eq(may("db", "freeze", jobs[0]), 0); /* web has not come for its job */
    ck_assert_int_gt(jobs[1] = call_in("web", pre), 0);
    ck_assert_str_eq(pre, "[{\"name\":\"stop\"},{\"name\":\"sync\"}]");
    ck_assert_int_gt(jobs[2] = call_in("job", pre), 0);
    ck_assert_str_eq(pre, "[{\"name\":\"usual\"}]");    /* no entry: as on every day */
    ck_assert_int_eq(may("web", "freeze", jobs[1]), 0); /* "job" is not ready */
    ck_assert_int_eq(may("job", "freeze", jobs[2]), 0); /* after web, which starts last */
    ck_assert_int_eq(may("web", "freeze", jobs[1]), 1);
    ck_assert_int_eq(may("db", "freeze", jobs[0]), 0);
    ck_assert_int_eq(may("web", "frozen", jobs[1]), 0);
    ck_assert_int_eq(may("db", "freeze", jobs[0]), 1);
    ck_assert_int_eq(may("job", "freeze", jobs[2]), 1);
    ck_assert_int_eq(may("db", "frozen", jobs[0]), 0);
    ck_assert_int_eq(may("web", "frozen", jobs[1]), 0);
    ck_assert_int_eq(may("job", "frozen", jobs[2]), 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(may(names[i], "frozen", jobs[i]), 1);    /* also when an answer was lost */
    ck_assert_int_eq(may("db", "frozen", jobs[1]), -ZE_NOTFOUND); /* another host's */
    for (int i = 0; i < 3; i++)
        result(names[i], jobs[i], "\"state\":\"ok\",\"point\":7,\"walk_start\":\"2027-01-15T08:00:01Z\"");
    ck_assert_str_eq(point(id), "ok: db ok - 7; job ok - 7; web ok - 7;");
}
END_TEST

/* Many hosts do not ask all at once while some of them are missing; once all are there they ask each second. */
START_TEST(twenty_hosts_do_not_ask_twenty_times_a_second) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    for (int i = 0; i < 20; i++)
        db_exec(d.db,
            "INSERT INTO system_point_hosts(job,system_point,host,rank,stage,walk_ns) VALUES(?,9,'h',0,?,0)", "ii",
            (int64_t)i + 1, (int64_t)(i > 0));
    struct job j = {.id = 2, .system_point = 9};
    ck_assert_int_eq(barrier_pause_s(d.db, &j), 5);
    db_exec(d.db, "UPDATE system_point_hosts SET stage=1", "");
    ck_assert_int_eq(barrier_pause_s(d.db, &j), 1);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}
END_TEST

START_TEST(what_ends_for_one_before_all_are_frozen_ends_for_all) {
    int64_t id = begun();
    for (int i = 0; i < 3; i++) (void)may(names[i], "freeze", jobs[i]);
    ck_assert_int_eq(may("web", "frozen", jobs[1]), 0);
    result("db", jobs[0],
        "\"state\":\"failed\",\"error\":{\"id\":1501,\"object\":\"db\",\"message\":\"cut\"}"); /* elsewhere tried again */
    ck_assert_int_eq(may("web", "frozen", jobs[1]), -ZE_BARRIER);
    result("web", jobs[1], "\"state\":\"failed\",\"error\":{\"id\":1936,\"object\":\"db\",\"message\":\"x\"}");
    ck_assert_int_eq(may("job", "freeze", jobs[2]), -ZE_BARRIER);
    result("job", jobs[2], "\"state\":\"failed\",\"error\":{\"id\":1936,\"object\":\"db\",\"message\":\"x\"}");
    ck_assert_str_eq(point(id), "failed: db failed ZB-1501 0; job failed ZB-1936 0; web failed ZB-1936 0;");
}
END_TEST

START_TEST(afterwards_one_that_fails_does_not_hide_the_others) {
    int64_t id = begun();
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 3; i++) (void)may(names[i], "freeze", jobs[i]);
    for (int i = 0; i < 3; i++) (void)may(names[i], "frozen", jobs[i]);
    result("db", jobs[0], "\"state\":\"ok\",\"point\":3");
    ck_assert_int_eq(may("web", "frozen", jobs[1]), 1);
    result("web", jobs[1], "\"state\":\"failed\",\"error\":{\"id\":1937,\"object\":\"web\",\"message\":\"x\"}");
    result("job", jobs[2], "\"state\":\"partial\",\"point\":4");
    ck_assert_str_eq(point(id), "partial: db ok - 3; job partial - 4; web failed ZB-1937 0;");
}
END_TEST

START_TEST(a_host_that_does_not_come_is_not_waited_for_for_ever) {
    char pre[100];
    plan_force(&d, PLAN("shop", RECOVERY));
    int64_t id = take_point();
    struct err e = ERR_INIT;
    db_begin(d.db);
    ck_assert(system_point_new(&d, "li", "shop", "", &e) < 0 && e.id == ZE_EXISTS); /* one at a time */
    db_abort(d.db);
    jobs[0] = call_in("db", pre);
    now_s += SYSTEM_POINT_CALLS * 60 + SYSTEM_POINT_WAIT_S - 1;
    ck_assert_int_eq(may("db", "freeze", jobs[0]), 0);
    ck_assert_str_eq(point(id), "running: db running - 0; job queued - 0; web queued - 0;");
    now_s += 1;
    ck_assert_str_eq(point(id), "running: db running - 0; job failed ZB-1936 0; web failed ZB-1936 0;");
    ck_assert_int_eq(may("db", "freeze", jobs[0]), -ZE_BARRIER);
    ck_assert_int_eq(call_in("db", pre), 0); /* killed meanwhile: its job is not tried again */
    ck_assert_str_eq(point(id), "failed: db failed ZB-1503 0; job failed ZB-1936 0; web failed ZB-1936 0;");
    ck_assert_int_gt(take_point(), id);
}
END_TEST

START_TEST(one_plan_in_force_says_how_a_system_is_brought_back) {
    plan_force(&d, PLAN("shop", RECOVERY));
    plan_force(&d, PLAN("other", ""));
    struct plan p;
    struct version v;
    struct err e = ERR_INIT;
    const char *second = PLAN("second", RECOVERY);
    ck_assert_int_eq(plan_parse("p", second, strlen(second), "UTC", &p, &e), 0);
    ck_assert_int_eq(decide_submit(&d, &plan_applicant, &p, second, false, &v, &e), 0);
    plan_free(&p);
    ck_assert_int_eq(decide_act(&d, &plan_office, LIFE_REVIEW, "second", v.version, "", &v, &e), 0);
    ck_assert_int_lt(decide_act(&d, &plan_office, LIFE_APPROVE, "second", v.version, "", &v, &e), 0);
    ck_assert_int_eq(e.id, ZE_SECONDRECOVERY);
    db_begin(d.db);
    CLEANUP_JS struct js *j = system_get(d.db, "shop"), *none = system_get(d.db, "nope");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_str_eq(js_str(j, "plan", ""), "shop"); /* and not "other", which comes first */
    static const char *const order[] = {"db", "web", "job"};
    ck_assert_uint_eq(js_count(js_get(j, "hosts")), 3);
    for (size_t i = 0; i < 3; i++) ck_assert_str_eq(js_text(js_at(js_get(j, "hosts"), i)), order[i]);
    ck_assert_uint_eq(js_count(js_get(j, "plans")), 2);
    ck_assert(js_get(j, "recovery") && !none);
    plan_force(&d, PLAN("shop", RECOVERY "  drill_level: 4\n")); /* its own next version is no second one */
}
END_TEST

int main(void) {
    Suite *suite = suite_create("systems");
    TCase *t = tcase_create("systems");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, hosts_freeze_in_the_opposite_order_and_walk_together);
    tcase_add_test(t, twenty_hosts_do_not_ask_twenty_times_a_second);
    tcase_add_test(t, what_ends_for_one_before_all_are_frozen_ends_for_all);
    tcase_add_test(t, afterwards_one_that_fails_does_not_hide_the_others);
    tcase_add_test(t, a_host_that_does_not_come_is_not_waited_for_for_ever);
    tcase_add_test(t, one_plan_in_force_says_how_a_system_is_brought_back);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
