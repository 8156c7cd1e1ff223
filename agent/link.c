/* Link on one page: take the order, resolve and connect, give up everything, be authenticated, relay.
 *
 * A server may be hostile and libssh2 may have holes; so before the first byte of the server is read, this process has no
 * file, no right, no key and no way to get one: its root is an empty directory, its network has nobody in it, its user is
 * nobody where root started it, it may not gain privileges, it cannot be traced or dumped, and the kernel lets it do
 * nothing but move bytes on the descriptors it has. */
#include "link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "wrap/json.h"
#include "wrap/sandbox.h"
#include "wrap/seal.h"
#include "wrap/ssh.h"

enum { PACKET_MAX = 65536 };

struct order {
    struct js *json;
    struct ssh_target to;
};

/* S + bytes to the agent, the signature back. */
static int ask_signature(void *arg, const uint8_t *p, size_t n, uint8_t sig[SSH_SIG]) {
    uint8_t packet[PACKET_MAX];
    (void)arg;
    if (n >= sizeof packet) return -1;
    packet[0] = 'S';
    memcpy(packet + 1, p, n);
    if (send(LINK_CONTROL, packet, n + 1, MSG_NOSIGNAL) != (ssize_t)n + 1) return -1;
    return recv(LINK_CONTROL, sig, SSH_SIG, 0) == SSH_SIG ? 0 : -1;
}

static int key_take(const struct js *j, const char *name, uint8_t out[SSH_KEY], struct err *e) {
    const char *text = js_str(j, name, "");
    return b64_decode(out, SSH_KEY, text, strlen(text)) == SSH_KEY ? 0 : err_set(e, ZE_INTERNAL, name, "order");
}

static int order_take(struct order *o, struct err *e) {
    char packet[PACKET_MAX];
    ssize_t n = recv(LINK_CONTROL, packet, sizeof packet, 0);
    if (n <= 0) return err_set(e, ZE_USAGE, "link", _("it is started by zaibei-agent, not by people"));
    o->json = js_parse(packet, (size_t)n, "order", e);
    if (!o->json || key_take(o->json, "host_key", o->to.host_key, e) < 0 ||
        key_take(o->json, "public_key", o->to.user_key, e) < 0)
        return -1;
    o->to.host = js_str(o->json, "host", "");
    o->to.user = js_str(o->json, "user", "");
    o->to.port = (unsigned)js_int(o->json, "port", 22);
    o->to.timeout_ms = (int)js_int(o->json, "timeout_ms", 20000);
    o->to.sign = ask_signature;
    return 0;
}

/* E or R and a JSON object: its length, 0 when it does not fit. */
static size_t packet_make(char packet[PACKET_MAX], char type, const struct js *j) {
    CLEANUP_FREE char *text = js_dump(j);
    int n = snprintf(packet, PACKET_MAX, "%c%s", type, text);
    return n > 0 && n < PACKET_MAX ? (size_t)n : 0;
}

static size_t error_make(char packet[PACKET_MAX], const struct err *e) {
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "id", e->id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", e->msg);
    return packet_make(packet, 'E', j);
}

static void tell_error(const struct err *e) {
    char packet[PACKET_MAX];
    (void)!send(LINK_CONTROL, packet, error_make(packet, e), MSG_NOSIGNAL);
}

/* Poll's deadline is for a server that makes us wait; this alarm is for all else: a resolver that hangs, a server that keeps
 * libssh2 busy. What it says lies ready, since a signal handler may do no more than send and _exit. */
static char late[PACKET_MAX];
static size_t late_n;

static void too_late(int signal) {
    (void)signal;
    (void)!send(LINK_CONTROL, late, late_n, MSG_NOSIGNAL);
    _exit(ZB_EXIT_UNREACHABLE);
}

static void alarm_set(const struct ssh_target *to) {
    struct err e = ERR_INIT;
    err_set(&e, ZE_TIMEOUT, to->host, _("no connection within %d s"), to->timeout_ms / 1000);
    late_n = error_make(late, &e);
    signal(SIGALRM, too_late);
    alarm((unsigned)to->timeout_ms / 1000 + 2);
}

/* R and what the kernel has not let us give up. */
static void tell_ready(unsigned keeps) {
    char packet[PACKET_MAX];
    CLEANUP_JS struct js *j = js_object();
    struct js *missing = js_array();
    for (unsigned i = 0; i < LINK_KEPT_MAX; i++)
        if (keeps & 1u << i) js_push_str(missing, link_words[i]);
    js_set(j, "missing", missing);
    (void)!send(LINK_CONTROL, packet, packet_make(packet, 'R', j), MSG_NOSIGNAL);
}

/* What is read from files at first use is read now: the messages in the user's language. */
static unsigned give_up(int socket) {
    (void)err_text(ZE_CUT);
    (void)strerror(ECONNRESET);
    unsigned keeps = link_isolate(socket);
    return sandbox_relay_only() < 0 ? keeps | LINK_KEEPS_SECCOMP : keeps;
}

int cmd_link(int argc, char **argv, struct err *e) {
    (void)argv;
    struct order o = {0};
    struct ssh *s = NULL;
    unsigned keeps = 0;
    if (argc != 1) return err_set(e, ZE_USAGE, "link", _("it is started by zaibei-agent, not by people"));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* ^C is the agent's; it closes the pipe */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int rc = order_take(&o, e);
    if (rc == 0) {
        alarm_set(&o.to);
        rc = ssh_connect(&o.to, &s, e);
    }
    if (rc == 0) {
        keeps = give_up(ssh_fd(s));
        rc = ssh_open(s, e);
        alarm(0);
    }
    if (rc == 0) {
        tell_ready(keeps);
        rc = link_relay(STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, s, e);
    }
    if (rc < 0) tell_error(e);
    _exit(rc < 0 ? err_exit(e) : 0); /* no destructors and no farewell: nothing is held */
}
