/* HTTP by libmicrohttpd. The library calls for each piece of a request; pieces are gathered in a bounded buffer and the
 * handler is called once with the whole. A body past its bound is read to its end and thrown away, then answered with 413:
 * cutting the connection would hide the answer. */
#include "wrap/httpd.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"

struct httpd {
    struct MHD_Daemon *mhd;
    void (*handler)(void *, const struct http_request *, struct http_answer *);
    void *arg;
};

struct gather {
    struct buf body;
};

static const char *lookup(const struct http_request *r, bool header, const char *name) {
    return MHD_lookup_connection_value(r->connection, header ? MHD_HEADER_KIND : MHD_GET_ARGUMENT_KIND, name);
}

/* Whom the kernel names at the other end of a unix socket. */
static void source_of(struct MHD_Connection *c, char out[64]) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t n = sizeof peer;
    *out = 0;
    if (info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0)
        snprintf(out, 64, "uid %lu", (unsigned long)peer.uid);
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
        source_of(c, r.source);
        if (!r.body) r.body = (const uint8_t *)"";
        h->handler(h->arg, &r, &a);
    }
    return answer(c, &a);
}

static void on_end(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why) {
    struct gather *g = *state;
    if (!g) return;
    buf_free(&g->body);
    free(g);
    *state = NULL;
}

struct httpd *httpd_start(
    int fd, void (*handler)(void *, const struct http_request *, struct http_answer *), void *arg, struct err *e) {
    struct httpd *h = calloc(1, sizeof *h);
    if (h) {
        h->handler = handler, h->arg = arg;
        h->mhd = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, h,
            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_CONNECTION_LIMIT, 64u,
            MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 << 10), MHD_OPTION_END);
    }
    if (h && h->mhd) return h;
    free(h);
    close(fd);
    err_set(e, ZE_INTERNAL, "HTTP", _("the server cannot be started"));
    return NULL;
}

void httpd_stop(struct httpd *h) {
    if (!h) return;
    MHD_stop_daemon(h->mhd);
    free(h);
}
