/* tool_orchestrator_load DIR: zaibeid with 100,000 plans, 10,000 hosts, a million points and a million jobs: what a tick and
 * each list take, beside the bar. The catalog is filled by SQL, as the product would have left it; from there on its own code
 * runs, in this process, without sockets. Ends with 1 when a bar is missed.
 *
 * Judged is the processor's time, since the rest is waiting for whatever disk and neighbours there are; the time on the wall
 * stands beside it. Of each list the best of three counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "api.h"
#include "catalog_points.h"
#include "notify.h"
#include "scheduler.h"
#include "sys/file.h"

enum { HOSTS = 10000, PLANS = 100000, POINTS_EACH = 100, JOBS = 1000000, DEPARTMENTS = 500, TICKS = 300 };
enum { TICK_US = 5000, LIST_US = 300000, MEMORY_KIB = 300 << 10, DAY = 86400 };

static int64_t now_s = 1795392000; /* 2026-11-23 00:00 UTC, a Monday */
static int64_t fake_now(struct clock *c) { return now_s * (int64_t)NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static const char *argv[] = {"false", NULL};
static struct notify_config no_channels;
static struct config cfg = {.zone = "UTC", .call_in_s = 60, .people_off = true, .notify = &no_channels, .limit_vault = 20};
static struct daemon d;
static bool missed;

static void must(int rc, const struct err *e) {
    if (rc == 0) return;
    fprintf(stderr, "%s: %s\n", e->object, e->msg);
    exit(2);
}

static int64_t us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * (int64_t)1000000 + t.tv_nsec / 1000;
}

static void figure(const char *what, int64_t value, int64_t bar, const char *unit, const char *beside) {
    printf("%-62s %9lld %-3s (bar %lld)%s%s\n", what, (long long)value, unit, (long long)bar, beside,
        value > bar ? "  MISSED" : "");
    fflush(stdout);
    missed |= value > bar;
}

/* ---- the catalog ---- */

static const char *const fill[] = {
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<9999) "
    "INSERT INTO hosts(name,host_id,system,state,enrolled_ns,points,last_point,last_walk_ns,last_time_ns,last_state,seen_ns) "
    "SELECT printf('h%05d',i),'00','s'||(i%100),iif(i%97,'enrolled','revoked'),1,100,100,?1,?1,'complete',?1 FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<99999) "
    "INSERT INTO plans(name,version,state,hash,text,applied_ns,department,state_ns,executed_ns) "
    "SELECT printf('p%06d',i),1,'active','00','name: '||printf('p%06d',i)||char(10)||'system: s'||(i%100)||char(10)||"
    "'department: d'||(i%10000%500)||char(10)||'hosts: ['||printf('h%05d',i%10000)||']'||char(10)||"
    "'content: {paths: [/srv, /etc]}'||char(10)||'strategy: {daily: incremental, weekly: full}'||char(10)||"
    "'schedule: {zone: UTC, window: \"22:00-05:00\", weekly_day: sun}'||char(10),?1,'d'||(i%10000%500),?1,?1 FROM n",
    "INSERT INTO reach(plan,host,department) SELECT name,'h'||substr(name,3),department FROM plans WHERE ?1",
    "INSERT INTO cursors(plan,host,upto_s) SELECT plan,host,?1/1000000000 FROM reach",
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<999999) INSERT INTO points(host,point,time_ns,"
    "walk_ns,kind,labels,state,files,bytes,bytes_read,bytes_sent,bytes_stored) SELECT printf('h%05d',i/100),i%100+1,"
    "?1-(100-i%100)*86400000000000+i/100*1000000000,?1,'incremental','daily',iif(i%10007,'complete','partial'),1,2,3,4,5 FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<999999) INSERT INTO jobs(host,plan,plan_version,"
    "plan_hash,kind,labels,origin,state,due_ns,window_end_ns,not_before_ns,lease_ns,queued_ns,started_ns,ended_ns,attempts,"
    "ticket,retain_until_ns,point,phase,files,bytes_read,bytes_sent,bytes_stored,cancel,err_id,err_object,err_msg) SELECT "
    "printf('h%05d',i%10000),printf('p%06d',i%100000),1,printf('%064d',i),'incremental','daily','calendar',"
    "iif(i%5003,'ok','failed'),?1,?1,0,0,?1,?1,?1,1,'job-'||i||'-0123456789abcdef',?1,i/10000+1,'',1,2,3,4,0,0,'','' FROM n",
};

static void fill_all(void) {
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) {
        db_begin(d.db);
        db_exec(d.db, fill[i], "i", now_s * (int64_t)NS_PER_S);
        must(db_commit(d.db, &e), &e);
    }
}

/* ---- ticks ---- */

static struct scheduler *s;

/* ${n} ticks, ${step_s} apart: the longest in processor time. */
static void ticks(const char *what, int n, int64_t step_s) {
    struct err e = ERR_INIT;
    int64_t most = 0, sum = 0, wall = 0;
    char beside[100];
    for (int i = 0; i < n; i++, now_s += step_s) {
        int64_t cpu = us(CLOCK_THREAD_CPUTIME_ID), at = us(CLOCK_MONOTONIC);
        must(scheduler_tick(s, &e), &e);
        cpu = us(CLOCK_THREAD_CPUTIME_ID) - cpu, wall += us(CLOCK_MONOTONIC) - at, sum += cpu;
        if (cpu > most) most = cpu;
    }
    snprintf(beside, sizeof beside, "; mean %lld, on the wall %lld", (long long)(sum / n), (long long)(wall / n));
    figure(what, most, TICK_US, "us", beside);
}

/* All plans as after a look at each: due at ${at_s}. The scheduler's first look has told its basis. */
static void all_due_at(int64_t at_s) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    db_exec(d.db, "UPDATE due SET at_s=?,basis=(SELECT max(basis) FROM due)", "i", at_s);
    must(db_commit(d.db, &e), &e);
}

static int64_t count(const char *sql) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

static void run_ticks(void) {
    static const char queued[] = "SELECT count(*) FROM jobs WHERE state='queued'";
    struct err e = ERR_INIT;
    must(scheduler_tick(s, &e), &e); /* the working days are read */
    ticks("a tick: plans looked at anew (longest of 300)", TICKS, 0);
    all_due_at(now_s + 22 * 3600);
    ticks("a tick: nothing due (longest of 300)", TICKS, 1);
    now_s += 22 * 3600;
    ticks("a tick: all 100,000 due at one moment (longest of 300)", TICKS, 0);
    int64_t n = count(queued);
    if (n < TICKS * 3 || n > PLANS) printf("WRONG: %lld jobs are queued\n", (long long)n), missed = true;
    now_s += 8 * 3600; /* their windows are over */
    all_due_at(now_s + 2 * DAY);
    ticks("a tick: windows that are over (longest of 100)", 100, 0);
    if (count("SELECT count(*) FROM jobs WHERE state='missed'") < 1) puts("WRONG: none is missed"), missed = true;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    figure("memory after it", use.ru_maxrss, MEMORY_KIB, "KiB", "");
}

/* ---- lists ---- */

static const char *lookup(const struct http_request *r, bool header, const char *name) {
    static char values[8][200]; /* some are held at once */
    static unsigned turn;
    char want[40], *value = values[turn++ % 8];
    snprintf(want, sizeof want, "%s=", name);
    const char *q = header ? NULL : strstr(r->connection, want);
    if (!q) return NULL;
    snprintf(value, sizeof values[0], "%.*s", (int)strcspn(q + strlen(want), "&"), q + strlen(want));
    return value;
}

static const struct {
    const char *what, *path, *query, *key;
    size_t rows; /* of the first page */
} lists[] = {
    {"hosts", "/v1/hosts", "", "hosts", 50},
    {"hosts: a deep page of 1000", "/v1/hosts", "limit=1000&after=h08500", "hosts", 1000},
    {"hosts: of a department", "/v1/hosts", "department=d7", "hosts", 20},
    {"hosts: revoked", "/v1/hosts", "state=revoked&limit=1000", "hosts", 104},
    {"hosts: by text", "/v1/hosts", "text=0999", "hosts", 11},
    {"points", "/v1/points", "", "points", 50},
    {"points: of a host", "/v1/points", "host=h04711&limit=1000", "points", 100},
    {"points: since a time", "/v1/points", "since=2026-11-20T00:00:00Z&limit=1000", "points", 1000},
    {"points: of a department", "/v1/points", "department=d7&limit=1000", "points", 1000},
    {"points: partial", "/v1/points", "state=partial&limit=1000", "points", 100},
    {"points: partial, of a department", "/v1/points", "state=partial&department=d0", "points", 3},
    {"points: by text, many hosts", "/v1/points", "text=9", "points", 50},
    {"points: by text, none", "/v1/points", "text=nowhere", "points", 0},
    {"jobs", "/v1/jobs", "", "jobs", 50},
    {"jobs: a deep page", "/v1/jobs", "after=500000&limit=1000", "jobs", 1000},
    {"jobs: of a host", "/v1/jobs", "host=h04711&state=ok&limit=1000", "jobs", 100},
    {"jobs: of a plan", "/v1/jobs", "plan=p004711&state=ok", "jobs", 10},
    {"jobs: of a department", "/v1/jobs", "department=d7&limit=1000", "jobs", 1000},
    {"jobs: failed", "/v1/jobs", "state=failed&limit=1000", "jobs", 200},
    {"jobs: failed, of a department", "/v1/jobs", "state=failed&department=d0", "jobs", 1},
    {"jobs: by text", "/v1/jobs", "text=h0471&limit=1000", "jobs", 1000},
    {"jobs: by text, none", "/v1/jobs", "text=nowhere", "jobs", 0},
    {"plans", "/v1/plans", "", "plans", 50},
    {"plans: a deep page", "/v1/plans", "after=p098000@1", "plans", 50},
    {"plans: of a department", "/v1/plans", "department=d7", "plans", 50},
    {"plans: submitted (none)", "/v1/plans", "state=submitted", "plans", 0},
    {"plans: by text", "/v1/plans", "text=99999", "plans", 1},
    {"plans: by text, none", "/v1/plans", "text=nowhere", "plans", 0},
};

static void run_list(size_t i) {
    struct http_request r = {.method = "GET", .path = lists[i].path, .body = (const uint8_t *)"", .source = "load",
        .connection = (void *)lists[i].query, .lookup = lookup};
    struct http_answer a;
    struct err e = ERR_INIT;
    int64_t best = INT64_MAX, wall = INT64_MAX;
    char beside[60];
    for (int k = 0; k < 3; k++) {
        a = (struct http_answer){.status = 0};
        int64_t cpu = us(CLOCK_THREAD_CPUTIME_ID), at = us(CLOCK_MONOTONIC);
        api_handle(&d, &r, &a);
        cpu = us(CLOCK_THREAD_CPUTIME_ID) - cpu, at = us(CLOCK_MONOTONIC) - at;
        if (cpu < best) best = cpu;
        if (at < wall) wall = at;
        if (k < 2) free(a.body);
    }
    snprintf(beside, sizeof beside, "; on the wall %lld", (long long)wall);
    figure(lists[i].what, best, LIST_US, "us", beside);
    CLEANUP_JS struct js *j = js_parse(a.body, strlen(a.body), "answer", &e);
    size_t n = js_count(js_get(j, lists[i].key));
    if (a.status != 200 || n != lists[i].rows)
        printf("WRONG: %d, %zu rows instead of %zu: %.300s\n", a.status, n, lists[i].rows, n ? "" : (const char *)a.body), missed = true;
    free(a.body);
}

int main(int argc, char **arg) {
    struct err e = ERR_INIT;
    if (argc != 2) return fputs("usage: tool_orchestrator_load DIR\n", stderr), 2;
    must(seal_init(&e), &e);
    cfg.state = arg[1];
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    if (!(d.db = catalog_open(arg[1], &e))) must(-1, &e);
    fill_all();
    atomic_store(&d.hosts_asked_ns, now_s * (int64_t)NS_PER_S);
    if (!(s = scheduler_new(&d))) return 2;
    run_ticks();
    atomic_store(&d.hosts_asked_ns, now_s * (int64_t)NS_PER_S);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) run_list(i);
    scheduler_free(s);
    control_release(&d.control);
    db_close(d.db);
    return missed;
}
