/** A vault of a test's own, its keeper, and sessions with it in real processes. */
#ifndef TESTS_VAULT_BOX_H
#define TESTS_VAULT_BOX_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "door.h"
#include "keep.h"
#include "serve.h"
#include "vault.h"
#include "vault_client.h"
#include "wrap/json.h"

#define UNUSED __attribute__((unused))

static char top[64], dir[96];
static pid_t keeper, last_serve;        /* the daemon; the serve of the last session */
static int box_idle_ms, box_message_ms; /* of sessions made from here on; 0: serve's own */

static UNUSED void setup(void) {
    struct err e = ERR_INIT;
    struct vault v;
    ck_assert_int_eq(seal_init(&e), 0);
    signal(SIGPIPE, SIG_IGN);
    strcpy(top, "/tmp/zbv.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/vault", top);
    ck_assert_msg(vault_init(dir, clock_real(), &v, &e) == 0, "%s %s", e.object, e.msg);
    vault_close(&v);
}

static void keeper_stop(int sig) {
    if (!keeper) return;
    kill(keeper, sig);
    waitpid(keeper, NULL, 0);
    keeper = 0;
}

static void teardown(void) {
    char cmd[128];
    keeper_stop(SIGTERM);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", top);
    ck_assert_int_eq(system(cmd), 0);
}

static UNUSED void keeper_start(void) {
    keeper = fork();
    if (keeper == 0) {
        struct err e = ERR_INIT;
        _exit(keep_main(dir, clock_real(), &e) < 0);
    }
}

static void session(struct client *c, enum bind_mode mode, const char *host, bool local) {
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    last_serve = fork();
    if (last_serve == 0) {
        struct err e = ERR_INIT;
        struct serve_options o = {.dir = dir,
            .host = host,
            .system = "oa",
            .mode = mode,
            .local = local,
            .idle_ms = box_idle_ms,
            .message_ms = box_message_ms};
        dup2(pair[1], 0);
        dup2(pair[1], 1);
        close(pair[0]);
        close(pair[1]);
        _exit(serve_main(&o, &e) < 0);
    }
    close(pair[1]);
    client_open(c, pair[0]);
}

static UNUSED void local(struct client *c) {
    session(c, BIND_HOST, "web", true);
    ck_assert_int_eq(client_hello(c), 0);
}

static UNUSED void enrolled_as(const char *host) {
    struct client c;
    session(&c, BIND_LOCAL, host, true);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_msg(client_enrol(&c, "", 1) == 0, "%s: %s", c.err.object, c.err.msg);
    client_close(&c);
}

static UNUSED void enrolled(void) { enrolled_as("web"); }

/* begin, one meta and one data pack, commit; the session stays open */
static UNUSED void backup(struct client *c, uint8_t kind, uint8_t upload, struct record *r) {
    static const uint32_t slots[] = {3, 5};
    ck_assert_msg(client_begin(c, kind, upload, "") == 0, "%s: %s", c->err.object, c->err.msg);
    ck_assert_int_eq(client_pack(c, c->first_pack, PACK_META, 3, false), 0);
    ck_assert_int_eq(client_pack(c, c->first_pack + 1, PACK_DATA, 5, false), 0);
    ck_assert_msg(client_commit(c, upload, c->first_pack, slots, 2, r) == 0, "%s: %s", c->err.object, c->err.msg);
}

/* The error that the vault says unasked; -1: it closed the connection. */
static UNUSED int heard(struct client *c) {
    struct rd r;
    uint8_t type;
    if (frames_get(&c->f, &type, &r, &c->err) <= 0) return -1;
    return type == F_ERROR ? (frames_take_error(&r, &c->err), (int)c->err.id) : -2;
}

static UNUSED struct js *control(const char *line) {
    struct err e = ERR_INIT;
    int at = open(dir, O_RDONLY | O_DIRECTORY);
    int fd = door_connect(at, CONTROL_SOCKET, 5000, &e);
    ck_assert_int_ge(fd, 0);
    struct client c;
    struct rd r;
    client_open(&c, fd);
    ck_assert_int_eq(client_ask(&c, K_CONTROL, line, strlen(line), K_CONTROL, &r), 0);
    struct js *j = js_parse(r.p, r.left, "answer", &e);
    ck_assert_ptr_nonnull(j);
    client_close(&c);
    close(at);
    return j;
}

static UNUSED void control_ok(const char *line) {
    struct js *j = control(line);
    ck_assert_msg(js_bool(j, "ok", false), "%s", line);
    js_free(j);
}

#endif
