/* The life of drills in a real catalog, with threads as in zaibeid. A small shell program stands for the worker where the question is
 * what zaibeid makes of what it is told, and of a worker that dies, lies or is silent; the real one is in scenario 88. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api.h"
#include "audit.h"
#include "drill_forecast.h"
#include "drills.h"
#include "make_orchestrator_plan.h"
#include "notify/channels.h"
#include "people/may.h"
#include "suite.h"
#include "sys/file.h"

#define PLAN PLAN_OF("[h1]")
#define PLAN_OF(hosts)                                                                                                          \
    "name: p\ndepartment: north\nsystem: shop\nhosts: " hosts "\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental}\n" \
    "targets: {rto: 1h, rpo: 24h}\nrecovery: {drill_every: 90d, drill_level: 1, hosts: [{host: h1, address: 10.20.0.10/24}]}\n"                            \
    "schedule: {zone: UTC, window: \"01:00-05:00\"}\n"
#define DAY_NS (86400 * (int64_t)NS_PER_S)

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64], drills_dir[100];
static const char vault[] =
    "while read -r l; do case $l in *'\"op\":\"points\"'*) echo '{\"ok\":true,\"points\":["
    "{\"point\":1,\"state\":\"complete\",\"walk_start\":\"2026-11-20T00:00:00Z\",\"bytes\":1000,\"files\":2},"
    "{\"point\":2,\"state\":\"complete\",\"walk_start\":\"2026-11-22T00:00:00Z\",\"bytes\":7200000,\"files\":3},"
    "{\"point\":3,\"state\":\"partial\",\"walk_start\":\"2026-11-22T12:00:00Z\",\"bytes\":9,\"files\":1}]}';;"
    "*'\"op\":\"hosts\"'*) echo '{\"ok\":true,\"hosts\":[{\"host\":\"h1\",\"host_id\":\"00112233445566778899aabbccddeeff\",\"system\":\"s\","
    "\"state\":\"enrolled\",\"enrolled\":\"2026-11-01T00:00:00Z\",\"points\":3}]}';;"
    "*) echo '{\"ok\":true}';; esac; done";
static const char *vault_argv[] = {"sh", "-c", vault, NULL};

#define BEGIN                                                                                                     \
    "read -r order; echo \"$order\" >>\"$1/orders\"; case $order in *'\"op\":\"clean\"'*) "                       \
    "echo '{\"event\":\"clean\",\"left\":[],\"removed\":0}'; exit;; esac\n"
#define KEY "echo '{\"event\":\"key\",\"public_key\":\"'KEY$$'\"}'; read -r grant\n"
#define WORK                                                                                                                 \
    "p() { echo '{\"event\":\"phase\",\"host\":\"h1\",\"name\":\"\",\"phase\":\"'$1'\",\"state\":\"'$2'\",\"at\":\"2026-11-23T00:00:'$3'Z\"'$4'}'; }\n" \
    "p restore begin 01.000\np restore ok 05.000 ',\"bytes\":4000000,\"files\":3'\np content begin 05.000\n"
#define END "p content ok 08.000\necho '{\"event\":\"end\",\"verdict\":\"green\",\"egress\":\"closed\",\"left\":[]}'\n"

static struct config cfg;
static struct notify_config no_channels;
static struct daemon d;
static const struct principal zhang = {.id = 9, .name = "zhang", .department = "north", .roles = ROLE_APPLICANT};
static const struct principal south = {.id = 8, .name = "wang", .department = "south", .roles = ROLE_APPLICANT};

static void worker_is(const char *script) {
    const char *const argv[] = {"sh", "-c", script, "worker", dir, NULL};
    memcpy(cfg.drill_worker, argv, sizeof argv);
}

static void setup(void) {
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/check_drills.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    now_s = civil_days(2026, 11, 23) * 86400;
    cfg = (struct config){.zone = "UTC", .call_in_s = 60, .deadlines = {2, 3, 5}, .notify = &no_channels, .file = "zaibeid.yaml",
        .drill_read = {"zaibei-vault", "serve", "/v", "--host", "%h", "--local"}, .drill_accel = "tcg", .drill_at_once = 1,
        .drill_time_s = 3600, .drill_memory = 1 << 20, .drill_disk = 1 << 21};
    snprintf(cfg.drill_dir, sizeof cfg.drill_dir, "%s/drills", dir);
    snprintf(drills_dir, sizeof drills_dir, "%s/drills", dir);
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, vault_argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
    ck_assert_int_eq(audit_key_open(&d.audit_key, dir, &e), 0);
    ck_assert_int_eq(plan_force(&d, PLAN), 1);
    ck_assert_ptr_nonnull(d.drills = drills_new(&d, &e));
    worker_is(BEGIN KEY WORK END);
}

static void teardown(void) {
    char cmd[100];
    drills_free(d.drills);
    d.drills = NULL;
    control_release(&d.control);
    audit_key_close(&d.audit_key);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* ---- short words ---- */

static void tick(void) {
    struct err e = ERR_INIT;
    ck_assert_msg(drills_tick(d.drills, &e) == 0, "%s: %s", e.object, e.msg);
}

static int64_t ask_as(const struct principal *who, int64_t level, const char *points, unsigned *id) {
    struct err e = ERR_INIT;
    struct drill x;
    CLEANUP_JS struct js *p = points ? js_parse(points, strlen(points), "points", &e) : NULL;
    struct drill_wish w = {.who = who->name, .system = "shop", .level = level, .points = p};
    *id = drill_ask(&d, who, &w, &x, &e) < 0 ? e.id : 0;
    if (!*id) {
        db_begin(d.db);
        drill_add(d.db, &x);
        drill_note(d.db, &x, daemon_now(&d), who->name, "drill.run", NULL);
        ck_assert_msg(db_commit(d.db, &e) == 0, "%s", e.msg);
    }
    drill_free(&x);
    return x.id;
}

static int64_t run(void) {
    unsigned error;
    int64_t id = ask_as(&zhang, 1, NULL, &error);
    ck_assert_uint_eq(error, 0);
    return id;
}

static struct drill get(int64_t id) {
    struct drill x;
    db_begin(d.db);
    ck_assert(drill_get(d.db, id, &x));
    db_abort(d.db);
    return x;
}

static void come_to(int64_t id, const char *state) {
    for (int i = 0; i < 1000; i++) {
        tick();
        struct drill x = get(id);
        bool there = !strcmp(x.state, state);
        drill_free(&x);
        if (there) return;
        poll(NULL, 0, 10);
    }
    struct drill x = get(id);
    ck_abort_msg("drill %lld is %s, not %s", (long long)id, x.state, state);
}

static int give(int64_t id) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    drill_granted(d.db, id, "li", daemon_now(&d));
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return drills_grant(d.drills, id, "R1JBTlQ=", &e) < 0 ? (int)e.id : 0;
}

static void ended_as(int64_t id, const char *verdict, const char *cause) {
    come_to(id, DRILL_ENDED);
    struct drill x = get(id);
    ck_assert_str_eq(x.verdict, verdict);
    ck_assert_str_eq(js_str(js_get(x.summary, "cause"), "what", ""), cause);
    drill_free(&x);
}

static char *record_of(int64_t id) {
    db_begin(d.db);
    char *text = drill_record_get(d.db, id);
    db_abort(d.db);
    ck_assert_ptr_nonnull(text);
    return text;
}

static int64_t count(const char *sql) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

/* What workers were told, one order a line. */
static int orders(const char *with) {
    char path[200], line[8000];
    int n = 0;
    snprintf(path, sizeof path, "%s/orders", dir);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) n += strstr(line, with) != NULL;
    if (f) fclose(f);
    return n;
}

static void begin_again(void) {
    struct err e = ERR_INIT;
    drills_free(d.drills);
    ck_assert_ptr_nonnull(d.drills = drills_new(&d, &e));
}

/* ---- the life ---- */

START_TEST(a_drill_waits_for_its_grant_runs_ends_and_leaves_a_signed_record) {
    int64_t id = run();
    come_to(id, DRILL_WAITING);
    struct drill x = get(id);
    ck_assert_int_eq(strncmp(x.public_key, "KEY", 3), 0);
    ck_assert_int_eq(js_int(js_at(x.hosts, 0), "point", 0), 2); /* the newest complete one */
    drill_free(&x);
    ck_assert_int_eq(orders("\"host_id\":\"00112233445566778899aabbccddeeff\""), 1);
    ck_assert_int_eq(orders("\"read\":[\"zaibei-vault\",\"serve\",\"/v\",\"--host\",\"%h\",\"--local\"]"), 1);
    ck_assert_int_eq(orders("\"limits\":{\"disk\":2097152,\"memory\":1048576,\"time_s\":3600}"), 1);
    ck_assert_int_eq(give(id), 0);
    ended_as(id, "green", "");
    x = get(id);
    ck_assert_int_eq(js_int(js_get(x.summary, "rto"), "ms", -1), 8000);
    ck_assert_int_eq(js_int(js_get(x.summary, "rpo"), "ms", -1), 86400000);
    ck_assert_str_eq(js_str(js_get(x.summary, "rpo"), "verdict", ""), "met");
    ck_assert_str_eq(x.granted_by, "li");
    drill_free(&x);
    CLEANUP_FREE char *record = record_of(id);
    ck_assert_ptr_nonnull(strstr(record, "\"granted_by\":\"li\""));
    ck_assert_int_eq(count("SELECT count(*) FROM audit WHERE act IN ('drill.run','drill.waiting','drill.running','drill.ended')"), 4);
    ck_assert_int_eq(count("SELECT count(*) FROM notices"), 0);
    ck_assert_int_eq(give(id), ZE_DRILLSTATE);
}
END_TEST

/* faults: G10 */
START_TEST(what_is_red_is_told_of_and_stands_in_the_record) {
    worker_is(BEGIN KEY WORK "p content red 08.000 ',\"detail\":\"etc/passwd differs\"'\n"
                             "echo '{\"event\":\"end\",\"verdict\":\"green\",\"egress\":\"closed\",\"left\":[]}'\n");
    int64_t id = run();
    come_to(id, DRILL_WAITING);
    give(id);
    ended_as(id, "red", "red");
    CLEANUP_FREE char *record = record_of(id);
    ck_assert_ptr_nonnull(strstr(record, "etc/passwd differs"));
    ck_assert_int_eq(count("SELECT count(*) FROM notices WHERE kind='drill.red' AND detail LIKE '%etc/passwd differs%'"), 1);
}
END_TEST

START_TEST(a_grant_that_the_worker_refuses_is_shown_and_another_may_be_given) {
    worker_is(BEGIN KEY "echo '{\"event\":\"error\",\"id\":1900,\"object\":\"grant\",\"message\":\"it does not open\"}'\nread -r grant\n" WORK END);
    int64_t id = run();
    come_to(id, DRILL_WAITING);
    ck_assert_int_eq(give(id), 0);
    for (int i = 0; i < 1000 && count("SELECT err_id FROM drills") != 1900; i++) poll(NULL, 0, 10);
    struct drill x = get(id);
    ck_assert_str_eq(x.state, DRILL_WAITING);
    ck_assert_int_eq(x.granted_ns, 0);
    ck_assert_str_eq(x.err_msg, "it does not open");
    drill_free(&x);
    ck_assert_int_eq(give(id), 0);
    ended_as(id, "green", "");
    ck_assert_int_eq(count("SELECT err_id FROM drills"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM audit WHERE act='drill.refused'"), 1);
}
END_TEST

/* faults: A21 */
START_TEST(a_worker_that_dies_lies_or_talks_nonsense_ends_a_drill_as_failed_and_clean_runs_behind_it) {
    static const char *const scripts[] = {BEGIN KEY WORK "kill -9 $$\n", BEGIN KEY WORK "exit 0\n", BEGIN KEY WORK "echo '{not json'\ncat >/dev/null\n",
        BEGIN KEY WORK "head -c 3000000 /dev/zero | tr '\\0' x\ncat >/dev/null\n", BEGIN "exit 1\n", BEGIN KEY WORK "echo '{\"event\":\"end\"}'\n"};
    ck_assert_int_eq(mkdir(drills_dir, 0700), 0); /* drills were done before: there may be something to clean */
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        worker_is(scripts[i]);
        int64_t id = run();
        if (strstr(scripts[i], "KEY")) come_to(id, DRILL_WAITING), give(id);
        int before = orders("\"op\":\"clean\"");
        ended_as(id, "failed", "worker");
        ck_assert_msg(i == 5 || orders("\"op\":\"clean\"") > before, "script %zu: not cleaned", i);
        free(record_of(id)); /* it is there */
    }
    ck_assert_int_eq(count("SELECT count(*) FROM notices WHERE kind='drill.red'"), 6);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_the_reason_of_a_failed_drill) {
    cfg.drill_worker[0] = "/nonexistent/worker";
    int64_t id = run();
    ended_as(id, "failed", "worker");
    struct drill x = get(id);
    ck_assert_str_eq(js_str(js_get(x.summary, "cause"), "name", ""), "/nonexistent/worker");
    drill_free(&x);
}
END_TEST

static void cancel(int64_t id) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    drill_cancel(d.db, id, "zhang");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    drills_wake(d.drills, id);
}

START_TEST(a_drill_can_be_cancelled_at_any_time) {
    int64_t id = run();
    cancel(id); /* it was never begun */
    ended_as(id, "cancelled", "");
    ck_assert_int_eq(orders("\"op\":\"drill\""), 0);
    worker_is(BEGIN KEY "case $grant in *cancel*) echo '{\"event\":\"end\",\"verdict\":\"cancelled\",\"left\":[]}';; esac\n");
    id = run();
    come_to(id, DRILL_WAITING);
    cancel(id);
    ended_as(id, "cancelled", "");
    CLEANUP_FREE char *record = record_of(id);
    ck_assert_ptr_nonnull(strstr(record, "\"cancelled_by\":\"zhang\""));
    ck_assert_int_eq(count("SELECT count(*) FROM notices"), 0);
}
END_TEST

START_TEST(no_more_drills_run_at_once_than_may_and_those_that_wait_do_not_count) {
    worker_is(BEGIN KEY WORK "while [ ! -e \"$1/go\" ]; do sleep 0.05; done\n" END);
    int64_t a = run(), b = run(), c = run();
    come_to(a, DRILL_WAITING), come_to(b, DRILL_WAITING), come_to(c, DRILL_WAITING);
    give(a), come_to(a, DRILL_RUNNING);
    give(b);
    for (int i = 0; i < 60; i++) tick(), poll(NULL, 0, 10);
    struct drill x = get(b);
    ck_assert_str_eq(x.state, DRILL_WAITING);
    drill_free(&x);
    char go[200];
    snprintf(go, sizeof go, "%s/go", dir);
    fclose(fopen(go, "we"));
    ended_as(a, "green", ""), ended_as(b, "green", "");
    cancel(c);
}
END_TEST

/* ---- after a restart ---- */

/* faults: A21 */
START_TEST(after_a_restart_what_ran_has_failed_what_waited_waits_with_another_key_and_clean_came_first) {
    ck_assert_int_eq(mkdir(drills_dir, 0700), 0);
    worker_is(BEGIN KEY WORK "sleep 60\n");
    cfg.drill_at_once = 8;
    int64_t a = run(), b = run();
    come_to(a, DRILL_WAITING), come_to(b, DRILL_WAITING);
    give(a), come_to(a, DRILL_RUNNING);
    struct drill x = get(b);
    char key[64];
    snprintf(key, sizeof key, "%s", x.public_key);
    drill_free(&x);
    int cleaned = orders("\"op\":\"clean\"");
    begin_again();
    x = get(b); /* whoever asks from now on is not shown the key of a worker that is gone */
    ck_assert_str_eq(x.state, DRILL_QUEUED);
    ck_assert_str_eq(x.public_key, "");
    drill_free(&x);
    come_to(b, DRILL_WAITING);
    ck_assert_int_eq(orders("\"op\":\"clean\""), cleaned + 1);
    ended_as(a, "failed", "worker");
    x = get(b);
    ck_assert_str_ne(x.public_key, key);
    drill_free(&x);
    cancel(b);
}
END_TEST

START_TEST(a_journal_that_has_its_end_counts_although_zaibeid_died_before_the_record) {
    static const char *const journal[] = {
        "{\"event\":\"phase\",\"host\":\"h1\",\"phase\":\"content\",\"name\":\"\",\"state\":\"ok\",\"at\":\"2026-11-23T00:00:09Z\"}",
        "{\"event\":\"end\",\"verdict\":\"green\",\"egress\":\"closed\",\"left\":[]}"};
    struct err e = ERR_INIT;
    int64_t id = run();
    db_begin(d.db);
    for (int i = 0; i < 2; i++) {
        CLEANUP_JS struct js *ev = js_parse(journal[i], strlen(journal[i]), "journal", &e);
        drill_event_add(d.db, id, ev);
    }
    struct drill x;
    ck_assert(drill_get(d.db, id, &x));
    strcpy(x.state, DRILL_RUNNING);
    drill_put(d.db, &x);
    drill_free(&x);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    begin_again();
    ended_as(id, "green", "");
}
END_TEST

START_TEST(nothing_is_begun_before_clean_has_been_done) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(mkdir(drills_dir, 0700), 0);
    worker_is("exit 1");
    int64_t id = run();
    begin_again();
    ck_assert_int_lt(drills_tick(d.drills, &e), 0);
    struct drill x = get(id);
    ck_assert_str_eq(x.state, DRILL_QUEUED);
    drill_free(&x);
    worker_is(BEGIN KEY WORK END);
    come_to(id, DRILL_WAITING);
    ck_assert_int_eq(orders("\"op\":\"clean\""), 1);
}
END_TEST

/* ---- asking ---- */

START_TEST(what_cannot_be_drilled_is_refused_before_anything_is_queued) {
    unsigned error;
    ask_as(&south, 1, NULL, &error);
    ck_assert_uint_eq(error, ZE_NOTFOUND); /* another department's does not exist */
    ask_as(&zhang, 3, NULL, &error);
    ck_assert_uint_eq(error, ZE_USAGE);
    ask_as(&zhang, 1, "{\"h1\":9}", &error);
    ck_assert_uint_eq(error, ZE_DRILLPOINT);
    ask_as(&zhang, 1, "{\"h2\":1}", &error);
    ck_assert_uint_eq(error, ZE_DRILLPOINT);
    ask_as(&zhang, 1, "{\"h1\":0}", &error);
    ck_assert_uint_eq(error, ZE_USAGE);
    int64_t id = ask_as(&zhang, 1, "{\"h1\":1}", &error);
    ck_assert_uint_eq(error, 0);
    struct drill x = get(id);
    ck_assert_int_eq(js_int(js_at(x.hosts, 0), "point", 0), 1);
    ck_assert_int_eq(x.rto_target_s, 3600);
    drill_free(&x);
    ck_assert_int_eq(count("SELECT count(*) FROM drills"), 1);
    db_begin(d.db);
    ck_assert(drill_seen(d.db, id, "north") && !drill_seen(d.db, id, "south") && drill_seen(d.db, id, ""));
    db_abort(d.db);
}
END_TEST

START_TEST(an_incident_chooses_the_newest_point_from_before_it) {
    struct err e = ERR_INIT;
    struct drill x;
    struct drill_wish w = {.who = "zhang", .system = "shop", .level = 1, .incident_ns = drill_time_ns("2026-11-21T12:00:00Z")};
    ck_assert_msg(drill_ask(&d, &zhang, &w, &x, &e) == 0, "%s", e.msg);
    ck_assert_int_eq(js_int(js_at(x.hosts, 0), "point", 0), 1);
    drill_free(&x);
    w.incident_ns = drill_time_ns("2026-11-19T00:00:00Z");
    ck_assert_int_lt(drill_ask(&d, &zhang, &w, &x, &e), 0);
    ck_assert_int_eq(e.id, ZE_DRILLPOINT);
    drill_free(&x);
}
END_TEST

/* ---- over the API ---- */

static const char *query_format, *query_lang;

static const char *lookup(const struct http_request *r, bool header, const char *name) {
    if (!header && !strcmp(name, "format")) return query_format;
    return !header && !strcmp(name, "lang") ? query_lang : NULL;
}

/* Asked by "local", as people are off; what it is answered, to be freed, and its status. */
static struct js *api(const char *method, const char *path, const char *body, int *status) {
    struct http_request r = {.method = method, .path = path, .body = (const uint8_t *)body, .body_len = strlen(body), .lookup = lookup};
    struct http_answer a;
    struct err e = ERR_INIT;
    api_handle(&d, &r, &a);
    struct js *j = js_parse(a.body, strlen(a.body), path, &e);
    ck_assert_msg(j, "%s: %s", path, a.body);
    *status = a.status;
    free(a.body);
    return j;
}

static int status_of(const char *method, const char *path, const char *body) {
    int status;
    js_free(api(method, path, body, &status));
    return status;
}

START_TEST(over_the_api_a_drill_is_asked_for_granted_shown_and_handed_out_as_it_was_signed) {
    int status;
    cfg.people_off = true;
    CLEANUP_JS struct js *asked = api("POST", "/v1/systems/shop/drills", "{\"level\":1}", &status);
    ck_assert_int_eq(status, 201);
    ck_assert_str_eq(js_str(asked, "state", ""), "queued");
    ck_assert_int_eq(status_of("POST", "/v1/drills/1/grant", "{\"grant\":\"R1JBTlQ=\"}"), 409); /* no worker yet */
    ck_assert_int_eq(status_of("GET", "/v1/drills/1/record", ""), 409);
    come_to(1, DRILL_WAITING);
    CLEANUP_JS struct js *shown = api("GET", "/v1/drills/1", "", &status);
    ck_assert_int_eq(strncmp(js_str(shown, "public_key", ""), "KEY", 3), 0);
    ck_assert_int_eq(status_of("POST", "/v1/drills/1/grant", "{}"), 400);
    ck_assert_int_eq(status_of("POST", "/v1/drills/1/grant", "{\"grant\":\"R1JBTlQ=\",\"hosts\":[\"h1\"],\"until\":\"2026-11-24T00:00:00Z\"}"), 200);
    ended_as(1, "green", "");
    ck_assert_int_eq(count("SELECT count(*) FROM audit WHERE act='drill.grant' AND line LIKE '%\"hosts\":[\"h1\"]%' AND line NOT LIKE '%R1JB%'"), 1);
    CLEANUP_JS struct js *record = api("GET", "/v1/drills/1/record", "", &status);
    CLEANUP_FREE char *file = record_of(1);
    ck_assert_str_eq(js_str(record, "text", ""), file);
    query_format = "html", query_lang = "en";
    CLEANUP_JS struct js *page = api("GET", "/v1/drills/1/record", "", &status);
    ck_assert_ptr_nonnull(strstr(js_str(page, "text", ""), "✔ passed"));
    query_lang = "fr";
    ck_assert_int_eq(status_of("GET", "/v1/drills/1/record", ""), 400);
    CLEANUP_JS struct js *events = api("GET", "/v1/drills/1/events", "", &status);
    ck_assert_uint_eq(js_count(js_get(events, "events")), 5);
    CLEANUP_JS struct js *trend = api("GET", "/v1/drills/trend", "", &status);
    ck_assert_int_eq(js_int(js_at(js_get(trend, "trends"), 0), "greens", 0), 1);
    ck_assert_int_eq(status_of("POST", "/v1/drills/1/cancel", ""), 409);
}
END_TEST

START_TEST(over_the_api_what_is_wrong_is_said_before_anything_is_queued) {
    cfg.people_off = true;
    ck_assert_int_eq(status_of("POST", "/v1/systems/nope/drills", "{}"), 404);
    ck_assert_int_eq(status_of("POST", "/v1/systems/shop/drills", "{\"hosts\":[\"h1\"]}"), 400); /* of a whole system only */
    ck_assert_int_eq(status_of("POST", "/v1/systems/shop/drills", "{\"incident\":\"yesterday\"}"), 400);
    ck_assert_int_eq(status_of("POST", "/v1/systems/shop/drills", "{\"points\":{\"h1\":1},\"system_point\":1}"), 400);
    ck_assert_int_eq(status_of("POST", "/v1/systems/shop/drills", "{\"system_point\":1}"), 404);
    ck_assert_int_eq(status_of("GET", "/v1/drills/7", ""), 404);
    ck_assert_int_eq(status_of("GET", "/v1/drills/x", ""), 404);
    ck_assert_int_eq(count("SELECT count(*) FROM drills"), 0);
}
END_TEST

/* ---- by the calendar ---- */

static void calendar(int64_t days_later) {
    struct err e = ERR_INIT;
    now_s += days_later * 86400;
    ck_assert_msg(drill_calendar(&d, &e) == 0, "%s", e.msg);
}

static const char told[] = "SELECT count(*) FROM notices WHERE kind='drill.overdue'";

START_TEST(a_drill_is_queued_a_week_before_it_is_due_and_overdue_is_told_once_a_week) {
    calendar(82);
    ck_assert_int_eq(count("SELECT count(*) FROM drills"), 0);
    calendar(1);
    ck_assert_int_eq(count("SELECT count(*) FROM drills WHERE origin='schedule'"), 1);
    calendar(6);
    ck_assert_int_eq(count("SELECT count(*) FROM drills"), 1);
    ck_assert_int_eq(count(told), 0);
    calendar(1); /* 90 days: due */
    ck_assert_int_eq(count(told), 1);
    calendar(6);
    ck_assert_int_eq(count(told), 1);
    calendar(1);
    ck_assert_int_eq(count(told), 2);
    db_begin(d.db);
    ck_assert_int_eq(drill_overdue(d.db, "north"), 1);
    ck_assert_int_eq(drill_overdue(d.db, ""), 1);
    ck_assert_int_eq(drill_overdue(d.db, "south"), 0);
    db_abort(d.db);
}
END_TEST

START_TEST(a_green_drill_of_the_plans_level_begins_the_interval_anew_and_counts_from_its_grant) {
    calendar(95);
    int64_t id = count("SELECT id FROM drills");
    come_to(id, DRILL_WAITING);
    now_s += 3600;
    tick(); /* it has waited for a minute */
    ck_assert_int_eq(count("SELECT count(*) FROM notices WHERE kind='drill.grant'"), 1);
    tick();
    ck_assert_int_eq(count("SELECT count(*) FROM notices WHERE kind='drill.grant'"), 1);
    int64_t granted = daemon_now(&d);
    give(id);
    ended_as(id, "green", "");
    struct drill x = get(id);
    ck_assert_int_eq(x.requested_ns, granted);
    drill_free(&x);
    calendar(0);
    db_begin(d.db);
    ck_assert_int_eq(drill_overdue(d.db, ""), 0);
    CLEANUP_JS struct js *due = drill_due_json(&d, &zhang), *none = drill_due_json(&d, &south);
    db_abort(d.db);
    ck_assert_uint_eq(js_count(due), 1);
    ck_assert_uint_eq(js_count(none), 0);
    ck_assert_int_eq(drill_time_ns(js_str(js_at(due, 0), "due", "")), granted + 90 * DAY_NS);
    ck_assert(!js_bool(js_at(due, 0), "overdue", true));
    plan_force(&d, PLAN_OF("[h1, h2]")); /* the system has grown: no drill was of the host that came */
    db_begin(d.db);
    CLEANUP_JS struct js *grown = drill_due_json(&d, &zhang);
    db_abort(d.db);
    ck_assert_ptr_null(js_str(js_at(grown, 0), "last_green", NULL));
}
END_TEST

START_TEST(a_drill_of_the_calendar_that_is_not_green_is_tried_again_after_a_week_and_not_before) {
    cfg.drill_worker[0] = "/nonexistent/worker";
    calendar(90);
    ended_as(1, "failed", "worker");
    for (int i = 0; i < 6; i++) calendar(1);
    ck_assert_int_eq(count("SELECT count(*) FROM drills"), 1);
    calendar(1);
    ck_assert_int_eq(count("SELECT count(*) FROM drills"), 2);
}
END_TEST

START_TEST(a_grant_that_never_comes_ends_the_drill_after_its_time) {
    int64_t id = run();
    come_to(id, DRILL_WAITING);
    now_s += DRILL_WAIT_S - 1;
    poll(NULL, 0, 500);
    struct drill x = get(id);
    ck_assert_str_eq(x.state, DRILL_WAITING);
    drill_free(&x);
    now_s += 2;
    ended_as(id, "failed", "worker");
}
END_TEST

START_TEST(the_forecast_takes_the_newest_points_and_the_last_green_drill) {
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *before = drill_forecasts(&d, &zhang, &e), *other = drill_forecasts(&d, &south, &e);
    ck_assert_str_eq(js_str(js_at(before, 0), "why", ""), "no-green-drill");
    ck_assert_uint_eq(js_count(other), 0);
    int64_t id = run();
    come_to(id, DRILL_WAITING);
    give(id);
    ended_as(id, "green", "");
    CLEANUP_JS struct js *after = drill_forecasts(&d, &zhang, &e);
    const struct js *f = js_at(after, 0);
    ck_assert_int_eq(js_int(f, "bytes_per_s", 0), 1000000);
    ck_assert_int_eq(js_int(f, "ms", 0), 7200 + 4000); /* 7.2 MB at 1 MB/s, and 4 s that were no restoring */
    ck_assert_str_eq(js_str(f, "verdict", ""), "met");
    ck_assert_int_eq(drill_forecast_watch(&d, &e), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM conditions WHERE kind='drill.forecast'"), 0);
    db_begin(d.db); /* as slow as a drill can be */
    db_exec(d.db, "UPDATE drills SET summary=replace(summary,'\"bytes_per_s\":1000000','\"bytes_per_s\":1000')", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(drill_forecast_watch(&d, &e), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM notices WHERE kind='drill.forecast' AND object='shop'"), 1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("drills");
    TCase *t = tcase_create("life");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_drill_waits_for_its_grant_runs_ends_and_leaves_a_signed_record);
    tcase_add_test(t, what_is_red_is_told_of_and_stands_in_the_record);
    tcase_add_test(t, a_grant_that_the_worker_refuses_is_shown_and_another_may_be_given);
    tcase_add_test(t, a_worker_that_dies_lies_or_talks_nonsense_ends_a_drill_as_failed_and_clean_runs_behind_it);
    tcase_add_test(t, a_program_that_is_not_there_is_the_reason_of_a_failed_drill);
    tcase_add_test(t, a_drill_can_be_cancelled_at_any_time);
    tcase_add_test(t, no_more_drills_run_at_once_than_may_and_those_that_wait_do_not_count);
    tcase_add_test(t, after_a_restart_what_ran_has_failed_what_waited_waits_with_another_key_and_clean_came_first);
    tcase_add_test(t, a_journal_that_has_its_end_counts_although_zaibeid_died_before_the_record);
    tcase_add_test(t, nothing_is_begun_before_clean_has_been_done);
    tcase_add_test(t, what_cannot_be_drilled_is_refused_before_anything_is_queued);
    tcase_add_test(t, an_incident_chooses_the_newest_point_from_before_it);
    tcase_add_test(t, over_the_api_a_drill_is_asked_for_granted_shown_and_handed_out_as_it_was_signed);
    tcase_add_test(t, over_the_api_what_is_wrong_is_said_before_anything_is_queued);
    tcase_add_test(t, a_drill_is_queued_a_week_before_it_is_due_and_overdue_is_told_once_a_week);
    tcase_add_test(t, a_green_drill_of_the_plans_level_begins_the_interval_anew_and_counts_from_its_grant);
    tcase_add_test(t, a_drill_of_the_calendar_that_is_not_green_is_tried_again_after_a_week_and_not_before);
    tcase_add_test(t, a_grant_that_never_comes_ends_the_drill_after_its_time);
    tcase_add_test(t, the_forecast_takes_the_newest_points_and_the_last_green_drill);
    suite_add_tcase(s, t);
    return suite_run(s);
}
