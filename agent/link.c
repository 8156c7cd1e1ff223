/* Link on one page: take the order, connect, be authenticated, give up everything, relay.
 *
 * A server may be hostile and libssh2 may have holes; so by the time bytes of a session flow, this process has no file, no
 * right, no key and no way to get one: its user is nobody where root started it, it may not gain privileges, it cannot be
 * traced or dumped, and the kernel lets it do nothing but move bytes on the descriptors it has. */
#include "link.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "wrap/json.h"
#include "wrap/sandbox.h"
#include "wrap/seal.h"
#include "wrap/ssh.h"

enum { CONTROL = 3, PACKET_MAX = 65536, NOBODY = 65534 };

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
    if (send(CONTROL, packet, n + 1, MSG_NOSIGNAL) != (ssize_t)n + 1) return -1;
    return recv(CONTROL, sig, SSH_SIG, 0) == SSH_SIG ? 0 : -1;
}

static int key_take(const struct js *j, const char *name, uint8_t out[SSH_KEY], struct err *e) {
    const char *text = js_str(j, name, "");
    return b64_decode(out, SSH_KEY, text, strlen(text)) == SSH_KEY ? 0 : err_set(e, ZE_INTERNAL, name, "order");
}

static int order_take(struct order *o, struct err *e) {
    char packet[PACKET_MAX];
    ssize_t n = recv(CONTROL, packet, sizeof packet, 0);
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

static void tell_error(const struct err *e) {
    char packet[PACKET_MAX];
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "id", e->id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", e->msg);
    CLEANUP_FREE char *text = js_dump(j);
    int n = snprintf(packet, sizeof packet, "E%s", text);
    if (n > 0) (void)!send(CONTROL, packet, (size_t)n, MSG_NOSIGNAL);
}

/* Nothing here may fail the session: a kernel or a container that refuses a step leaves the others. */
static void give_up(void) {
    struct rlimit none = {0, 0}, files = {16, 16};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)setrlimit(RLIMIT_NPROC, &none);
    (void)setrlimit(RLIMIT_FSIZE, &none);
    if (geteuid() == 0) {
        (void)!setgroups(0, NULL);
        (void)!setresgid(NOBODY, NOBODY, NOBODY);
        (void)!setresuid(NOBODY, NOBODY, NOBODY);
    }
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the change of user has cleared it */
    (void)sandbox_relay_only();
}

int cmd_link(int argc, char **argv, struct err *e) {
    (void)argv;
    struct order o = {0};
    struct ssh *s = NULL;
    if (argc != 1) return err_set(e, ZE_USAGE, "link", _("it is started by zaibei-agent, not by people"));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* ^C is the agent's; it closes the pipe */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int rc = order_take(&o, e);
    if (rc == 0) {
        alarm((unsigned)o.to.timeout_ms / 1000 + 5); /* whatever else hangs, the resolver for one */
        rc = ssh_open(&o.to, &s, e);
        alarm(0);
    }
    if (rc == 0) {
        give_up();
        (void)!send(CONTROL, "R", 1, MSG_NOSIGNAL);
        rc = link_relay(STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, s, e);
    }
    if (rc < 0) tell_error(e);
    _exit(rc < 0 ? err_exit(e) : 0); /* no destructors and no farewell: nothing is held */
}
