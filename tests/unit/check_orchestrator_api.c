/* The API over a real socket, with a vault that answers from a table: routes, errors as problem+json, limits. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_served.h"
#include "sys/file.h"
#include "suite.h"

#define PLAN                                                                                          \
    "name: p\nsystem: s\nhosts: [h1, h2]\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental}\n" \
    "schedule: {zone: UTC, window: \"01:00-05:00\"}\n"
#define KEY "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="

static int64_t fake_now(struct clock *c) { return civil_days(2026, 11, 23) * 86400 * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};

static const char vault[] =
    "while read -r l; do case $l in\n"
    "*'\"op\":\"token\"'*) echo '{\"ok\":true,\"seed\":\"" KEY "\",\"vault_key\":\"" KEY "\",\"expires\":\"x\"}';;\n"
    "*'\"op\":\"hosts\"'*) echo '{\"ok\":true,\"hosts\":[{\"host\":\"h1\",\"host_id\":\"00\",\"system\":\"s\","
    "\"state\":\"enrolled\",\"enrolled\":\"2026-11-01T00:00:00Z\",\"points\":2}]}';;\n"
    "*'\"host\":\"h1\",\"op\":\"points\"'*) echo '{\"ok\":true,\"points\":[{\"point\":1,\"state\":\"complete\","
    "\"time\":\"2026-11-22T22:05:00Z\",\"walk_start\":\"2026-11-22T22:00:00Z\"},{\"point\":2,\"state\":\"partial\","
    "\"time\":\"2026-11-22T23:05:00Z\",\"walk_start\":\"2026-11-22T23:00:00Z\"}]}';;\n"
    "*) echo '{\"ok\":false,\"error\":{\"id\":1101,\"object\":\"x\",\"message\":\"no such host\"}}';;\n"
    "esac; done";
static const char *argv[] = {"sh", "-c", vault, NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60, .ssh = "zb@[2001:db8::1]:2222", .file = "zaibeid.yaml",
    .people_off = true, .deadlines = {2, 3, 5}};

static void setup(void) { served_open(&cfg, &fake_clock, argv); }

/* One request; its status, and the answer in *j where it is JSON. */
static int call(const char *method, const char *path, const char *body, struct js **j) {
    struct err e = ERR_INIT;
    int status = http_call(client, method, path, NULL, body, body ? strlen(body) : 0, &answer, &e);
    ck_assert_msg(status > 0, "%s %s: %s", method, path, e.msg);
    *j = js_parse(answer.p, answer.len, path, &e);
    ck_assert_msg(*j, "%s %s: %s", method, path, e.msg);
    return status;
}

static void fails(const char *method, const char *path, const char *body, int status, const char *id) {
    struct js *j;
    int got = call(method, path, body, &j);
    ck_assert_msg(got == status, "%s %s: %d", method, path, got);
    ck_assert_int_eq(js_int(j, "status", 0), status);
    ck_assert_str_eq(js_str(j, "id", ""), id);
    js_free(j);
}

/* Submitted, reviewed, approved; the number of the version. */
static int64_t into_force(const char *text) {
    struct js *j;
    ck_assert_int_eq(call("POST", "/v1/plans?file=p.yaml", text, &j), 201);
    ck_assert_str_eq(js_str(j, "state", ""), "submitted");
    int64_t version = js_int(j, "version", 0);
    js_free(j);
    ck_assert_int_eq(call("POST", "/v1/plans/p/review", "{}", &j), 200);
    js_free(j);
    ck_assert_int_eq(call("POST", "/v1/plans/p/approve", "{}", &j), 200);
    ck_assert_str_eq(js_str(j, "state", ""), "active");
    js_free(j);
    return version;
}

START_TEST(plans_are_put_into_force_listed_shown_by_version_and_asked_for_their_next_runs) {
    struct js *j;
    ck_assert_int_eq(into_force(PLAN), 1);
    fails("POST", "/v1/plans", "# the same\n" PLAN, 409, "ZB-1701");
    ck_assert_int_eq(into_force(PLAN "retention_days: 30\n"), 2);
    ck_assert_int_eq(call("GET", "/v1/plans", NULL, &j), 200);
    ck_assert_uint_eq(js_count(js_get(j, "plans")), 1);
    js_free(j);
    ck_assert_int_eq(call("GET", "/v1/plans/p?version=1", NULL, &j), 200);
    ck_assert_str_eq(js_str(j, "text", ""), PLAN);
    ck_assert_str_eq(js_str(j, "state", ""), "superseded");
    js_free(j);
    ck_assert_int_eq(call("GET", "/v1/plans/p/next?count=2", NULL, &j), 200);
    const struct js *run = js_at(js_get(j, "runs"), 1);
    ck_assert_str_eq(js_str(run, "start", ""), "2026-11-24T01:00:00Z");
    ck_assert_uint_eq(js_count(js_get(j, "runs")), 2);
    js_free(j);
    ck_assert_uint_ge(atomic_load(&d.plans_changed), 2);
}
END_TEST

/* faults: H4 */
START_TEST(what_is_wrong_is_answered_with_the_fitting_status_and_number) {
    fails("GET", "/", NULL, 404, "ZB-1101");
    fails("GET", "/v1/plans/", NULL, 404, "ZB-1101");
    fails("GET", "/v1/plans/nope", NULL, 404, "ZB-1101");
    fails("GET", "/v1/plans/nope/next/x", NULL, 404, "ZB-1101");
    fails("GET", "/v1/plans/..%2F..%2Fetc", NULL, 404, "ZB-1101");
    fails("DELETE", "/v1/plans", NULL, 405, "ZB-1001");
    fails("POST", "/v1/plans", "name: X\n", 400, "ZB-1002");
    fails("POST", "/v1/jobs", "{", 400, "ZB-1001");
    fails("POST", "/v1/jobs", "[]", 400, "ZB-1001");
    fails("POST", "/v1/jobs", "{\"target\":\"nope\"}", 404, "ZB-1101");
    fails("POST", "/v1/jobs", "{\"target\":\"p\",\"kind\":\"half\"}", 400, "ZB-1001");
    fails("GET", "/v1/jobs?limit=-1", NULL, 400, "ZB-1001");
    fails("GET", "/v1/jobs/1", NULL, 404, "ZB-1101");
    fails("GET", "/v1/jobs/99999999999999999999", NULL, 404, "ZB-1101");
    fails("GET", "/v1/points/nope", NULL, 404, "ZB-1101");
    fails("GET", "/v1/points/h1/7", NULL, 404, "ZB-1101");
    fails("POST", "/v1/hosts/Bad_Name/token", "{\"system\":\"s\"}", 400, "ZB-1001");
    fails("POST", "/v1/hosts/h9/token", "{\"system\":\"s\",\"expires_s\":1}", 400, "ZB-1001");
}
END_TEST

/* faults: H4 */
START_TEST(a_body_or_header_that_is_too_large_is_refused_and_the_server_goes_on) {
    size_t n = HTTPD_BODY_MAX + 1;
    char *big = malloc(n), path[1900];
    struct err e = ERR_INIT;
    struct js *j;
    memset(big, 'a', n);
    ck_assert_int_eq(http_call(client, "POST", "/v1/plans", NULL, big, n, &answer, &e), 413);
    memset(path, 'a', sizeof path - 1), path[0] = '/', path[sizeof path - 1] = 0;
    fails("GET", path, NULL, 404, "ZB-1101");
    free(big);
    int fd = sock_connect(served_at, &e);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(file_write_all(fd, "\x16\x03\x01 nonsense\r\n\r\n", 16), 0);
    close(fd);
    ck_assert_int_eq(call("GET", "/v1/status", NULL, &j), 200);
    js_free(j);
}
END_TEST

START_TEST(hosts_and_points_come_from_the_vault_with_the_achieved_rpo) {
    struct js *j;
    ck_assert_int_eq(call("GET", "/v1/hosts", NULL, &j), 200);
    const struct js *h = js_at(js_get(j, "hosts"), 0);
    ck_assert_str_eq(js_str(h, "host", ""), "h1");
    ck_assert_int_eq(js_int(h, "points", 0), 2);
    ck_assert_int_eq(js_int(h, "last_point", 0), 1);   /* the partial one does not count */
    ck_assert_int_eq(js_int(h, "rpo_s", 0), 2 * 3600); /* from the start of the walk, not its end */
    js_free(j);
    ck_assert_int_eq(call("GET", "/v1/points/h1", NULL, &j), 200);
    ck_assert_uint_eq(js_count(js_get(j, "points")), 2);
    js_free(j);
    ck_assert_int_eq(call("GET", "/v1/points/h1/latest", NULL, &j), 200);
    ck_assert_int_eq(js_int(j, "point", 0), 2);
    js_free(j);
}
END_TEST

START_TEST(an_enrol_token_is_one_line_with_the_place_and_the_keys) {
    struct js *j;
    ck_assert_int_eq(call("POST", "/v1/hosts/h9/token", "{\"system\":\"s\"}", &j), 201);
    const char *t = js_str(j, "token", "");
    ck_assert_msg(
        !strncmp(t, "zbe1,zb@", 8) && strstr(t, "2001:db8::1") && strstr(t, ":2222,") && !strchr(t, '\n'), "%s", t);
    js_free(j);
}
END_TEST

START_TEST(a_job_asked_for_twice_is_one_job_and_can_be_cancelled_once) {
    struct js *j;
    into_force(PLAN);
    ck_assert_int_eq(call("POST", "/v1/jobs", "{\"target\":\"p\"}", &j), 201);
    ck_assert_uint_eq(js_count(js_get(j, "jobs")), 2);
    js_free(j);
    ck_assert_int_eq(call("POST", "/v1/jobs", "{\"target\":\"h1\",\"kind\":\"full\"}", &j), 201);
    ck_assert_uint_eq(js_count(js_get(j, "jobs")), 1);
    ck_assert_int_eq(js_int(js_at(js_get(j, "jobs"), 0), "job", 0), 1);
    ck_assert_str_eq(js_str(js_at(js_get(j, "jobs"), 0), "kind", ""), "full");
    js_free(j);
    ck_assert_int_eq(call("POST", "/v1/jobs/1/cancel", NULL, &j), 200);
    ck_assert_str_eq(js_str(j, "state", ""), "cancelled");
    js_free(j);
    fails("POST", "/v1/jobs/1/cancel", NULL, 409, "ZB-1701");
    ck_assert_int_eq(call("GET", "/v1/jobs?host=h2&limit=5", NULL, &j), 200);
    ck_assert_uint_eq(js_count(js_get(j, "jobs")), 1);
    js_free(j);
}
END_TEST

START_TEST(a_socket_that_is_in_use_is_not_taken_and_one_left_behind_is) {
    struct err e = ERR_INIT;
    struct stat st;
    ck_assert_int_lt(sock_listen(served_at, 0660, &e), 0);
    ck_assert_int_eq(e.id, ZE_BUSY);
    ck_assert_int_eq(stat(served_at, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0660);
    char old[140];
    snprintf(old, sizeof old, "%s2", served_at);
    close(sock_listen(old, 0600, &e)); /* its owner died */
    int fd = sock_listen(old, 0600, &e);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_lt(sock_connect("/tmp/check_api_nobody", &e), 0);
    ck_assert_int_eq(e.id, ZE_UNREACHABLE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("api");
    TCase *t = tcase_create("api");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, served_close);
    tcase_add_test(t, plans_are_put_into_force_listed_shown_by_version_and_asked_for_their_next_runs);
    tcase_add_test(t, what_is_wrong_is_answered_with_the_fitting_status_and_number);
    tcase_add_test(t, a_body_or_header_that_is_too_large_is_refused_and_the_server_goes_on);
    tcase_add_test(t, hosts_and_points_come_from_the_vault_with_the_achieved_rpo);
    tcase_add_test(t, an_enrol_token_is_one_line_with_the_place_and_the_keys);
    tcase_add_test(t, a_job_asked_for_twice_is_one_job_and_can_be_cancelled_once);
    tcase_add_test(t, a_socket_that_is_in_use_is_not_taken_and_one_left_behind_is);
    suite_add_tcase(s, t);
    return suite_run(s);
}
