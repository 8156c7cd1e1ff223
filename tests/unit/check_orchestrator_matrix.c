/* Every route × every role × its own and another department × nobody, held against docs/ROLES.md as it is read there. The
 * requests go through api_handle as the server's would; nothing of the gate is replaced. */
#include "api_box.h"
#include "catalog_drills.h"
#include "make_orchestrator_plan.h"
#include "suite.h"

#define PLAN                                                                                               \
    "name: p\ndepartment: north\nsystem: s\nhosts: [h1, h2]\ncontent: {paths: [/srv]}\nstrategy: {daily: " \
    "incremental}\n"                                                                                       \
    "schedule: {zone: UTC, window: \"01:00-05:00\"}\n"

/* The plan of north in force, with one job for each host. */
static void plan_of_north(void) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(plan_force(&d, PLAN), 1);
    db_begin(d.db);
    struct job j = {.plan_version = 1, .origin = "manual", .labels = "manual", .state = "queued", .kind = "full"};
    strcpy(j.host, "h1"), strcpy(j.plan, "p");
    ck_assert_int_eq(job_add(d.db, &j), 1);
    struct drill drill = {.level = 1, .system = "s", .plan = "p", .state = DRILL_QUEUED, .departments = js_array()};
    js_push_str(drill.departments, "north");
    ck_assert_int_eq(drill_add(d.db, &drill), 1);
    drill_free(&drill);
    catalog_host_seen(d.db, "h1", "1", now_ns);
    catalog_host_seen(d.db, "other", "1", now_ns);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

/* ---- the table of the document ---- */

static char page[64 << 10];

static void read_page(void) {
    char path[300];
    const char *root = getenv("ZAIBEI_ROOT");
    snprintf(path, sizeof path, "%s/docs/ROLES.md", root ? root : ".");
    FILE *f = fopen(path, "re");
    ck_assert_msg(f, "%s", path);
    size_t n = fread(page, 1, sizeof page - 1, f);
    fclose(f);
    page[n] = 0;
}

/* The cell of ${act}'s row for role number ${i}: whether it is marked. */
static bool marked(const char *act, int i) {
    char row[100];
    snprintf(row, sizeof row, "\n| %s |", act);
    const char *s = strstr(page, row);
    ck_assert_msg(s, "docs/ROLES.md: no row for %s", act);
    s += strlen(row);
    while (i--) s = strchr(s, '|') + 1;
    return !strncmp(s, " ●", strlen(" ●"));
}

/* The act that the page gives a route. */
static void act_of(const struct route *r, char act[40]) {
    char row[200];
    snprintf(row, sizeof row, "\n| %s | %s | ", r->method, r->path);
    const char *s = strstr(page, row);
    ck_assert_msg(s, "docs/ROLES.md: no row for %s %s", r->method, r->path);
    snprintf(act, 40, "%.*s", (int)strcspn(s + strlen(row), " "), s + strlen(row));
}

/* The path of a route with ${one} for each *. */
static void path_of(const struct route *r, const char *one, char path[200]) {
    char *o = path;
    for (const char *s = r->path; *s; s++) o += *s == '*' ? snprintf(o, 80, "%s", one) : (*o = *s, 1);
    *o = 0;
}

START_TEST(every_route_is_open_to_exactly_the_roles_of_the_table_and_to_nobody_who_is_not_logged_in) {
    size_t n, asked = 0;
    const struct route *routes = api_routes(&n);
    char who[ROLES][100], path[200], act[40], id[16];
    read_page();
    for (int i = 0; i < ROLES; i++) person(role_name(1U << i), 1U << i, "", who[i]);
    for (size_t r = 0; r < n; r++) {
        act_of(&routes[r], act);
        ck_assert_str_eq(act, act_name(routes[r].act));
        bool is_public = !strcmp(act, "public"), self = !strcmp(act, "self");
        path_of(&routes[r], "nope", path);
        be("");
        int s = status(routes[r].method, path, "", id);
        ck_assert_msg(is_public ? strcmp(id, "ZB-1832") != 0 : s == 401 && !strcmp(id, "ZB-1832"),
            "nobody: %s %s: %d %s", routes[r].method, path, s, id);
        ck_assert_msg(is_public || last.challenge, "%s: no challenge", path);
        if (!strcmp(routes[r].path, "/v1/logout")) continue; /* would end the session */
        for (int i = 0; i < ROLES; i++, asked++) {
            be(who[i]);
            s = status(routes[r].method, path, "", id);
            bool may = is_public || self || marked(act, i), refused = !strcmp(id, "ZB-1833");
            ck_assert_msg(may ? s != 403 || !refused : s == 403 && refused,
                "%s as %s: %s %s: %d %s, not as the table says", act, role_name(1U << i), routes[r].method, path, s,
                id);
            ck_assert_msg(
                s != 401 || is_public || !strcmp(id, "ZB-1830"), "%s as %s: 401 %s", path, role_name(1U << i), id);
        }
    }
    ck_assert_uint_ge(asked, 30 * ROLES);
}
END_TEST

/* faults: H3 */
START_TEST(what_is_anothers_departments_is_answered_exactly_as_what_does_not_exist) {
    size_t n, seen = 0;
    const struct route *routes = api_routes(&n);
    char north[100], south[100], none[100], path[200], absent[200], id[16];
    plan_of_north();
    person("north", ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN, "north", north);
    person("south", ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN, "south", south);
    person("all", ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN, "", none);
    for (size_t r = 0; r < n; r++) {
        const char *one = strstr(routes[r].path, "/plans/*")                            ? "p"
            : strstr(routes[r].path, "/jobs/*") || strstr(routes[r].path, "/drills/*")  ? "1"
            : strstr(routes[r].path, "/systems/*")                                      ? "s"
            : strstr(routes[r].path, "/hosts/*") || strstr(routes[r].path, "/points/*") ? "h1"
                                                                                        : NULL;
        if (!one || !may_act(ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN, routes[r].act)) continue;
        path_of(&routes[r], one, path), path_of(&routes[r], *one == '1' ? "77" : "zz", absent);
        be(south);
        int64_t before = records();
        CLEANUP_JS struct js *a = ask(routes[r].method, path, ""), *b = NULL;
        ck_assert_msg(last.status == 404, "%s %s as south: %d", routes[r].method, path, last.status);
        b = ask(routes[r].method, absent, "");
        js_set_str(a, "object", ""), js_set_str(b, "object", "");
        CLEANUP_FREE char *x = js_dump(a), *y = js_dump(b);
        ck_assert_str_eq(x, y);
        ck_assert_int_eq(records(), before);
        be(north);
        int s = strcmp(routes[r].method, "GET") != 0 ? 0 : status("GET", path, "", id);
        /* Point h1 of h1, system point s of s. */
        bool twice = strstr(routes[r].path, "*/*") || strstr(routes[r].path, "/systems/*/points/*") ||
            strstr(routes[r].path, "/record"); /* of what has not ended */
        ck_assert_msg(!s || s == 200 || twice || strstr(path, "pins") || strstr(path, "slots"), "%s as north: %d", path, s);
        seen++;
    }
    ck_assert_uint_ge(seen, 10);
}
END_TEST

static size_t listed(const char *who, const char *path, const char *list) {
    be(who);
    CLEANUP_JS struct js *j = ask("GET", path, "");
    ck_assert_msg(last.status == 200, "%s: %d", path, last.status);
    return js_count(js_get(j, list));
}

START_TEST(lists_and_orders_reach_no_further_than_the_department) {
    char north[100], south[100], none[100], id[16];
    plan_of_north();
    person("north", ROLE_APPLICANT, "north", north);
    person("south", ROLE_APPLICANT, "south", south);
    person("all", ROLE_APPLICANT, "", none);
    ck_assert_uint_eq(listed(north, "/v1/hosts", "hosts"), 1);
    ck_assert_uint_eq(listed(south, "/v1/hosts", "hosts"), 0);
    ck_assert_uint_eq(listed(none, "/v1/hosts", "hosts"), 2);
    ck_assert_uint_eq(listed(north, "/v1/jobs", "jobs"), 1);
    ck_assert_uint_eq(listed(south, "/v1/jobs", "jobs"), 0);
    ck_assert_uint_eq(listed(north, "/v1/drills", "drills"), 1);
    ck_assert_uint_eq(listed(south, "/v1/drills", "drills"), 0);
    ck_assert_uint_eq(listed(north, "/v1/plans", "plans"), 1);
    ck_assert_uint_eq(listed(south, "/v1/plans", "plans"), 0);
    be(south);
    CLEANUP_JS struct js *j = ask("GET", "/v1/status", "");
    ck_assert_uint_eq(js_count(js_get(j, "jobs")), 0);
    ck_assert_int_eq(status("POST", "/v1/jobs", "{\"target\":\"p\"}", id), 404);
    ck_assert_int_eq(status("POST", "/v1/jobs", "{\"target\":\"h1\"}", id), 404);
    be(north);
    ck_assert_int_eq(status("POST", "/v1/jobs", "{\"target\":\"h1\"}", id), 201);
}
END_TEST

START_TEST(lists_come_in_pages_that_leave_nothing_out_and_show_nothing_twice) {
    char admin[100], text[100], name[32], seen[400] = "";
    person("aa-admin", ROLE_SECURITY_ADMIN, "", admin);
    for (int i = 0; i < 7; i++) snprintf(name, sizeof name, "user-%d", i), person(name, ROLE_APPLICANT, "x", text);
    be(admin);
    strcpy(query_limit, "3");
    for (int pages = 1;; pages++) {
        CLEANUP_JS struct js *j = ask("GET", "/v1/users", "");
        ck_assert_uint_le(js_count(js_get(j, "users")), 3);
        for (size_t i = 0; i < js_count(js_get(j, "users")); i++)
            strcat(strcat(seen, js_str(js_at(js_get(j, "users"), i), "user", "")), " ");
        const char *next = js_str(j, "next", NULL);
        if (!next) {
            ck_assert_int_eq(pages, 3);
            break;
        }
        snprintf(query_after, sizeof query_after, "%s", next);
    }
    ck_assert_str_eq(seen, "aa-admin user-0 user-1 user-2 user-3 user-4 user-5 user-6 ");
    char id[16];
    strcpy(query_limit, "0");
    ck_assert_int_eq(status("GET", "/v1/users", "", id), 400);
    strcpy(query_limit, "1001");
    ck_assert_int_eq(status("GET", "/v1/users", "", id), 400);
}
END_TEST

START_TEST(a_request_under_an_idempotency_key_is_done_once) {
    char admin[100], other[100], id[16];
    person("admin", ROLE_SYSTEM_ADMIN, "", admin);
    person("other", ROLE_SYSTEM_ADMIN, "", other);
    plan_of_north();
    be(admin);
    strcpy(idempotency, "k1");
    CLEANUP_JS struct js *a = ask("POST", "/v1/jobs", "{\"target\":\"h2\"}"), *b = NULL;
    ck_assert_int_eq(last.status, 201);
    ck_assert_int_eq(status("POST", "/v1/jobs/2/cancel", "", id), 409); /* the same key for something else */
    ck_assert_str_eq(id, "ZB-1840");
    *idempotency = 0;
    ck_assert_int_eq(status("POST", "/v1/jobs/2/cancel", "", id), 200);
    strcpy(idempotency, "k1");
    b = ask("POST", "/v1/jobs", "{\"target\":\"h2\"}"); /* would be a new job now */
    CLEANUP_FREE char *x = js_dump(a), *y = js_dump(b);
    ck_assert_int_eq(last.status, 201);
    ck_assert_str_eq(x, y);
    strcpy(query_draft, "1"); /* the same but for what the query asks */
    ck_assert_int_eq(status("POST", "/v1/jobs", "{\"target\":\"h2\"}", id), 409);
    *query_draft = 0;
    be(other); /* another's key is another key */
    ck_assert_int_eq(status("POST", "/v1/jobs", "{\"target\":\"h2\"}", id), 201);
    be(admin);
    now_ns += 86401 * (int64_t)NS_PER_S; /* a day later it is forgotten; log in again */
    struct err e = ERR_INIT;
    db_begin(d.db);
    db_exec(d.db, "UPDATE credentials SET expires_ns=expires_ns*2,used_ns=?", "i", now_ns);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(status("POST", "/v1/jobs/2/cancel", "", id), 409);
    ck_assert_str_eq(id, "ZB-1701");
    strcpy(idempotency, "k2"); /* secrets are not kept, so not repeated */
    ck_assert_int_eq(status("POST", "/v1/tokens", "{\"name\":\"t\",\"expires_s\":600}", id), 400);
}
END_TEST

/* faults: H4 */
START_TEST(whoever_asks_too_fast_waits_and_others_do_not) {
    char a[100], b[100], id[16];
    struct err e = ERR_INIT;
    ck_assert_ptr_nonnull(d.gate = gate_new());
    (void)e;
    person("aa", ROLE_AUDITOR, "", a);
    person("bb", ROLE_AUDITOR, "", b);
    be(a);
    int s = 200, n = 0;
    while (n < 5000 && s == 200) s = status("GET", "/v1/self", "", id), n++;
    ck_assert_int_eq(s, 429);
    ck_assert_int_gt(last.retry_after_s, 0);
    ck_assert_int_eq(n, 1001);
    be(b);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
    now_ns += last.retry_after_s * (int64_t)NS_PER_S + NS_PER_S;
    be(a);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
    be("Bearer zbs1-0000");
    for (n = 0, s = 401; n < 500 && s == 401; n++) s = status("GET", "/v1/self", "", id);
    ck_assert_int_eq(s, 429);
    be(a); /* known people are not held up by guesses from the same source */
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
}
END_TEST

int main(void) {
    Suite *s = suite_create("matrix");
    TCase *t = tcase_create("matrix");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, box_setup, box_teardown);
    tcase_add_test(t, every_route_is_open_to_exactly_the_roles_of_the_table_and_to_nobody_who_is_not_logged_in);
    tcase_add_test(t, what_is_anothers_departments_is_answered_exactly_as_what_does_not_exist);
    tcase_add_test(t, lists_and_orders_reach_no_further_than_the_department);
    tcase_add_test(t, lists_come_in_pages_that_leave_nothing_out_and_show_nothing_twice);
    tcase_add_test(t, a_request_under_an_idempotency_key_is_done_once);
    tcase_add_test(t, whoever_asks_too_fast_waits_and_others_do_not);
    suite_add_tcase(s, t);
    return suite_run(s);
}
