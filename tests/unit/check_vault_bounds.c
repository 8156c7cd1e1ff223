/* What somebody with stolen credentials may pile up ends somewhere, refuses by name, and blocks nobody who means well. */
#include <stdarg.h>

#include "acts.h"
#include "bounds.h"
#include "suite.h"
#include "vault_box.h"

static int said(const char *fmt, ...) {
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    struct js *j = control(line);
    int id = js_bool(j, "ok", false) ? 0 : (int)js_int(js_get(j, "error"), "id", -1);
    js_free(j);
    return id;
}

static unsigned entries(const char *name) {
    char cmd[300];
    unsigned n = 0;
    snprintf(cmd, sizeof cmd, "find '%s/%s' -type f | wc -l", dir, name);
    FILE *p = popen(cmd, "r");
    ck_assert_int_eq(fscanf(p, "%u", &n), 1);
    pclose(p);
    return n;
}

/* Empty files under a name each: the floods themselves would take long, and only what is there counts. */
static void many(const char *where, const char *name, unsigned n) {
    char cmd[400];
    snprintf(cmd, sizeof cmd, "mkdir -p '%s/%s' && cd '%s/%s' && seq -f '%s%%g' %u | xargs touch", dir, where, dir,
        where, name, n);
    ck_assert_int_eq(system(cmd), 0);
}

START_TEST(a_flood_of_pins_of_one_point_ends_and_an_honest_pin_is_still_possible) {
    struct client c;
    struct record r;
    struct vault v;
    struct err e = ERR_INIT;
    unsigned made = 0, refused = 0;
    enrolled();
    local(&c);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    client_close(&c);
    ck_assert_int_eq(vault_open(&v, dir, clock_real(), &e), 0);
    for (int day = 1; day <= 300; day++) {
        CLEANUP_JS struct js *q = js_object(), *a = js_object();
        int64_t until = clock_real()->now_ns(clock_real()) + day * NS_PER_DAY;
        js_set_str(q, "host", "web"), js_set_int(q, "point", 1), js_set_str(q, "reason", "flood");
        js_set_time(q, "until", until);
        int rc = act_pin(&v, q, a, &e);
        made += rc == 0 && js_bool(a, "extended", false), refused += rc < 0;
        if (rc < 0) ck_assert_int_eq(e.id, ZE_TOOMUCH);
    }
    ck_assert_uint_ge(made, 16);
    ck_assert_uint_le(made, 16 + 15);
    ck_assert_uint_gt(refused, 250);
    CLEANUP_JS struct js *q = js_object(), *a = js_object();
    js_set_str(q, "host", "web"), js_set_int(q, "point", 1), js_set_str(q, "reason", "a court"), js_set_int(q, "months", 120);
    ck_assert_msg(act_pin(&v, q, a, &e) == 0 && js_bool(a, "extended", false), "%s", e.msg);
    vault_close(&v);
}
END_TEST

START_TEST(tickets_end_at_a_number_and_old_ones_make_room) {
    static const char ask[] =
        "{\"op\":\"ticket\",\"host\":\"web\",\"ticket\":\"%s\",\"retain_until\":\"2030-01-01T00:00:00Z\"}";
    char cmd[200];
    enrolled();
    keeper_start();
    ck_assert_int_eq(said(ask, "mine"), 0);
    many("tickets/web", "t", TICKETS_MOST - 1);
    ck_assert_int_eq(said(ask, "one-more"), ZE_TOOMUCH);
    ck_assert_int_eq(said(ask, "../x"), ZE_USAGE);
    ck_assert_int_eq(said(ask, "mine"), 0); /* what is there may be laid again */
    snprintf(cmd, sizeof cmd, "cd '%s/tickets/web' && touch -d '31 days ago' t*", dir);
    ck_assert_int_eq(system(cmd), 0);
    ck_assert_int_eq(said(ask, "one-more"), 0);
    ck_assert_uint_eq(entries("tickets/web"), 2);
}
END_TEST

START_TEST(tokens_and_systems_end_at_a_number) {
    static const char ask[] = "{\"op\":\"token\",\"host\":\"%s\",\"system\":\"%s\"}";
    enrolled();
    keeper_start();
    ck_assert_int_eq(said(ask, "db", "oa"), 0);
    many("store/systems", "s", SYSTEMS_MOST - 1);
    ck_assert_int_eq(said(ask, "db", "more"), ZE_TOOMUCH);
    ck_assert_int_eq(said(ask, "db", "oa"), 0);
    many("tokens", "t", TOKENS_MOST - 1);
    ck_assert_int_eq(said(ask, "mail", "oa"), ZE_TOOMUCH);
    ck_assert_int_eq(said(ask, "web", "oa"), ZE_EXISTS);
}
END_TEST

START_TEST(uploads_that_come_to_nothing_and_points_end_at_a_number) {
    static struct log_begin begins[BEGINS_A_DAY + 1];
    static struct log_commit commits[POINTS_MOST];
    struct err e = ERR_INIT;
    struct host_log l = {.host = "web", .begins = begins, .begins_n = BEGINS_A_DAY, .commits = commits};
    int64_t now = 100 * NS_PER_DAY;
    for (size_t i = 0; i <= BEGINS_A_DAY; i++) begins[i].time = now - NS_PER_DAY / 2;
    ck_assert_int_lt(bounds_begin(&l, now, &e), 0);
    ck_assert_int_eq(e.id, ZE_TOOMUCH);
    ck_assert_int_eq(bounds_begin(&l, now + NS_PER_DAY, &e), 0); /* tomorrow again */
    commits[0].time = now - 1;
    l.commits_n = 1; /* what was committed does not count */
    ck_assert_int_eq(bounds_begin(&l, now, &e), 0);
    l.begins_n++;
    ck_assert_int_lt(bounds_begin(&l, now, &e), 0);
    l.begins_n = 0, l.commits_n = POINTS_MOST;
    ck_assert_int_lt(bounds_begin(&l, now, &e), 0);
    ck_assert_int_eq(e.id, ZE_TOOMUCH);
    commits[7].removed = true;
    ck_assert_int_eq(bounds_begin(&l, now, &e), 0);
}
END_TEST

START_TEST(a_host_that_begins_without_end_is_refused_and_others_go_on) {
    struct client c;
    struct record r;
    int rc = 0, n;
    enrolled();
    enrolled_as("db");
    local(&c);
    for (n = 0; rc == 0 && n < 2 * BEGINS_A_DAY; n++) rc = client_begin(&c, KIND_FULL, 1, "");
    ck_assert_int_eq(rc, ZE_TOOMUCH);
    ck_assert_int_eq(n, BEGINS_A_DAY + 1);
    client_close(&c);
    session(&c, BIND_HOST, "db", true);
    ck_assert_int_eq(client_hello(&c), 0);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    client_close(&c);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_bounds");
    TCase *t = tcase_create("vault_bounds");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_flood_of_pins_of_one_point_ends_and_an_honest_pin_is_still_possible);
    tcase_add_test(t, tickets_end_at_a_number_and_old_ones_make_room);
    tcase_add_test(t, tokens_and_systems_end_at_a_number);
    tcase_add_test(t, uploads_that_come_to_nothing_and_points_end_at_a_number);
    tcase_add_test(t, a_host_that_begins_without_end_is_refused_and_others_go_on);
    suite_add_tcase(s, t);
    return suite_run(s);
}
