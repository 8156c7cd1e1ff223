/* The worker's pure parts: orders as JSON, the order of hosts, what a check expects, lines of the journal, lines of orders. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "worker.h"
#include "worker_check.h"
#include "worker_outer.h"
#include "worker_service.h"

#define ID "000102030405060708090a0b0c0d0e0f"
static struct worker_request q;
static struct err e;

static const char *host(const char *name, const char *after) {
    static char text[8][300];
    static int at;
    char *out = text[at++ % 8];
    snprintf(out, sizeof text[0], "{\"host\":\"%s\",\"host_id\":\"" ID "\",\"point\":3,\"after\":[%s]}", name, after);
    return out;
}

static int drill(const char *hosts, const char *more) {
    static char text[4000];
    e = (struct err)ERR_INIT;
    worker_request_free(&q);
    int n = snprintf(text, sizeof text,
        "{\"op\":\"drill\",\"id\":\"17\",\"dir\":\"/drills/"
        "17\",\"level\":2,\"read\":[\"read\",\"%%h\"],\"hosts\":[%s]%s}",
        hosts, more);
    return worker_request_read(text, (size_t)n, &q, &e);
}

static void teardown(void) { worker_request_free(&q); }

START_TEST(a_host_comes_after_those_it_is_after) {
    char hosts[1500];
    size_t order[WORKER_HOSTS_MAX];
    snprintf(hosts, sizeof hosts, "%s,%s,%s,%s", host("web", "\"app\",\"cache\""), host("app", "\"db\""),
        host("db", ""), host("cache", "\"elsewhere\""));
    ck_assert_int_eq(drill(hosts, ""), 0);
    ck_assert_int_eq(worker_order(&q, order, &e), 0);
    static const size_t want[] = {2, 1, 3, 0};
    ck_assert_mem_eq(order, want, sizeof want);
}
END_TEST

START_TEST(a_circle_is_named) {
    char hosts[1000];
    snprintf(hosts, sizeof hosts, "%s,%s,%s", host("alone", ""), host("a", "\"b\""), host("b", "\"a\""));
    ck_assert_int_lt(drill(hosts, ""), 0);
    ck_assert_int_eq(e.id, ZE_USAGE);
    ck_assert_str_eq(e.object, "a");
    ck_assert_int_lt(drill(host("self", "\"self\""), ""), 0);
}
END_TEST

START_TEST(as_people_write_it) {
    ck_assert_int_eq(drill("{\"host\":\"h\",\"host_id\":\"" ID "\",\"point\":3,\"memory\":\"768 MiB\","
                           "\"services\":[{\"name\":\"s\",\"start\":\"run\"}]}",
                         ",\"limits\":{\"memory\":1000,\"disk\":2000,\"time_s\":3},\"checks\":[{\"name\":\"c\","
                         "\"host\":\"h\",\"run\":\"x\","
                         "\"expect\":\"y\",\"within\":\"2m\"},{\"name\":\"d\",\"host\":\"h\",\"http\":\"http://x/"
                         "\",\"expect\":\"y\",\"status\":204,"
                         "\"level\":4}]"),
        0);
    ck_assert_uint_eq(q.host[0].memory, 768u << 20);
    ck_assert_str_eq(q.host[0].service[0].user, "root");
    ck_assert_uint_eq(q.host[0].point, 3);
    ck_assert_int_eq(q.check[0].within_ms, 120000);
    ck_assert_int_eq(q.check[0].level, 2);
    ck_assert_int_eq(q.check[1].level, 4);
    ck_assert_int_eq(q.check[1].status, 204);
    ck_assert_int_eq(q.time_ms, 3000);
    ck_assert_uint_eq(q.disk, 2000);
    ck_assert_str_eq(q.host[0].tree, "/work/trees/h");
}
END_TEST

START_TEST(what_means_nothing_is_refused) {
    static const char *const more[] = {",\"checks\":[{\"name\":\"c\",\"host\":\"h\",\"run\":\"x\"}]",
        ",\"checks\":[{\"name\":\"c\",\"host\":\"h\",\"run\":\"x\",\"http\":\"http://x\",\"expect\":\"y\"}]",
        ",\"checks\":[{\"name\":\"c\",\"host\":\"h\",\"expect\":\"y\"}]",
        ",\"checks\":[{\"name\":\"c\",\"host\":\"h\",\"run\":\"x\",\"expect\":\"y\",\"within\":\"soon\"}]",
        ",\"control\":\"other\"", ",\"level\":3", ",\"dir\":\"drills\"", ",\"id\":\"../17\"", ",\"read\":[]",
        ",\"hosts\":[]"};
    static const char *const hosts[] = {"{\"host\":\"../h\",\"host_id\":\"" ID "\",\"point\":1}",
        "{\"host\":\"h\",\"host_id\":\"00\",\"point\":1}", "{\"host\":\"h\",\"host_id\":\"" ID "\"}",
        "{\"host\":\"h\",\"host_id\":\"" ID "\",\"point\":4294967296}",
        "{\"host\":\"h\",\"host_id\":\"" ID "\",\"point\":1,\"services\":[{\"name\":\"s\"}]}"};
    ck_assert_int_eq(drill(host("h", ""), ""), 0);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        ck_assert_msg(drill(host("h", ""), more[i]) < 0, "%s", more[i]);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) ck_assert_msg(drill(hosts[i], "") < 0, "%s", hosts[i]);
    char twice[700];
    snprintf(twice, sizeof twice, "%s,%s", host("h", ""), host("h", ""));
    ck_assert_int_lt(drill(twice, ""), 0);
}
END_TEST

/* faults: G10 */
START_TEST(an_expectation_that_can_fail) {
    char why[400] = "";
    static const struct {
        const char *expect, *text;
        int fits;
    } all[] = {{"^[1-9][0-9]*$", "5000\n", 1}, {"^[1-9][0-9]*$", "0\n", 0}, {"^[1-9][0-9]*$", "", 0},
        {"^[1-9][0-9]*$", "ERROR\n5000\n", 0}, {"orders.: 5000", "{\"orders\": 5000}\r\n", 1}, {"a|b", "b", 1},
        {".*", "x", -1}, {"^$", "", -1}, {"", "x", -1}, {"x*", "xx", -1}, {"(", "(", -1}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int rc = check_expect(all[i].expect, all[i].text, strlen(all[i].text), why, sizeof why);
        ck_assert_msg((rc < 0 ? -1 : rc) == all[i].fits, "%s: %s: %d", all[i].expect, all[i].text, rc);
        if (rc <= 0) ck_assert_ptr_nonnull(strstr(why, rc ? all[i].expect : "found"));
    }
    ck_assert_int_eq(check_expect("a.b", "a\0b", 3, why, sizeof why), 1); /* a page may have bytes of 0 */
}
END_TEST

/* ---- the journal ---- */

static int64_t wall, mono;
static int64_t wall_now(struct clock *c) { return (void)c, wall; }
static int64_t mono_now(struct clock *c) { return (void)c, mono; }

static struct js *line_of(int sock) {
    int fds[SOCK_FDS_MAX];
    struct js *j = sock_get(sock, fds);
    ck_assert_ptr_nonnull(j);
    return j;
}

START_TEST(a_phase_has_its_time) {
    int pair[2];
    struct clock clock = {.now_ns = wall_now, .mono_ns = mono_now};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    struct worker w = {.q = &q, .sock = pair[0], .clock = &clock};
    wall = 1795309323007000000, mono = 5000000000;
    struct phase p = phase_begin(&w, "h", "check", "orders");
    struct js *j = line_of(pair[1]);
    ck_assert_str_eq(js_str(j, "state", ""), "begin");
    ck_assert(!js_has(j, "seconds"));
    js_free(j);
    wall -= 3600ll * 1000000000, mono += 1234567890; /* somebody sets the clock: a duration does not care */
    phase_red(&p, NULL, "%s \xff\n", "why");
    j = line_of(pair[1]);
    ck_assert_int_eq(js_ms(j, "seconds", 0), 1234);
    ck_assert_str_eq(js_str(j, "state", ""), "red");
    ck_assert_str_eq(js_str(j, "detail", ""), "why \\xFF\\x0A");
    ck_assert_str_eq(js_str(j, "name", ""), "orders");
    js_free(j);
    close(pair[0]), close(pair[1]);
}
END_TEST

START_TEST(descriptors_travel_with_their_packet) {
    int pair[2], fds[SOCK_FDS_MAX], null = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    struct js *j = js_object();
    ck_assert(sock_put(pair[0], j, (int[]){null, null}, 2));
    ck_assert(sock_put(pair[0], j, NULL, 0));
    ck_assert_int_eq(write(pair[0], "{", 1), 1);
    js_free(sock_get(pair[1], fds));
    ck_assert(fds[0] > 2 && fds[1] > 2 && fds[2] == -1);
    close(fds[0]), close(fds[1]);
    js_free(sock_get(pair[1], fds));
    ck_assert_int_eq(fds[0], -1);
    ck_assert_ptr_null(sock_get(pair[1], fds)); /* no JSON */
    js_free(j);
    close(pair[0]), close(pair[1]), close(null);
}
END_TEST

START_TEST(lines_come_whole) {
    int pipe_fds[2];
    char *line;
    struct buf in;
    buf_init(&in, LINE_MAX_BYTES);
    ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
    ck_assert_int_eq(worker_line(&in, pipe_fds[0], &line), 0);
    ck_assert_int_eq(write(pipe_fds[1], "one\ntw", 6), 6);
    ck_assert_int_eq(worker_line(&in, pipe_fds[0], &line), 1);
    ck_assert_str_eq(line, "one");
    ck_assert_int_eq(worker_line(&in, pipe_fds[0], &line), 0);
    ck_assert_int_eq(write(pipe_fds[1], "o\n\n", 3), 3);
    ck_assert_int_eq(worker_line(&in, pipe_fds[0], &line), 1);
    ck_assert_str_eq(line, "two");
    ck_assert_int_eq(worker_line(&in, pipe_fds[0], &line), 1);
    ck_assert_str_eq(line, "");
    close(pipe_fds[1]);
    ck_assert_int_lt(worker_line(&in, pipe_fds[0], &line), 0);
    close(pipe_fds[0]);
    buf_free(&in);
}
END_TEST

/* ---- what the outer process makes of it ---- */

static void told(struct outer *o, const char *text) {
    struct js *j = js_parse(text, strlen(text), "test", &e);
    ck_assert_ptr_nonnull(j);
    outer_event(o, j);
    js_free(j);
}

START_TEST(the_first_red_counts) {
    struct clock clock = {.now_ns = wall_now, .mono_ns = mono_now};
    struct outer o = {.q = &q, .clock = &clock, .walk_starts = js_object()};
    told(&o, "{\"event\":\"phase\",\"host\":\"h\",\"phase\":\"fetch\",\"state\":\"ok\",\"walk_start\":\"2026\"}");
    told(&o, "{\"event\":\"end\",\"verdict\":\"green\"}"); /* who was taken over in there does not end the drill */
    ck_assert_ptr_null(o.first_red);
    told(&o,
        "{\"event\":\"phase\",\"host\":\"h\",\"phase\":\"check\",\"name\":\"a\",\"state\":\"red\",\"detail\":"
        "\"first\"}");
    told(&o, "{\"event\":\"phase\",\"host\":\"\",\"phase\":\"egress\",\"state\":\"red\",\"detail\":\"second\"}");
    ck_assert_str_eq(js_str(o.first_red, "detail", ""), "first");
    ck_assert_str_eq(js_str(o.walk_starts, "h", ""), "2026");
    ck_assert(o.egress_tried && o.egress_open);
    js_free(o.first_red), js_free(o.walk_starts);
}
END_TEST

/* faults: G8 */
START_TEST(who_sets_the_clock_meanwhile_makes_no_phase_shorter) {
    struct clock clock = {.now_ns = wall_now, .mono_ns = mono_now};
    struct outer o = {.q = &q, .clock = &clock};
    struct js *j = js_object();
    js_set_str(j, "event", "phase"), js_set_str(j, "state", "ok");
    js_set_str(j, "at", "1999-01-01T00:00:00.000Z"); /* whoever took the inner process over does not date anything */
    wall = 1795309323007000000, mono = 5000000000;
    outer_clock(&o);
    wall -= 3600ll * 1000000000, mono += 1234567890;
    outer_event(&o, j);
    ck_assert_str_eq(js_str(j, "at", ""), "2026-11-22T01:02:04.241Z");
    js_free(j);
}
END_TEST

static struct job talker(int fd) { return (struct job){.pid = 0, .out = fd, .text = malloc(JOB_TEXT)}; }

START_TEST(who_never_stops_printing_keeps_nobody) {
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct job j = talker(fd), *jobs[] = {&j};
    jobs_step(jobs, 1, 0);
    ck_assert_uint_eq(j.n, JOB_TEXT);
    ck_assert_int_eq(j.out, fd);
    close(fd), free(j.text);
}
END_TEST

START_TEST(every_service_of_a_drill_is_watched) {
    static struct job all[500];
    struct clock clock = {.now_ns = wall_now, .mono_ns = mono_now};
    struct worker w = {.q = &q, .clock = &clock};
    struct stage st = {.w = &w, .service = all, .services_n = 500};
    for (size_t i = 0; i < 500; i++) all[i].out = -1;
    ck_assert_int_ge((all[499].pid = fork()), 0);
    if (!all[499].pid) _exit(7);
    for (int i = 0; i < 100 && !all[499].ended; i++) stage_step(&st, NULL, 0), usleep(20000);
    ck_assert(all[499].ended);
    ck_assert_int_eq(all[499].status, 7);
}
END_TEST

int main(void) {
    Suite *s = suite_create("worker");
    TCase *t = tcase_create("worker");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, a_host_comes_after_those_it_is_after);
    tcase_add_test(t, a_circle_is_named);
    tcase_add_test(t, as_people_write_it);
    tcase_add_test(t, what_means_nothing_is_refused);
    tcase_add_test(t, an_expectation_that_can_fail);
    tcase_add_test(t, a_phase_has_its_time);
    tcase_add_test(t, descriptors_travel_with_their_packet);
    tcase_add_test(t, lines_come_whole);
    tcase_add_test(t, the_first_red_counts);
    tcase_add_test(t, who_sets_the_clock_meanwhile_makes_no_phase_shorter);
    tcase_add_test(t, who_never_stops_printing_keeps_nobody);
    tcase_add_test(t, every_service_of_a_drill_is_watched);
    suite_add_tcase(s, t);
    return suite_run(s);
}
