/**
 * Who is connected over the network, and since when they owe something: what bounds a peer that is slow on purpose.
 * Times are handed in. Functions may be called by several threads.
 */
#ifndef WRAP_PEERS_H
#define WRAP_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { PEERS_MAX = 128, PEERS_OF_SOURCE = 16, PEER_READ_S = 30, PEER_ANSWER_S = 300 };

struct peers;
struct peers *peers_new(void);    /* NULL without memory */
void peers_free(struct peers *p); /* NULL is fine */

/** peers_source(a, out): one name for what one customer of a provider holds: "addr 192.0.2.7", "addr
 * 2001:db8:1:2::/64"; an IPv4 address in IPv6 is the same as without. "" for other families. */
void peers_source(const struct sockaddr *a, char out[64]);

/** peers_room(p, source): whether one more connection of ${source} may be had: fewer than PEERS_OF_SOURCE are, and
 * fewer than PEERS_MAX of all. */
bool peers_room(struct peers *p, const char *source);

/** peers_add(p, fd, source, now_ns): it is connected and owes a whole request within PEER_READ_S. peers_asked: it
 * was sent, and the answer has to be taken within PEER_ANSWER_S. peers_answered: the next request is owed.
 * peers_gone: before ${fd} is closed. */
void peers_add(struct peers *p, int fd, const char *source, int64_t now_ns);
void peers_asked(struct peers *p, int fd, int64_t now_ns);
void peers_answered(struct peers *p, int fd, int64_t now_ns);
void peers_gone(struct peers *p, int fd);

/** peers_cut(p, now_ns): shut down what is late, however busy it looks; how many. */
unsigned peers_cut(struct peers *p, int64_t now_ns);

#endif
