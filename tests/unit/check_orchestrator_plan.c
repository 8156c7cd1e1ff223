/* Plans: each mistake has its exact message; what does not change the meaning does not change the hash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"
#include "suite.h"

#define GOOD                                                                                                          \
    "name: oa\nsystem: oa\nhosts: [oa1, oa2]\ncontent:\n  paths: [/srv]\nstrategy:\n  daily: incremental\n  weekly: " \
    "full\n"

static int parse(const char *text, struct plan *p, struct err *e) {
    return plan_parse("oa.yaml", text, strlen(text), "Asia/Shanghai", p, e);
}

/* GOOD with ${extra} after it, or in place of its line ${line} (from 1), is refused with exactly this. */
static void refused(int line, const char *text, const char *object, const char *msg) {
    char doc[2000] = "", *copy = strdup(GOOD), *rest = copy, *l;
    for (int n = 1; (l = strsep(&rest, "\n")) && (*l || rest); n++) {
        strcat(doc, n == line ? text : l);
        strcat(doc, "\n");
    }
    if (!line) strcat(doc, text);
    free(copy);
    struct plan p;
    struct err e = ERR_INIT;
    ck_assert_msg(parse(doc, &p, &e) < 0, "accepted: %s", text);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert_str_eq(e.object, object);
    ck_assert_str_eq(e.msg, msg);
}

START_TEST(a_plan_is_read_with_its_defaults) {
    struct plan p;
    struct err e = ERR_INIT;
    ck_assert_msg(parse(GOOD, &p, &e) == 0, "%s %s", e.object, e.msg);
    ck_assert_str_eq(p.name, "oa");
    ck_assert_uint_eq(p.hosts_n, 2);
    ck_assert(plan_has_host(&p, "oa2") && !plan_has_host(&p, "oa3"));
    ck_assert_str_eq(p.zone, "Asia/Shanghai");
    ck_assert(p.backup && p.schedule.daily == RUN_INCREMENTAL && p.schedule.weekly == RUN_FULL && !p.schedule.monthly);
    ck_assert_uint_eq(p.schedule.window_start_min, 60);
    ck_assert_uint_eq(p.schedule.window_len_min, 240);
    ck_assert_uint_eq(p.schedule.weekly_day, 7);
    ck_assert_int_eq(p.retention_days, 90);
    ck_assert_str_eq(js_text(js_at(p.paths, 0)), "/srv");
    plan_free(&p);
}
END_TEST

/* faults: H1 */
START_TEST(every_mistake_names_file_line_column_field_expected_and_found) {
    refused(8, "  weekly: ful", "oa.yaml:8:11", "strategy.weekly: expected full or incremental, found \"ful\"; did you mean \"full\"?");
    refused(8, "  weekley: full", "oa.yaml:8:3", "strategy.weekley: unknown key; did you mean \"weekly\"?");
    refused(1, "nam: oa", "oa.yaml:1:1", "nam: unknown key; did you mean \"name\"?");
    refused(1, "name: OA", "oa.yaml:1:7", "name: expected a name of a-z, 0-9 and -, found \"OA\"");
    refused(1, "# nothing", "oa.yaml:2:1", "the key \"name\" is missing");
    refused(3, "hosts: [a, a]", "oa.yaml:3:12", "hosts[1]: \"a\" stands here twice");
    refused(3, "hosts: []", "oa.yaml:3:8", "hosts: the key \"hosts\" is missing");
    refused(5, "  paths: [srv]", "oa.yaml:5:11",
        "content.paths[0]: expected an absolute path without . or .., found \"srv\"");
    refused(5, "  paths: [/a/../b]", "oa.yaml:5:11",
        "content.paths[0]: expected an absolute path without . or .., found \"/a/../b\"");
    refused(5, "  excludes: [/x]", "oa.yaml:5:3", "content: the key \"paths\" is missing");
    refused(0, "backup: yes\n", "oa.yaml:9:9", "backup: expected false or true, found \"yes\"");
    refused(0, "retention_days: 0\n", "oa.yaml:9:17", "retention_days: expected a number from 1 to 36500, found \"0\"");
    refused(
        0, "retention_days: -3\n", "oa.yaml:9:17", "retention_days: expected a number from 1 to 36500, found \"-3\"");
    refused(0, "schedule: {window: 1-5}\n", "oa.yaml:9:20",
        "schedule.window: expected a start window such as 01:00-05:00, found \"1-5\"");
    refused(0, "schedule: {window: 01:00-01:00}\n", "oa.yaml:9:20",
        "schedule.window: expected a start window such as 01:00-05:00, found \"01:00-01:00\"");
    refused(0, "schedule: {zone: Mars/Base}\n", "oa.yaml:9:18",
        "schedule.zone: expected a time zone such as Asia/Shanghai, found \"Mars/Base\"");
    refused(0, "schedule: {weekly_day: funday}\n", "oa.yaml:9:24",
        "schedule.weekly_day: expected mon, tue, wed, thu, fri, sat or sun, found \"funday\"");
    refused(0, "limits: {bandwidth: 20 MB}\n", "oa.yaml:9:21",
        "limits.bandwidth: expected a rate such as 20 MB/s, 8 MiB/s or 100 Mbit/s, found \"20 MB\"");
    refused(0, "limits: {cpus: 50 %}\n", "oa.yaml:9:10", "limits.cpus: unknown key; did you mean \"cpu\"?");
    refused(5, "  patience: 61m\n  paths: [/srv]", "oa.yaml:5:13", "content.patience: at most 1h");
    refused(0, "targets: {rpo: fast}\n", "oa.yaml:9:16",
        "targets.rpo: expected a time such as 30m, 24h or 7d, found \"fast\"");
    refused(0, "applied: 2026-02-29\n", "oa.yaml:9:10",
        "applied: expected a date such as 2026-12-01, found \"2026-02-29\"");
    refused(0, "period: 3 weeks\n", "oa.yaml:9:9", "period: expected long or \"N months\", found \"3 weeks\"");
    refused(0, "notify: [fax]\n", "oa.yaml:9:10", "notify[0]: expected mail, phone or on-site, found \"fax\"");
    refused(0, "quota: 5 apples\n", "oa.yaml:9:8", "quota: expected a size such as 500 GiB, found \"5 apples\"");
    refused(0, "name: again\n", "oa.yaml:9:1", "the key \"name\" stands here twice (first in line 1)");
}
END_TEST

START_TEST(comments_order_and_quotes_do_not_change_the_hash_and_content_does) {
    static const char same[] =
        "# a comment\nhosts:\n- \"oa1\"\n- oa2\nname: 'oa'\nsystem: oa\nstrategy: {weekly: full, "
        "daily: incremental}\ncontent: {paths: /srv}\ndepartment:\n";
    struct plan a, b, c;
    struct err e = ERR_INIT;
    ck_assert_int_eq(parse(GOOD, &a, &e), 0);
    ck_assert_msg(parse(same, &b, &e) == 0, "%s %s", e.object, e.msg);
    ck_assert_int_eq(parse(GOOD "retention_days: 91\n", &c, &e), 0);
    ck_assert_str_eq(a.canonical,
        "{\"content\":{\"paths\":[\"/srv\"]},\"hosts\":[\"oa1\",\"oa2\"],\"name\":\"oa\","
        "\"strategy\":{\"daily\":\"incremental\",\"weekly\":\"full\"},\"system\":\"oa\"}");
    ck_assert_str_eq(a.canonical, b.canonical);
    ck_assert_mem_eq(a.hash, b.hash, sizeof a.hash);
    ck_assert_mem_ne(a.hash, c.hash, sizeof a.hash);
    plan_free(&a), plan_free(&b), plan_free(&c);
}
END_TEST

START_TEST(a_plan_without_backup_needs_no_paths_and_schedules_nothing) {
    struct plan p;
    struct run run;
    struct err e = ERR_INIT;
    ck_assert_int_eq(parse("name: x\nsystem: x\nhosts: h\nbackup: false\nstrategy: {daily: full}\n", &p, &e), 0);
    ck_assert(!plan_next(&p, NULL, 0, &run));
    plan_free(&p);
}
END_TEST

int main(void) {
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_plan_is_read_with_its_defaults);
    tcase_add_test(t, every_mistake_names_file_line_column_field_expected_and_found);
    tcase_add_test(t, comments_order_and_quotes_do_not_change_the_hash_and_content_does);
    tcase_add_test(t, a_plan_without_backup_needs_no_paths_and_schedules_nothing);
    suite_add_tcase(s, t);
    return suite_run(s);
}
