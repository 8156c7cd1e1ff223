/**
 * An HTTP server on a listening socket, by libmicrohttpd, and the only door to it. One thread of its own serves all
 * connections one request at a time; what is read is bounded: 64 connections, 32 KiB of headers, HTTPD_BODY_MAX of body,
 * 30 s without progress; over the network also what wrap/peers.h counts: connections of one source, and a whole request's time.
 */
#ifndef WRAP_HTTPD_H
#define WRAP_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sys/clock.h"

enum { HTTPD_BODY_MAX = 2 << 20 };

struct httpd;

struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* percent-decoded, without the query */
    const uint8_t *body;
    size_t body_len;
    char source[64];    /* who asks: "uid 1000" on a unix socket, else of peers_source */
    void *connection;   /* private */
    /* A query parameter or header; NULL when it is absent. Set by the server, or by a test that has no connection. */
    const char *(*lookup)(const struct http_request *r, bool header, const char *name);
};

struct http_answer {
    int status;
    const char *type;  /* of the body; a constant */
    char *body;        /* from malloc, released by the server; NULL: none */
    int retry_after_s; /* > 0: the header Retry-After */
    bool challenge;    /* the header WWW-Authenticate: Bearer */
};

/** http_query(r, name): the decoded value of a query parameter, or NULL. http_get_header: the same for a header. */
static inline const char *http_query(const struct http_request *r, const char *name) { return r->lookup(r, false, name); }
static inline const char *http_get_header(const struct http_request *r, const char *name) {
    return r->lookup(r, true, name);
}

/** httpd_start(fd, handler, arg, e): serve on ${fd} (which it owns from now on) until httpd_stop, which waits for the request
 * that is being answered. ${handler} runs in the server's thread. */
struct httpd *httpd_start(int fd, void (*handler)(void *arg, const struct http_request *, struct http_answer *), void *arg,
    struct err *e) MUST_CHECK;
void httpd_stop(struct httpd *h); /* NULL is fine */

/** What a server on the network has besides: TLS 1.2 or later with this certificate chain and key (PEM, needed until the start returns),
 * and a word about each new connection: ${admit}, called by the server's thread, says whether ${source} may have one more. */
struct httpd_net {
    const char *certificate, *key;
    struct clock *clock;
    bool (*admit)(void *arg, const char *source);
};
/** httpd_start_tls(fd, net, handler, arg, e): the same on a TCP socket; ZE_TLSFILES when certificate and key do not go together.
 * httpd_tick: each second, by any thread: end connections that owe something for too long. */
struct httpd *httpd_start_tls(int fd, const struct httpd_net *net,
    void (*handler)(void *arg, const struct http_request *, struct http_answer *), void *arg, struct err *e) MUST_CHECK;
void httpd_tick(struct httpd *h); /* NULL is fine */

#endif
