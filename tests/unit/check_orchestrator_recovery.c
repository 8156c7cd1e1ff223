/* The recovery of a plan: each mistake has its place and its message, and the order is the one that was written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plan/diff.h"
#include "plan/plan.h"
#include "plan/print.h"
#include "plan/recovery.h"
#include "suite.h"

#define GOOD "name: shop\nsystem: shop\nhosts: [db, web, batch]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n"
#define HOSTS(web)                                                  \
    "recovery:\n"                                                   \
    "  hosts:\n"                                                    \
    "    - {host: web, after: [db], address: 10.0.0.2/24" web "}\n" \
    "    - {host: db, address: 10.0.0.1/24, freeze: stop}\n"

static int parse(const char *text, struct plan *p, struct err *e) {
    return plan_parse("shop.yaml", text, strlen(text), "UTC", p, e);
}

static void refused(const char *recovery, const char *object, const char *msg) {
    char doc[4000];
    struct plan p;
    struct err e = ERR_INIT;
    snprintf(doc, sizeof doc, GOOD "%s", recovery);
    ck_assert_msg(parse(doc, &p, &e) < 0, "accepted: %s", recovery);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert_str_eq(e.object, object);
    ck_assert_str_eq(e.msg, msg);
}

static struct plan accepted(const char *recovery) {
    char doc[4000];
    struct plan p;
    struct err e = ERR_INIT;
    snprintf(doc, sizeof doc, GOOD "%s", recovery);
    ck_assert_msg(parse(doc, &p, &e) == 0, "%s %s: %s", e.object, e.msg, recovery);
    return p;
}

#define ADDRESS "expected an address such as 10.20.0.10/24, found "

/* faults: H1 */
START_TEST(every_mistake_in_a_recovery_names_its_place) {
    refused("recovery: {drill_every: 1d}\n", "shop.yaml:6:11", "recovery: the key \"hosts\" is missing");
    refused("backup: false\n" HOSTS(""), "shop.yaml:8:3", "recovery: expected backup: true beside it");
    refused("recovery:\n  drill_every: 367d\n  hosts: [{host: db, address: 10.0.0.1/24}]\n", "shop.yaml:7:16",
        "recovery.drill_every: at most 366d");
    refused("recovery:\n  drill_level: 3\n  hosts: [{host: db, address: 10.0.0.1/24}]\n", "shop.yaml:7:16",
        "recovery.drill_level: expected 1, 2 or 4, found \"3\"");
    refused("recovery:\n  hosts: [{host: dd, address: 10.0.0.1/24}]\n", "shop.yaml:7:18",
        "recovery.hosts[0].host: the plan names no host \"dd\"");
    refused(
        "recovery:\n  hosts: [{host: db}]\n", "shop.yaml:7:11", "recovery.hosts[0]: the key \"address\" is missing");
    refused("recovery:\n  hosts: [{host: db, address: 10.0.0.1}]\n", "shop.yaml:7:31",
        "recovery.hosts[0].address: " ADDRESS "\"10.0.0.1\"");
    refused("recovery:\n  hosts: [{host: db, address: 10.0.0.256/24}]\n", "shop.yaml:7:31",
        "recovery.hosts[0].address: " ADDRESS "\"10.0.0.256/24\"");
    refused("recovery:\n  hosts: [{host: db, address: \"fd00::1/129\"}]\n", "shop.yaml:7:32",
        "recovery.hosts[0].address: " ADDRESS "\"fd00::1/129\"");
    refused("recovery:\n  gateway: 10.0.0.1/24\n  hosts: [{host: db, address: 10.0.0.1/24}]\n", "shop.yaml:8:31",
        "recovery.hosts[0].address: the gateway has this address");
    refused("recovery:\n  hosts: [{host: db, address: 10.0.0.1/24}, {host: web, address: 10.0.0.1/16}]\n",
        "shop.yaml:7:66", "recovery.hosts[1].address: \"db\" has this address");
    refused("recovery:\n  hosts: [{host: db, address: 10.0.0.1/24}, {host: db, address: 10.0.0.2/24}]\n",
        "shop.yaml:7:52", "recovery.hosts[1].host: \"db\" stands here twice");
    refused(HOSTS(", nic: eth 0"), "shop.yaml:8:59",
        "recovery.hosts[0].nic: expected the name of a network card such as ens192, found \"eth 0\"");
    refused(HOSTS(", mac: \"01:54:00:20:00:10\""), "shop.yaml:8:60",
        "recovery.hosts[0].mac: expected the address of one network card such as 52:54:00:20:00:10, found "
        "\"01:54:00:20:00:10\"");
    refused(HOSTS(", services: [{name: nginx}]"), "shop.yaml:8:65",
        "recovery.hosts[0].services[0]: the key \"start\" is missing");
    refused(HOSTS(", services: [{name: nginx, start: nginx}]"), "shop.yaml:8:86",
        "recovery.hosts[0].services[0].start: expected a command that begins with an absolute path, found \"nginx\"");
}
END_TEST

START_TEST(a_circle_is_named) {
    refused("recovery:\n  hosts:\n    - {host: web, after: [web], address: 10.0.0.1/24}\n", "shop.yaml:8:27",
        "recovery.hosts[0].after[0]: a circle: web → web");
    refused("recovery:\n  hosts:\n    - {host: web, after: [db], address: 10.0.0.2/24}\n"
            "    - {host: db, after: batch, address: 10.0.0.1/24}\n    - {host: batch, after: [web], address: "
            "10.0.0.3/24}\n",
        "shop.yaml:10:29", "recovery.hosts[2].after[0]: a circle: web → db → batch → web");
    refused("recovery:\n  hosts:\n    - {host: web, after: [zentral], address: 10.0.0.1/24}\n", "shop.yaml:8:27",
        "recovery.hosts[0].after[0]: recovery.hosts has no entry for \"zentral\"");
}
END_TEST

#define CHECK(c) HOSTS("") "  checks:\n    - {name: a, " c "}\n"

START_TEST(a_check_that_would_prove_nothing_is_refused) {
    refused(CHECK("host: web, run: ls"), "shop.yaml:11:7", "recovery.checks[0]: the key \"expect\" is missing");
    refused(CHECK("host: web, expect: x"), "shop.yaml:11:7", "recovery.checks[0]: expected either run or http");
    refused(CHECK("host: web, expect: x, run: ls, http: \"http://10.0.0.2/\""), "shop.yaml:11:55",
        "recovery.checks[0].http: expected either run or http");
    refused(CHECK("host: batch, expect: x, run: ls"), "shop.yaml:11:23",
        "recovery.checks[0].host: recovery.hosts has no entry for \"batch\"");
    refused(CHECK("host: web, expect: x, run: ls, status: 200"), "shop.yaml:11:56",
        "recovery.checks[0].status: expected http beside it");
    refused(CHECK("host: web, expect: x, http: \"https://10.0.0.2/\""), "shop.yaml:11:46",
        "recovery.checks[0].http: expected a page such as http://10.20.0.20/api/, found \"https://10.0.0.2/\"");
    refused(CHECK("host: web, expect: x, run: ls, within: 61m"), "shop.yaml:11:56",
        "recovery.checks[0].within: at most 1h");
    static const char *const nothing[] = {".*", "^$", "a*", "(x|)", "^", "[0-9]{0,3}"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        char text[600];
        snprintf(text, sizeof text, CHECK("host: web, run: ls, expect: '%s'"), nothing[i]);
        refused(
            text, "shop.yaml:11:46", "recovery.checks[0].expect: it matches the empty text, so it would prove nothing");
    }
    refused(CHECK("host: web, run: ls, expect: '('"), "shop.yaml:11:46",
        "recovery.checks[0].expect: not a POSIX extended regular expression");
    static const char *const slow[] = {"((a{1,99}){1,99}){1,99}", "a{9999}", "(a)\\1", "a{1,99999999999999999999}"};
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        char text[600];
        snprintf(text, sizeof text, CHECK("host: web, run: ls, expect: '%s'"), slow[i]);
        refused(text, "shop.yaml:11:46",
            "recovery.checks[0].expect: an expression that takes too long: fewer repetitions, and no back-references");
    }
}
END_TEST

START_TEST(hosts_come_in_the_order_of_starting) {
    struct plan p = accepted(CHECK("host: web, run: ls, expect: '^[1-9][0-9]{0,5}$', within: 10s, level: 4"));
    struct recovery r;
    recovery_read(p.recovery, &r);
    ck_assert_uint_eq(r.hosts_n, 2);
    ck_assert_str_eq(r.hosts[0].host, "db");
    ck_assert_str_eq(js_text(js_at(r.hosts[0].freeze, 0)), "stop"); /* a word is a list of one */
    ck_assert_str_eq(r.hosts[1].host, "web");
    ck_assert_uint_eq(r.hosts[1].rank, 1);
    ck_assert_int_eq(r.drill_every_s, 365 * 86400);
    ck_assert_int_eq(r.drill_level, 4); /* below it nothing would be asked */
    ck_assert(recovery_find(&r, "web") == &r.hosts[1] && !recovery_find(&r, "batch"));
    plan_free(&p);
    recovery_read(NULL, &r);
    ck_assert_uint_eq(r.hosts_n, 0);
    ck_assert_int_eq(r.drill_level, 1);
}
END_TEST

/* Forty layers of two hosts, each after both of the layer before: 2^40 ways through, and yet soon judged. */
START_TEST(many_ways_are_not_many_steps) {
    char doc[16000] = "name: a\nsystem: a\ncontent: {paths: [/]}\nstrategy: {daily: full}\nhosts: [", hosts[14000] = "";
    for (int i = 0; i < 62; i++) {
        char after[100] = "";
        snprintf(doc + strlen(doc), sizeof doc - strlen(doc), "%sh%d", i ? "," : "", i);
        if (i < 60) snprintf(after, sizeof after, "after: [h%d, h%d], ", i / 2 * 2 + 2, i / 2 * 2 + 3);
        snprintf(hosts + strlen(hosts), sizeof hosts - strlen(hosts), "  - {host: h%d, %saddress: 10.0.0.%d/24}\n", i,
            after, i + 1);
    }
    snprintf(doc + strlen(doc), sizeof doc - strlen(doc), "]\nrecovery:\n  hosts:\n%s", hosts);
    struct plan p;
    struct err e = ERR_INIT;
    ck_assert_msg(parse(doc, &p, &e) == 0, "%s %s", e.object, e.msg);
    struct recovery r;
    recovery_read(p.recovery, &r);
    ck_assert_str_eq(r.hosts[0].host, "h60");
    ck_assert_uint_eq(r.hosts[61].rank, 30);
    plan_free(&p);
}
END_TEST

#define TWO(first, second) "recovery:\n  hosts:\n    - " first "\n    - " second "\n"

/* A host that goes, one that comes, and hosts that change places: never nothing, since the hash differs. */
START_TEST(hosts_that_come_go_and_change_places_are_differences) {
    struct plan a = accepted(TWO("{host: db, address: 10.0.0.1/24}", "{host: web, address: 10.0.0.2/24}"));
    struct plan b = accepted(TWO("{host: db, address: 10.0.0.1/24}", "{host: batch, address: 10.0.0.3/24}"));
    struct plan c = accepted(TWO("{host: web, address: 10.0.0.2/24}", "{host: db, address: 10.0.0.1/24}"));
    CLEANUP_JS struct js *rows = js_array(), *turned = js_array();
    ck_assert_int_eq(plan_diff(a.form, b.form, rows), 2);
    ck_assert_str_eq(js_str(js_at(rows, 0), "of", ""), "web");
    ck_assert(js_get(js_at(rows, 0), "old") && !js_has(js_at(rows, 0), "new"));
    ck_assert_str_eq(js_str(js_get(js_at(rows, 1), "new"), "host", ""), "batch");
    ck_assert_int_eq(plan_diff(a.form, c.form, turned), 1);
    ck_assert_str_eq(js_str(js_at(turned, 0), "field", ""), "recovery.hosts");
    plan_free(&a), plan_free(&b), plan_free(&c);
}
END_TEST

START_TEST(it_is_hashed_compared_and_printed) {
    struct plan a = accepted(HOSTS("")), b = accepted(HOSTS(", nic: ens192")), none = accepted("");
    CLEANUP_JS struct js *rows = js_array();
    struct buf page;
    ck_assert(memcmp(a.hash, b.hash, sizeof a.hash) != 0 && !none.recovery);
    ck_assert_int_eq(plan_diff(a.form, b.form, rows), 1);
    ck_assert_str_eq(js_str(js_at(rows, 0), "field", ""), "recovery.hosts.nic");
    ck_assert_str_eq(js_str(js_at(rows, 0), "of", ""), "web");
    ck_assert_str_eq(js_str(js_at(rows, 0), "new", ""), "ens192");
    buf_init(&page, 1 << 20);
    plan_print(&b, &(struct print){.form = FORM_APPROVAL, .lang = FORM_EN}, &page);
    buf_u8(&page, 0);
    ck_assert(strstr((char *)page.p, "web (after: db; address: 10.0.0.2/24; network card: ens192)\n"));
    ck_assert(strstr((char *)page.p, "db (address: 10.0.0.1/24; freeze: stop)\n"));
    buf_free(&page);
    plan_free(&a), plan_free(&b), plan_free(&none);
}
END_TEST

int main(void) {
    Suite *s = suite_create("recovery");
    TCase *t = tcase_create("recovery");
    tcase_add_test(t, every_mistake_in_a_recovery_names_its_place);
    tcase_add_test(t, a_circle_is_named);
    tcase_add_test(t, a_check_that_would_prove_nothing_is_refused);
    tcase_add_test(t, hosts_come_in_the_order_of_starting);
    tcase_add_test(t, many_ways_are_not_many_steps);
    tcase_add_test(t, hosts_that_come_go_and_change_places_are_differences);
    tcase_add_test(t, it_is_hashed_compared_and_printed);
    suite_add_tcase(s, t);
    return suite_run(s);
}
