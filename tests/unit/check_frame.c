/* Frames: whole ones or an error that says what is wrong; nothing of a peer's making grows memory or waits for ever. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/frame.h"
#include "suite.h"

static struct frames f;
static int peer;
static struct err e;

static void setup(void) {
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    peer = fds[1];
    frames_init(&f, fds[0], fds[0], 2000, "the peer");
    e = (struct err)ERR_INIT;
}

static void teardown(void) {
    close(f.rfd);
    if (peer >= 0) close(peer);
    frames_free(&f);
}

static void hang_up(void) {
    close(peer);
    peer = -1;
}

static void sends(const void *p, size_t n) { ck_assert_int_eq(write(peer, p, n), (ssize_t)n); }
static void greets(void) { sends(FRAME_MAGIC, 8); }

static int get(uint8_t *type, struct rd *r) { return frames_get(&f, type, r, &e); }

static void fails(enum err_id id, const char *says) {
    uint8_t type;
    struct rd r;
    ck_assert_int_lt(get(&type, &r), 0);
    ck_assert_int_eq(e.id, id);
    ck_assert_str_eq(e.object, "the peer");
    ck_assert_msg(strstr(e.msg, says) != NULL, "%s", e.msg);
}

START_TEST(frames_come_out_as_they_were_put_in_whatever_pieces_they_arrive_in) {
    static const uint8_t bytes[] = {3, 0, 0, 0, F_PING, 'a', 'b', 1, 0, 0, 0, F_BYE};
    uint8_t type;
    struct rd r;
    greets();
    for (size_t i = 0; i < 8; i++) sends(bytes + i, 1);
    ck_assert_int_eq(get(&type, &r), 1);
    ck_assert_uint_eq(type, F_PING);
    ck_assert_uint_eq(r.left, 2);
    ck_assert_int_eq(memcmp(r.p, "ab", 2), 0);
    sends(bytes + 8, 4);
    ck_assert_int_eq(get(&type, &r), 1);
    ck_assert_uint_eq(type, F_BYE);
    ck_assert_uint_eq(r.left, 0);
    hang_up();
    ck_assert_int_eq(get(&type, &r), 0);
}
END_TEST

START_TEST(what_is_sent_begins_with_the_magic_and_has_two_parts_in_one_frame) {
    uint8_t got[64];
    ck_assert_int_eq(frames_put(&f, F_SEG, "head", 4, "body!", 5, &e), 0);
    ck_assert_int_eq(frames_flush(&f, &e), 0);
    ck_assert_int_eq(read(peer, got, sizeof got), 8 + 4 + 1 + 9);
    ck_assert_int_eq(memcmp(got, FRAME_MAGIC "\x0a\0\0\0\x06headbody!", 22), 0);
    ck_assert_uint_eq(f.sent, 22);
}
END_TEST

/* faults: C10 */
START_TEST(something_else_than_the_magic_is_shown_to_its_first_line_and_escaped) {
    static const char banner[] = "Welcome to \033[1mgw3\nLast login: today\n";
    sends(banner, sizeof banner - 1);
    fails(ZE_NOTZAIBEI, "Welcome to \\x1B[1mgw3\"");
    ck_assert_ptr_null(strstr(e.msg, "Last login"));
}
END_TEST

START_TEST(a_stream_that_ends_within_the_magic_is_not_ours_and_an_empty_one_has_just_ended) {
    sends("ZAIB", 4);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    fails(ZE_NOTZAIBEI, "ZAIB");
    teardown(), setup();
    uint8_t type;
    struct rd r;
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    ck_assert_int_eq(get(&type, &r), 0);
}
END_TEST

/* faults: C9 */
START_TEST(lengths_outside_the_limits_end_the_session) {
    static const uint8_t none[] = {0, 0, 0, 0}, most[] = {1, 0, 0x20, 0, 1}; /* 0, and 2 MiB + 1 */
    greets(), sends(none, 4);
    fails(ZE_PROTO, "0 bytes");
    teardown(), setup();
    greets(), sends(most, 5);
    fails(ZE_PROTO, "2097153 bytes");
}
END_TEST

static void *send_largest(void *arg) {
    uint8_t *p = calloc(1, 4 + FRAME_MAX);
    p[2] = 0x20, p[4] = F_SEG, p[3 + FRAME_MAX] = 7;
    for (size_t at = 0; at < 4 + FRAME_MAX;) {
        ssize_t n = write(peer, p + at, 4 + FRAME_MAX - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    free(p);
    return arg;
}

START_TEST(the_largest_frame_passes_several_times_in_bounded_memory) {
    uint8_t type;
    struct rd r;
    greets();
    for (int i = 0; i < 4; i++) {
        pthread_t t;
        ck_assert_int_eq(pthread_create(&t, NULL, send_largest, NULL), 0);
        ck_assert_int_eq(get(&type, &r), 1);
        pthread_join(t, NULL);
        ck_assert_uint_eq(r.left, FRAME_MAX - 1);
        ck_assert_uint_eq(r.p[FRAME_MAX - 2], 7);
        ck_assert_uint_le(f.in.cap, 2u * FRAME_MAX + (256 << 10));
    }
}
END_TEST

START_TEST(a_frame_that_is_too_large_is_not_sent) {
    uint8_t *p = calloc(1, FRAME_MAX);
    ck_assert_int_lt(frames_put(&f, F_SEG, NULL, 0, p, FRAME_MAX, &e), 0);
    ck_assert_int_eq(e.id, ZE_INTERNAL);
    ck_assert_uint_eq(f.out.len, 8);
    free(p);
}
END_TEST

/* faults: C1 */
START_TEST(a_stream_cut_within_a_frame_or_its_length_is_an_error) {
    greets(),
        sends("\x05\0\0\0\x0e"
              "abc",
            8);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    fails(ZE_CUT, "within a frame");
    teardown(), setup();
    greets(), sends("\x05\0", 2);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    fails(ZE_CUT, "within a frame");
}
END_TEST

/* faults: C2 */
START_TEST(a_silent_peer_is_given_up_after_the_time_limit) {
    f.timeout_ms = 50;
    greets(), sends("\x05\0\0\0\x0e", 5);
    fails(ZE_TIMEOUT, "nothing for");
}
END_TEST

/* faults: C4 */
START_TEST(a_peer_that_takes_nothing_is_given_up_and_one_that_is_gone_is_told) {
    uint8_t *p = calloc(1, 1 << 20);
    f.timeout_ms = 50;
    int rc = 0;
    for (int i = 0; i < 8 && rc == 0; i++) rc = frames_put(&f, F_SEG, NULL, 0, p, 1 << 20, &e);
    ck_assert_int_lt(rc, 0);
    ck_assert_int_eq(e.id, ZE_TIMEOUT);
    teardown(), setup();
    hang_up();
    ck_assert_int_lt(frames_put(&f, F_SEG, NULL, 0, p, 1 << 20, &e), 0);
    ck_assert_int_eq(e.id, ZE_CUT);
    free(p);
}
END_TEST

START_TEST(a_peer_that_says_why_and_hangs_up_is_heard_though_we_were_still_writing) {
    struct frames g;
    struct err full = ERR_INIT;
    uint8_t *p = calloc(1, 1 << 20);
    err_set(&full, ZE_NOSPACE, "/vault", "%d left", 0);
    frames_init(&g, peer, peer, 2000, "us");
    ck_assert_int_eq(frames_error(&g, &full, &e), 0);
    frames_free(&g);
    hang_up();
    ck_assert_int_lt(frames_put(&f, F_SEG, NULL, 0, p, 1 << 20, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOSPACE);
    ck_assert_str_eq(e.object, "/vault");
    free(p);
}
END_TEST

/* faults: C10 */
START_TEST(a_banner_of_a_peer_that_hangs_up_is_shown_though_we_were_still_writing) {
    sends("This account is not available.\n", 31);
    hang_up();
    fails(ZE_NOTZAIBEI, "This account is not available.");
}
END_TEST

static void *talk_much(void *arg) {
    struct frames *g = arg;
    struct err mine = ERR_INIT;
    uint8_t *p = calloc(1, 1 << 20), type;
    struct rd r;
    int got = 0;
    for (int i = 0; i < 3; i++) got += frames_put(g, F_SEGMENT, NULL, 0, p, 600 << 10, &mine) == 0;
    while (got < 8 && frames_get(g, &type, &r, &mine) == 1) got++;
    free(p);
    return got == 8 ? g : NULL;
}

START_TEST(two_sides_that_both_write_do_not_block_each_other) {
    struct frames g;
    pthread_t t;
    void *ok;
    uint8_t type, *p = calloc(1, 1 << 20);
    struct rd r;
    frames_init(&g, peer, peer, 5000, "us");
    ck_assert_int_eq(pthread_create(&t, NULL, talk_much, &g), 0);
    for (int i = 0; i < 5; i++) ck_assert_msg(frames_put(&f, F_SEG, NULL, 0, p, 1 << 20, &e) == 0, "%s", e.msg);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(get(&type, &r) == 1 && type == F_SEGMENT && r.left == 600 << 10, "%s", e.msg);
    ck_assert_int_eq(frames_flush(&f, &e), 0);
    pthread_join(t, &ok);
    ck_assert_ptr_nonnull(ok);
    frames_free(&g);
    free(p);
}
END_TEST

START_TEST(an_error_travels_with_its_number_object_and_text) {
    struct err sent = ERR_INIT, got = ERR_INIT;
    struct frames g;
    uint8_t type;
    struct rd r;
    err_set(&sent, ZE_BUSY, "web1", "since %s", "noon");
    ck_assert_int_eq(frames_error(&f, &sent, &e), 0);
    frames_init(&g, peer, peer, 2000, "us");
    ck_assert_int_eq(frames_get(&g, &type, &r, &e), 1);
    ck_assert_uint_eq(type, F_ERROR);
    ck_assert_int_eq(frames_take_error(&r, &got), -1);
    ck_assert_int_eq(got.id, ZE_BUSY);
    ck_assert_str_eq(got.object, "web1");
    ck_assert_str_eq(got.msg, "since noon");
    struct rd cut = rd_of("\x01\0\0", 3), unknown = rd_of("\xff\xff\xff\xff\0\0", 6);
    frames_take_error(&cut, &got);
    ck_assert_int_eq(got.id, ZE_PROTO);
    frames_take_error(&unknown, &got);
    ck_assert_int_eq(got.id, ZE_INTERNAL);
    frames_free(&g);
}
END_TEST

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* as every program of ours does */
    Suite *s = suite_create("frame");
    TCase *t = tcase_create("frames");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, frames_come_out_as_they_were_put_in_whatever_pieces_they_arrive_in);
    tcase_add_test(t, what_is_sent_begins_with_the_magic_and_has_two_parts_in_one_frame);
    tcase_add_test(t, something_else_than_the_magic_is_shown_to_its_first_line_and_escaped);
    tcase_add_test(t, a_stream_that_ends_within_the_magic_is_not_ours_and_an_empty_one_has_just_ended);
    tcase_add_test(t, lengths_outside_the_limits_end_the_session);
    tcase_add_test(t, the_largest_frame_passes_several_times_in_bounded_memory);
    tcase_add_test(t, a_frame_that_is_too_large_is_not_sent);
    tcase_add_test(t, a_stream_cut_within_a_frame_or_its_length_is_an_error);
    tcase_add_test(t, a_silent_peer_is_given_up_after_the_time_limit);
    tcase_add_test(t, a_peer_that_takes_nothing_is_given_up_and_one_that_is_gone_is_told);
    tcase_add_test(t, a_peer_that_says_why_and_hangs_up_is_heard_though_we_were_still_writing);
    tcase_add_test(t, a_banner_of_a_peer_that_hangs_up_is_shown_though_we_were_still_writing);
    tcase_add_test(t, two_sides_that_both_write_do_not_block_each_other);
    tcase_add_test(t, an_error_travels_with_its_number_object_and_text);
    suite_add_tcase(s, t);
    return suite_run(s);
}
