/* A year of many hosts with the product's own scheduler, agents' calls and catalog, on a real SQLite file, with a clock and a
 * chance of our own; zaibeid dies all the time, at any of the system calls by which SQLite writes.
 *
 * Death without a second process: from the fatal call on, each call that would change a file fails and changes nothing, so
 * the files stay as a dead process leaves them. What the product then still does goes nowhere; all of it is thrown away and
 * opened again, and whoever was talking to it got no answer.
 *
 * What must be is computed here, by counting days: for each plan and host one job for each due run, never two. A job ends ok
 * with exactly one successful backup, or failed with a reason, or names the job that carries on for it, up to one that ended.
 *
 * ZAIBEI_SEED=N plays a run again, ZAIBEI_SOAK=1 is the whole year of 1000 hosts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agents.h"
#include "base/civil.h"
#include "make_orchestrator_plan.h"
#include "scheduler.h"
#include "suite.h"

enum { STEP_S = 300, DAY_S = 86400, PLANS = 20, DEPARTMENTS = 6, DRAIN_DAYS = 4 };

static unsigned hosts_n, days;
static uint64_t seed, chance;

static unsigned pick(unsigned n) { /* xorshift64* */
    chance ^= chance >> 12, chance ^= chance << 25, chance ^= chance >> 27;
    return (unsigned)((chance * 0x2545F4914F6CDD1DULL >> 33) % n);
}

/* ---- death ---- */

static int64_t left = -1; /* calls until death; <0: none is planned */
static bool dead;
static unsigned deaths;

static bool dies(void) {
    if (left > 0 && --left == 0) dead = true;
    if (dead) errno = EIO;
    return dead;
}
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { return dies() ? -1 : syscall(SYS_pwrite64, fd, p, n, at); }
int fdatasync(int fd) { return dies() ? -1 : 0; } /* a process dies, not the power */
int fsync(int fd) { return dies() ? -1 : 0; }
int ftruncate(int fd, off_t n) { return dies() ? -1 : (int)syscall(SYS_ftruncate, fd, n); }
int unlink(const char *path) { return dies() ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0); }

/* ---- zaibeid ---- */

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64];
static const char *argv[] = {"sh", "-c", "while read -r l; do echo '{\"ok\":true}'; done", NULL};
static struct config cfg = {
    .zone = "UTC", .call_in_s = STEP_S, .limit_vault = 60, .limit_department = 12};
static struct daemon d;
static struct scheduler *s;

static void open_all(void) {
    struct err e = ERR_INIT;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    left = pick(8) ? -1 : (int64_t)pick(8) + 1; /* it may die of putting right what the last death left */
    while (!(d.db = catalog_open(dir, &e))) {
        ck_assert_msg(dead, "seed %llu: %s", (unsigned long long)seed, e.msg);
        dead = false, left = -1, deaths++;
    }
    ck_assert_ptr_nonnull(s = scheduler_new(&d));
    left = dead ? left : (int64_t)pick(100 * hosts_n) + 1; /* about as often a day, however many write */
}

static void close_all(void) {
    scheduler_free(s);
    control_release(&d.control);
    db_close(d.db);
}

/* After each word with zaibeid: true when it has died, and what it said was not heard. It is up again after a while. */
static bool died(void) {
    if (!dead) return false;
    close_all();
    dead = false, left = -1;
    deaths++;
    if (!pick(4)) now_s += pick(6 * 3600) / STEP_S * STEP_S; /* nobody was there to start it */
    open_all();
    return true;
}

/* ---- plans, and when their runs are due ---- */

struct shape {
    bool daily, weekly, monthly;
    int zone_h, from_h, len_h, weekday, monthday; /* weekday: 0 Sunday */
};
static const struct shape shapes[] = {{true, true, false, 0, 22, 7, 0, 1}, {false, true, false, 0, 20, 8, 3, 1},
    {false, false, true, 8, 1, 5, 0, 31}, {true, false, true, 8, 23, 3, 0, 30}};

static const struct shape *shape_of(unsigned plan) { return &shapes[plan % (sizeof shapes / sizeof *shapes)]; }
/* Each host has a plan; every tenth has a second one. */
static bool names(unsigned plan, unsigned host) {
    return host % PLANS == plan || (host % 10 == 0 && (host + 7) % PLANS == plan);
}

static void apply_all(void) {
    static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    static char text[60000];
    for (unsigned p = 0; p < PLANS; p++) {
        const struct shape *f = shape_of(p);
        size_t n = (size_t)sprintf(text, "name: p%02u\nsystem: s\ndepartment: d%u\nhosts: [", p, p % DEPARTMENTS), any = 0;
        for (unsigned h = 0; h < hosts_n; h++)
            if (names(p, h)) n += (size_t)sprintf(text + n, "%sh%04u", any++ ? ", " : "", h);
        sprintf(text + n,
            "]\ncontent: {paths: [/srv]}\nstrategy: {%s%s%s%s%s}\nschedule: {zone: %s, window: \"%02d:00-%02d:00\", "
            "weekly_day: %s, monthly_day: %d}\n",
            f->daily ? "daily: incremental" : "", f->daily && f->weekly ? ", " : "", f->weekly ? "weekly: full" : "",
            f->monthly && f->daily ? ", " : "", f->monthly ? "monthly: full" : "", f->zone_h ? "Asia/Shanghai" : "UTC",
            f->from_h, (f->from_h + f->len_h) % 24, weekdays[f->weekday], f->monthday);
        plan_force(&d, text);
    }
}

/* Whether a run of the shape begins on this day (from 1970-01-01, on its wall). */
static bool due_on(const struct shape *f, int64_t day) {
    time_t at = (time_t)(day * DAY_S), next = at + DAY_S;
    struct tm tm, after;
    gmtime_r(&at, &tm), gmtime_r(&next, &after);
    bool last = after.tm_mday == 1;
    return f->daily || (f->weekly && tm.tm_wday == f->weekday) ||
        (f->monthly && (tm.tm_mday == f->monthday || (last && tm.tm_mday < f->monthday)));
}

/* ---- hosts ---- */

struct agent {
    int64_t job, ends_s, heard_s, down_until_s; /* job 0: idle; heard_s: when zaibeid answered for it last */
    bool pending;                      /* its result was not taken yet */
    bool good;
};
static struct agent *agents;
static unsigned *successes; /* by job */
static size_t jobs_cap;
static unsigned runs, most;

static unsigned department_of(const char *plan) { return (unsigned)atoi(plan + 1) % DEPARTMENTS; }
static unsigned char *job_department;

static struct js *say(unsigned host, const char *fmt, long long job, const char *rest) {
    char name[16], q[300];
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "h%04u", host);
    snprintf(q, sizeof q, fmt, job, rest);
    char *text = agents_answer(&d, name, q, strlen(q));
    struct js *j = js_parse(text, strlen(text), "zaibeid", &e);
    free(text);
    if (!died()) return j;
    js_free(j);
    return NULL;
}

static void stop(struct agent *a) { a->job = 0, a->pending = false; }

/* Those zaibeid has reason to think of: one that it did not answer for longer than a lease may still be at work, unheard. */
static void judge_limits(const struct agent *new) {
    unsigned all = 0, department = 0;
    for (unsigned h = 0; h < hosts_n; h++) {
        const struct agent *a = &agents[h];
        if (!a->job || a->pending || now_s - a->heard_s >= LEASE_S) continue; /* pending: it is at its end */
        all++, department += job_department[a->job] == job_department[new->job];
    }
    ck_assert_msg(all <= cfg.limit_vault && department <= cfg.limit_department, "seed %llu: %u run at once, %u of one department",
        (unsigned long long)seed, all, department);
    if (all > most) most = all;
}

static void begin(unsigned host, const struct js *offer) {
    struct agent *a = &agents[host];
    struct job j;
    a->job = atoll(js_str(offer, "job", "0"));
    db_begin(d.db);
    ck_assert(job_get(d.db, a->job, &j));
    db_abort(d.db);
    while ((size_t)a->job >= jobs_cap) {
        size_t more = jobs_cap ? jobs_cap * 2 : 1 << 16;
        ck_assert_ptr_nonnull(successes = realloc(successes, more * sizeof *successes));
        ck_assert_ptr_nonnull(job_department = realloc(job_department, more));
        memset(successes + jobs_cap, 0, (more - jobs_cap) * sizeof *successes);
        jobs_cap = more;
    }
    job_department[a->job] = (unsigned char)department_of(j.plan);
    a->ends_s = now_s + (1 + pick(6)) * STEP_S;
    a->heard_s = now_s, runs++;
    ck_assert_msg(j.due_ns <= now_s * NS_PER_S && (!j.window_end_ns || j.attempts > 1 || j.window_end_ns > now_s * NS_PER_S),
        "seed %llu: job %lld is handed out outside of its window", (unsigned long long)seed, (long long)j.id);
    judge_limits(a);
}

/* What a busy host says: its result, or how far it is. */
static void report(unsigned host) {
    struct agent *a = &agents[host];
    CLEANUP_JS struct js *j = NULL;
    if (!a->pending && now_s >= a->ends_s) {
        unsigned how = pick(100);
        a->pending = true, a->good = how >= 4;
        if (a->good) successes[a->job]++;
        a->ends_s = how; /* what goes wrong stays the same however often it is told */
    }
    if (!a->pending) {
        j = say(host, "{\"op\":\"progress\",\"job\":\"%lld\",\"phase\":\"send\"%s}", a->job, "");
        if (j) a->heard_s = now_s;
        if (j && js_bool(j, "cancel", false)) stop(a);
        return;
    }
    j = say(host, "{\"op\":\"result\",\"job\":\"%lld\",%s}", a->job,
        a->good          ? "\"state\":\"ok\",\"point\":1"
            : a->ends_s ? "\"state\":\"failed\",\"error\":{\"id\":1501,\"message\":\"cut\"}"
                        : "\"state\":\"failed\",\"error\":{\"id\":1601,\"message\":\"for a person\"}");
    if (j && !js_get(j, "error")) stop(a);
}

static void call_in(unsigned host) {
    CLEANUP_JS struct js *j = say(host, "{\"op\":\"call-in\",\"version\":\"%lld\",\"busy\":false%s}", 1, "");
    const struct js *offer = js_at(js_get(j, "jobs"), 0);
    if (offer) begin(host, offer);
}

/* Hosts for whom something is open, by what the catalog says; the others would be told nothing. */
static size_t open_hosts(unsigned *list) {
    size_t n = 0;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT DISTINCT host FROM jobs WHERE state IN ('queued','running')", "");
    while (db_next(r)) list[n++] = (unsigned)atoi(db_text(r, 0) + 1);
    db_done(r);
    db_abort(d.db);
    return n;
}

static void agents_act(bool calm, unsigned *list) {
    for (unsigned h = 0; h < hosts_n; h++) {
        struct agent *a = &agents[h];
        if (!calm && !pick(60 * DAY_S / STEP_S)) a->down_until_s = now_s + (int64_t)pick(40 * 3600), stop(a);
        if (a->job && now_s >= a->down_until_s) report(h);
    }
    size_t n = open_hosts(list), from = n ? pick((unsigned)n) : 0;
    unsigned calls = 0;
    for (size_t i = 0; i < n && calls < 2 * cfg.limit_vault; i++) {
        struct agent *a = &agents[list[(from + i) % n]];
        if (!a->job && now_s >= a->down_until_s) call_in(list[(from + i) % n]), calls++;
    }
}

static void tick(void) {
    do {
        struct err e = ERR_INIT;
        int rc = scheduler_tick(s, &e);
        if (died()) continue;
        ck_assert_msg(rc == 0, "seed %llu: %s", (unsigned long long)seed, e.msg);
    } while (scheduler_more(s));
}

static void live(int64_t until_s, bool calm) {
    unsigned *list = calloc(hosts_n, sizeof *list);
    ck_assert_ptr_nonnull(list);
    if (calm) left = -1;
    for (; now_s < until_s; now_s += STEP_S) {
        tick();
        agents_act(calm, list);
    }
    free(list);
}

/* ---- what must be ---- */

static unsigned judged, by_state[4];

/* Up to a job that ended with a backup or with a reason of its own. */
static void judge_end(struct job j) {
    for (int hops = 0;; hops++) {
        struct job next;
        const char *number = strstr(j.err_msg, "job ");
        bool ok = !strcmp(j.state, "ok"), failed = !strcmp(j.state, "failed");
        bool passed_on = !strcmp(j.state, "missed") || !strcmp(j.state, "skipped");
        if (!hops) by_state[ok ? 0 : failed ? 1 : !strcmp(j.state, "missed") ? 2 : 3]++;
        ck_assert_msg(ok || failed || passed_on, "seed %llu: job %lld is %s", (unsigned long long)seed, (long long)j.id, j.state);
        unsigned n = (size_t)j.id < jobs_cap ? successes[j.id] : 0;
        ck_assert_msg(n <= 1 && (!ok || n == 1), "seed %llu: job %lld is %s with %u backups", (unsigned long long)seed,
            (long long)j.id, j.state, n);
        if (ok || (failed && j.err_id)) return;
        ck_assert_msg(number && job_get(d.db, atoll(number + 4), &next) && next.id > j.id && !strcmp(next.host, j.host) &&
                !strcmp(next.plan, j.plan),
            "seed %llu: job %lld is %s and nothing carries on: %s", (unsigned long long)seed, (long long)j.id, j.state, j.err_msg);
        j = next;
    }
}

static void judge_run(unsigned plan, unsigned host, int64_t start_s) {
    char p[16], h[16];
    snprintf(p, sizeof p, "p%02u", plan), snprintf(h, sizeof h, "h%04u", host);
    struct db_rows *r = db_query(
        d.db, "SELECT id FROM jobs WHERE plan=? AND host=? AND origin='calendar' AND due_ns=?", "ssi", p, h, start_s * NS_PER_S);
    int64_t id = db_next(r) ? db_int(r, 0) : 0;
    bool twice = db_next(r);
    struct job j;
    db_done(r);
    ck_assert_msg(id && !twice, "seed %llu: %s on %s at %lld is %s", (unsigned long long)seed, p, h, (long long)start_s,
        id ? "there twice" : "lost");
    ck_assert(job_get(d.db, id, &j));
    judge_end(j);
    judged++;
}

static int64_t count(const char *sql) {
    struct db_rows *r = db_query(d.db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    return n;
}

static void judge_all(int64_t from_s, int64_t until_s) {
    struct audit_verdict v;
    struct audit_key k;
    struct err e = ERR_INIT;
    db_begin(d.db);
    db_exec(d.db, "CREATE INDEX judge ON jobs(plan, host, due_ns)", "");
    for (unsigned p = 0; p < PLANS; p++) {
        const struct shape *f = shape_of(p);
        for (int64_t day = from_s / DAY_S - 1; day <= until_s / DAY_S + 1; day++) {
            int64_t at = day * DAY_S + (f->from_h - f->zone_h) * 3600;
            for (unsigned h = 0; due_on(f, day) && at > from_s && at < until_s && h < hosts_n; h++)
                if (names(p, h)) judge_run(p, h, at);
        }
    }
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM jobs WHERE origin='calendar' AND due_ns<%lld", (long long)until_s * NS_PER_S);
    ck_assert_int_eq(count(sql), judged);
    /* who is told of it: once for each */
    ck_assert_int_eq(count("SELECT count(*) FROM notices WHERE kind='job.missed'"), count("SELECT count(*) FROM jobs WHERE state='missed'"));
    ck_assert_int_eq(count("SELECT count(*) FROM (SELECT 1 FROM audit WHERE act='job.ended' GROUP BY "
                           "json_extract(line,'$.detail.job') HAVING count(*)>1)"), 0);
    db_abort(d.db);
    ck_assert_int_eq(audit_key_open(&k, dir, &e), 0);
    ck_assert_msg(audit_verify(d.db, k.pub, &v, &e) == 0 && !v.first_bad, "seed %llu: %s", (unsigned long long)seed, v.why);
    audit_key_close(&k);
}

/* ---- */

static void setup(void) {
    struct err e = ERR_INIT;
    struct timespec t;
    const char *given = getenv("ZAIBEI_SEED");
    bool soak = getenv("ZAIBEI_SOAK") != NULL;
    signal(SIGPIPE, SIG_IGN);
    clock_gettime(CLOCK_REALTIME, &t);
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    chance = seed * 2 + 1;
    hosts_n = soak ? 1000 : 100, days = soak ? 365 : 35;
    if (soak) cfg.limit_vault *= 6, cfg.limit_department *= 6; /* ten times the hosts have to fit their windows */
    ck_assert_ptr_nonnull(agents = calloc(hosts_n, sizeof *agents));
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/check_year.XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* zaibeid's log */
    now_s = civil_days(2026, 1, 15) * DAY_S + 12 * 3600;
    open_all();
    left = -1;
    apply_all();
}

static void teardown(void) {
    char cmd[100];
    close_all();
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
    free(agents), free(successes), free(job_department);
}

/* faults: A7 */
START_TEST(each_due_run_happens_once_or_is_reported_however_often_zaibeid_dies) {
    int64_t from = now_s, until = now_s + (int64_t)days * DAY_S;
    left = 1000;
    live(until, false);
    until = now_s; /* it may have been down at the end */
    live(until + DRAIN_DAYS * DAY_S, true);
    judge_all(from, until);
    printf("figure: %u due runs of %u hosts in %u days, %u deaths of zaibeid: %u ok, %u failed, %u missed, %u taken over; "
           "%u began, at most %u at once; seed %llu\n", judged, hosts_n, days, deaths, by_state[0], by_state[1], by_state[2], by_state[3], runs, most,
        (unsigned long long)seed);
    ck_assert_uint_gt(deaths, days / 2);
    ck_assert_uint_gt(by_state[0], judged / 2);
    ck_assert_uint_gt(by_state[2], 0);
    suite_done(teardown);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("year");
    TCase *t = tcase_create("year");
    tcase_set_timeout(t, getenv("ZAIBEI_SOAK") ? 7200 : 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_exit_test(t, each_due_run_happens_once_or_is_reported_however_often_zaibeid_dies, 0);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
