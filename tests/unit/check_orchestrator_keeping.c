/* The retention pass and the calendar's part of the API, with a clock of our own and a vault that answers from files: what is
 * asked of it, what is written down before and after, and what happens when it refuses or is not there. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_served.h"
#include "audit.h"
#include "base/text.h"
#include "daily.h"
#include "keeping.h"
#include "suite.h"
#include "sys/file.h"
#include "make_orchestrator_plan.h"

enum { DAY_S = 86400 };

#define PLAN                                                                                     \
    "name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental}\n" \
    "schedule: {zone: UTC, window: \"01:00-05:00\"}\nretention_days: 1\n"

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};

/* It answers "op" from the file of that name, and notes what it is asked to remove. */
static const char vault[] =
    "cd \"$0\"; while read -r l; do case $l in\n"
    "*'\"op\":\"clock\"'*) cat clock;; *'\"op\":\"points\"'*) cat points;;\n"
    "*'\"op\":\"pins\"'*) cat pins;;\n"
    "*'\"op\":\"remove\"'*) printf '%s\\n' \"$l\" >>asked; if grep -q \"$(printf '%s' \"$l\" | sed "
    "'s/.*points\":\\(\\[[0-9,]*\\]\\).*/\\1/;s/[][]/\\\\&/g')\" refuse 2>/dev/null\n"
    "then cat refusal; else echo '{\"ok\":true}'; fi;; esac; done";
static const char *argv[] = {"sh", "-c", vault, dir, NULL};
static struct config cfg = {.people_off = true, .zone = "UTC", .call_in_s = 60, .file = "zaibeid.yaml"};
static char hash[65];

/* By rename: the last cat may still be looking for the end of the old file. */
static void put(const char *name, const char *text) {
    char path[200], fresh[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(fresh, sizeof fresh, "%s/fresh", dir);
    FILE *f = fopen(fresh, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "%s\n", text);
    fclose(f);
    ck_assert_int_eq(rename(fresh, path), 0);
}

static const char *asked(void) {
    static char text[4000];
    char path[200];
    snprintf(path, sizeof path, "%s/asked", dir);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    if (f) fclose(f);
    remove(path);
    return text;
}

static void vault_clock(int64_t s, bool doubtful) {
    char text[200], when[32];
    text_time(when, s * NS_PER_S);
    snprintf(
        text, sizeof text, "{\"ok\":true,\"vault_time\":\"%s\",\"doubtful\":%s}", when, doubtful ? "true" : "false");
    put("clock", text);
}

/* ${n} daily points, the last of them made a day before now, protected for ${days}. */
static void points(int n, int days) {
    struct js *a = js_object(), *list = js_array(), *labels = js_array();
    js_push_str(labels, "daily");
    js_set_bool(a, "ok", true);
    for (int i = 1; i <= n; i++) {
        int64_t made = now_s - (int64_t)(n - i + 1) * DAY_S;
        struct js *p = js_object();
        js_set_int(p, "point", i);
        js_set_str(p, "plan_hash", hash);
        js_set_str(p, "state", "complete");
        js_set_str(p, "kind", i == 1 ? "full" : "incremental");
        js_set(p, "labels", js_copy(labels));
        js_set_time(p, "time", made * NS_PER_S);
        js_set_time(p, "protected_until", (made + (int64_t)days * DAY_S) * NS_PER_S);
        js_push(list, p);
    }
    js_free(labels);
    js_set(a, "points", list);
    char *text = js_dump(a);
    put("points", text);
    free(text);
    js_free(a);
}

static void apply(const char *text) {
    struct plan p;
    struct err e = ERR_INIT;
    struct host h = {.name = "h", .state = "enrolled", .points = 1};
    ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", &p, &e) == 0, "%s", e.msg);
    text_hex(hash, p.hash, sizeof p.hash);
    ck_assert_int_gt(plan_force(&d, text), 0);
    db_begin(d.db);
    catalog_host_put(d.db, &h);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    plan_free(&p);
}

/* All audit records from ${after} on, as "act object detail\n…". */
static const char *audit(int64_t after) {
    static char out[8000];
    struct err e = ERR_INIT;
    *out = 0;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT act, object, line FROM audit WHERE act NOT LIKE 'plan.%' AND n>? ORDER BY n", "i", after);
    while (db_next(r)) {
        size_t n = strlen(out);
        struct js *j = js_parse(db_text(r, 2), strlen(db_text(r, 2)), "line", &e);
        char *detail = js_dump(js_get(j, "detail"));
        snprintf(out + n, sizeof out - n, "%s %s %s %s\n", js_str(j, "who", ""), db_text(r, 0), db_text(r, 1), detail);
        free(detail);
        js_free(j);
    }
    db_done(r);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return out;
}

static void setup(void) {
    now_s = civil_days(2026, 11, 23) * DAY_S + 30;
    served_open(&cfg, &fake_clock, argv);
    put("pins", "{\"ok\":true,\"pins\":[],\"floor_days\":92}");
    put("refusal", "{\"ok\":false,\"error\":{\"id\":1311,\"object\":\"h\",\"message\":\"pinned\"}}");
    vault_clock(now_s, false);
}

static struct js *call(const char *method, const char *path, const char *body, int status) {
    struct err e = ERR_INIT;
    int got = http_call(client, method, path, NULL, body, body ? strlen(body) : 0, &answer, &e);
    struct js *j = got > 0 ? js_parse(answer.p, answer.len, path, &e) : NULL;
    ck_assert_msg(
        j && got == status, "%s %s: %d %s %.300s", method, path, got, e.msg, answer.p ? (char *)answer.p : "");
    return j;
}

static int tick(void) {
    struct err e = ERR_INIT;
    int rc = keeping_tick(&d, &e);
    if (rc < 0) fprintf(stderr, "%s: %s\n", e.object, e.msg);
    return rc;
}

START_TEST(what_no_rule_keeps_is_asked_for_once_a_day_and_written_down_before_and_after) {
    apply(PLAN "keep: {last: 3}\n");
    points(6, 1);
    ck_assert_int_eq(tick(), 1);
    const char *q = asked();
    ck_assert_msg(
        strstr(q, "\"points\":[1,2,3]") && strstr(q, "\"who\":\"zaibeid\"") && strstr(q, "\"reason\":"), "%s", q);
    ck_assert_str_eq(audit(0),
        "zaibeid retention.ask h {\"plans\":[\"p\"],\"points\":[1,2,3]}\n"
        "zaibeid retention.done h {\"refused\":[],\"removed\":[1,2,3]}\n");
    ck_assert_int_eq(tick(), 0);
    ck_assert_int_eq(tick(), 0);
    ck_assert_str_eq(asked(), "");
    now_s += DAY_S, vault_clock(now_s, false);
    ck_assert_int_eq(tick(), 1);
    ck_assert_ptr_nonnull(strstr(asked(), "[1,2,3]"));
}
END_TEST

/* faults: D1 */
START_TEST(nothing_is_asked_while_vault_time_is_in_doubt_or_behind) {
    apply(PLAN "keep: {last: 3}\n");
    points(6, 1);
    vault_clock(now_s, true);
    ck_assert_int_eq(tick(), 0);
    vault_clock(now_s - 60, false); /* yesterday there */
    ck_assert_int_eq(tick(), 0);
    ck_assert_str_eq(asked(), "");
    vault_clock(now_s, false);
    ck_assert_int_eq(tick(), 1);
    ck_assert_str_ne(asked(), "");
}
END_TEST

START_TEST(what_the_vault_refuses_stays_and_the_rest_goes) {
    apply(PLAN "keep: {last: 3}\n");
    points(6, 1);
    put("refuse", "[1,2,3]\n[2]");
    ck_assert_int_eq(tick(), 1);
    ck_assert_ptr_nonnull(strstr(audit(1),
        "zaibeid retention.done h {\"refused\":[{\"id\":1311,\"point\":2,\"why\":\"pinned\"}],"
        "\"removed\":[1,3]}"));
}
END_TEST

START_TEST(points_of_no_active_plan_or_without_rules_or_protected_are_left_alone) {
    apply(PLAN);
    points(6, 1);
    ck_assert_int_eq(tick(), 1);
    ck_assert_str_eq(asked(), "");
    apply(PLAN "keep: {last: 3}\n"); /* the old points carry the hash of a version of the same plan */
    char other[65];
    memcpy(other, hash, sizeof other);
    points(6, 92);
    now_s += DAY_S, vault_clock(now_s, false);
    ck_assert_int_eq(tick(), 1);
    ck_assert_str_eq(asked(), "");
    memset(hash, '0', 64);
    points(6, 1);
    now_s += DAY_S, vault_clock(now_s, false);
    ck_assert_int_eq(tick(), 1);
    ck_assert_str_eq(asked(), "");
    memcpy(hash, other, sizeof other);
    points(6, 1);
    now_s += DAY_S, vault_clock(now_s, false);
    ck_assert_int_eq(tick(), 1);
    ck_assert_ptr_nonnull(strstr(asked(), "[1,2,3]"));
}
END_TEST

START_TEST(a_few_a_day_go_and_never_so_many_that_the_vault_takes_it_for_an_attack) {
    apply(PLAN "keep: {last: 3}\n");
    points(60, 1);
    ck_assert_int_eq(tick(), 1);
    ck_assert_ptr_nonnull(strstr(asked(), "\"points\":[1,2,3,4,5],"));
}
END_TEST

/* faults: H4 */
START_TEST(a_vault_that_is_away_is_asked_again_and_a_host_it_cannot_read_does_not_hold_up_the_others) {
    struct err e = ERR_INIT;
    apply(PLAN "keep: {last: 3}\n");
    put("points", "{\"ok\":false,\"error\":{\"id\":1606,\"object\":\"h\",\"message\":\"a gap\"}}");
    ck_assert_int_eq(tick(), 1);
    ck_assert_str_eq(audit(0), "zaibeid retention.skipped h {\"id\":1606,\"why\":\"a gap\"}\n");
    ck_assert_int_eq(tick(), 0); /* all are done for today */
    now_s += DAY_S;
    put("clock", "");
    ck_assert_int_lt(keeping_tick(&d, &e), 0);
    vault_clock(now_s, false);
    points(6, 1);
    ck_assert_int_eq(tick(), 1);
    ck_assert_str_ne(asked(), "");
}
END_TEST

START_TEST(the_table_is_shown_imported_with_a_record_and_warned_about_in_december) {
    struct err e = ERR_INIT;
    struct js *j = call("GET", "/v1/calendar?year=2026", NULL, 200);
    ck_assert_uint_eq(js_count(js_get(j, "days")), 39);
    ck_assert_uint_eq(js_count(js_get(j, "years")), 3);
    ck_assert(!js_has(j, "missing"));
    js_free(j);
    j = call("GET", "/v1/calendar/next?count=1", NULL, 200);
    ck_assert_uint_eq(js_count(js_get(j, "days")), 0); /* nothing more in 2026, and 2027 is not known */
    js_free(j);
    now_s = civil_days(2026, 12, 1) * DAY_S;
    ck_assert_int_eq(calendar_watch(&d, &e), 0);
    ck_assert_int_eq(calendar_watch(&d, &e), 0);
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT count(*), max(detail) FROM notices WHERE kind='calendar.year'", "");
    ck_assert(db_next(r));
    ck_assert_int_eq(db_int(r, 0), 1);
    ck_assert_str_eq(db_text(r, 1), "{\"year\":2027}");
    db_done(r);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    js_free(call("POST", "/v1/calendar", "{\"years\":{\"2027\":{\"off\":{\"2027-02-30\":\"x\"},\"work\":{}}}}", 400));
    ck_assert_str_eq(audit(0), "");
    unsigned before = atomic_load(&d.plans_changed);
    j = call("POST", "/v1/calendar",
        "{\"years\":{\"2027\":{\"off\":{\"2027-01-01\":\"元旦\"},\"work\":{\"2027-01-03\":\"元旦\"}}}}", 200);
    js_free(j);
    ck_assert_uint_gt(atomic_load(&d.plans_changed), before);
    ck_assert_str_eq(audit(0), "local calendar.import workdays {\"years\":[2027]}\n");
    j = call("GET", "/v1/calendar/next?count=9", NULL, 200);
    ck_assert_uint_eq(js_count(js_get(j, "days")), 2);
    ck_assert(!js_has(j, "missing"));
    js_free(j);
    js_free(call("GET", "/v1/calendar?year=1", NULL, 400));
    js_free(call("GET", "/v1/calendar/next?count=0", NULL, 400));
}
END_TEST

START_TEST(a_plan_is_simulated_from_nothing_or_from_what_the_vault_has) {
    struct js *j = call("POST", "/v1/simulate?until=2027-03-31", PLAN "keep: {last: 3}\n", 200);
    const struct js *list = js_get(j, "points"), *first = js_at(list, 0);
    ck_assert_uint_eq(js_count(list), 129);
    ck_assert_str_eq(js_str(first, "time", ""), "2026-11-23T01:00:00Z");
    ck_assert_str_eq(js_str(first, "kind", ""), "full");
    ck_assert_str_eq(js_str(first, "gone", ""), "2027-02-24T00:00:00Z"); /* the first midnight after 92 days */
    ck_assert_str_eq(js_str(js_at(list, 128), "gone", "there"), "there");
    ck_assert_int_eq(js_int(j, "kept", 0), 93);
    js_free(j);
    apply(PLAN "keep: {last: 3}\n");
    points(6, 1);
    j = call("GET", "/v1/plans/p/simulate?until=2026-11-24", NULL, 200);
    list = js_get(j, "points");
    ck_assert_uint_eq(js_count(list), 8);
    ck_assert_int_eq(js_int(js_at(list, 0), "point", 0), 1);
    ck_assert_str_eq(js_str(js_at(list, 0), "gone", ""), "2026-11-24T00:00:00Z");
    ck_assert_str_eq(js_text(js_at(js_get(js_at(list, 7), "why"), 0)), "last");
    js_free(j);
    js_free(call("GET", "/v1/plans/q/simulate", NULL, 404));
    js_free(call("GET", "/v1/plans/p/simulate?host=x", NULL, 404));
    js_free(call("GET", "/v1/plans/p/simulate?until=2026-11-22", NULL, 400));
    js_free(call("POST", "/v1/simulate", "name: x", 400));
    ck_assert_str_eq(audit(0), "");
}
END_TEST

int main(void) {
    Suite *s = suite_create("keeping");
    TCase *t = tcase_create("keeping");
    tcase_add_checked_fixture(t, setup, served_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_no_rule_keeps_is_asked_for_once_a_day_and_written_down_before_and_after);
    tcase_add_test(t, nothing_is_asked_while_vault_time_is_in_doubt_or_behind);
    tcase_add_test(t, what_the_vault_refuses_stays_and_the_rest_goes);
    tcase_add_test(t, points_of_no_active_plan_or_without_rules_or_protected_are_left_alone);
    tcase_add_test(t, a_few_a_day_go_and_never_so_many_that_the_vault_takes_it_for_an_attack);
    tcase_add_test(t, a_vault_that_is_away_is_asked_again_and_a_host_it_cannot_read_does_not_hold_up_the_others);
    tcase_add_test(t, the_table_is_shown_imported_with_a_record_and_warned_about_in_december);
    tcase_add_test(t, a_plan_is_simulated_from_nothing_or_from_what_the_vault_has);
    suite_add_tcase(s, t);
    return suite_run(s);
}
