/** Scheduler, catalog and agents together, with a clock of our own and a vault that only takes notes. */
#ifndef UNIT_JOBS_BOX_H
#define UNIT_JOBS_BOX_H

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
static inline int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static int64_t jumped_s; /* what the wall's clock is ahead of the other by a jump */
static inline int64_t fake_mono(struct clock *c) { return (now_s - jumped_s) * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_mono};

static char dir[64], notes[128], script[400];
static const char *argv[] = {"sh", "-c", script, NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60};
static struct daemon d;
static struct scheduler *s;

static inline void open_all(void) {
    struct err e = ERR_INIT;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
    ck_assert_ptr_nonnull(s = scheduler_new(&d));
}

static inline void close_all(void) {
    scheduler_free(s);
    control_release(&d.control);
    db_close(d.db);
}

static inline void setup(void) {
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

static inline void teardown(void) {
    char cmd[100];
    close_all();
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static inline void apply(const char *text) { plan_force(&d, text); }

static inline void points(int64_t n) {
    struct host h = {.name = "h", .state = "enrolled", .points = n};
    struct err e = ERR_INIT;
    db_begin(d.db);
    catalog_host_put(d.db, &h);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

static inline void tick(void) {
    struct err e = ERR_INIT;
    ck_assert_msg(scheduler_tick(s, &e) == 0, "%s", e.msg);
}

/* All jobs, oldest first, as "state origin kind labels; ...". */
static inline const char *jobs(void) {
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

static inline struct js *ask(const char *host, const char *request) {
    struct err e = ERR_INIT;
    char *text = agents_answer(&d, host, request, strlen(request));
    struct js *j = js_parse(text, strlen(text), "zaibeid", &e);
    free(text);
    ck_assert_ptr_nonnull(j);
    return j;
}

/* Call in; the number of the job that was handed out, 0 for none. */
static inline int call_in(const char *host, bool busy) {
    struct js *j = ask(host,
        busy ? "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":true}"
             : "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    ck_assert_int_eq(js_int(j, "next_s", 0), 60);
    int id = atoi(js_str(js_at(js_get(j, "jobs"), 0), "job", "0"));
    js_free(j);
    return id;
}

static inline void result(const char *host, int id, const char *rest) {
    char q[600];
    snprintf(q, sizeof q, "{\"op\":\"result\",\"job\":\"%d\",%s}", id, rest);
    js_free(ask(host, q));
}

/* Three hosts of two departments, all due at once, heard of just now. */
static inline void crowd(const char *priority_of_b) {
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

static inline void everybody_was_heard(void) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    for (char h[] = "ha"; h[1] <= 'c'; h[1]++) catalog_host_seen(d.db, h, "1", now_s * NS_PER_S);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

static inline int64_t count_of(const char *sql) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

static inline void *calls_in(void *host) {
    struct js *j = ask(host, "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    size_t n = js_count(js_get(j, "jobs"));
    js_free(j);
    return (void *)(uintptr_t)n;
}

#endif
