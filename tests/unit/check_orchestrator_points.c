/* Points of all hosts as the catalog knows them: learned from a vault that answers what the test says, only what is new is
 * asked, and a list that does not skip or repeat; and ticks that do a bounded piece. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "api_box.h"
#include "catalog_people.h"
#include "hosts.h"
#include "make_orchestrator_plan.h"
#include "scheduler.h"
#include "suite.h"

static char script[500];
static const char *own_argv[] = {"sh", "-c", script, NULL};

static void setup(void) {
    box_setup();
    control_release(&d.control);
    snprintf(script, sizeof script,
        "cd %s; while read -r l; do echo \"$l\" >>asked; case $l in *'\"op\":\"hosts\"'*) cat hosts;; "
        "*after*) cat new;; *) cat all;; esac; done", dir);
    control_init(&d.control, own_argv);
    cfg.people_off = true;
}

static void teardown(void) {
    cfg.people_off = false;
    box_teardown();
}

static void file(const char *name, const char *text) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "%s\n", text);
    ck_assert_int_eq(fclose(f), 0);
}

static void vault_has(const char *host, int points, int records) {
    char text[500];
    snprintf(text, sizeof text, "{\"ok\":true,\"hosts\":[{\"host\":\"%s\",\"system\":\"s\",\"state\":\"enrolled\",\"points\":%d,"
                                "\"records\":%d,\"head\":\"aa\",\"known\":\"aa\"}]}", host, points, records);
    file("hosts", text);
}

/* The vault's points ${from}…${to}, one each day; every third is partial. */
static void points(const char *name, int from, int to) {
    char text[4000] = "{\"ok\":true,\"points\":[";
    for (int i = from; i <= to; i++)
        sprintf(text + strlen(text),
            "%s{\"point\":%d,\"time\":\"2026-11-%02dT02:00:00Z\",\"walk_start\":\"2026-11-%02dT01:00:00Z\",\"kind\":\"full\","
            "\"labels\":[\"daily\",\"weekly\"],\"state\":\"%s\",\"files\":%d}",
            i > from ? "," : "", i, i, i, i % 3 ? "complete" : "partial", i);
    strcat(text, "]}");
    file(name, text);
}

static void sync_now(void) {
    struct err e = ERR_INIT;
    char cmd[100];
    snprintf(cmd, sizeof cmd, ": >%s/asked", dir);
    ck_assert_int_eq(system(cmd), 0);
    ck_assert_msg(hosts_sync(&d, false, &e) == 0, "%s", e.msg);
}

/* How many of the questions since sync_now hold this. */
static int asked(const char *what) {
    char cmd[200];
    snprintf(cmd, sizeof cmd, "exit $(grep -c '%s' %s/asked)", what, dir);
    return WEXITSTATUS(system(cmd));
}

/* The known points, "h/3 h/2 …", through all pages. */
static const char *known(const char *limit) {
    static char out[2000];
    char next[100] = "";
    *out = 0;
    strcpy(query_limit, limit);
    do {
        strcpy(query_after, next);
        CLEANUP_JS struct js *j = ask("GET", "/v1/points", "");
        ck_assert_int_eq(last.status, 200);
        const struct js *list = js_get(j, "points");
        for (size_t i = 0; i < js_count(list); i++)
            sprintf(out + strlen(out), "%s%s/%lld", *out ? " " : "", js_str(js_at(list, i), "host", ""),
                (long long)js_int(js_at(list, i), "point", 0));
        snprintf(next, sizeof next, "%s", js_str(j, "next", ""));
    } while (*next);
    *query_after = *query_limit = 0;
    return out;
}

START_TEST(only_what_is_new_is_asked) {
    points("all", 1, 3), vault_has("h", 3, 10);
    sync_now();
    ck_assert_int_eq(asked("\"op\":\"points\""), 1);
    ck_assert_str_eq(known("50"), "h/3 h/2 h/1");
    sync_now();
    ck_assert_int_eq(asked("\"op\":\"points\""), 0); /* its log is as long as it was */
    points("new", 4, 4), vault_has("h", 4, 12);
    sync_now();
    ck_assert_int_eq(asked("\"after\":3"), 1);
    ck_assert_int_eq(asked("\"op\":\"points\""), 1);
    ck_assert_str_eq(known("50"), "h/4 h/3 h/2 h/1");
    struct host h;
    db_begin(d.db);
    ck_assert(catalog_host_get(d.db, "h", &h));
    db_abort(d.db);
    ck_assert_int_eq(h.last_point, 4);
}
END_TEST

START_TEST(what_was_removed_goes_and_what_is_lost_comes_back) {
    struct err e = ERR_INIT;
    points("all", 1, 4), vault_has("h", 4, 10);
    sync_now();
    /* one made and one removed: as many as before, and not the same */
    points("new", 5, 5), points("all", 2, 5), vault_has("h", 4, 13);
    sync_now();
    ck_assert_int_eq(asked("\"op\":\"points\""), 2);
    ck_assert_str_eq(known("50"), "h/5 h/4 h/3 h/2");
    db_begin(d.db);
    db_exec(d.db, "DELETE FROM points", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(hosts_sync(&d, true, &e), 0);
    ck_assert_str_eq(known("50"), "h/5 h/4 h/3 h/2");
    vault_has("h", 0, 17);
    sync_now();
    ck_assert_str_eq(known("50"), "");
}
END_TEST

START_TEST(pages_neither_skip_nor_repeat) {
    points("all", 1, 7), vault_has("b", 7, 10);
    sync_now();
    vault_has("a", 7, 10); /* the same instants again */
    sync_now();
    const char *want = "b/7 a/7 b/6 a/6 b/5 a/5 b/4 a/4 b/3 a/3 b/2 a/2 b/1 a/1";
    ck_assert_str_eq(known("50"), want);
    ck_assert_str_eq(known("1"), want);
    ck_assert_str_eq(known("3"), want);
    strcpy(query_after, "5.x.y");
    char id[16];
    ck_assert_int_eq(status("GET", "/v1/points", "", id), 400);
}
END_TEST

START_TEST(a_department_sees_its_own_points) {
    struct err e = ERR_INIT;
    static const char *const mine[] = {"b"};
    char text[100];
    points("all", 1, 2), vault_has("b", 2, 10);
    sync_now();
    vault_has("a", 2, 10);
    sync_now();
    db_begin(d.db);
    reach_put(d.db, "p", "north", mine, 1);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    person("zhang", ROLE_APPLICANT, "north", text), be(text);
    cfg.people_off = false;
    ck_assert_str_eq(known("50"), "b/2 b/1");
    person("wang", ROLE_APPLICANT, "south", text), be(text);
    ck_assert_str_eq(known("50"), "");
}
END_TEST

/* However much is due at one moment, a tick does a bounded piece; the pieces together are all of it, once. */
START_TEST(a_tick_does_a_piece_and_the_pieces_are_the_whole) {
    struct err e = ERR_INIT;
    char text[2000] = "";
    struct scheduler *s = scheduler_new(&d);
    ck_assert_ptr_nonnull(s);
    strcpy(text, "name: p\nsystem: s\nhosts: [h00");
    for (int i = 1; i < 50; i++) sprintf(text + strlen(text), ", h%02d", i);
    strcat(text, "]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\nschedule: {zone: UTC, window: \"00:00-23:59\"}\n");
    plan_force(&d, text);
    int ticks = 0;
    size_t n, before = 0;
    do {
        ck_assert_int_eq(scheduler_tick(s, &e), 0);
        db_begin(d.db);
        free(job_list(d.db, JOBS_NEWEST, "", "", 1000, &n));
        db_abort(d.db);
        ck_assert_uint_le(n - before, 16);
        before = n;
    } while (scheduler_more(s) && ++ticks < 100);
    ck_assert_uint_eq(n, 50);
    ck_assert_int_ge(ticks, 3);
    ck_assert_int_eq(scheduler_tick(s, &e), 0);
    db_begin(d.db);
    free(job_list(d.db, JOBS_NEWEST, "", "", 1000, &n));
    db_abort(d.db);
    ck_assert_uint_eq(n, 50);
    scheduler_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("points");
    TCase *t = tcase_create("points");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, only_what_is_new_is_asked);
    tcase_add_test(t, what_was_removed_goes_and_what_is_lost_comes_back);
    tcase_add_test(t, pages_neither_skip_nor_repeat);
    tcase_add_test(t, a_department_sees_its_own_points);
    tcase_add_test(t, a_tick_does_a_piece_and_the_pieces_are_the_whole);
    suite_add_tcase(s, t);
    return suite_run(s);
}
