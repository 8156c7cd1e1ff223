/* What drills show, with exact expectations: verdicts, RTO and RPO, phases, trends, forecasts; the record, its signature and what
 * zaibei-verify would make of it; the page, which hostile words cannot break. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/html.h"
#include "drill/record.h"
#include "drill/trend.h"
#include "suite.h"
#include "sys/file.h"

#define T "2026-11-22T10:"
#define PHASE(host, phase, name, state, at) \
    "{\"event\":\"phase\",\"host\":\"" host "\",\"phase\":\"" phase "\",\"name\":\"" name "\",\"state\":\"" state "\",\"at\":\"" T at "Z\"}"
#define RESTORED(host, at) \
    "{\"event\":\"phase\",\"host\":\"" host "\",\"phase\":\"restore\",\"name\":\"\",\"state\":\"ok\",\"at\":\"" T at \
    "Z\",\"bytes\":6000000,\"files\":30}"
#define END(rest) "{\"event\":\"end\",\"walk_starts\":{\"db\":\"2026-11-22T09:00:00.500Z\",\"web\":\"2026-11-22T09:10:00Z\"}" rest "}"
#define GOOD_END END(",\"verdict\":\"green\",\"egress\":\"closed\",\"left\":[]")
#define RESTORES                                                                                                    \
    PHASE("db", "fetch", "", "begin", "00:10.000"), PHASE("db", "fetch", "", "ok", "00:12.000"),                    \
        PHASE("db", "restore", "", "begin", "00:12.000"), PHASE("web", "restore", "", "begin", "00:14.000"),        \
        RESTORED("db", "00:20.000"), RESTORED("web", "00:22.000")
#define CONTENT PHASE("db", "content", "", "ok", "00:23.000"), PHASE("web", "content", "", "ok", "00:24.250")
#define CHECKS                                                                                                      \
    PHASE("db", "start", "postgresql", "ok", "00:30.000"), PHASE("db", "check", "orders", "begin", "00:31.000"),    \
        PHASE("db", "check", "orders", "ok", "00:31.500"), PHASE("web", "check", "page", "ok", "00:41.123"),        \
        PHASE("", "egress", "", "ok", "00:45.000"), PHASE("", "teardown", "", "ok", "00:50.000")

static const char hosts_text[] =
    "[{\"host\":\"db\",\"point\":4,\"walk_start\":\"2026-11-22T08:00:00Z\"},{\"host\":\"web\",\"point\":7,\"walk_start\":\"2026-11-22T09:10:00Z\"}]";
static const char checks_text[] =
    "[{\"name\":\"orders\",\"host\":\"db\"},{\"name\":\"page\",\"host\":\"web\",\"level\":\"2\"},{\"name\":\"boot\",\"host\":\"web\",\"level\":4}]";

static struct js *hosts, *checks;
static struct drill_request request;
static struct drill_measure m;

static struct js *parse(const char *text) {
    struct err e = ERR_INIT;
    struct js *j = js_parse(text, strlen(text), "test", &e);
    ck_assert_msg(j, "%s: %s", text, e.msg);
    return j;
}

static void setup(void) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    hosts = parse(hosts_text), checks = parse(checks_text);
    request = (struct drill_request){.level = 2, .requested_ns = drill_time_ns("2026-11-22T10:00:00.000Z"),
        .rto_target_s = 60, .rpo_target_s = 3600, .hosts = hosts, .checks = checks};
}

static void teardown(void) { js_free(hosts), js_free(checks); }

static struct js *events_of(const char *const *list) {
    struct js *events = js_array();
    for (; *list; list++) js_push(events, parse(*list));
    return events;
}

#define MEASURE(...)                                                  \
    do {                                                              \
        const char *const list_[] = {__VA_ARGS__, NULL};              \
        CLEANUP_JS struct js *events_ = events_of(list_);             \
        drill_measure(&request, events_, &m);                         \
    } while (0)

START_TEST(times_have_up_to_nine_digits_of_a_fraction) {
    ck_assert_int_eq(drill_time_ns("1970-01-01T00:00:01.5Z"), 1500000000);
    ck_assert_int_eq(drill_time_ns("1970-01-01T00:00:01.123456789Z"), 1123456789);
    ck_assert_int_eq(drill_time_ns("1970-01-01T00:00:01Z"), 1000000000);
    ck_assert_int_eq(drill_time_ns("yesterday"), 0);
    ck_assert_int_eq(drill_time_ns(NULL), 0);
    CLEANUP_JS struct js *j = js_object();
    drill_time_set(j, "t", 1795000000123999999);
    ck_assert_str_eq(js_str(j, "t", ""), "2026-11-18T11:06:40.123Z");
}
END_TEST

START_TEST(a_green_drill_has_its_rto_to_the_last_check_and_its_rpo_of_the_oldest_host) {
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_str_eq(drill_verdict_name(m.verdict), "green");
    ck_assert_int_eq(m.cause, CAUSE_NONE);
    ck_assert_int_eq(m.rto_ms, 41123); /* not the egress check, not the teardown */
    ck_assert_int_eq(m.rto, GOAL_MET);
    ck_assert_int_eq(m.rpo_ms, 3599500); /* what the worker read counts, not what the vault said: 08:00 */
    ck_assert_str_eq(m.rpo_host, "db");
    ck_assert_int_eq(m.rpo, GOAL_MET);
    ck_assert_int_eq(m.bytes, 12000000);
    ck_assert_int_eq(m.files, 60);
    ck_assert_int_eq(m.restore_ms, 12000);
    ck_assert_int_eq(m.bytes_per_s, 1000000);
}
END_TEST

START_TEST(targets_are_met_to_the_millisecond_and_without_a_target_nothing_is_judged) {
    request.rto_target_s = 41, request.rpo_target_s = 3599;
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_int_eq(m.rto, GOAL_MISSED);
    ck_assert_int_eq(m.rpo, GOAL_MISSED);
    ck_assert_int_eq(m.verdict, DRILL_GREEN); /* a missed target is its own verdict */
    request.rto_target_s = request.rpo_target_s = 0;
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_int_eq(m.rto, GOAL_NO_TARGET);
    ck_assert_int_eq(m.rpo, GOAL_NO_TARGET);
    ck_assert_int_eq(m.rto_ms, 41123);
}
END_TEST

START_TEST(a_given_incident_takes_the_place_of_the_request_in_the_rpo_only) {
    request.incident_ns = drill_time_ns("2026-11-22T09:30:00Z");
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_int_eq(m.rpo_ms, 1799500);
    ck_assert_int_eq(m.rto_ms, 41123);
    request.incident_ns = drill_time_ns("2026-11-22T08:30:00Z"); /* before both walks */
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_int_eq(m.rpo_ms, 0);
}
END_TEST

/* faults: G8 */
START_TEST(a_clock_that_is_wrong_flatters_nobody) {
    request.requested_ns = drill_time_ns("2026-11-22T11:00:00Z"); /* the clock was set back while the drill waited */
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_int_eq(m.verdict, DRILL_GREEN);
    ck_assert_int_eq(m.rto_ms, -1);
    ck_assert_int_eq(m.rto, GOAL_UNMEASURED);
    request.requested_ns = drill_time_ns("2026-11-22T10:00:00Z");
    js_set_str(js_at(hosts, 0), "committed", "2026-11-22T09:05:00Z");
    js_set_str(js_at(hosts, 1), "committed", "2026-11-22T08:00:00Z"); /* the vault had it an hour before its host says it began */
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_int_eq(m.rpo_ms, 7200000);
    ck_assert_str_eq(m.rpo_host, "web");
    ck_assert_int_eq(m.rpo, GOAL_MISSED);
    const char *const list[] = {GOOD_END, NULL};
    CLEANUP_JS struct js *events = events_of(list);
    drill_walks(hosts, events); /* and the record says so */
    ck_assert_str_eq(js_str(js_at(hosts, 0), "walk_start", ""), "2026-11-22T09:00:00.500Z");
    ck_assert_str_eq(js_str(js_at(hosts, 1), "walk_start", ""), "2026-11-22T08:00:00.000Z");
}
END_TEST

/* faults: G10 */
START_TEST(one_red_phase_makes_a_drill_red_whatever_the_worker_says) {
    MEASURE(RESTORES, CONTENT, CHECKS, PHASE("web", "check", "page", "red", "00:42.000"), GOOD_END);
    ck_assert_int_eq(m.verdict, DRILL_RED);
    ck_assert_str_eq(drill_cause_name(m.cause), "red");
    ck_assert_str_eq(m.host, "web");
    ck_assert_str_eq(m.name, "page");
    ck_assert_int_eq(m.rto_ms, -1);
    ck_assert_int_eq(m.rto, GOAL_MISSED);
    ck_assert_int_eq(m.rpo, GOAL_MET);
    MEASURE(PHASE("db", "content", "", "red", "00:42.000")); /* and the worker died afterwards */
    ck_assert_int_eq(m.verdict, DRILL_RED);
    MEASURE(RESTORES, CONTENT, CHECKS,
        END(",\"verdict\":\"red\",\"first_red\":{\"host\":\"db\",\"phase\":\"check\",\"name\":\"orders\",\"detail\":\"0\"}"));
    ck_assert_int_eq(m.verdict, DRILL_RED);
    ck_assert_str_eq(m.name, "orders");
    ck_assert_str_eq(m.detail, "0");
}
END_TEST

/* faults: G10 G8 */
START_TEST(a_worker_that_says_green_is_not_believed_where_anything_is_missing) {
    MEASURE(RESTORES, PHASE("db", "content", "", "ok", "00:23.000"), CHECKS, GOOD_END);
    ck_assert_str_eq(drill_cause_name(m.cause), "not-compared");
    ck_assert_str_eq(m.host, "web");
    ck_assert_int_eq(m.verdict, DRILL_RED);
    MEASURE(RESTORES, CONTENT, PHASE("db", "check", "orders", "ok", "00:31.000"), GOOD_END);
    ck_assert_str_eq(drill_cause_name(m.cause), "not-asked");
    ck_assert_str_eq(m.name, "page");
    request.level = 4;
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_str_eq(m.name, "boot");
    request.level = 2;
    MEASURE(RESTORES, CONTENT, CHECKS, END(",\"verdict\":\"green\",\"egress\":\"open\",\"left\":[]"));
    ck_assert_str_eq(drill_cause_name(m.cause), "egress-open");
    MEASURE(RESTORES, CONTENT, CHECKS, END(",\"verdict\":\"green\",\"left\":[]")); /* it does not say */
    ck_assert_str_eq(drill_cause_name(m.cause), "egress-open");
    MEASURE(RESTORES, CONTENT, CHECKS,
        END(",\"verdict\":\"green\",\"egress\":\"closed\",\"left\":[{\"what\":\"mount\",\"name\":\"/x\"}]"));
    ck_assert_str_eq(drill_cause_name(m.cause), "left-over");
    ck_assert_str_eq(m.detail, "/x");
    MEASURE(RESTORES, CONTENT, CHECKS,
        END(",\"verdict\":\"green\",\"egress\":\"closed\",\"left\":[],\"control\":\"egress-open\""));
    ck_assert_str_eq(drill_cause_name(m.cause), "control");
    request.checks = NULL; /* a level 2 that asks nothing shows no more than level 1 */
    MEASURE(RESTORES, CONTENT, CHECKS, GOOD_END);
    ck_assert_str_eq(drill_cause_name(m.cause), "not-asked");
    ck_assert_int_eq(m.verdict, DRILL_RED);
    request.checks = checks;
    MEASURE(RESTORES, CONTENT, CHECKS, PHASE("db", "check", "page", "ok", "00:43.000"), GOOD_END);
    ck_assert_int_eq(m.verdict, DRILL_GREEN);
    MEASURE(RESTORES, CONTENT, PHASE("db", "check", "orders", "ok", "00:31.000"), PHASE("db", "check", "page", "ok", "00:31.500"), GOOD_END);
    ck_assert_str_eq(m.host, "web"); /* another host's answer to a check of the same name is not its own */
    request.level = 1; /* nothing ran, so there was nothing to close */
    MEASURE(RESTORES, CONTENT, END(",\"verdict\":\"green\",\"left\":[]"));
    ck_assert_int_eq(m.verdict, DRILL_GREEN);
    ck_assert_int_eq(m.rto_ms, 24250);
}
END_TEST

START_TEST(a_drill_that_could_not_be_done_failed_and_measures_no_rto) {
    MEASURE(RESTORES, END(",\"verdict\":\"failed\",\"object\":\"db\",\"message\":\"no space\""));
    ck_assert_int_eq(m.verdict, DRILL_FAILED);
    ck_assert_str_eq(m.name, "db");
    ck_assert_str_eq(m.detail, "no space");
    ck_assert_int_eq(m.rto, GOAL_UNMEASURED);
    MEASURE(RESTORES);
    ck_assert_int_eq(m.verdict, DRILL_FAILED);
    MEASURE(RESTORES, END(",\"verdict\":\"splendid\""));
    ck_assert_int_eq(m.verdict, DRILL_FAILED);
    MEASURE(RESTORES, END(",\"verdict\":\"cancelled\""));
    ck_assert_int_eq(m.verdict, DRILL_CANCELLED);
}
END_TEST

START_TEST(malformed_events_count_as_not_told) {
    MEASURE("17", "{}", "{\"event\":\"phase\"}", "{\"event\":\"phase\",\"phase\":\"content\",\"state\":\"ok\",\"host\":7,\"at\":[]}",
        "{\"event\":\"phase\",\"phase\":\"restore\",\"state\":\"ok\",\"bytes\":9223372036854775807,\"at\":\"" T "00:01Z\"}",
        "{\"event\":\"phase\",\"phase\":\"restore\",\"state\":\"ok\",\"bytes\":-5,\"at\":\"" T "00:01Z\"}", GOOD_END);
    ck_assert_int_eq(m.verdict, DRILL_RED);
    ck_assert_str_eq(drill_cause_name(m.cause), "not-compared");
    ck_assert_int_eq(m.bytes, 0);
}
END_TEST

START_TEST(phases_pair_beginnings_with_ends) {
    const char *const list[] = {PHASE("db", "restore", "", "begin", "00:01.000"), PHASE("web", "restore", "", "begin", "00:02.000"),
        RESTORED("db", "00:03.500"), PHASE("db", "start", "pg", "ok", "00:04.000"), PHASE("x", "y", "z", "begin", "never"), NULL};
    CLEANUP_JS struct js *events = events_of(list), *p = drill_phases(events);
    CLEANUP_FREE char *text = js_dump(p);
    ck_assert_str_eq(text,
        "[{\"begin\":\"2026-11-22T10:00:01.000Z\",\"bytes\":6000000,\"end\":\"2026-11-22T10:00:03.500Z\",\"files\":30,"
        "\"host\":\"db\",\"ms\":2500,\"name\":\"\",\"phase\":\"restore\",\"state\":\"ok\"},"
        "{\"begin\":\"2026-11-22T10:00:02.000Z\",\"host\":\"web\",\"name\":\"\",\"phase\":\"restore\",\"state\":\"open\"},"
        "{\"begin\":\"2026-11-22T10:00:04.000Z\",\"end\":\"2026-11-22T10:00:04.000Z\",\"host\":\"db\",\"ms\":0,\"name\":\"pg\","
        "\"phase\":\"start\",\"state\":\"ok\"}]");
}
END_TEST

/* ---- over several drills ---- */

static struct js *green(int64_t rto_ms, int64_t bytes_per_s, int64_t restore_ms) {
    char text[300];
    snprintf(text, sizeof text,
        "{\"verdict\":\"green\",\"rto\":{\"ms\":%lld},\"rpo\":{\"ms\":5},\"restore\":{\"ms\":%lld,\"bytes_per_s\":%lld}}",
        (long long)rto_ms, (long long)restore_ms, (long long)bytes_per_s);
    return parse(text);
}

START_TEST(a_trend_counts_all_and_has_figures_of_green_drills) {
    CLEANUP_JS struct js *list = js_array();
    js_push(list, green(9000, 10, 1));
    js_push(list, parse("{\"verdict\":\"red\",\"rto\":{\"verdict\":\"missed\"}}"));
    js_push(list, green(4000, 30, 1)), js_push(list, parse("{\"verdict\":\"failed\"}")), js_push(list, green(6000, 20, 1));
    CLEANUP_JS struct js *t = drill_trend(list);
    CLEANUP_FREE char *text = js_dump(t);
    ck_assert_str_eq(text,
        "{\"bytes_per_s\":{\"best\":30,\"last\":20,\"median\":20,\"worst\":10},\"greens\":3,\"reds\":1,"
        "\"rpo\":{\"best\":5,\"last\":5,\"median\":5,\"worst\":5},\"rto\":{\"best\":4000,\"last\":6000,\"median\":6000,\"worst\":9000},"
        "\"since_red\":2}");
    CLEANUP_JS struct js *none = js_array(), *empty = drill_trend(none);
    ck_assert_uint_eq(js_count(js_get(empty, "rto")), 0);
}
END_TEST

START_TEST(a_forecast_is_bytes_over_speed_and_all_else_as_it_was) {
    CLEANUP_JS struct js *g = green(30000, 1000000, 10000), *red = parse("{\"verdict\":\"red\"}"), *still = green(500, 0, 0);
    struct drill_forecast f = drill_forecast(g, 25500000, 46);
    ck_assert_int_eq(f.ms, 25500 + 20000);
    ck_assert_int_eq(f.goal, GOAL_MET);
    ck_assert_int_eq(drill_forecast(g, 25500000, 45).goal, GOAL_MISSED);
    ck_assert_int_eq(drill_forecast(g, 25500000, 0).goal, GOAL_NO_TARGET);
    ck_assert_int_eq(drill_forecast(red, 1, 45).goal, GOAL_UNMEASURED);
    ck_assert_int_eq(drill_forecast(NULL, 1, 45).ms, -1);
    ck_assert_int_eq(drill_forecast(still, 1, 45).ms, -1);
    ck_assert_int_eq(drill_forecast(g, -1, 45).ms, -1);
    ck_assert_int_gt(drill_forecast(g, INT64_MAX, 45).ms, 0);
}
END_TEST

/* ---- the record ---- */

static struct js *record_of(const char *const *list) {
    CLEANUP_JS struct js *facts = parse("{\"drill\":17,\"system\":\"shop\",\"plan\":\"shop\",\"plan_version\":3,\"departments\":[\"交通\"],"
                                        "\"origin\":\"manual\",\"requested_by\":\"zhang\",\"ended\":\"2026-11-22T10:00:51.000Z\"}");
    js_set(facts, "hosts", js_copy(hosts)), js_set(facts, "checks", js_copy(checks));
    CLEANUP_JS struct js *events = events_of(list);
    return drill_record(facts, &request, events);
}

static const char *const good[] = {RESTORES, CONTENT, CHECKS, "{\"event\":\"adapted\",\"host\":\"db\",\"what\":\"fstab emptied\"}", GOOD_END, NULL};

START_TEST(the_signature_is_over_the_bytes_as_they_stand_in_the_file) {
    static const char domain[] = "zaibei drill record";
    uint8_t seed[SEAL_SIGN_SEED] = {7}, pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], sig[SEAL_SIG];
    char text[20000];
    sign_from_seed(pub, sec, seed);
    CLEANUP_JS struct js *r = record_of(good);
    CLEANUP_FREE char *file = drill_record_seal(r, pub, sec);
    CLEANUP_JS struct js *j = parse(file);
    ck_assert_str_eq(js_str(j, "message_type", ""), "drill-record");
    ck_assert_str_eq(js_str(js_get(r, "rto"), "verdict", ""), "met");
    ck_assert_str_eq(js_str(js_at(js_get(r, "hosts"), 0), "walk_start", ""), "2026-11-22T09:00:00.500Z");
    ck_assert(!js_has(r, "cause"));
    const char *at = strstr(file, "\"record\":") + 9;
    size_t n = strlen(at) - 2;
    memcpy(text, domain, sizeof domain), memcpy(text + sizeof domain, at, n);
    for (int i = 0; i < SEAL_SIG; i++) {
        unsigned b;
        ck_assert_int_eq(sscanf(js_str(j, "sig", "") + (size_t)i * 2, "%2x", &b), 1);
        sig[i] = (uint8_t)b;
    }
    ck_assert(sign_check(sig, pub, text, sizeof domain + n));
    text[sizeof domain + 20]++;
    ck_assert(!sign_check(sig, pub, text, sizeof domain + n));
}
END_TEST

/* ---- the page ---- */

static char *page_of(const struct js *record, enum drill_lang lang) {
    CLEANUP_JS struct js *file = js_object();
    struct buf b;
    js_set_str(file, "key", "ab"), js_set_str(file, "sig", "cd"), js_set(file, "record", js_copy(record));
    buf_init(&b, 1 << 24);
    drill_html(file, lang, &b);
    buf_u8(&b, 0);
    ck_assert(buf_ok(&b));
    return (char *)b.p;
}

static void has(const char *page, const char *text) { ck_assert_msg(strstr(page, text), "no \"%s\" in %s", text, page); }
static void lacks(const char *page, const char *text) { ck_assert_msg(!strstr(page, text), "\"%s\" is in the page", text); }

START_TEST(the_page_says_what_was_measured_in_both_languages_and_loads_nothing) {
    CLEANUP_JS struct js *r = record_of(good);
    CLEANUP_FREE char *zh = page_of(r, DRILL_ZH), *en = page_of(r, DRILL_EN);
    has(en, "✔ passed"), has(zh, "✔ 通过");
    has(en, "41.1 s"), has(zh, "41.1 秒");
    has(en, "59 min 59.5 s (db)"), has(en, "<td>1 min 0 s</td>");
    has(en, "fstab emptied"), has(en, "<svg"), has(zh, "交通");
    has(en, "2: service"), has(zh, "二级：服务");
    const char *const loads[] = {"<script", "src=", "href=", "@import", "url(http", "<link", "<img"};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) lacks(en, loads[i]), lacks(zh, loads[i]);
}
END_TEST

START_TEST(hostile_words_are_text_in_the_page_and_cannot_leave_the_drawing) {
    const char *const list[] = {PHASE("db", "check", "</text></svg><script>alert(1)</script>", "begin", "00:01.000"),
        "{\"event\":\"phase\",\"host\":\"a\\nb\\\"'&\",\"phase\":\"<b>\",\"name\":\"n\",\"state\":\"red\",\"at\":\"" T
        "00:02Z\",\"detail\":\"<img src=x onerror=y>\\n\\u0001\"}",
        "{\"event\":\"console\",\"host\":\"h\",\"text\":\"</pre><script>x\"}", "{\"event\":\"adapted\",\"host\":\"<i>\",\"what\":\"&amp;\"}", NULL};
    CLEANUP_JS struct js *r = record_of(list);
    js_set_str(r, "system", "\"><script>"), js_set_str(r, "verdict", "<u>"), js_set_str(r, "egress", "<u>");
    CLEANUP_FREE char *page = page_of(r, DRILL_EN);
    lacks(page, "<script"), lacks(page, "<img"), lacks(page, "<b>"), lacks(page, "<i>"), lacks(page, "<u>");
    has(page, "&lt;/text&gt;&lt;/svg&gt;&lt;script&gt;");
    for (const char *svg = strstr(page, "<svg"); svg; svg = strstr(svg + 1, "<svg")) {
        const char *end = strstr(svg, "</svg>"), *br = strstr(svg, "<br");
        ck_assert(end && (!br || br > end));
    }
    has(page, "&amp;amp;");
    lacks(page, "\001");
}
END_TEST

START_TEST(a_long_drill_is_drawn_on_several_sheets_and_an_empty_record_does_no_harm) {
    CLEANUP_JS struct js *r = record_of(good), *empty = js_object();
    for (int i = 0; i < 100; i++) js_push(js_get(r, "phases"), js_copy(js_at(js_get(r, "phases"), 0)));
    CLEANUP_FREE char *page = page_of(r, DRILL_EN), *bare = page_of(empty, DRILL_ZH);
    size_t drawings = 0;
    for (const char *s = page; (s = strstr(s, "<svg")); s++) drawings++;
    ck_assert_uint_eq(drawings, (js_count(js_get(r, "phases")) + 35) / 36);
    has(bare, "灾备演练记录");
}
END_TEST

int main(void) {
    Suite *s = suite_create("drill");
    TCase *t = tcase_create("figures");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, times_have_up_to_nine_digits_of_a_fraction);
    tcase_add_test(t, a_green_drill_has_its_rto_to_the_last_check_and_its_rpo_of_the_oldest_host);
    tcase_add_test(t, targets_are_met_to_the_millisecond_and_without_a_target_nothing_is_judged);
    tcase_add_test(t, a_given_incident_takes_the_place_of_the_request_in_the_rpo_only);
    tcase_add_test(t, a_clock_that_is_wrong_flatters_nobody);
    tcase_add_test(t, one_red_phase_makes_a_drill_red_whatever_the_worker_says);
    tcase_add_test(t, a_worker_that_says_green_is_not_believed_where_anything_is_missing);
    tcase_add_test(t, a_drill_that_could_not_be_done_failed_and_measures_no_rto);
    tcase_add_test(t, malformed_events_count_as_not_told);
    tcase_add_test(t, phases_pair_beginnings_with_ends);
    tcase_add_test(t, a_trend_counts_all_and_has_figures_of_green_drills);
    tcase_add_test(t, a_forecast_is_bytes_over_speed_and_all_else_as_it_was);
    tcase_add_test(t, the_signature_is_over_the_bytes_as_they_stand_in_the_file);
    tcase_add_test(t, the_page_says_what_was_measured_in_both_languages_and_loads_nothing);
    tcase_add_test(t, hostile_words_are_text_in_the_page_and_cannot_leave_the_drawing);
    tcase_add_test(t, a_long_drill_is_drawn_on_several_sheets_and_an_empty_record_does_no_harm);
    suite_add_tcase(s, t);
    return suite_run(s);
}
