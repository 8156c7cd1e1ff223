/* What ssh_connect makes: a socket that notices a network gone silent, or an error that says why there is none. What a server
 * may do after that is tried by scenario 42-hostile-server and by fuzz_ssh. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wrap/ssh.h"
#include "suite.h"

static struct err e;
static struct ssh *s;

static int listen_here(int backlog, unsigned *port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof to;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &n), 0);
    *port = ntohs(to.sin_port);
    return fd;
}

static struct ssh_target target(const char *host, unsigned port, int timeout_ms) {
    e = (struct err)ERR_INIT;
    return (struct ssh_target){.host = host, .user = "zaibei", .port = port, .timeout_ms = timeout_ms};
}

static int option(int level, int name) {
    int v = -1;
    socklen_t n = sizeof v;
    ck_assert_int_eq(getsockopt(ssh_fd(s), level, name, &v, &n), 0);
    return v;
}

static long elapsed_ms(const struct timespec *since) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* faults: C2 C4 */
START_TEST(a_silent_network_ends_the_connection) {
    unsigned port;
    int fd = listen_here(4, &port);
    struct ssh_target to = target("127.0.0.1", port, 2000);
    ck_assert_int_eq(ssh_connect(&to, &s, &e), 0);
    ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    int idle = option(IPPROTO_TCP, TCP_KEEPIDLE), every = option(IPPROTO_TCP, TCP_KEEPINTVL),
        times = option(IPPROTO_TCP, TCP_KEEPCNT);
    ck_assert_int_le(idle + every * times, 90);                     /* with nothing under way */
    ck_assert_int_eq(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 90000); /* with bytes that nobody takes */
    ssh_free(s);
    close(fd);
}
END_TEST

START_TEST(nobody_listens) {
    unsigned port;
    close(listen_here(1, &port));
    struct ssh_target to = target("127.0.0.1", port, 2000);
    ck_assert_int_lt(ssh_connect(&to, &s, &e), 0);
    ck_assert_int_eq(e.id, ZE_UNREACHABLE);
}
END_TEST

/* faults: C15 */
START_TEST(a_name_that_does_not_exist) {
    struct ssh_target to = target("zaibei.invalid", 22, 2000);
    ck_assert_int_lt(ssh_connect(&to, &s, &e), 0);
    ck_assert_int_eq(e.id, ZE_UNREACHABLE);
    ck_assert_msg(strstr(e.object, "zaibei.invalid") != NULL, "%s", e.object);
}
END_TEST

/* A listener whose queue is full: what is sent to it is dropped without a word. */
START_TEST(nobody_answers) {
    unsigned port;
    int fd = listen_here(0, &port);
    struct ssh_target full = target("127.0.0.1", port, 2000), to = target("127.0.0.1", port, 300);
    struct ssh *filling[2] = {NULL};
    for (int i = 0; i < 2; i++)
        if (ssh_connect(&full, &filling[i], &e) < 0) break;
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    ck_assert_int_lt(ssh_connect(&to, &s, &e), 0);
    ck_assert_int_eq(e.id, ZE_TIMEOUT);
    ck_assert_int_ge(elapsed_ms(&began), 290);
    ck_assert_int_lt(elapsed_ms(&began), 3000);
    ssh_free(filling[0]), ssh_free(filling[1]);
    close(fd);
}
END_TEST

/* faults: C3 */
START_TEST(connecting_and_the_handshake_share_one_time_limit) {
    unsigned port;
    int fd = listen_here(4, &port);
    struct ssh_target to = target("127.0.0.1", port, 300);
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    ck_assert_int_eq(ssh_connect(&to, &s, &e), 0);
    ck_assert_int_lt(ssh_open(s, &e), 0);
    ck_assert_int_eq(e.id, ZE_TIMEOUT);
    ck_assert_int_ge(elapsed_ms(&began), 290);
    ck_assert_int_lt(elapsed_ms(&began), 3000);
    ssh_free(s);
    close(fd);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ssh");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_silent_network_ends_the_connection);
    tcase_add_test(t, nobody_listens);
    tcase_add_test(t, a_name_that_does_not_exist);
    tcase_add_test(t, nobody_answers);
    tcase_add_test(t, connecting_and_the_handshake_share_one_time_limit);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
