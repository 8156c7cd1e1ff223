/* HTTP by libmicrohttpd. The library calls for each piece of a request; pieces are gathered in a bounded buffer and the
 * handler is called once with the whole. A body past its bound is read to its end and thrown away, then answered with 413:
 * cutting the connection would hide the answer.
 *
 * Over the network the same thread does the handshakes too. Who is let in is asked before one is begun, and a peer that takes its
 * time is ended by httpd_tick from another thread: the descriptor is only shut down there and closed by the library. */
#include "wrap/httpd.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "wrap/peers.h"

enum { CONNECTIONS = 64, IDLE_S = 30, NET_IDLE_S = 15, MEMORY = 64 << 10 };

struct httpd {
    struct MHD_Daemon *mhd;
    struct peers *peers; /* NULL: a unix socket */
    struct clock *clock;
    bool (*admit)(void *, const char *);
    void (*handler)(void *, const struct http_request *, struct http_answer *);
    void *arg;
};

struct gather {
    struct buf body;
};

static const char *lookup(const struct http_request *r, bool header, const char *name) {
    return MHD_lookup_connection_value(r->connection, header ? MHD_HEADER_KIND : MHD_GET_ARGUMENT_KIND, name);
}

static int fd_of(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* Its address, or whom the kernel names at the other end of a unix socket. */
static void source_of(const struct httpd *h, struct MHD_Connection *c, char out[64]) {
    struct ucred peer;
    socklen_t n = sizeof peer;
    *out = 0;
    if (h->peers) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        if (info && info->client_addr) peers_source(info->client_addr, out);
    } else if (getsockopt(fd_of(c), SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0) {
        snprintf(out, 64, "uid %lu", (unsigned long)peer.uid);
    }
}

static enum MHD_Result add_headers(struct MHD_Response *r, const struct http_answer *a) {
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", a->retry_after_s);
    enum MHD_Result rc = MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (rc == MHD_YES && a->type) rc = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    if (rc == MHD_YES && a->retry_after_s > 0) rc = MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    if (rc == MHD_YES && a->challenge)
        rc = MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"zaibei\"");
    return rc;
}

static enum MHD_Result answer(struct MHD_Connection *c, struct http_answer *a) {
    size_t n = a->body ? strlen(a->body) : 0;
    struct MHD_Response *r = MHD_create_response_from_buffer(
        n, a->body ? a->body : (char *)"", a->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!r) return free(a->body), MHD_NO;
    enum MHD_Result rc = add_headers(r, a);
    if (rc == MHD_YES) rc = MHD_queue_response(c, (unsigned)a->status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state) {
    struct httpd *h = cls;
    struct gather *g = *state;
    if (!g) {
        *state = g = calloc(1, sizeof *g);
        if (g) buf_init(&g->body, HTTPD_BODY_MAX);
        return g ? MHD_YES : MHD_NO;
    }
    if (*size) {
        buf_put(&g->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    struct http_answer a = {.status = MHD_HTTP_CONTENT_TOO_LARGE};
    if (buf_ok(&g->body)) {
        struct http_request r = {
            .method = method, .path = url, .body = g->body.p, .body_len = g->body.len, .connection = c, .lookup = lookup};
        source_of(h, c, r.source);
        if (h->peers) peers_asked(h->peers, fd_of(c), h->clock->mono_ns(h->clock));
        if (!r.body) r.body = (const uint8_t *)"";
        h->handler(h->arg, &r, &a);
    }
    return answer(c, &a);
}

static void on_end(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why) {
    struct httpd *h = cls;
    struct gather *g = *state;
    if (h->peers) peers_answered(h->peers, fd_of(c), h->clock->mono_ns(h->clock));
    if (!g) return;
    buf_free(&g->body);
    free(g);
    *state = NULL;
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *a, socklen_t n) {
    struct httpd *h = cls;
    char source[64];
    if (!h->peers) return MHD_YES;
    peers_source(a, source);
    return peers_room(h->peers, source) && (!h->admit || h->admit(h->arg, source)) ? MHD_YES : MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **state, enum MHD_ConnectionNotificationCode what) {
    struct httpd *h = cls;
    char source[64];
    source_of(h, c, source);
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        peers_add(h->peers, fd_of(c), source, h->clock->mono_ns(h->clock));
    else peers_gone(h->peers, fd_of(c));
}

/* With ${more}: what only one kind of server has. */
static bool start(struct httpd *h, int fd, unsigned flags, unsigned connections, unsigned idle_s,
    struct MHD_OptionItem *more) {
    h->mhd = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | flags, 0, on_accept, h, on_request, h,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_end, h, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_ARRAY,
        more, MHD_OPTION_END);
    return h->mhd != NULL;
}

struct httpd *httpd_start(
    int fd, void (*handler)(void *, const struct http_request *, struct http_answer *), void *arg, struct err *e) {
    struct MHD_OptionItem more[] = {{MHD_OPTION_END, 0, NULL}};
    struct httpd *h = calloc(1, sizeof *h);
    if (h) h->handler = handler, h->arg = arg;
    if (h && start(h, fd, 0, CONNECTIONS, IDLE_S, more)) return h;
    free(h);
    close(fd);
    err_set(e, ZE_INTERNAL, "HTTP", _("the server cannot be started"));
    return NULL;
}

struct httpd *httpd_start_tls(int fd, const struct httpd_net *net,
    void (*handler)(void *, const struct http_request *, struct http_answer *), void *arg, struct err *e) {
    struct httpd *h = calloc(1, sizeof *h);
    struct MHD_OptionItem more[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)net->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)net->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, h}, {MHD_OPTION_END, 0, NULL}};
    if (h) h->handler = handler, h->arg = arg, h->clock = net->clock, h->admit = net->admit, h->peers = peers_new();
    if (h && h->peers && start(h, fd, MHD_USE_TLS | MHD_USE_ITC, PEERS_MAX, NET_IDLE_S, more)) return h;
    if (h) peers_free(h->peers);
    free(h);
    close(fd);
    err_set(e, ZE_TLSFILES, "HTTPS", _("the server cannot be started; do certificate and key belong together?"));
    return NULL;
}

void httpd_tick(struct httpd *h) {
    if (h && h->peers) (void)peers_cut(h->peers, h->clock->mono_ns(h->clock));
}

void httpd_stop(struct httpd *h) {
    if (!h) return;
    /* The socket is taken out first: it may be shared with a server that goes on, which a shutdown would end too. */
    int fd = h->peers ? MHD_quiesce_daemon(h->mhd) : -1;
    MHD_stop_daemon(h->mhd);
    if (fd >= 0) close(fd);
    peers_free(h->peers);
    free(h);
}
