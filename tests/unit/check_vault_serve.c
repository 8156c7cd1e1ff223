/* serve between an agent and a keeper, both of which this test plays. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper.h"
#include "serve.h"
#include "suite.h"

enum { SOON_MS = 2000, A_WHILE_US = 100000 };

static struct err e;
static struct frames agent, keeper;
static struct serve s;
static pthread_t session;

static void *session_run(void *arg) {
    struct err why = ERR_INIT;
    (void)arg;
    return serve_bind(&s, &why) == 0 && serve_loop(&s, &why) == 0 ? &s : NULL;
}

static struct rd heard(struct frames *f, uint8_t type) {
    uint8_t got = 0;
    struct rd r = {0};
    ck_assert_msg(frames_get(f, &got, &r, &e) == 1, "%02x was due: %s", type, e.msg);
    ck_assert_uint_eq(got, type);
    return r;
}

static void says(struct frames *f, uint8_t type, const void *p, size_t n) {
    ck_assert_int_eq(frames_put(f, type, p, n, NULL, 0, &e), 0);
    ck_assert_int_eq(frames_flush(f, &e), 0);
}

static void answers(uint8_t question, uint8_t answer, size_t n) {
    static const uint8_t zeros[4 + 3 * SEAL_ID];
    (void)heard(&keeper, question);
    says(&keeper, answer, zeros, n);
}

static void gives_file(void) {
    answers(K_SPOOL, F_OKAY, 0);
    struct rd r = heard(&keeper, K_TAKE);
    struct keeper k = {.f.wfd = keeper.wfd, .opened = memfd_create("spool", MFD_CLOEXEC)};
    ck_assert_int_eq(keeper_take(&k, &r, &e), 0);
}

static void begun(void) {
    int a[2], k[2];
    signal(SIGPIPE, SIG_IGN);
    e = (struct err)ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    ck_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, k) == 0);
    ck_assert_int_eq(serve_init(&s, a[1], a[1], k[1], &e), 0);
    s.host = "web", s.system = "oa";
    frames_init(&agent, a[0], a[0], SOON_MS, "serve to the agent");
    frames_init(&keeper, k[0], k[0], SOON_MS, "serve to the keeper");
    ck_assert_int_eq(pthread_create(&session, NULL, session_run, NULL), 0);
    answers(K_BIND, F_OKAY, 0);
    says(&agent, F_HELLO, NULL, 0);
    answers(F_HELLO, F_WELCOME, 0);
    (void)heard(&agent, F_WELCOME);
    says(&agent, F_BEGIN, NULL, 0);
    answers(F_BEGIN, F_BEGUN, 4 + 3 * SEAL_ID);
    (void)heard(&agent, F_BEGUN);
}

static void ended(void) {
    void *good = NULL;
    says(&agent, F_BYE, NULL, 0);
    ck_assert_int_eq(pthread_join(session, &good), 0);
    ck_assert_ptr_nonnull(good);
    serve_free(&s);
    close(agent.rfd), close(s.agent.rfd), close(keeper.rfd), close(s.keeper.rfd);
    frames_free(&agent);
    frames_free(&keeper);
}

/* The first pack, sent and closed; the keeper has been asked to place it. */
static void pack_sent(void) {
    uint8_t open[5] = {[4] = PACK_DATA}, seg[8 + 2 * SEAL_HASH + 100] = {0}, no[4] = {0};
    says(&agent, F_PACK_OPEN, open, sizeof open);
    gives_file();
    says(&agent, F_SEG, seg, sizeof seg);
    says(&agent, F_PACK_CLOSE, no, sizeof no);
    gives_file();
    (void)heard(&keeper, K_PLACE);
}

START_TEST(listens_while_a_pack_is_placed) {
    begun();
    pack_sent();
    usleep(A_WHILE_US); /* the agent is slow */
    says(&agent, F_PING, NULL, 0);
    (void)heard(&agent, F_PONG);
    says(&keeper, F_PACK_DONE, (uint8_t[12]){0}, 12);
    (void)heard(&agent, F_PACK_DONE);
    ended();
}
END_TEST

START_TEST(tells_of_a_placed_pack_who_waits_for_it) {
    begun();
    pack_sent();
    usleep(A_WHILE_US);
    says(&keeper, F_PACK_DONE, (uint8_t[12]){0}, 12);
    (void)heard(&agent, F_PACK_DONE);
    ended();
}
END_TEST

START_TEST(tells_what_went_wrong_with_a_pack) {
    begun();
    pack_sent();
    struct err full = ERR_INIT;
    (void)err_set(&full, ZE_QUOTA, "web", "full");
    ck_assert_int_eq(frames_error(&keeper, &full, &e), 0);
    struct rd r = heard(&agent, F_ERROR);
    ck_assert_int_eq(frames_take_error(&r, &full), -1);
    ck_assert_int_eq(full.id, ZE_QUOTA);
    ended();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("serve");
    TCase *t = tcase_create("serve");
    tcase_add_test(t, listens_while_a_pack_is_placed);
    tcase_add_test(t, tells_of_a_placed_pack_who_waits_for_it);
    tcase_add_test(t, tells_what_went_wrong_with_a_pack);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
