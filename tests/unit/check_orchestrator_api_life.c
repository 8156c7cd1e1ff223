/* The routes of a plan's life over a real socket: pages, filters, bodies, statuses, and a record for each change. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_served.h"
#include "make_orchestrator_plan.h"
#include "suite.h"

#define PLAN "name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental}\n"

static int64_t fake_now(struct clock *c) { return civil_days(2026, 11, 23) * 86400 * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static const char *argv[] = {
    "sh", "-c", "while read -r l; do echo '{\"ok\":true,\"free\":1000,\"points\":[],\"hosts\":[]}'; done", NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60, .people_off = true, .deadlines = {2, 3, 5}};

static void setup(void) { served_open(&cfg, &fake_clock, argv); }

static int64_t records(void) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT count(*) FROM audit", "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

/* One request. What changed something has left a record, and nothing else has. */
static struct js *call(const char *method, const char *path, const char *body, int want) {
    struct err e = ERR_INIT;
    int64_t before = records();
    int status = http_call(client, method, path, NULL, body, body ? strlen(body) : 0, &answer, &e);
    ck_assert_msg(
        status == want, "%s %s: %d instead of %d: %.*s", method, path, status, want, (int)answer.len, answer.p);
    struct js *j = js_parse(answer.p, answer.len, path, &e);
    ck_assert_msg(j, "%s %s: %s", method, path, e.msg);
    bool changes = strcmp(method, "GET") != 0 && status < 300 && !strstr(path, "dry_run");
    ck_assert_msg(
        (records() > before) == changes, "%s %s: %lld records", method, path, (long long)(records() - before));
    return j;
}

static void fails(const char *method, const char *path, const char *body, int status, const char *id) {
    struct js *j = call(method, path, body, status);
    ck_assert_str_eq(js_str(j, "id", ""), id);
    js_free(j);
}

static void does(const char *path, const char *body, int status, const char *state) {
    struct js *j = call("POST", path, body, status);
    if (state) ck_assert_str_eq(js_str(j, "state", ""), state);
    js_free(j);
}

/* How many elements all pages of a list have together; each page but the last is full, and the order is that of the keys. */
static size_t paged(const char *path, const char *key, size_t limit) {
    char page[300], next[100] = "", last[100] = "";
    size_t total = 0, pages = 0;
    do {
        snprintf(page, sizeof page, "%s%slimit=%zu%s%s", path, strchr(path, '?') ? "&" : "?", limit,
            *next ? "&after=" : "", next);
        struct js *j = call("GET", page, NULL, 200);
        const struct js *list = js_get(j, key);
        for (size_t i = 0; i < js_count(list); i++) {
            char now[100];
            snprintf(now, sizeof now, "%s@%08lld", js_str(js_at(list, i), "name", ""),
                (long long)js_int(js_at(list, i), "version", js_int(js_at(list, i), "order", 0)));
            ck_assert_msg(strcmp(last, now) < 0, "%s after %s", now, last);
            strcpy(last, now);
        }
        total += js_count(list), pages++;
        snprintf(next, sizeof next, "%s", js_str(j, "next", ""));
        js_free(j);
    } while (*next && pages < 1000);
    ck_assert_uint_ge(pages, total / limit);
    return total;
}

START_TEST(lists_are_cut_into_pages_that_miss_nothing_and_repeat_nothing) {
    for (int i = 0; i < 23; i++) {
        char text[300];
        snprintf(text, sizeof text,
            "name: p%02d\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n", i);
        plan_force(&d, text);
        if (i >= 5) continue;
        strcat(text, "retention_days: 7\n");
        plan_force(&d, text);
    }
    ck_assert_uint_eq(paged("/v1/plans", "plans", 5), 23);
    ck_assert_uint_eq(paged("/v1/plans", "plans", 23), 23);
    ck_assert_uint_eq(paged("/v1/plans?versions=1", "plans", 1), 28);
    ck_assert_uint_eq(paged("/v1/plans?versions=1&state=superseded", "plans", 2), 5);
    ck_assert_uint_eq(paged("/v1/plans?versions=1&plan=p03", "plans", 1), 2);
    ck_assert_uint_eq(paged("/v1/steps", "steps", 4), 23); /* each waits for its first run */
    ck_assert_uint_eq(paged("/v1/steps?overdue=1", "steps", 4), 0);
    fails("GET", "/v1/plans?limit=0", NULL, 400, "ZB-1001");
    fails("GET", "/v1/plans?limit=1001", NULL, 400, "ZB-1001");
    fails("GET", "/v1/plans?after=nonsense", NULL, 400, "ZB-1001");
    fails("GET", "/v1/orders?after=nonsense", NULL, 400, "ZB-1001");
    fails("GET", "/v1/drift?limit=9999", NULL, 400, "ZB-1001");
    struct js *j = call("GET", "/v1/drift?limit=20", NULL, 200);
    ck_assert_uint_eq(js_count(js_get(j, "plans")), 20);
    ck_assert_str_eq(js_str(j, "next", ""), "p19");
    js_free(j);
    j = call("GET", "/v1/drift?limit=20&after=p19", NULL, 200);
    ck_assert_uint_eq(js_count(js_get(j, "plans")), 3);
    js_free(j);
}
END_TEST

START_TEST(acts_answer_with_the_version_and_leave_a_record) {
    does("/v1/plans?draft=1", PLAN, 201, "draft");
    does("/v1/plans", PLAN, 201, "submitted");
    fails("POST", "/v1/plans", PLAN, 409, "ZB-1701");
    does("/v1/plans?dry_run=1", PLAN "retention_days: 5\n", 200, NULL);
    fails("POST", "/v1/plans/p/approve", "{}", 409, "ZB-1850");
    fails("POST", "/v1/plans/p/review", "{\"version\":7}", 409, "ZB-1852");
    fails("POST", "/v1/plans/p/review", "[]", 400, "ZB-1001");
    fails("POST", "/v1/plans/p/reject", "{}", 400, "ZB-1001");
    does("/v1/plans/p/withdraw", "{}", 200, "withdrawn");
    does("/v1/plans", PLAN, 201, "submitted");
    does("/v1/plans/p/review", "{\"opinion\":\"同意\",\"version\":2}", 200, "reviewed");
    does("/v1/plans/p/approve", "{\"version\":2}", 200, "active");
    fails("POST", "/v1/plans/nope/approve", "{}", 404, "ZB-1101");
    does("/v1/plans/p/suspend", "{\"reason\":\"x\"}", 200, "suspended");
    does("/v1/plans/p/resume", "{}", 200, "active");
    struct js *j = call("GET", "/v1/plans/p/history?version=2", NULL, 200);
    ck_assert_uint_eq(js_count(js_get(j, "steps")), 6);
    ck_assert_str_eq(js_str(js_at(js_get(j, "steps"), 1), "text", ""), "同意");
    js_free(j);
    j = call("GET", "/v1/plans/p/cost", NULL, 200);
    ck_assert_int_eq(js_int(j, "version", 0), 2);
    js_free(j);
    fails("GET", "/v1/plans/p/cost?version=open", NULL, 404, "ZB-1101");
    fails("GET", "/v1/plans/p?version=-1", NULL, 400, "ZB-1001");
    fails("GET", "/v1/drift?plan=nope", NULL, 404, "ZB-1101");
}
END_TEST

START_TEST(the_three_questions_must_be_answered) {
    plan_force(&d, PLAN);
    static const char *const wrong[] = {"{\"reason\":\"x\"}", "{\"reason\":\"x\",\"keep_backups\":true}",
        "{\"reason\":\"x\",\"keep_backups\":\"yes\",\"keep_vm_files\":true,\"place\":\"self\"}",
        "{\"reason\":\"x\",\"keep_backups\":true,\"keep_vm_files\":false}",
        "{\"reason\":\"x\",\"keep_backups\":true,\"keep_vm_files\":false,\"place\":\"moon\"}",
        "{\"keep_backups\":false,\"keep_vm_files\":false}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        fails("POST", "/v1/plans/p/retire", wrong[i], 400, "ZB-1001");
    does("/v1/plans/p/retire", "{\"reason\":\"x\",\"keep_backups\":false,\"keep_vm_files\":false}", 200, "active");
    struct js *j = call("GET", "/v1/plans/p", NULL, 200);
    ck_assert_str_eq(js_str(js_get(j, "retirement"), "reason", ""), "x");
    ck_assert_str_eq(js_str(j, "waits_for", ""), "approval");
    js_free(j);
    does("/v1/plans/p/approve", "{}", 200, "retired");
    j = call("GET", "/v1/plans/p", NULL, 200);
    ck_assert(js_bool(j, "drop_points", false));
    js_free(j);
    j = call("GET", "/v1/orders?plan=p", NULL, 200);
    ck_assert_str_eq(js_str(js_at(js_get(j, "orders"), 0), "kind", ""), "remove-vm-files");
    js_free(j);
    does("/v1/orders/1/confirm", "{\"note\":\"gone\"}", 200, "done");
    fails("POST", "/v1/orders/1/confirm", "{}", 409, "ZB-1701");
    fails("POST", "/v1/orders/x/confirm", "{}", 404, "ZB-1101");
    ck_assert_uint_eq(paged("/v1/orders", "orders", 5), 0);
    ck_assert_uint_eq(paged("/v1/orders?all=1", "orders", 1), 1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("api-life");
    TCase *t = tcase_create("api-life");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, served_close);
    tcase_add_test(t, lists_are_cut_into_pages_that_miss_nothing_and_repeat_nothing);
    tcase_add_test(t, acts_answer_with_the_version_and_leave_a_record);
    tcase_add_test(t, the_three_questions_must_be_answered);
    suite_add_tcase(s, t);
    return suite_run(s);
}
