/* What a plan will cost, against counting day by day; what differs between plan and reality, with a vault whose answers are
 * written by each test. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/text.h"
#include "cost.h"
#include "drift.h"
#include "hosts.h"
#include "make_orchestrator_plan.h"
#include "plan/cost.h"
#include "suite.h"

#define PLAN(rest)                                                              \
    "name: p\nsystem: s\nhosts: [h1, h2]\ncontent: {paths: [/srv]}\n" rest "\n" \
    "schedule: {zone: UTC, window: \"01:00-05:00\", weekly_day: sun, monthly_day: 1}\n"
#define DAILY "strategy: {daily: incremental, weekly: full}\n"

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64], script[800];
static const char *argv[] = {"sh", "-c", script, NULL};
static struct config cfg;
static struct daemon d;

static void setup(void) {
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/check_drift.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    /* The answer to an operation about a host is the file OP.HOST, to one about none the file OP. */
    snprintf(script, sizeof script,
        "while read -r l; do op=${l##*\\\"op\\\":\\\"}; op=${op%%%%\\\"*}; h=${l#*\\\"host\\\":\\\"}; "
        "[ \"$h\" = \"$l\" ] && f=$op || f=$op.${h%%%%\\\"*}; cat %s/$f 2>/dev/null || "
        "echo '{\"ok\":false,\"error\":{\"id\":1101,\"object\":\"x\",\"message\":\"none\"}}'; done",
        dir);
    now_s = civil_days(2026, 11, 23) * 86400; /* a Monday, 00:00 UTC */
    cfg = (struct config){.zone = "UTC", .call_in_s = 60, .deadlines = {2, 3, 5}};
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
}

static void teardown(void) {
    char cmd[100];
    control_release(&d.control);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void vault_says(const char *file, const char *json) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "%s\n", json);
    fclose(f);
}

static void host(const char *name, const char *state) {
    struct host h = {.points = 1};
    struct err e = ERR_INIT;
    snprintf(h.name, sizeof h.name, "%s", name);
    snprintf(h.state, sizeof h.state, "%s", state);
    db_begin(d.db);
    catalog_host_put(d.db, &h);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

/* ---- cost ---- */

static void parse(const char *text, struct plan *p) {
    struct err e = ERR_INIT;
    ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", p, &e) == 0, "%s: %s", e.object, e.msg);
}

/* The same by counting: each day its run, then what is there; once a day, at midnight, what nothing keeps goes. By hand: without `keep` all
 * stays; ${last} points stay, and what is younger than the least time. A generation is there while one of its points is. */
static void count_days(const struct plan *p, bool daily, int weekday, int last, int64_t *year, int64_t *peak) {
    static struct { int64_t day, bytes, generation; bool there; } r[400];
    int n = 0, generation = 0;
    int64_t first = now_s / 86400;
    *peak = 0;
    for (int64_t day = first; day <= first + 365; day++) {
        for (int i = 0; i < n; i++)
            r[i].there = r[i].there && (!last || n - i <= last || day <= r[i].day + p->retention_days);
        bool whole = civil_weekday(day) == (unsigned)weekday, any = (daily || whole) && day < first + 365;
        if (any && !n) whole = true;
        if (any && whole) generation++;
        if (any) r[n].day = day, r[n].bytes = whole ? 1000 : 10, r[n].generation = generation, r[n].there = true, n++;
        *year = 0;
        for (int i = 0; i < n; i++) {
            bool there = false;
            for (int k = 0; k < n; k++) there = there || (r[k].there && r[k].generation == r[i].generation);
            *year += there ? r[i].bytes : 0;
        }
        if (any && *year > *peak) *peak = *year;
    }
}

START_TEST(the_space_of_a_year_is_what_counting_each_day_gives) {
    static const struct {
        const char *text;
        bool daily;
        int weekday, last;
    } rows[] = {
        {PLAN(DAILY "retention_days: 30\nkeep: {last: 3}"), true, 7, 3},
        {PLAN(DAILY "retention_days: 1\nkeep: {last: 40}"), true, 7, 40},
        {PLAN(DAILY "retention_days: 30"), true, 7, 0}, /* no rules: nothing ever goes */
        {PLAN("strategy: {weekly: full}\nretention_days: 90\nkeep: {last: 1}"), false, 7, 1},
        {PLAN("strategy: {daily: incremental}\nretention_days: 30\nkeep: {last: 1}"), true, 0, 1}, /* one generation */
    };
    struct plan p;
    struct cost c;
    struct cost_runs runs;
    struct err e = ERR_INIT;
    int64_t year, peak;
    parse(rows[_i].text, &p);
    ck_assert_int_eq(cost_runs(&p, NULL, now_s, &runs, &e), 0);
    plan_cost(&runs, 1000, 10, &c);
    count_days(&p, rows[_i].daily, rows[_i].weekday, rows[_i].last, &year, &peak);
    ck_assert_int_eq(c.year_bytes, year);
    ck_assert_int_eq(c.peak_bytes, peak);
    ck_assert_int_gt(c.peak_bytes, 1000);
    cost_runs_free(&runs);
    plan_free(&p);
}
END_TEST

START_TEST(sizes_on_the_form_are_read_as_people_write_them) {
    static const struct {
        const char *text;
        int64_t bytes; /* 0: not a size */
    } rows[] = {{"500 GiB", 500LL << 30}, {"500G", 500LL << 30}, {"2TB", 2000000000000}, {"1.5 TiB", 3LL << 39},
        {"500", 0}, {"500 apples", 0}, {"-1 GiB", 0}, {"nan GiB", 0}, {"1e30 TiB", 0}, {"", 0}, {"500 GiB x 2", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = 0;
        ck_assert_msg(cost_size(rows[i].text, &got) == (rows[i].bytes > 0), "%s", rows[i].text);
        ck_assert_int_eq(got, rows[i].bytes);
    }
}
END_TEST

static bool warned(const struct js *j, const char *kind) {
    const struct js *list = js_get(j, "warnings");
    for (size_t i = 0; i < js_count(list); i++)
        if (!strcmp(js_str(js_at(list, i), "kind", ""), kind)) return true;
    return false;
}

START_TEST(the_cost_goes_by_points_where_there_are_any_and_else_by_the_form) {
    struct plan p;
    struct err e = ERR_INIT;
    vault_says("points.h1",
        "{\"ok\":true,\"points\":[{\"kind\":\"full\",\"bytes_stored\":7000},"
        "{\"kind\":\"full\",\"bytes_stored\":8000},{\"kind\":\"incremental\",\"bytes_stored\":100},"
        "{\"kind\":\"incremental\",\"bytes_stored\":300}]}");
    vault_says("stat", "{\"ok\":true,\"free\":100000}");
    parse(PLAN(DAILY "resources: {disk: 20 MiB}\nlimits: {bandwidth: 1 kB/s}"), &p);
    struct js *j = cost_json(&d, &p, &e);
    ck_assert_msg(j, "%s", e.msg);
    const struct js *h1 = js_at(js_get(j, "hosts"), 0), *h2 = js_at(js_get(j, "hosts"), 1);
    ck_assert_str_eq(js_str(h1, "source", ""), "points");
    ck_assert_int_eq(js_int(h1, "full_bytes", 0), 8000);
    ck_assert_int_eq(js_int(h1, "incremental_bytes", 0), 200);
    ck_assert_int_eq(js_int(h1, "full_s", 0), 8);
    ck_assert(js_bool(h1, "fits_window", false));
    ck_assert_str_eq(js_str(h2, "source", ""), "form");
    ck_assert_int_eq(js_int(h2, "full_bytes", 0), 10 << 20);
    ck_assert(js_bool(h2, "fits_window", false)); /* 10,485 s in a window of 14,400 s */
    ck_assert_int_eq(js_int(j, "full_bytes", 0), (10 << 20) + 8000);
    ck_assert(warned(j, "fulls-do-not-fit-space") && !warned(j, "more-than-quota") && !warned(j, "size-unknown"));
    js_free(j);
    plan_free(&p);
    parse(PLAN(DAILY "resources: {disk: 40 MiB}\nlimits: {bandwidth: 1 kB/s}\nquota: 30 MiB"), &p);
    j = cost_json(&d, &p, &e);
    ck_assert(warned(j, "full-longer-than-window") && warned(j, "more-than-quota"));
    ck_assert_str_eq(js_str(j, "quota_source", ""), "form");
    js_free(j);
    vault_says("quota", "{\"ok\":true,\"systems\":[{\"system\":\"s\",\"quota\":900000000000}]}");
    j = cost_json(&d, &p, &e);
    ck_assert(!warned(j, "more-than-quota") && js_bool(j, "fits_quota", false));
    ck_assert_str_eq(js_str(j, "quota_source", ""), "vault");
    js_free(j);
    plan_free(&p);
    parse(PLAN(DAILY), &p);
    j = cost_json(&d, &p, &e);
    ck_assert(warned(j, "size-unknown") && !warned(j, "host-in-other-plan"));
    js_free(j);
    plan_force(&d, "name: q\nsystem: s\nhosts: [h2]\ncontent: {paths: [/x]}\nstrategy: {daily: full}\n");
    j = cost_json(&d, &p, &e);
    ck_assert(warned(j, "host-in-other-plan"));
    js_free(j);
    plan_free(&p);
}
END_TEST

/* ---- drift ---- */

static struct js *look(void) {
    struct version v;
    struct err e = ERR_INIT;
    db_begin(d.db);
    bool found = version_get(d.db, "p", VERSION_IN_FORCE, &v);
    db_abort(d.db);
    ck_assert(found);
    struct js *j = drift_json(&d, &v, &e);
    ck_assert_msg(j, "%s", e.msg);
    return j;
}

/* The findings as "kind host; ...". */
static const char *found(const struct js *j) {
    static char out[2000];
    const struct js *list = js_get(j, "findings");
    *out = 0;
    for (size_t i = 0; i < js_count(list); i++) {
        const char *h = js_str(js_at(list, i), "host", NULL);
        strcat(strcat(out, *out ? "; " : ""), js_str(js_at(list, i), "kind", ""));
        if (h) strcat(strcat(out, " "), h);
    }
    return out;
}

static char points[20000];
static void point(int n, const char *state, int64_t at_s, const char *kind, const char *labels, const char *hash) {
    char when[32];
    text_time(when, at_s * NS_PER_S);
    size_t at = strlen(points);
    snprintf(points + at, sizeof points - at,
        "%s{\"point\":%d,\"state\":\"%s\",\"walk_start\":\"%s\",\"kind\":\"%s\",\"labels\":[%s],\"plan_hash\":\"%s\"}",
        at ? "," : "", n, state, when, kind, labels, hash);
}

static void vault_has(const char *name) {
    char file[40], json[21000];
    snprintf(file, sizeof file, "points.%s", name);
    snprintf(json, sizeof json, "{\"ok\":true,\"points\":[%s]}", points);
    vault_says(file, json);
    *points = 0;
}

START_TEST(what_the_plan_names_and_the_platform_does_not_have_is_found) {
    plan_force(&d, PLAN(DAILY "targets: {rpo: 24h}\nquota: 2 GiB\nlocations: [dc1]"));
    host("h1", "revoked");
    host("h9", "enrolled");
    vault_says("points.h1", "{\"ok\":true,\"points\":[]}");
    vault_says("quota", "{\"ok\":true,\"systems\":[{\"system\":\"s\",\"quota\":1073741824}]}");
    struct js *j = look();
    ck_assert_str_eq(found(j), "host-revoked h1; no-point h1; host-not-enrolled h2; location; quota");
    js_free(j);
    struct err e = ERR_INIT;
    struct js *free_hosts = drift_unplanned(&d, &e);
    ck_assert_uint_eq(js_count(free_hosts), 1);
    ck_assert_str_eq(js_text(js_at(free_hosts, 0)), "h9");
    js_free(free_hosts);
    host("h1", "enrolled"), host("h2", "enrolled");
    cfg.location = "dc1";
    vault_says("quota", "{\"ok\":true,\"systems\":[{\"system\":\"s\",\"quota\":2147483648}]}");
    j = look();
    ck_assert_str_eq(found(j), "no-point h1; vault-silent h2");
    js_free(j);
}
END_TEST

START_TEST(runs_and_points_are_compared_label_by_label) {
    int64_t day = 86400, start = now_s;
    struct version v;
    plan_force(&d, PLAN(DAILY "targets: {rpo: 30h}"));
    db_begin(d.db);
    version_get(d.db, "p", VERSION_IN_FORCE, &v);
    db_abort(d.db);
    host("h1", "enrolled"), host("h2", "enrolled");
    now_s += 7 * day + 6 * 3600; /* eight windows have closed: Monday to Monday, Sunday with the weekly full */
    for (int i = 0; i < 8; i++)
        point(i + 1, "complete", start + i * day + 5400, i % 6 ? "incremental" : "full",
            i == 6 ? "\"daily\",\"weekly\"" : "\"daily\"", v.hash);
    vault_has("h1");
    /* The other host: Wednesday is missing, Saturday came late and is made up for on Sunday before its window, Sunday's weekly
     * is no full, Monday's is partial, and the last complete point is of another version. */
    point(1, "complete", start + 5400, "full", "\"daily\"", v.hash);
    point(2, "complete", start + day + 5400, "incremental", "\"daily\"", v.hash);
    point(3, "complete", start + 3 * day + 5400, "incremental", "\"daily\"", v.hash);
    point(4, "complete", start + 4 * day + 5400, "incremental", "\"daily\"", v.hash);
    point(5, "complete", start + 6 * day + 1800, "incremental", "\"daily\"", v.hash);
    point(6, "complete", start + 6 * day + 5400, "incremental", "\"daily\",\"weekly\"", "00");
    point(7, "partial", start + 7 * day + 5400, "incremental", "\"daily\"", v.hash);
    vault_has("h2");
    struct js *j = look();
    /* The last complete point of h2 is 28.5 hours old: within 30. */
    ck_assert_str_eq(found(j), "other-version h2; run-missing h2; run-missing h2");
    static const struct {
        const char *host, *label;
        int due, met;
    } want[] = {{"h1", "daily", 8, 8}, {"h1", "weekly", 1, 1}, {"h2", "daily", 8, 6}, {"h2", "weekly", 1, 0}};
    const struct js *results = js_get(j, "results");
    ck_assert_uint_eq(js_count(results), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct js *r = js_at(results, i);
        ck_assert_str_eq(js_str(r, "host", ""), want[i].host);
        ck_assert_str_eq(js_str(r, "label", ""), want[i].label);
        ck_assert_int_eq(js_int(r, "due", 0), want[i].due);
        ck_assert_int_eq(js_int(r, "met", 0), want[i].met);
    }
    ck_assert_str_eq(js_text(js_at(js_get(js_at(results, 2), "missing"), 0)), "2026-11-25T01:00:00Z");
    js_free(j);
    now_s += 2 * 3600;
    j = look();
    ck_assert_str_eq(found(j), "rpo h2; other-version h2; run-missing h2; run-missing h2");
    js_free(j);
}
END_TEST

int main(void) {
    Suite *s = suite_create("drift");
    TCase *t = tcase_create("drift");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, the_space_of_a_year_is_what_counting_each_day_gives, 0, 5);
    tcase_add_test(t, sizes_on_the_form_are_read_as_people_write_them);
    tcase_add_test(t, the_cost_goes_by_points_where_there_are_any_and_else_by_the_form);
    tcase_add_test(t, what_the_plan_names_and_the_platform_does_not_have_is_found);
    tcase_add_test(t, runs_and_points_are_compared_label_by_label);
    suite_add_tcase(s, t);
    return suite_run(s);
}
