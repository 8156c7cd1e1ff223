/* The agent's side of link: start it, give the order, sign the one request, hear R or E. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "link.h"
#include "signing.h"
#include "sys/file.h"
#include "transport.h"
#include "wrap/json.h"

enum { TIMEOUT_MS = 20000, GRACE_MS = 8000, PACKET_MAX = 65536 };

static int order_send(const struct transport *t, struct err *e) {
    const struct config *c = t->cfg;
    char key[64];
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
    sign_from_seed(pub, sec, c->ssh_seed);
    seal_wipe(sec, sizeof sec);
    CLEANUP_JS struct js *j = js_object();
    js_set_str(j, "host", c->ssh_host);
    js_set_int(j, "port", c->ssh_port);
    js_set_str(j, "user", c->ssh_user);
    b64_encode(key, sizeof key, c->ssh_host_pub, SEAL_SIGN_PUB);
    js_set_str(j, "host_key", key);
    b64_encode(key, sizeof key, pub, SEAL_SIGN_PUB);
    js_set_str(j, "public_key", key);
    js_set_int(j, "timeout_ms", TIMEOUT_MS);
    CLEANUP_FREE char *text = js_dump(j);
    if (send(t->ctl, text, strlen(text), MSG_NOSIGNAL) < 0) return err_set(e, ZE_CHILD, "link", "%s", strerror(errno));
    return 0;
}

/* E + JSON: its number is trusted no more than any peer's. */
static void error_take(const struct transport *t, const char *p, size_t n, struct err *e) {
    struct err bad = ERR_INIT;
    CLEANUP_JS struct js *j = js_parse(p, n, "link", &bad);
    if (!j) {
        *e = bad;
        return;
    }
    err_set(e, err_known((unsigned)js_int(j, "id", 0)), t->cfg->vault, "%s", js_str(j, "message", ""));
}

bool link_explain(struct transport *t, struct err *e) {
    char packet[PACKET_MAX];
    ssize_t n = recv(t->ctl, packet, sizeof packet, MSG_DONTWAIT);
    if (n < 2 || packet[0] != 'E') return false;
    error_take(t, packet + 1, (size_t)n - 1, e);
    return true;
}

/* R + JSON. A word that we do not know is not ours to judge: link may be a newer program. */
static int ready_take(struct transport *t, const char *p, size_t n, struct err *e) {
    CLEANUP_JS struct js *j = js_parse(p, n, "link", e);
    if (!j) return err_wrap(e, "link");
    const struct js *missing = js_get(j, "missing");
    for (size_t i = 0; i < js_count(missing); i++) {
        const char *word = js_text(js_at(missing, i));
        for (unsigned k = 0; word && k < LINK_KEPT_MAX; k++)
            if (!strcmp(word, link_words[k])) t->keeps |= 1u << k;
    }
    return 1;
}

/* One packet from link: 1 ready, 0 go on, <0 failed. */
static int packet_take(struct transport *t, struct err *e) {
    char packet[PACKET_MAX];
    struct pollfd p = {.fd = t->ctl, .events = POLLIN};
    int rc = poll(&p, 1, TIMEOUT_MS + GRACE_MS);
    if (rc < 0) return err_set(e, errno == EINTR ? ZE_CANCELLED : ZE_IO, t->cfg->vault, "%s", strerror(errno));
    if (rc == 0) return err_set(e, ZE_TIMEOUT, t->cfg->vault, _("no connection within %d s"), TIMEOUT_MS / 1000);
    ssize_t n = recv(t->ctl, packet, sizeof packet, 0);
    if (n > 0 && packet[0] == 'R') return ready_take(t, packet + 1, (size_t)n - 1, e);
    if (n > 1 && packet[0] == 'E') {
        error_take(t, packet + 1, (size_t)n - 1, e);
        return -1;
    }
    if (n > 1 && packet[0] == 'S') {
        uint8_t sig[SEAL_SIG];
        if (signing_sign(t->cfg, (const uint8_t *)packet + 1, (size_t)n - 1, sig, e) < 0) return -1;
        return send(t->ctl, sig, sizeof sig, MSG_NOSIGNAL) < 0 ? err_set(e, ZE_CHILD, "link", "%s", strerror(errno)) : 0;
    }
    struct err how = ERR_INIT;
    int status = proc_wait(&t->child, 2000, &how);
    return err_set(e, ZE_CHILD, t->cfg->vault, _("link ended before it was connected (status %d) %s"), status, how.msg);
}

int transport_link_open(struct transport *t, struct err *e) {
    int pair[2];
    char program[4096];
    const char *argv[] = {program, "link", NULL};
    program_self(program, sizeof program);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return err_sys(e, "link", "socketpair");
    t->ctl = pair[0];
    int rc = child_start(argv, -1, pair[1], t, e);
    close(pair[1]);
    if (rc < 0 || order_send(t, e) < 0) return -1;
    do rc = packet_take(t, e);
    while (rc == 0);
    return rc > 0 ? 0 : -1;
}
