/* What the agent signs, what its ssh agent answers, and what it believes of a vault's greeting. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "greet.h"
#include "session.h"
#include "signing.h"
#include "sshagent.h"
#include "transport.h"
#include "suite.h"

static struct config c;
static struct err e;
static uint8_t user_pub[SEAL_SIGN_PUB], vault_sec[SEAL_SIGN_SEC];
static char dir[256];

static void setup(void) {
    const char *tmp = getenv("TMPDIR");
    uint8_t sec[SEAL_SIGN_SEC];
    ck_assert_int_eq(seal_init(&e), 0);
    memset(&c, 0, sizeof c);
    strcpy(c.ssh_user, "zaibei");
    strcpy(c.vault, "ssh://zaibei@vault");
    c.ssh_seed = secret_alloc(SEAL_SIGN_SEED);
    memset(c.ssh_seed, 7, SEAL_SIGN_SEED);
    sign_from_seed(user_pub, sec, c.ssh_seed);
    memset(c.ssh_host_pub, 9, SEAL_SIGN_PUB);
    snprintf(dir, sizeof dir, "%s/zb-session.XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    c.statefd = open(dir, O_RDONLY | O_DIRECTORY);
    e = (struct err)ERR_INIT;
}

static void teardown(void) {
    secret_free(c.ssh_seed);
    close(c.statefd);
    ck_assert_int_eq(rmdir(dir), 0);
}

/* ---- the request as SSH clients build it, written here once more by hand ---- */

static void put_string(struct buf *b, const void *p, size_t n) {
    buf_put(b, (uint8_t[]){0, 0, (uint8_t)(n >> 8), (uint8_t)n}, 4);
    buf_put(b, p, n);
}

struct request {
    const char *user, *service, *method, *algorithm;
    uint8_t message, has_signature;
    const uint8_t *key, *host_key;
    size_t session_id;
    const char *tail;
};

static struct request good(void) {
    return (struct request){.user = "zaibei", .service = "ssh-connection", .method = "publickey", .algorithm = "ssh-ed25519",
        .message = 50, .has_signature = 1, .key = user_pub, .session_id = 32, .tail = ""};
}

static void build(struct buf *b, const struct request *q) {
    uint8_t id[256] = {1}, blob[SIGNING_BLOB];
    buf_init(b, 4096);
    put_string(b, id, q->session_id);
    buf_u8(b, q->message);
    put_string(b, q->user, strlen(q->user));
    put_string(b, q->service, strlen(q->service));
    put_string(b, q->method, strlen(q->method));
    buf_u8(b, q->has_signature);
    put_string(b, q->algorithm, strlen(q->algorithm));
    signing_blob(blob, q->key);
    put_string(b, blob, sizeof blob);
    if (q->host_key) {
        signing_blob(blob, q->host_key);
        put_string(b, blob, sizeof blob);
    }
    buf_put(b, q->tail, strlen(q->tail));
}

static bool signs(const struct request *q) {
    struct buf b;
    uint8_t sig[SEAL_SIG];
    build(&b, q);
    bool yes = signing_sign(&c, b.p, b.len, sig, &e) == 0;
    if (yes) ck_assert(sign_check(sig, user_pub, b.p, b.len));
    buf_free(&b);
    return yes;
}

START_TEST(the_one_request_is_signed) {
    struct request q = good();
    ck_assert(signs(&q));
    q.session_id = 64;
    ck_assert(signs(&q));
    q = good();
    q.method = "publickey-hostbound-v00@openssh.com", q.host_key = c.ssh_host_pub;
    ck_assert(signs(&q));
}
END_TEST

START_TEST(anything_else_is_not_signed) {
    uint8_t other[SEAL_SIGN_PUB] = {1};
    struct request q[] = {good(), good(), good(), good(), good(), good(), good(), good(), good(), good(), good(), good()};
    q[0].user = "root";
    q[1].service = "ssh-userauth";
    q[2].method = "hostbased";
    q[3].algorithm = "ssh-rsa";
    q[4].message = 51;
    q[5].has_signature = 0;
    q[6].key = other;
    q[7].session_id = 0;
    q[8].session_id = 65;
    q[9].tail = "x";
    q[10].method = "publickey-hostbound-v00@openssh.com", q[10].host_key = other;
    q[11].host_key = c.ssh_host_pub;
    ck_assert(!signs(&q[_i]));
    ck_assert_int_eq(e.id, ZE_REFUSED);
}
END_TEST

START_TEST(a_request_cut_anywhere_is_not_signed) {
    struct request q = good();
    struct buf b;
    uint8_t sig[SEAL_SIG];
    build(&b, &q);
    for (size_t n = 0; n < b.len; n++) ck_assert_int_lt(signing_sign(&c, b.p, n, sig, &e), 0);
    ck_assert_int_eq(signing_sign(&c, b.p, b.len, sig, &e), 0);
    buf_free(&b);
}
END_TEST

/* ---- the ssh agent ---- */

static void sign_request(struct buf *out, const struct request *q, const uint8_t *key) {
    struct buf data;
    uint8_t blob[SIGNING_BLOB];
    build(&data, q);
    signing_blob(blob, key);
    buf_init(out, 8192);
    buf_u8(out, 13);
    put_string(out, blob, sizeof blob);
    put_string(out, data.p, data.len);
    buf_put(out, "\0\0\0\0", 4);
    buf_free(&data);
}

static uint8_t answer_type(const void *p, size_t n) {
    struct buf out;
    buf_init(&out, 4096);
    ssh_agent_answer(&c, p, n, &out);
    ck_assert(buf_ok(&out) && out.len > 4);
    ck_assert_uint_eq(out.len - 4, (size_t)out.p[2] << 8 | out.p[3]);
    uint8_t type = out.p[4];
    buf_free(&out);
    return type;
}

START_TEST(the_agent_shows_one_key_and_signs_one_thing) {
    struct request q = good();
    struct buf b;
    uint8_t other[SEAL_SIGN_PUB] = {1};
    ck_assert_uint_eq(answer_type("\013", 1), 12);
    sign_request(&b, &q, user_pub);
    ck_assert_uint_eq(answer_type(b.p, b.len), 14);
    ck_assert_uint_eq(answer_type(b.p, b.len - 1), 5);
    buf_free(&b);
    sign_request(&b, &q, other);
    ck_assert_uint_eq(answer_type(b.p, b.len), 5);
    buf_free(&b);
    q.user = "root";
    sign_request(&b, &q, user_pub);
    ck_assert_uint_eq(answer_type(b.p, b.len), 5);
    buf_free(&b);
}
END_TEST

START_TEST(the_agent_does_nothing_else) {
    for (unsigned type = 0; type < 256; type++)
        if (type != 11) ck_assert_uint_eq(answer_type((uint8_t[]){(uint8_t)type}, 1), 5);
    ck_assert_uint_eq(answer_type("", 0), 5);
    ck_assert_uint_eq(answer_type("\013x", 2), 5);
}
END_TEST

static int dial(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/agent.1", c.statefd);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

START_TEST(the_socket_answers_byte_by_byte_and_ends_with_its_agent) {
    struct ssh_agent *a = ssh_agent_start(&c, c.statefd, "agent.1", &e);
    ck_assert_ptr_nonnull(a);
    uint8_t got[5];
    int fd = dial();
    const char request[] = "\0\0\0\1\013";
    for (int i = 0; i < 5; i++) ck_assert_int_eq(write(fd, request + i, 1), 1);
    ck_assert_int_eq(recv(fd, got, 5, MSG_WAITALL), 5);
    ck_assert_uint_eq(got[4], 12);
    close(fd);
    fd = dial(); /* a length that is too large ends the connection */
    ck_assert_int_eq(write(fd, "\177\0\0\0x", 5), 5);
    ck_assert_int_le(recv(fd, got, 1, 0), 0);
    close(fd);
    fd = dial(); /* who says nothing does not hold up the end */
    ssh_agent_stop(a);
    ck_assert_int_le(recv(fd, got, 1, 0), 0);
    close(fd);
    ck_assert_int_lt(faccessat(c.statefd, "agent.1", F_OK, 0), 0);
}
END_TEST

/* ---- ssh's words, and the greeting ---- */

START_TEST(what_ssh_says_becomes_an_error_with_a_number) {
    static const struct {
        const char *words;
        enum err_id id;
    } rows[] = {
        {"Host key verification failed.\r\n", ZE_HOSTKEY},
        {"zaibei@vault: Permission denied (publickey).\r\n", ZE_AUTH},
        {"ssh: connect to host vault port 22: Connection refused\r\n", ZE_UNREACHABLE},
        {"ssh: Could not resolve hostname vault: Name or service not known\r\n", ZE_UNREACHABLE},
        {"ssh: connect to host vault port 22: Connection timed out\r\n", ZE_TIMEOUT},
    };
    struct transport t = {.cfg = &c};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert(openssh_explain(&t, rows[i].words, &e));
        ck_assert_int_eq(e.id, rows[i].id);
    }
    ck_assert(!openssh_explain(&t, "bash: zaibei-vault: command not found\n", &e));
}
END_TEST

static void welcome_put(struct buf *b, uint16_t protocol) {
    struct vault_header v = {.suite = "sodium", .created = 1};
    struct buf header;
    uint8_t seed[SEAL_SIGN_SEED] = {3}, id[SEAL_ID] = {4}, hash[SEAL_HASH] = {5};
    sign_from_seed(v.pub, vault_sec, seed);
    buf_init(&header, 4096);
    ck_assert_int_eq(vault_header_encode(&v, vault_sec, &header, &e), 0);
    buf_init(b, 8192);
    buf_u16(b, protocol);
    buf_str(b, "0.1.0");
    buf_blob(b, header.p, header.len);
    buf_str(b, "web-1");
    buf_put(b, id, sizeof id);
    buf_str(b, "portal");
    buf_put(b, id, sizeof id);
    buf_u8(b, 3);
    buf_u64(b, 42);
    buf_u8(b, 1);
    buf_u8(b, 1);
    buf_u64(b, 17);
    buf_put(b, hash, sizeof hash);
    buf_free(&header);
}

START_TEST(a_greeting_is_read_whole) {
    struct welcome w;
    struct buf b;
    welcome_put(&b, 1);
    struct rd r = rd_of(b.p, b.len);
    ck_assert_int_eq(greet_welcome(&r, &w, "vault", &e), 0);
    ck_assert_str_eq(w.host, "web-1");
    ck_assert_str_eq(w.system, "portal");
    ck_assert_uint_eq(w.rights, 3);
    ck_assert_int_eq(w.time, 42);
    ck_assert(w.has_last && w.last_n == 17 && w.last_hash[0] == 5);
    buf_free(&b);
}
END_TEST

/* faults: C1 C8 */
START_TEST(a_greeting_that_is_cut_longer_or_newer_is_refused) {
    struct welcome w;
    struct buf b;
    struct rd r;
    welcome_put(&b, 1);
    for (size_t n = 0; n < b.len; n++) {
        r = rd_of(b.p, n);
        ck_assert_int_lt(greet_welcome(&r, &w, "vault", &e), 0);
    }
    buf_u8(&b, 0);
    r = rd_of(b.p, b.len);
    ck_assert_int_lt(greet_welcome(&r, &w, "vault", &e), 0);
    ck_assert_int_eq(e.id, ZE_PROTO);
    buf_free(&b);
    welcome_put(&b, 2);
    r = rd_of(b.p, b.len);
    ck_assert_int_lt(greet_welcome(&r, &w, "vault", &e), 0);
    ck_assert_int_eq(e.id, ZE_NEWER);
    buf_free(&b);
}
END_TEST

START_TEST(a_vault_header_signed_by_nobody_is_refused) {
    struct welcome w;
    struct buf b;
    welcome_put(&b, 1);
    b.p[2 + 6 + 1 + 10] ^= 1; /* a byte of the vault's id, below its signature */
    struct rd r = rd_of(b.p, b.len);
    ck_assert_int_lt(greet_welcome(&r, &w, "vault", &e), 0);
    ck_assert_int_eq(e.id, ZE_VAULTKEY);
    buf_free(&b);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_named) {
    struct transport t = {.rfd = -1, .wfd = -1, .ctl = -1, .errfd = -1, .dirfd = -1, .child = PROC_NONE, .cfg = &c};
    const char *argv[] = {"zaibei-nothing-of-this-name", NULL};
    ck_assert_int_lt(child_start(argv, -1, -1, &t, &e), 0);
    ck_assert_int_eq(e.id, ZE_CHILD);
    ck_assert_int_eq(t.rfd, -1);
}
END_TEST

START_TEST(the_last_words_of_a_child_explain_a_cut_stream) {
    struct transport t = {.rfd = -1, .wfd = -1, .ctl = -1, .errfd = -1, .dirfd = -1, .child = PROC_NONE, .cfg = &c};
    const char *argv[] = {"sh", "-c", "i=0; while [ $i -lt 9000 ]; do echo filling the pipe >&2; i=$((i+1)); done; "
                                      "echo first >&2; exit 3", NULL};
    char words[256];
    ck_assert_int_eq(child_start(argv, -1, -1, &t, &e), 0);
    ck_assert_int_eq(proc_wait(&t.child, 10000, &e), 3); /* it was not held up by a full pipe */
    child_words(&t, words, sizeof words);
    ck_assert_uint_lt(strlen(words), sizeof words);
    ck_assert(strstr(words, "filling the pipe"));
    transport_close(&t);
    const char *again[] = {"sh", "-c", "echo no such vault >&2; exit 1", NULL};
    c.transport = TRANSPORT_DIR;
    ck_assert_int_eq(child_start(again, -1, -1, &t, &e), 0);
    err_set(&e, ZE_CUT, c.vault, "it closed the connection");
    transport_explain(&t, &e);
    ck_assert_msg(strstr(e.msg, "no such vault") != NULL, "%s", e.msg);
    transport_close(&t);
}
END_TEST

/* ---- a long silence of ours ---- */

static struct session quiet;
static struct frames peer;
static int wire[2];

static void talk(void) {
    static int something;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, wire), 0);
    quiet = (struct session){.cfg = &c, .tick = -1, .transport = &something};
    frames_init(&quiet.f, wire[0], wire[0], 2000, "vault");
    frames_init(&peer, wire[1], wire[1], 200, "agent");
    ck_assert_int_eq(frames_flush(&quiet.f, &e), 0);
    ck_assert_int_eq(frames_flush(&peer, &e), 0);
}

static void hang_up(void) {
    frames_free(&quiet.f);
    frames_free(&peer);
    close(wire[0]);
    close(wire[1]);
}

static int64_t second(int64_t n) { return n * 1000000000; }

START_TEST(after_a_minute_of_silence_the_vault_hears_a_ping) {
    uint8_t type;
    struct rd r;
    talk();
    for (int64_t s = 1; s <= 60; s++) session_keep(&quiet, second(s));
    ck_assert_int_lt(frames_get(&peer, &type, &r, &e), 0);
    ck_assert_int_eq(e.id, ZE_TIMEOUT);
    session_keep(&quiet, second(62));
    ck_assert_int_eq(frames_get(&peer, &type, &r, &e), 1);
    ck_assert_uint_eq(type, F_PING);
    for (int64_t s = 62; s <= 120; s++) session_keep(&quiet, second(s));
    ck_assert_int_lt(frames_get(&peer, &type, &r, &e), 0); /* once a minute is enough */
    hang_up();
}
END_TEST

START_TEST(what_was_sent_meanwhile_counts_as_a_word) {
    uint8_t type;
    struct rd r;
    talk();
    session_keep(&quiet, second(1));
    ck_assert_int_eq(frames_put(&quiet.f, F_LIST, NULL, 0, NULL, 0, &e), 0);
    ck_assert_int_eq(frames_flush(&quiet.f, &e), 0);
    session_keep(&quiet, second(50));
    session_keep(&quiet, second(100));
    ck_assert_int_eq(frames_get(&peer, &type, &r, &e), 1);
    ck_assert_uint_eq(type, F_LIST);
    ck_assert_int_lt(frames_get(&peer, &type, &r, &e), 0);
    hang_up();
}
END_TEST

START_TEST(pongs_are_passed_over_and_only_those_that_were_asked_for) {
    struct rd r;
    talk();
    session_keep(&quiet, second(1));
    session_keep(&quiet, second(70));
    session_keep(&quiet, second(140));
    ck_assert_uint_eq(quiet.pings, 2);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(frames_put(&peer, i == 2 ? F_OKAY : F_PONG, NULL, 0, NULL, 0, &e), 0);
    ck_assert_int_eq(frames_put(&peer, F_PONG, NULL, 0, NULL, 0, &e), 0);
    ck_assert_int_eq(frames_flush(&peer, &e), 0);
    ck_assert_int_eq(session_expect(&quiet, F_OKAY, &r, &e), 0);
    ck_assert_int_lt(session_expect(&quiet, F_OKAY, &r, &e), 0);
    ck_assert_int_eq(e.id, ZE_PROTO);
    hang_up();
}
END_TEST

START_TEST(a_vault_that_is_still_at_it_is_waited_for_where_that_may_take_long) {
    struct rd r;
    talk();
    for (int i = 0; i < 9; i++) ck_assert_int_eq(frames_put(&peer, i == 8 ? F_COMMITTED : F_PONG, NULL, 0, NULL, 0, &e), 0);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(frames_put(&peer, i ? F_OKAY : F_PONG, NULL, 0, NULL, 0, &e), 0);
    ck_assert_int_eq(frames_flush(&peer, &e), 0);
    ck_assert_int_eq(session_expect(&quiet, F_COMMITTED, &r, &e), 0);
    ck_assert_int_lt(session_expect(&quiet, F_OKAY, &r, &e), 0); /* not for anything */
    hang_up();
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_session");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, the_one_request_is_signed);
    tcase_add_loop_test(t, anything_else_is_not_signed, 0, 12);
    tcase_add_test(t, a_request_cut_anywhere_is_not_signed);
    tcase_add_test(t, the_agent_shows_one_key_and_signs_one_thing);
    tcase_add_test(t, the_agent_does_nothing_else);
    tcase_add_test(t, the_socket_answers_byte_by_byte_and_ends_with_its_agent);
    tcase_add_test(t, what_ssh_says_becomes_an_error_with_a_number);
    tcase_add_test(t, a_greeting_is_read_whole);
    tcase_add_test(t, a_greeting_that_is_cut_longer_or_newer_is_refused);
    tcase_add_test(t, a_vault_header_signed_by_nobody_is_refused);
    tcase_add_test(t, a_program_that_is_not_there_is_named);
    tcase_add_test(t, the_last_words_of_a_child_explain_a_cut_stream);
    tcase_add_test(t, after_a_minute_of_silence_the_vault_hears_a_ping);
    tcase_add_test(t, what_was_sent_meanwhile_counts_as_a_word);
    tcase_add_test(t, pongs_are_passed_over_and_only_those_that_were_asked_for);
    tcase_add_test(t, a_vault_that_is_still_at_it_is_waited_for_where_that_may_take_long);
    suite_add_tcase(s, t);
    return suite_run(s);
}
