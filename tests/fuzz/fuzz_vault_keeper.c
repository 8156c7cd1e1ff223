/* The keeper's reading of what a serve that was taken over says: the input is serve's side of a connection, after the magic,
 * to the real keeper with a real vault. The first byte chooses how far the connection has come, and through which door. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper.h"
#include "vault.h"

enum { AS_HOST = 1, BEGUN = 2, BY_CONTROL = 4, ENROLLING = 8, RUNS_EACH = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[64];
static struct vault v;

static void box_remove(void) {
    char cmd[128];
    vault_close(&v);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", top);
    if (*top && system(cmd) != 0) abort();
    *top = 0;
}

static void put_frame(struct buf *out, uint8_t type, const struct buf *payload) {
    buf_u32(out, (uint32_t)payload->len + 1);
    buf_u8(out, type);
    buf_put(out, payload->p, payload->len);
}

static void put_bind(struct buf *out, uint8_t mode) {
    struct buf b;
    buf_init(&b, 64);
    buf_u8(&b, mode), buf_str(&b, "web"), buf_str(&b, "oa");
    put_frame(out, K_BIND, &b);
    buf_free(&b);
}

static void put_begin(struct buf *out) {
    struct buf b;
    buf_init(&b, 64);
    buf_u8(&b, KIND_INCREMENTAL), buf_put(&b, "0123456789abcdef", SEAL_ID), buf_str(&b, "");
    put_frame(out, F_BEGIN, &b);
    buf_reset(&b);
    buf_u8(&b, PACK_DATA);
    put_frame(out, K_SPOOL, &b);
    buf_free(&b);
}

static void put_enrol(struct buf *out) {
    struct buf b;
    struct key_slots k = {.n = 1};
    uint8_t pub[SEAL_SIGN_PUB] = {1};
    strcpy(k.slot[0].label, "kit");
    buf_init(&b, 4096);
    buf_str(&b, ""), buf_put(&b, pub, sizeof pub), key_slots_put(&b, &k);
    put_frame(out, F_ENROL, &b);
    buf_free(&b);
}

static void *drain(void *arg) {
    char bytes[65536];
    while (read(*(int *)arg, bytes, sizeof bytes) > 0) continue;
    return NULL;
}

static void *feed(void *arg) {
    const struct buf *in = ((void **)arg)[0];
    int fd = *(int *)((void **)arg)[1];
    for (size_t at = 0; at < in->len;) {
        ssize_t n = send(fd, in->p + at, in->len - at, MSG_NOSIGNAL);
        if (n <= 0) break;
        at += (size_t)n;
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void connection(const struct buf *in, enum keeper_role role) {
    struct err e = ERR_INIT;
    int pair[2];
    pthread_t out, to;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) abort();
    if (pthread_create(&out, NULL, drain, &pair[0]) != 0) abort();
    if (pthread_create(&to, NULL, feed, (void *[]){(void *)(uintptr_t)in, &pair[0]}) != 0) abort();
    (void)!keeper_run(&v, pair[1], role, -1, &e);
    close(pair[1]);
    pthread_join(to, NULL);
    pthread_join(out, NULL);
    close(pair[0]);
}

static void box_make(void) {
    struct err e = ERR_INIT;
    struct buf in;
    char dir[96];
    strcpy(top, access("/dev/shm", W_OK) == 0 ? "/dev/shm/zbfuzz.XXXXXX" : "/tmp/zbfuzz.XXXXXX");
    if (!mkdtemp(top)) abort();
    snprintf(dir, sizeof dir, "%s/vault", top);
    if (vault_init(dir, clock_real(), &v, &e) < 0) abort();
    buf_init(&in, 65536);
    buf_put(&in, FRAME_MAGIC, 8);
    put_bind(&in, BIND_LOCAL);
    put_enrol(&in);
    connection(&in, ROLE_LOCAL);
    buf_free(&in);
    if (faccessat(v.fd, "store/hosts/web/log/0000000000000000", F_OK, 0) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned runs;
    struct err e = ERR_INIT;
    struct buf in;
    if (size < 1) return 0;
    if (runs++ % RUNS_EACH == 0) {
        if (runs == 1) {
            signal(SIGPIPE, SIG_IGN);
            if (seal_init(&e) < 0) abort();
            atexit(box_remove);
        } else {
            box_remove();
        }
        box_make();
    }
    buf_init(&in, size + 4096);
    buf_put(&in, FRAME_MAGIC, 8);
    if (data[0] & AS_HOST) put_bind(&in, data[0] & ENROLLING ? BIND_TOKEN : BIND_HOST);
    if (data[0] & BEGUN) put_begin(&in);
    buf_put(&in, data + 1, size - 1);
    connection(&in, data[0] & BY_CONTROL ? ROLE_CONTROL : ROLE_SERVE);
    buf_free(&in);
    return 0;
}
