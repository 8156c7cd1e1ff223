/* Who still lives: silent and slow agents, sessions that were stopped or killed, leases that run out. Real processes, with
 * limits of a fraction of a second in place of minutes, and a clock that can be moved. */
#include <sys/mman.h>

#include "keeper.h"
#include "vault_box.h"
#include "suite.h"

static int64_t *moved; /* how far the keepers' clock is ahead, in shared memory */

static int64_t moved_now(struct clock *c) { return clock_real()->now_ns(clock_real()) + *moved; }
static int64_t real_mono(struct clock *c) { return clock_real()->mono_ns(clock_real()); }

static void live_setup(void) {
    setup();
    moved = mmap(NULL, sizeof *moved, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    enrolled();
}

/* A keeper's process of our own, whose peer we are in serve's place. */
static pid_t direct(struct client *c, int silence_ms) {
    int pair[2];
    struct buf b;
    struct rd r;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = ERR_INIT;
        struct clock clock = {moved_now, real_mono};
        struct vault v;
        close(pair[0]);
        if (vault_open(&v, dir, &clock, &e) < 0) _exit(2);
        _exit(keeper_run(&v, pair[1], ROLE_SERVE, silence_ms, &e) < 0);
    }
    close(pair[1]);
    client_open(c, pair[0]);
    buf_init(&b, 64);
    buf_u8(&b, BIND_HOST);
    buf_str(&b, "web");
    buf_str(&b, "");
    ck_assert_int_eq(client_ask(c, K_BIND, b.p, b.len, F_OKAY, &r), 0);
    buf_free(&b);
    return pid;
}

static int begin(struct client *c, uint8_t upload) {
    uint8_t ask[1 + SEAL_ID + 1] = {KIND_FULL};
    struct rd r;
    memset(ask + 1, upload, SEAL_ID);
    return client_ask(c, F_BEGIN, ask, sizeof ask, F_BEGUN, &r);
}

static int ping(struct client *c) {
    struct rd r;
    return client_ask(c, F_PING, NULL, 0, F_PONG, &r);
}

/* The lease is free at once, or within the time that a process needs to end. */
static void lease_is_free(void) {
    struct client c;
    int rc = ZE_BUSY;
    for (int i = 0; i < 50 && rc == ZE_BUSY; i++) {
        local(&c);
        rc = client_begin(&c, KIND_FULL, 200, "");
        client_close(&c);
        if (rc == ZE_BUSY) usleep(20000);
    }
    ck_assert_int_eq(rc, 0);
}

static double seconds(void) { return (double)clock_real()->mono_ns(clock_real()) / 1e9; }

/* faults: C2 */
START_TEST(an_agent_that_falls_silent_is_given_up_and_its_lease_is_free) {
    struct client c;
    box_idle_ms = 300;
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    double began = seconds();
    for (int i = 0; i < 4; i++) { /* a word now and then is enough */
        usleep(150000);
        ck_assert_int_eq(ping(&c), 0);
    }
    ck_assert_int_eq(heard(&c), ZE_TIMEOUT);
    ck_assert(seconds() - began < 5);
    box_idle_ms = 0;
    lease_is_free();
    client_close(&c);
}
END_TEST

/* faults: C2 */
START_TEST(an_agent_that_waits_long_for_an_answer_hears_that_it_is_worked_on) {
    struct client c;
    struct vault v;
    struct rd r;
    struct err e = ERR_INIT;
    uint8_t got = 0, ask[1 + SEAL_ID + 1] = {KIND_FULL};
    unsigned heard_of = 0;
    ck_assert_int_eq(vault_open(&v, dir, clock_real(), &e), 0);
    box_idle_ms = 600;
    local(&c);
    int lease = lock_file(&v, "web", &e), collection = lock_file(&v, "web.gc", &e); /* BEGIN waits for it to let go */
    ck_assert(lease >= 0 && collection >= 0);
    ck_assert_int_eq(client_ask(&c, F_BEGIN, ask, sizeof ask, 0, NULL), 0);
    for (; heard_of < 10 && frames_get(&c.f, &got, &r, &c.err) > 0 && got == F_PONG; heard_of++) continue;
    ck_assert_msg(heard_of == 10, "%u times, then %02x", heard_of, got);
    close(lease);
    close(collection);
    while (got == F_PONG && frames_get(&c.f, &got, &r, &c.err) > 0) continue;
    ck_assert_uint_eq(got, F_BEGUN);
    box_idle_ms = 0;
    vault_close(&v);
    client_close(&c);
}
END_TEST

/* faults: C3 */
START_TEST(a_message_that_comes_by_drops_is_given_up_and_a_slow_one_is_not) {
    static const uint8_t drip[] = {0, 1, 0, 0, F_USED};
    struct client c;
    box_message_ms = 300;
    for (int hello = 0; hello < 2; hello++) {
        session(&c, BIND_HOST, "web", true);
        if (hello) ck_assert_int_eq(client_hello(&c), 0);
        else ck_assert_int_eq(frames_flush(&c.f, &c.err), 0);
        double began = seconds();
        for (size_t i = 0; i < 40; i++) {
            if (write(c.fd, i < sizeof drip ? &drip[i] : drip, 1) != 1) break;
            usleep(50000);
            if (frames_ready(&c.f)) break;
        }
        ck_assert_int_eq(heard(&c), ZE_TIMEOUT);
        ck_assert(seconds() - began < 2);
        client_close(&c);
    }
    local(&c);
    uint8_t piece[5000] = {0x41, 0x9c, 0, 0, F_PING}; /* 40001 bytes, in 8 pieces of a fifth of a second */
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(write(c.fd, piece, sizeof piece), sizeof piece);
        memset(piece, 0, sizeof piece);
        usleep(200000);
        ck_assert(!frames_ready(&c.f));
    }
    ck_assert_int_eq(write(c.fd, piece, 5), 5);
    ck_assert_int_eq(heard(&c), ZE_PROTO); /* it was read to its end */
    client_close(&c);
}
END_TEST

/* faults: C4 */
START_TEST(an_agent_that_stops_reading_is_given_up) {
    struct client c;
    struct record r;
    int status;
    box_idle_ms = 400;
    local(&c);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    struct buf b;
    buf_init(&b, 16384);
    buf_put(&b, c.generation, SEAL_ID);
    buf_vu(&b, 4096);
    for (int i = 0; i < 4096; i++) buf_vu(&b, 1), buf_vu(&b, (uint64_t)i % 5);
    ck_assert_int_eq(client_ask(&c, F_GET, b.p, b.len, 0, NULL), 0); /* 20 MB */
    ck_assert_int_eq(frames_flush(&c.f, &c.err), 0);
    buf_free(&b);
    double began = seconds();
    ck_assert_int_eq(waitpid(last_serve, &status, 0), last_serve);
    ck_assert(WIFEXITED(status) && seconds() - began < 6);
    client_close(&c);
}
END_TEST

/* How many files the vault has below ${part}. */
static unsigned files(const char *part) {
    char cmd[256];
    unsigned n = 0;
    snprintf(cmd, sizeof cmd, "find %s/%s -type f | wc -l", dir, part);
    FILE *f = popen(cmd, "r");
    ck_assert(f && fscanf(f, "%u", &n) == 1);
    pclose(f);
    return n;
}

/* faults: A1 */
START_TEST(a_connection_that_dies_before_its_first_word_leaves_no_trace) {
    struct client c;
    unsigned had = files("store") + files("rights") + files("spool") + files("tickets");
    for (int word = 0; word < 2; word++) {
        session(&c, BIND_HOST, "web", true);
        ck_assert_int_eq(word ? client_hello(&c) : frames_flush(&c.f, &c.err), 0);
        usleep(50000);
        kill(last_serve, SIGKILL);
        waitpid(last_serve, NULL, 0);
        client_close(&c);
    }
    ck_assert_uint_eq(files("store") + files("rights") + files("spool") + files("tickets"), had);
}
END_TEST

/* faults: A2 A23 E3 E4 */
START_TEST(a_session_that_was_killed_leaves_its_lease_at_once) {
    struct client a, b;
    local(&a);
    ck_assert_int_eq(client_begin(&a, KIND_FULL, 1, ""), 0);
    client_pack_send(&a, a.first_pack, PACK_DATA, 5, false);
    ck_assert_int_eq(ping(&a), 0);
    pid_t first = last_serve;
    local(&b);
    ck_assert_int_eq(client_begin(&b, KIND_FULL, 2, ""), ZE_BUSY);
    client_close(&b);
    kill(first, SIGKILL);
    double began = seconds();
    lease_is_free();
    ck_assert_uint_eq(files("spool"), 0); /* half a pack had been sent */
    ck_assert(seconds() - began < 2);
    client_close(&a);
}
END_TEST

/* faults: C2 */
START_TEST(a_serve_that_was_stopped_does_not_keep_its_host_out) {
    struct client a, b;
    direct(&a, 3000);
    ck_assert_int_eq(begin(&a, 1), 0);
    direct(&b, 3000);
    ck_assert_int_eq(begin(&b, 2), ZE_BUSY);
    for (int i = 0; i < 4; i++) { /* serve speaks for its agent */
        usleep(150000);
        ck_assert_int_eq(ping(&a), 0);
        ck_assert_int_eq(ping(&b), 0);
    }
    for (int i = 0; i < 24; i++) {
        usleep(150000);
        ck_assert_int_eq(ping(&b), 0);
    }
    ck_assert_int_eq(begin(&b, 2), 0);
    ck_assert_int_ne(begin(&a, 1), 0);
    client_close(&a);
    client_close(&b);
}
END_TEST

/* COMMIT of an upload that uses nothing, as far as it is judged before its lease is. */
static int commit(struct client *c, uint8_t upload) {
    struct buf b;
    struct rd r;
    uint8_t zeros[SEAL_HASH] = {0};
    buf_init(&b, 512);
    for (int i = 0; i < SEAL_ID; i++) buf_u8(&b, upload);
    buf_u8(&b, STATE_COMPLETE);
    for (int i = 0; i < 5; i++) buf_u64(&b, 1);
    buf_blob(&b, "root", 4);
    buf_vu(&b, 1);
    buf_u32(&b, 0);
    buf_put(&b, zeros, sizeof zeros);
    int rc = client_ask(c, F_COMMIT, b.p, b.len, F_COMMITTED, &r);
    buf_free(&b);
    return rc;
}

/* faults: D6 E3 */
START_TEST(a_session_that_was_stopped_past_its_lease_is_superseded) {
    static const uint8_t place[] = {0, 0, 0, 0, PACK_DATA}, kind = PACK_DATA;
    struct client a, b;
    struct rd r;
    pid_t stopped = direct(&a, -1);
    ck_assert_int_eq(begin(&a, 1), 0);
    ck_assert_int_eq(client_ask(&a, K_SPOOL, &kind, 1, F_OKAY, &r), 0);
    kill(stopped, SIGSTOP);
    direct(&b, -1);
    *moved = (LEASE_S - 60) * NS_PER_S;
    ck_assert_int_eq(begin(&b, 2), ZE_BUSY);
    *moved = (LEASE_S + 60) * NS_PER_S;
    ck_assert_int_eq(begin(&b, 2), 0);
    kill(stopped, SIGCONT);
    ck_assert_int_eq(client_ask(&a, K_PLACE, place, sizeof place, F_PACK_DONE, &r), ZE_STALE);
    ck_assert_int_eq(commit(&a, 1), ZE_STALE);
    ck_assert_int_eq(commit(&b, 2), ZE_MISSING); /* judged */
    client_close(&a);
    client_close(&b);
}
END_TEST

START_TEST(a_session_that_works_for_days_keeps_its_lease) {
    struct client a, b;
    direct(&a, -1);
    direct(&b, -1);
    ck_assert_int_eq(begin(&a, 1), 0);
    for (int64_t hours = 10; hours <= 50; hours += 10) {
        *moved = hours * 3600 * NS_PER_S;
        ck_assert_int_eq(ping(&a), 0);
        ck_assert_int_eq(begin(&b, 2), ZE_BUSY);
    }
    ck_assert_int_eq(commit(&a, 1), ZE_MISSING);
    client_close(&a);
    client_close(&b);
}
END_TEST

/* faults: C14 */
START_TEST(a_revocation_ends_a_session_in_the_middle_of_a_message) {
    struct client c;
    struct js *j;
    keeper_start();
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    ck_assert_int_eq(write(c.fd, "\377\0\0\0\006", 5), 5);
    usleep(50000);
    double began = seconds();
    control_ok("{\"op\":\"revoke\",\"host\":\"web\",\"reason\":\"test\"}");
    ck_assert_int_eq(heard(&c), ZE_AUTH);
    ck_assert(seconds() - began < 1);
    client_close(&c);
    j = control("{\"op\":\"hosts\"}");
    ck_assert_str_eq(js_str(js_at(js_get(j, "hosts"), 0), "state", ""), "revoked");
    js_free(j);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_live");
    TCase *t = tcase_create("vault_live");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, live_setup, teardown);
    tcase_add_test(t, an_agent_that_falls_silent_is_given_up_and_its_lease_is_free);
    tcase_add_test(t, an_agent_that_waits_long_for_an_answer_hears_that_it_is_worked_on);
    tcase_add_test(t, a_message_that_comes_by_drops_is_given_up_and_a_slow_one_is_not);
    tcase_add_test(t, an_agent_that_stops_reading_is_given_up);
    tcase_add_test(t, a_connection_that_dies_before_its_first_word_leaves_no_trace);
    tcase_add_test(t, a_session_that_was_killed_leaves_its_lease_at_once);
    tcase_add_test(t, a_serve_that_was_stopped_does_not_keep_its_host_out);
    tcase_add_test(t, a_session_that_was_stopped_past_its_lease_is_superseded);
    tcase_add_test(t, a_session_that_works_for_days_keeps_its_lease);
    tcase_add_test(t, a_revocation_ends_a_session_in_the_middle_of_a_message);
    suite_add_tcase(s, t);
    return suite_run(s);
}
