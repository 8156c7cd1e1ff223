/* The library that serves HTTP ends a connection on which nothing happens. A byte now and then is something, so a
 * peer that means ill could hold its connections for ever; here every connection has one deadline for the whole of
 * what it owes, which no byte moves. A descriptor stands in the table from before its first byte until before it is
 * closed, and is shut down under the lock only: never one that has become another's. */
#include "wrap/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peers {
    pthread_mutex_t lock;
    struct peer {
        int fd; /* -1: free */
        int64_t late_ns;
        char source[64];
    } of[PEERS_MAX];
};

static const int64_t second = 1000000000;

struct peers *peers_new(void) {
    struct peers *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < PEERS_MAX; i++) p->of[i].fd = -1;
    return p;
}

void peers_free(struct peers *p) {
    if (!p) return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void peers_source(const struct sockaddr *a, char out[64]) {
    char text[INET6_ADDRSTRLEN];
    *out = 0;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)a;
        if (inet_ntop(AF_INET, &four->sin_addr, text, sizeof text)) snprintf(out, 64, "addr %s", text);
    } else if (a->sa_family == AF_INET6) {
        struct in6_addr six = ((const struct sockaddr_in6 *)a)->sin6_addr;
        bool four = IN6_IS_ADDR_V4MAPPED(&six);
        if (!four) memset(six.s6_addr + 8, 0, 8);
        if (inet_ntop(four ? AF_INET : AF_INET6, four ? six.s6_addr + 12 : six.s6_addr, text, sizeof text))
            snprintf(out, 64, four ? "addr %s" : "addr %s/64", text);
    }
}

bool peers_room(struct peers *p, const char *source) {
    unsigned all = 0, same = 0;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        if (p->of[i].fd < 0) continue;
        all++;
        same += !strcmp(p->of[i].source, source);
    }
    pthread_mutex_unlock(&p->lock);
    return all < PEERS_MAX && same < PEERS_OF_SOURCE;
}

static struct peer *find(struct peers *p, int fd) {
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (p->of[i].fd == fd) return &p->of[i];
    return NULL;
}

void peers_add(struct peers *p, int fd, const char *source, int64_t now_ns) {
    pthread_mutex_lock(&p->lock);
    struct peer *x = find(p, -1);
    if (x) {
        x->fd = fd, x->late_ns = now_ns + PEER_READ_S * second;
        snprintf(x->source, sizeof x->source, "%s", source);
    }
    pthread_mutex_unlock(&p->lock);
}

static void owes(struct peers *p, int fd, int64_t late_ns) {
    pthread_mutex_lock(&p->lock);
    struct peer *x = find(p, fd);
    if (x) x->late_ns = late_ns;
    pthread_mutex_unlock(&p->lock);
}

void peers_asked(struct peers *p, int fd, int64_t now_ns) { owes(p, fd, now_ns + PEER_ANSWER_S * second); }

void peers_answered(struct peers *p, int fd, int64_t now_ns) { owes(p, fd, now_ns + PEER_READ_S * second); }

void peers_gone(struct peers *p, int fd) {
    pthread_mutex_lock(&p->lock);
    struct peer *x = find(p, fd);
    if (x) x->fd = -1;
    pthread_mutex_unlock(&p->lock);
}

unsigned peers_cut(struct peers *p, int64_t now_ns) {
    unsigned cut = 0;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *x = &p->of[i];
        if (x->fd < 0 || now_ns < x->late_ns) continue;
        cut += shutdown(x->fd, SHUT_RDWR) == 0;
        x->late_ns = INT64_MAX; /* once is enough; it leaves the table when the server sees the end */
    }
    pthread_mutex_unlock(&p->lock);
    return cut;
}
