/* Peers on the network: one name for what one customer holds, few connections for it, and an end to each that owes
 * something for too long, whatever it sends meanwhile. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "wrap/peers.h"

#define S(n) ((n) * INT64_C(1000000000))

static const char *source(const char *text) {
    static char out[64];
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) peers_source((struct sockaddr *)&four, out);
    else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1) peers_source((struct sockaddr *)&six, out);
    else ck_abort_msg("%s", text);
    return out;
}

START_TEST(a_source_is_an_address_or_a_net_of_64_bits) {
    static const struct sockaddr none = {.sa_family = AF_UNIX};
    char out[64] = "x";
    ck_assert_str_eq(source("192.0.2.7"), "addr 192.0.2.7");
    ck_assert_str_eq(source("::ffff:192.0.2.7"), "addr 192.0.2.7");
    ck_assert_str_eq(source("2001:db8:1:2:3:4:5:6"), "addr 2001:db8:1:2::/64");
    ck_assert_str_eq(source("2001:db8:1:2:ffff::1"), "addr 2001:db8:1:2::/64");
    ck_assert_str_eq(source("2001:db8:1:3::1"), "addr 2001:db8:1:3::/64");
    peers_source(&none, out);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(one_source_has_few_connections_and_all_together_not_too_many) {
    struct peers *p = peers_new();
    char name[64];
    for (int fd = 0; fd < PEERS_OF_SOURCE; fd++) {
        ck_assert(peers_room(p, "addr a"));
        peers_add(p, 1000 + fd, "addr a", 0);
    }
    ck_assert(!peers_room(p, "addr a"));
    ck_assert(peers_room(p, "addr b"));
    peers_gone(p, 1000);
    ck_assert(peers_room(p, "addr a"));
    for (int fd = PEERS_OF_SOURCE; fd <= PEERS_MAX; fd++) {
        snprintf(name, sizeof name, "addr %d", fd);
        ck_assert(peers_room(p, name));
        peers_add(p, 1000 + fd, name, 0);
    }
    ck_assert(!peers_room(p, "addr b") && !peers_room(p, "addr a"));
    peers_free(p);
}
END_TEST

static bool ended(int fd) {
    char c;
    return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

/* faults: H4 */
START_TEST(what_is_owed_for_too_long_ends_the_connection_whatever_is_sent_meanwhile) {
    struct peers *p = peers_new();
    int slow[2], good[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, slow), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, good), 0);
    peers_add(p, slow[0], "addr a", S(0)), peers_add(p, good[0], "addr a", S(0));
    for (int s = 1; s < PEER_READ_S; s++) {
        ck_assert_int_eq(write(slow[1], "x", 1), 1);
        ck_assert_uint_eq(peers_cut(p, S(s)), 0);
    }
    peers_asked(p, good[0], S(PEER_READ_S - 1)); /* it has sent its request, and gets longer for the answer */
    ck_assert_uint_eq(peers_cut(p, S(PEER_READ_S)), 1);
    ck_assert(ended(slow[1]) && !ended(good[1]));
    ck_assert_uint_eq(peers_cut(p, S(PEER_READ_S + 1)), 0); /* once */
    peers_answered(p, good[0], S(100));
    ck_assert_uint_eq(peers_cut(p, S(100 + PEER_READ_S) - 1), 0);
    peers_asked(p, good[0], S(110));
    ck_assert_uint_eq(peers_cut(p, S(110 + PEER_ANSWER_S) - 1), 0);
    ck_assert_uint_eq(peers_cut(p, S(110 + PEER_ANSWER_S)), 1);
    ck_assert(ended(good[1]));
    peers_gone(p, good[0]), peers_gone(p, slow[0]);
    close(slow[0]), close(slow[1]), close(good[0]), close(good[1]);
    peers_free(p);
}
END_TEST

int main(void) {
    Suite *s = suite_create("peers");
    TCase *t = tcase_create("all");
    tcase_add_test(t, a_source_is_an_address_or_a_net_of_64_bits);
    tcase_add_test(t, one_source_has_few_connections_and_all_together_not_too_many);
    tcase_add_test(t, what_is_owed_for_too_long_ends_the_connection_whatever_is_sent_meanwhile);
    suite_add_tcase(s, t);
    return suite_run(s);
}
