/* The agent protocol, as little as ssh needs: list the key, sign with it. One connection at a time: it is one child's. The
 * thread ends when its stop descriptor says so; a request is bounded, and a peer that stalls holds up nobody else. */
#include "sshagent.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/i18n.h"
#include "signing.h"
#include "sys/file.h"

enum { REQUEST_IDENTITIES = 11, IDENTITIES_ANSWER = 12, SIGN_REQUEST = 13, SIGN_RESPONSE = 14, FAILURE = 5 };
enum { REQUEST_MAX = 8192 };

struct ssh_agent {
    const struct config *c;
    int listenfd, stopfd, dirfd;
    char name[64];
    pthread_t thread;
};

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(struct buf *b, uint32_t v) {
    buf_put(b, (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 4);
}

/* The next string of a request, or NULL. */
static const uint8_t *take_string(struct rd *r, size_t *n) {
    const uint8_t *len = rd_take(r, 4);
    *n = len ? get32(len) : 0;
    return len ? rd_take(r, *n) : NULL;
}

static bool sign(const struct config *c, struct rd *r, const uint8_t blob[SIGNING_BLOB], struct buf *body) {
    size_t key_n, data_n;
    const uint8_t *key = take_string(r, &key_n), *data = take_string(r, &data_n);
    uint8_t sig[SEAL_SIG];
    if (!key || !data || !rd_take(r, 4) || !rd_end(r)) return false;
    if (key_n != SIGNING_BLOB || memcmp(key, blob, SIGNING_BLOB) != 0) return false;
    if (signing_sign(c, data, data_n, sig, NULL) < 0) return false;
    buf_u8(body, SIGN_RESPONSE);
    put32(body, 4 + 11 + 4 + SEAL_SIG);
    put32(body, 11);
    buf_put(body, "ssh-ed25519", 11);
    put32(body, SEAL_SIG);
    buf_put(body, sig, SEAL_SIG);
    return true;
}

void ssh_agent_answer(const struct config *c, const uint8_t *p, size_t n, struct buf *out) {
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], blob[SIGNING_BLOB];
    sign_from_seed(pub, sec, c->ssh_seed);
    seal_wipe(sec, sizeof sec);
    signing_blob(blob, pub);
    struct rd r = rd_of(p, n);
    struct buf body;
    buf_init(&body, 1024);
    uint8_t type = rd_u8(&r);
    bool done = false;
    if (type == REQUEST_IDENTITIES && rd_end(&r)) {
        buf_u8(&body, IDENTITIES_ANSWER);
        put32(&body, 1);
        put32(&body, SIGNING_BLOB);
        buf_put(&body, blob, SIGNING_BLOB);
        put32(&body, 6);
        buf_put(&body, "zaibei", 6);
        done = true;
    } else if (type == SIGN_REQUEST) {
        done = sign(c, &r, blob, &body);
    }
    if (!done || !buf_ok(&body)) buf_reset(&body), buf_u8(&body, FAILURE);
    put32(out, (uint32_t)body.len);
    buf_put(out, body.p, body.len);
    buf_free(&body);
}

/* Wait until ${fd} can be read; false when it is time to stop. */
static bool wait_on(const struct ssh_agent *a, int fd) {
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = a->stopfd, .events = POLLIN}};
    while (poll(p, 2, -1) < 0)
        if (errno != EINTR) return false;
    return p[1].revents == 0;
}

/* All of ${n} bytes from a peer that may send them one by one. */
static bool get_all(const struct ssh_agent *a, int fd, uint8_t *p, size_t n) {
    for (size_t have = 0; have < n;) {
        if (!wait_on(a, fd)) return false;
        ssize_t got = recv(fd, p + have, n - have, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return false;
        if (got > 0) have += (size_t)got;
    }
    return true;
}

static void serve(const struct ssh_agent *a, int fd) {
    uint8_t head[4], request[REQUEST_MAX];
    while (get_all(a, fd, head, 4)) {
        uint32_t n = get32(head);
        if (n == 0 || n > REQUEST_MAX || !get_all(a, fd, request, n)) return;
        struct buf out;
        buf_init(&out, 2048);
        ssh_agent_answer(a->c, request, n, &out);
        ssize_t sent = send(fd, out.p, out.len, MSG_NOSIGNAL | MSG_DONTWAIT); /* short: it fits any socket's buffer */
        bool whole = sent == (ssize_t)out.len;
        buf_free(&out);
        if (!whole) return;
    }
}

static void *run(void *arg) {
    struct ssh_agent *a = arg;
    while (wait_on(a, a->listenfd)) {
        CLEANUP_FD int fd = accept4(a->listenfd, NULL, NULL, SOCK_CLOEXEC);
        struct ucred who;
        socklen_t len = sizeof who;
        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != geteuid()) continue;
        serve(a, fd);
    }
    return NULL;
}

/* A socket's name may be 107 bytes long at most; the state directory's path may be longer, its descriptor never is. */
static int listen_at(struct ssh_agent *a, struct err *e) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", a->dirfd, a->name);
    a->listenfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a->stopfd = eventfd(0, EFD_CLOEXEC);
    unlinkat(a->dirfd, a->name, 0);
    if (a->listenfd < 0 || a->stopfd < 0 || bind(a->listenfd, (struct sockaddr *)&to, sizeof to) < 0 ||
        listen(a->listenfd, 4) < 0)
        return err_sys(e, a->name, "listen");
    return 0;
}

static void release(struct ssh_agent *a) {
    file_close_ptr(&a->listenfd);
    file_close_ptr(&a->stopfd);
    unlinkat(a->dirfd, a->name, 0);
    free(a);
}

struct ssh_agent *ssh_agent_start(const struct config *c, int dirfd, const char *name, struct err *e) {
    struct ssh_agent *a = calloc(1, sizeof *a);
    if (!a) {
        err_set(e, ZE_NOMEM, name, "ssh agent");
        return NULL;
    }
    a->c = c, a->dirfd = dirfd, a->listenfd = a->stopfd = -1;
    snprintf(a->name, sizeof a->name, "%s", name);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the main thread's */
    int rc = listen_at(a, e);
    if (rc == 0 && (errno = pthread_create(&a->thread, NULL, run, a)) != 0) rc = err_sys(e, name, "thread");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0) return a;
    release(a);
    return NULL;
}

void ssh_agent_stop(struct ssh_agent *a) {
    if (!a) return;
    uint64_t one = 1;
    if (write(a->stopfd, &one, sizeof one) == sizeof one) pthread_join(a->thread, NULL);
    release(a);
}
