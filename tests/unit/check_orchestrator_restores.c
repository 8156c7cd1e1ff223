/* Restores: order, limits, one that fails among twenty, agents and zaibeid that die at any moment, and what strangers may say. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents.h"
#include "base/text.h"
#include "restores.h"
#include "suite.h"

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};

static char dir[64], script[400];
static const char *argv[] = {"sh", "-c", script, NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60, .limit_restores = 4};
static struct daemon d;

static void open_all(void) {
    struct err e = ERR_INIT;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
}

static void close_all(void) {
    control_release(&d.control);
    db_close(d.db);
}

static void hosts(int n) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    for (int i = 0; i < n; i++) {
        struct host h = {
            .host_id = "00112233445566778899aabbccddeeff", .state = "enrolled", .points = 1, .last_point = 1};
        snprintf(h.name, sizeof h.name, "h%d", i);
        catalog_host_put(d.db, &h);
    }
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

static void setup(void) {
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/check_restores.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(script, sizeof script, "while read -r l; do printf '%%s\\n' \"$l\" >>%s/notes; echo '{\"ok\":true}'; done",
        dir);
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    now_s = 1795000000;
    open_all();
    hosts(20);
}

static void teardown(void) {
    char cmd[100];
    close_all();
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct js *ask(const char *host, const char *request) {
    struct err e = ERR_INIT;
    char *text = agents_answer(&d, host, request, strlen(request));
    struct js *j = js_parse(text, strlen(text), "zaibeid", &e);
    free(text);
    ck_assert_ptr_nonnull(j);
    return j;
}

/* n hosts, each to itself below /r; h0 first, the others after those in ${after} (by place, "": nothing) */
static int64_t wish(int n, const char *const *after, struct err *e) {
    static char names[64][8];
    static struct restore_wish w;
    w = (struct restore_wish){.who = "anna", .reason = "test", .system = "s", .n = (size_t)n};
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "h%d", i);
        w.items[i] = (struct restore_want){.host = names[i], .dir = "/r", .point = 1};
        if (after && after[i]) w.items[i].after[w.items[i].after_n++] = after[i];
    }
    db_begin(d.db);
    int64_t id = restore_new(&d, &w, e);
    if (id < 0) return db_abort(d.db), id;
    ck_assert_int_eq(db_commit(d.db, e), 0);
    return id;
}

static const char *state(int64_t id, int64_t item) {
    static char out[16];
    struct restore r;
    struct err e = ERR_INIT;
    db_begin(d.db);
    ck_assert(restore_get(d.db, id, &r));
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    snprintf(out, sizeof out, "%s", item ? r.item[item - 1].state : r.state);
    restore_free(&r);
    return out;
}

static size_t offers(const char *host) {
    struct js *j = ask(host, "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    size_t n = js_count(js_get(j, "restores"));
    js_free(j);
    return n;
}

static const char key_a[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                  key_b[] = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=";

/* Show a key: 1 go, 0 wait, 2 go with a grant, -1 cancelled, -2 an error */
static int show(const char *host, int64_t id, int64_t item, const char *key, bool needs) {
    char q[300];
    snprintf(q, sizeof q,
        "{\"op\":\"restore-key\",\"restore\":\"%lld\",\"item\":\"%lld\",\"public_key\":\"%s\",\"needs_grant\":%s}",
        (long long)id, (long long)item, key, needs ? "true" : "false");
    struct js *j = ask(host, q);
    int rc = js_has(j, "error")       ? -2
        : js_bool(j, "cancel", false) ? -1
        : !js_bool(j, "go", false)    ? 0
        : js_str(j, "grant", NULL)    ? 2
                                      : 1;
    js_free(j);
    return rc;
}

static bool result(const char *host, int64_t id, int64_t item, const char *rest) {
    char q[300];
    snprintf(q, sizeof q, "{\"op\":\"result\",\"restore\":\"%lld\",\"item\":\"%lld\",%s}", (long long)id,
        (long long)item, rest);
    struct js *j = ask(host, q);
    bool ok = !js_has(j, "error");
    js_free(j);
    return ok;
}

static int cancel_asked(const char *host, int64_t id, int64_t item) {
    char q[300];
    snprintf(q, sizeof q, "{\"op\":\"progress\",\"restore\":\"%lld\",\"item\":\"%lld\",\"files\":1}", (long long)id,
        (long long)item);
    struct js *j = ask(host, q);
    int rc = js_has(j, "error") ? -1 : js_bool(j, "cancel", false);
    js_free(j);
    return rc;
}

#define OK "\"state\":\"ok\",\"files\":3"
#define FAILED(id) "\"state\":\"failed\",\"error\":{\"id\":" #id ",\"object\":\"x\",\"message\":\"m\"}"

/* Twenty hosts, h0 first; h3 fails, and h4 comes after it. Every agent calls in again and again; zaibeid is started anew between
 * any two calls. */
START_TEST(twenty_hosts_in_order_four_at_once_and_one_that_fails_hides_no_other) {
    const char *after[20];
    struct err e = ERR_INIT;
    unsigned running = 0, most = 0, ends = 0, first_ended = 0;
    bool runs[20] = {false};
    for (int i = 0; i < 20; i++) after[i] = i == 0 ? NULL : i == 4 ? "h3" : "h0";
    int64_t id = wish(20, after, &e);
    ck_assert_msg(id > 0, "%s", e.msg);
    for (int round = 0; round < 200 && ends < 19; round++) {
        for (int i = 0; i < 20; i++) {
            char host[8];
            snprintf(host, sizeof host, "h%d", i);
            if (runs[i] && (round + i) % 3 == 0) {
                ck_assert(result(host, id, i + 1, i == 3 ? FAILED(1402) : OK));
                runs[i] = false, running--, ends++;
                first_ended = first_ended || i == 0;
            } else if (!runs[i] && offers(host) && show(host, id, i + 1, key_a, false) == 1) {
                ck_assert(i == 0 || first_ended);
                runs[i] = true, running++;
            }
            most = running > most ? running : most;
        }
        close_all();
        open_all();
        now_s++;
    }
    ck_assert_uint_eq(ends, 19);
    ck_assert_uint_eq(most, 4);
    ck_assert_str_eq(state(id, 4), "failed");
    ck_assert_str_eq(state(id, 5), "failed"); /* after it: never begun */
    ck_assert_str_eq(state(id, 20), "ok");
    ck_assert_str_eq(state(id, 0), "partial");
}
END_TEST

START_TEST(what_cannot_come_up_is_refused_and_nothing_is_written) {
    struct err e = ERR_INIT;
    const char *ring[3] = {"h2", "h0", "h1"}, *stranger[2] = {NULL, "h9"};
    ck_assert_int_lt(wish(3, ring, &e), 0);
    ck_assert_int_eq(e.id, ZE_USAGE);
    ck_assert_int_lt(wish(2, stranger, &e), 0);
    ck_assert_int_lt(wish(0, NULL, &e), 0);
    ck_assert_int_lt(wish(21, NULL, &e), 0); /* h20 is not known */
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
    ck_assert_int_eq(wish(1, NULL, &e), 1); /* the first number: no other was used */
}
END_TEST

/* Of four, h0 h1 h2 h3, each after the one before it and the last after the first, too. */
START_TEST(the_order_of_a_recovery_reaches_through_hosts_that_are_not_restored) {
    struct err e = ERR_INIT;
    static const char text[] =
        "{\"hosts\":[{\"host\":\"h3\",\"after\":[\"h2\",\"h0\"]},{\"host\":\"h2\",\"after\":[\"h1\"]},"
        "{\"host\":\"h1\",\"after\":[\"h0\"]},{\"host\":\"h0\"}]}";
    CLEANUP_JS struct js *recovery = js_parse(text, sizeof text - 1, "recovery", &e);
    static struct restore_wish w;
    w = (struct restore_wish){.n = 3, .items = {{.host = "h3"}, {.host = "h0"}, {.host = "h9"}}};
    restore_order(&w, recovery);
    ck_assert_uint_eq(w.items[0].after_n, 1);
    ck_assert_str_eq(w.items[0].after[0], "h0");
    ck_assert_uint_eq(w.items[1].after_n + w.items[2].after_n, 0);
    ck_assert_int_eq(restore_order_check(&w, &e), 0);
    w.items[2].host = "h2";
    restore_order(&w, recovery);
    ck_assert_uint_eq(w.items[0].after_n, 2);
    ck_assert_str_eq(w.items[2].after[0], "h0");
    restore_order(&w, NULL);
    ck_assert_uint_eq(w.items[0].after_n + w.items[2].after_n, 0);
}
END_TEST

START_TEST(a_grant_is_for_one_key_and_waits_for_its_turn) {
    struct err e = ERR_INIT;
    const char *after[2] = {NULL, "h0"};
    int64_t id = wish(2, after, &e);
    ck_assert_uint_eq(offers("h0"), 1);
    ck_assert_int_eq(show("h0", id, 1, key_a, true), 0);
    ck_assert_int_eq(show("h1", id, 2, key_b, true), 0); /* it shows its key before its turn */
    ck_assert_str_eq(state(id, 0), "waiting");
    for (int item = 1; item <= 2; item++) {
        db_begin(d.db);
        ck_assert_int_eq(restore_grant(&d, id, item, "c2VhbGVk", "", "anna", &e), 0);
        ck_assert_int_eq(db_commit(d.db, &e), 0);
    }
    ck_assert_int_eq(show("h1", id, 2, key_b, true), 0);
    ck_assert_int_eq(show("h0", id, 1, key_a, true), 2);
    ck_assert_int_eq(show("h0", id, 1, key_a, true), 2); /* the answer was lost */
    ck_assert_int_eq(show("h0", id, 1, key_b, true), 0); /* another process: another grant */
    ck_assert_str_eq(state(id, 1), "waiting");
    db_begin(d.db);
    ck_assert_int_eq(restore_grant(&d, id, 1, "c2VhbGVk", "", "anna", &e), 0);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(show("h0", id, 1, key_b, true), 2);
    ck_assert(result("h0", id, 1, FAILED(1900))); /* it did not open: another may be given */
    ck_assert_str_eq(state(id, 1), "waiting");
    db_begin(d.db);
    ck_assert_int_eq(restore_grant(&d, id, 1, "c2VhbGVk", "", "anna", &e), 0);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(show("h0", id, 1, key_b, true), 2);
    ck_assert(result("h0", id, 1, OK));
    ck_assert_int_eq(show("h1", id, 2, key_b, true), 2);
    ck_assert(result("h1", id, 2, OK));
    ck_assert_str_eq(state(id, 0), "ok");
    db_begin(d.db);
    ck_assert_int_lt(restore_grant(&d, id, 1, "c2VhbGVk", "", "anna", &e), 0);
    db_abort(d.db);
}
END_TEST

START_TEST(an_agent_that_died_or_fell_silent_goes_on_and_gives_up_after_five_tries) {
    struct err e = ERR_INIT;
    int64_t id = wish(1, NULL, &e);
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        ck_assert_uint_eq(offers("h0"), 1); /* idle: what ran there has died */
        ck_assert_int_eq(show("h0", id, 1, key_a, false), 1);
        if (i % 2) continue;
        now_s += LEASE_S + 1;
        ck_assert_int_eq(restores_tick(&d, &e), 0);
    }
    ck_assert_str_eq(state(id, 0), "failed");
    ck_assert_uint_eq(offers("h0"), 0);
    ck_assert_int_eq(show("h0", id, 1, key_a, false), -1);
}
END_TEST

START_TEST(cancelled_before_and_while_it_runs) {
    struct err e = ERR_INIT;
    int64_t id = wish(2, NULL, &e);
    offers("h0");
    ck_assert_int_eq(show("h0", id, 1, key_a, false), 1);
    ck_assert_int_eq(cancel_asked("h0", id, 1), 0);
    db_begin(d.db);
    ck_assert(restore_cancel(&d, id, "anna"));
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_str_eq(state(id, 2), "cancelled");
    ck_assert_str_eq(state(id, 1), "running");
    ck_assert_int_eq(cancel_asked("h0", id, 1), 1);
    ck_assert_int_eq(show("h1", id, 2, key_a, false), -1);
    ck_assert(result("h0", id, 1, FAILED(1006)));
    ck_assert_str_eq(state(id, 0), "cancelled");
}
END_TEST

START_TEST(another_host_learns_and_changes_nothing) {
    struct err e = ERR_INIT;
    int64_t id = wish(1, NULL, &e);
    ck_assert_uint_eq(offers("h1"), 0);
    ck_assert_int_eq(show("h1", id, 1, key_a, false), -2);
    ck_assert(!result("h1", id, 1, OK));
    ck_assert_int_eq(cancel_asked("h1", id, 1), 1);
    ck_assert(result("h0", id, 1, OK)); /* heard, but it was never let begin */
    ck_assert_str_eq(state(id, 0), "queued");
    ck_assert_int_eq(show("h0", id, 1, "not a key", false), -2);
    ck_assert_int_eq(show("h0", id, 2, key_a, false), -2);
}
END_TEST

int main(void) {
    Suite *s = suite_create("orchestrator_restores");
    TCase *t = tcase_create("restores");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, twenty_hosts_in_order_four_at_once_and_one_that_fails_hides_no_other);
    tcase_add_test(t, what_cannot_come_up_is_refused_and_nothing_is_written);
    tcase_add_test(t, the_order_of_a_recovery_reaches_through_hosts_that_are_not_restored);
    tcase_add_test(t, a_grant_is_for_one_key_and_waits_for_its_turn);
    tcase_add_test(t, an_agent_that_died_or_fell_silent_goes_on_and_gives_up_after_five_tries);
    tcase_add_test(t, cancelled_before_and_while_it_runs);
    tcase_add_test(t, another_host_learns_and_changes_nothing);
    suite_add_tcase(s, t);
    return suite_run(s);
}
