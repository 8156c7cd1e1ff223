/* The keeper's end of one connection: a table of requests, who may make them, and a loop. After an error in a request
 * the loop goes on, since every request stands alone; serve decides what its agent may still do. */
#include "keeper.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/i18n.h"

/* Who may ask: bits of 1 << enum bind_mode, UNBOUND before K_BIND, OVER_CONTROL on the control socket. */
enum { UNBOUND = 1, HOST = 1 << BIND_HOST, READING = 1 << BIND_SOURCE,
    ENROLLING = 1 << BIND_TOKEN | 1 << BIND_LOCAL, OVER_CONTROL = 64 };

static const struct request {
    uint8_t type, who;
    int (*run)(struct keeper *k, struct rd *r, struct err *e);
} requests[] = {
    {K_BIND, UNBOUND, keeper_bind},
    {F_HELLO, HOST | ENROLLING, keeper_hello},
    {F_PING, HOST | ENROLLING | READING, keeper_ping},
    {F_SOURCE, HOST | READING, keeper_source},
    {F_LIST, HOST | READING, keeper_list},
    {F_BEGIN, HOST, keeper_begin},
    {K_SPOOL, HOST, keeper_spool},
    {K_PLACE, HOST, keeper_place},
    {F_USED, HOST, keeper_used},
    {F_COMMIT, HOST, keeper_commit},
    {F_ABANDON, HOST, keeper_abandon},
    {F_INDEX, HOST | READING, keeper_index},
    {K_OPEN, HOST | READING, keeper_open},
    {K_TAKE, HOST | READING, keeper_take},
    {F_CALL, HOST | READING, keeper_call},
    {F_ENROL, ENROLLING, keeper_enrol},
    {F_KEYS, HOST, keeper_keys},
    {K_CONTROL, OVER_CONTROL, keeper_control},
};

int keeper_malformed(struct keeper *k, struct err *e) {
    return err_set(e, ZE_PROTO, k->host, _("a malformed request"));
}

/* Rights are read again for every request: what the administrator changes holds at once, for sessions that are open
 * too. */
static int still_welcome(struct keeper *k, struct err *e) {
    if (k->mode != BIND_HOST && k->mode != BIND_SOURCE) return 0;
    if (rights_load(k->v, k->reader, &k->rights, e) < 0) return -1;
    return k->rights.revoked ? err_set(e, ZE_AUTH, k->reader, _("this host was revoked")) : 0;
}

/* What reads looks at the grant first. The rest goes on when it has ended: another may be asked for. */
static int may_ask(struct keeper *k, uint8_t type, struct err *e) {
    if (still_welcome(k, e) < 0) return -1;
    if (!*k->reader || type == F_PING || type == F_CALL || type == F_SOURCE) return 0;
    return source_welcome(k, e);
}

static int dispatch(struct keeper *k, uint8_t type, struct rd *r, struct err *e) {
    unsigned am = k->role == ROLE_CONTROL ? OVER_CONTROL : k->mode ? 1u << k->mode : UNBOUND;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (requests[i].type != type || !(requests[i].who & am)) continue;
        if (may_ask(k, type, e) < 0) return -1;
        lease_renew(k);
        buf_reset(&k->out);
        return requests[i].run(k, r, e);
    }
    return err_set(e, ZE_PROTO, k->host, _("request %02x is not allowed here"), type);
}

int keeper_ping(struct keeper *k, struct rd *r, struct err *e) { return rd_end(r) ? F_PONG : keeper_malformed(k, e); }

/* SIGTERM, between two requests: a revocation, or the end of the keeper. */
static int on_signal(void *arg, struct err *e) {
    struct keeper *k = arg;
    k->f.alert_fd = -1; /* it stays readable, and there is a last word to be said */
    return still_welcome(k, e) < 0 ? -1 : err_set(e, ZE_CUT, k->host, _("the keeper is ending"));
}

static int keeper_loop(struct keeper *k, struct err *e) {
    for (;;) {
        uint8_t type;
        struct rd r;
        struct err why = ERR_INIT;
        int rc = frames_get(&k->f, &type, &r, e);
        if (rc < 0 && e->id == ZE_AUTH) return frames_error(&k->f, e, &why); /* a last word: its host was revoked */
        if (rc <= 0) return rc;
        int answer = dispatch(k, type, &r, &why);
        if (answer > 0) rc = frames_put_buf(&k->f, (uint8_t)answer, &k->out, &why);
        if (answer < 0 || rc < 0) rc = frames_error(&k->f, &why, e);
        if (rc < 0) return -1;
    }
}

static void keeper_free(struct keeper *k) {
    const int fds[] = {k->opened, k->lease, k->presence, k->signals};
    frames_free(&k->f);
    buf_free(&k->raw);
    buf_free(&k->out);
    log_free(&k->log);
    pack_list_free(&k->packs);
    spool_drop(k);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0) close(fds[i]);
}

int keeper_run(struct vault *v, int fd, enum keeper_role role, int silence_ms, struct err *e) {
    struct keeper k = {.v = v, .role = role, .lease = -1, .presence = -1, .opened = -1, .spool = {{-1, -1}, {-1, -1}}};
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    k.signals = signalfd(-1, &term, SFD_CLOEXEC);
    frames_init(&k.f, fd, fd, silence_ms, "serve");
    k.f.alert_fd = k.signals, k.f.alert = on_signal, k.f.alert_arg = &k;
    buf_init(&k.raw, ZB_RECORD_MAX);
    buf_init(&k.out, FRAME_MAX);
    int rc = k.signals < 0 ? err_sys(e, "serve", "signalfd") : keeper_loop(&k, e);
    keeper_free(&k);
    return rc;
}
