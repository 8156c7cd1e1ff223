/* Scheduler, catalog and agents together, with a clock of our own and a vault that only takes notes. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents.h"
#include "make_orchestrator_plan.h"
#include "scheduler.h"
#include "sys/file.h"
#include "suite.h"
#include "turns.h"

#define PLAN(system, content)                                                    \
    "name: p\nsystem: " system "\nhosts: [h]\ncontent: {paths: [" content "]}\n" \
    "strategy: {daily: incremental, weekly: full, monthly: full}\n"              \
    "schedule: {zone: UTC, window: \"01:00-05:00\", weekly_day: sun, monthly_day: 31}\n"

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static int64_t jumped_s; /* what the wall's clock is ahead of the other by a jump */
static int64_t fake_mono(struct clock *c) { return (now_s - jumped_s) * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_mono};

static char dir[64], notes[128], script[400];
static const char *argv[] = {"sh", "-c", script, NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60};
static struct daemon d;
static struct scheduler *s;

static void open_all(void) {
    struct err e = ERR_INIT;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
    ck_assert_ptr_nonnull(s = scheduler_new(&d));
}

static void close_all(void) {
    scheduler_free(s);
    control_release(&d.control);
    db_close(d.db);
}

static void setup(void) {
    signal(SIGPIPE, SIG_IGN); /* as zaibeid does */
    strcpy(dir, "/tmp/check_jobs.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(notes, sizeof notes, "%s/notes", dir);
    snprintf(
        script, sizeof script, "while read -r l; do printf '%%s\\n' \"$l\" >>%s; echo '{\"ok\":true}'; done", notes);
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    now_s = civil_days(2026, 11, 23) * 86400; /* a Monday, 00:00 UTC */
    open_all();
}

static void teardown(void) {
    char cmd[100];
    close_all();
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void apply(const char *text) { plan_force(&d, text); }

static void points(int64_t n) {
    struct host h = {.name = "h", .state = "enrolled", .points = n};
    struct err e = ERR_INIT;
    db_begin(d.db);
    catalog_host_put(d.db, &h);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

static void tick(void) {
    struct err e = ERR_INIT;
    ck_assert_msg(scheduler_tick(s, &e) == 0, "%s", e.msg);
}

/* All jobs, oldest first, as "state origin kind labels; ...". */
static const char *jobs(void) {
    static char out[4000];
    size_t n;
    struct err e = ERR_INIT;
    *out = 0;
    db_begin(d.db);
    struct job *list = job_list(d.db, JOBS_NEWEST, "", "", 100, &n);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    for (size_t i = n; i-- > 0;) {
        char one[200];
        snprintf(one, sizeof one, "%s%s %s %s %s", *out ? "; " : "", list[i].state, list[i].origin, list[i].kind,
            list[i].labels);
        strcat(out, one);
    }
    free(list);
    return out;
}

static struct js *ask(const char *host, const char *request) {
    struct err e = ERR_INIT;
    char *text = agents_answer(&d, host, request, strlen(request));
    struct js *j = js_parse(text, strlen(text), "zaibeid", &e);
    free(text);
    ck_assert_ptr_nonnull(j);
    return j;
}

/* Call in; the number of the job that was handed out, 0 for none. */
static int call_in(const char *host, bool busy) {
    struct js *j = ask(host,
        busy ? "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":true}"
             : "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    ck_assert_int_eq(js_int(j, "next_s", 0), 60);
    int id = atoi(js_str(js_at(js_get(j, "jobs"), 0), "job", "0"));
    js_free(j);
    return id;
}

static void result(const char *host, int id, const char *rest) {
    char q[600];
    snprintf(q, sizeof q, "{\"op\":\"result\",\"job\":\"%d\",%s}", id, rest);
    js_free(ask(host, q));
}

/* Three hosts of two departments, all due at once, heard of just now. */
static void crowd(const char *priority_of_b) {
    char text[400];
    for (int i = 0; i < 3; i++) {
        static const char *const department[] = {"north", "north", "south"};
        snprintf(text, sizeof text,
            "name: p%c\ndepartment: %s\nsystem: s%c\nhosts: [h%c]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n"
            "schedule: {zone: UTC, window: \"01:00-05:00\"}\npriority: %s\n",
            'a' + i, department[i], 'a' + i, 'a' + i, i == 1 ? priority_of_b : "5");
        apply(text);
    }
    now_s += 3600;
    tick();
}

static void everybody_was_heard(void) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    for (char h[] = "ha"; h[1] <= 'c'; h[1]++) catalog_host_seen(d.db, h, "1", now_s * NS_PER_S);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

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

static int64_t count_of(const char *sql) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

static void *calls_in(void *host) {
    struct js *j = ask(host, "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    size_t n = js_count(js_get(j, "jobs"));
    js_free(j);
    return (void *)(uintptr_t)n;
}

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
    tcase_add_test(t, a_plan_that_cannot_be_read_for_a_while_is_told_and_runs_again);
    tcase_add_test(t, a_clock_that_was_a_year_ahead_does_not_end_the_backups);
    tcase_add_test(t, a_clock_that_was_some_hours_ahead_makes_no_run_twice);
    tcase_add_test(t, a_job_outlives_the_sleep_of_zaibeid);
    tcase_add_test(t, a_job_that_is_cancelled_while_its_ticket_is_refused_stays_cancelled);
    tcase_add_test(t, a_version_that_is_approved_while_the_ticket_is_laid_is_the_one_that_runs);
    tcase_add_test(t, no_plan_is_left_alone_for_longer_than_a_day);
    tcase_add_test(t, limits_hold_when_all_call_in_at_once);
    tcase_add_test(t, a_department_has_its_own_limit);
    tcase_add_test(t, the_last_slot_is_for_the_plan_of_the_higher_priority_while_its_host_calls_in);
    tcase_add_test(t, hosts_of_a_plan_are_spread_in_the_first_quarter_of_the_window_each_at_its_place);
    tcase_add_test(t, a_job_says_what_its_run_left_out_and_takes_no_more_than_words_and_numbers);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
