/* The agents' socket. Each connection has a thread, so that a peer that is slow or silent keeps nobody else waiting; when 64
 * are busy, further ones wait in the socket's queue. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agents.h"
#include "base/i18n.h"
#include "base/text.h"
#include "wire/frame.h"

enum { CONNECTIONS_MAX = 64, SILENCE_MS = 20000, CALL = 0x01, CALL_ANSWER = 0x41 };

struct connection {
    struct daemon *d;
    int fd;
    atomic_int *busy;
};

/* One call: 1 to go on, 0 at the end, <0 on error. */
static int call(struct daemon *d, struct frames *f, struct err *e) {
    uint8_t type;
    struct rd r;
    char host[64];
    size_t n;
    int rc = frames_get(f, &type, &r, e);
    if (rc <= 0) return rc;
    rd_str(&r, host, sizeof host);
    const uint8_t *request = rd_blob(&r, &n, FRAME_MAX);
    if (type != CALL || !rd_end(&r) || !text_name_ok(host)) return err_set(e, ZE_PROTO, f->peer, "CALL");
    char *text = agents_answer(d, host, request, n);
    struct buf b;
    buf_init(&b, FRAME_MAX - 1);
    buf_blob(&b, text, strlen(text));
    free(text);
    rc = frames_put_buf(f, CALL_ANSWER, &b, e);
    buf_free(&b);
    return rc < 0 || frames_flush(f, e) < 0 ? -1 : 1;
}

static void *run(void *arg) {
    struct connection *c = arg;
    struct frames f;
    struct err e = ERR_INIT;
    int rc;
    frames_init(&f, c->fd, c->fd, SILENCE_MS, "serve");
    while ((rc = call(c->d, &f, &e)) > 0) {}
    if (rc < 0 && e.id != ZE_CUT && e.id != ZE_TIMEOUT) daemon_log(c->d, _("agents: ZB-%u %s"), (unsigned)e.id, e.msg);
    frames_free(&f);
    close(c->fd);
    atomic_fetch_sub(c->busy, 1);
    free(c);
    return NULL;
}

void agents_serve(struct daemon *d, int fd) {
    static atomic_int busy;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 1000) <= 0 || atomic_load(&busy) >= CONNECTIONS_MAX) {
            if (p.revents) poll(NULL, 0, 50);
            continue;
        }
        int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        struct connection *c = conn >= 0 ? malloc(sizeof *c) : NULL;
        pthread_t thread;
        if (c) {
            *c = (struct connection){.d = d, .fd = conn, .busy = &busy};
            atomic_fetch_add(&busy, 1);
            if (pthread_create(&thread, NULL, run, c) == 0) {
                pthread_detach(thread);
                continue;
            }
            atomic_fetch_sub(&busy, 1);
        }
        free(c);
        if (conn >= 0) close(conn);
        else poll(NULL, 0, 50); /* out of descriptors: not in a circle */
    }
}
