/* The session loop: a table of messages, what must have happened before each, and whether the session goes on after
 * an error in it. Nothing is durable here: the keeper acknowledges, serve passes the word on, so it may be killed at
 * any instruction. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "confine.h"
#include "door.h"
#include "keep.h"
#include "sys/file.h"

enum { KEEPER_WAIT_MS = 5000, DRAIN_MS = 2000, DRAIN_FRAMES = 256, NEVER = -1 };
#define ALIVE_NS (5 * 60 * 1000000000LL)

int serve_malformed(struct serve *s, struct err *e) { return err_set(e, ZE_PROTO, s->host, _("a malformed message")); }

static int keeper_lost(struct serve *s, struct err *e) {
    s->over = true;
    return err_set(e, ZE_CUT, s->host, _("the vault's keeper has gone; what was acknowledged is kept"));
}

static int keeper_answer(struct serve *s, uint8_t want, struct rd *r, struct err *e) {
    uint8_t got = 0;
    if (frames_get(&s->keeper, &got, r, e) <= 0) return keeper_lost(s, e);
    if (got == F_ERROR) return frames_take_error(r, e);
    return got == want ? 0 : err_set(e, ZE_INTERNAL, s->host, _("the keeper answered %02x"), got);
}

/* The keeper speaks while we wait for the agent: it has placed the pack that is under way (it checks and syncs one while
 * the next one comes in), or it ends the session. */
static int keeper_word(void *arg, struct err *e) {
    struct serve *s = arg;
    struct rd r = {0};
    bool placing = s->placing;
    s->placing = false;
    s->over = true;
    if (keeper_answer(s, F_PACK_DONE, &r, e) < 0) return -1;
    rd_copy(&r, s->done, sizeof s->done);
    if (!placing || !rd_end(&r)) return err_set(e, ZE_INTERNAL, s->host, _("the keeper's answer is short"));
    s->placed = true;
    s->over = false;
    return 0;
}

static int agent_put(struct serve *s, uint8_t type, const void *p, size_t n, struct err *e) {
    return serve_put(s, type, p, n, NULL, 0, e);
}

int serve_put(
    struct serve *s, uint8_t type, const void *head, size_t n, const void *body, size_t body_len, struct err *e) {
    int rc = frames_put(&s->agent, type, head, n, body, body_len, e);
    if (rc < 0) s->over = true;
    return rc;
}

/* The answer to the K_PLACE that is under way, if one is. */
static int place_settle(struct serve *s, struct err *e) {
    if (s->placing && keeper_word(s, e) < 0) return -1;
    if (!s->placed) return 0;
    s->placed = false;
    return agent_put(s, F_PACK_DONE, s->done, sizeof s->done, e);
}

int keeper_send(struct serve *s, uint8_t type, const void *payload, size_t n, struct err *e) {
    if (place_settle(s, e) < 0) return -1;
    struct err why = ERR_INIT;
    s->keeper_ns = s->clock->mono_ns(s->clock);
    return frames_put(&s->keeper, type, payload, n, NULL, 0, &why) < 0 || frames_flush(&s->keeper, &why) < 0
        ? keeper_lost(s, e)
        : 0;
}

int keeper_ask(
    struct serve *s, uint8_t type, const void *payload, size_t n, uint8_t want, struct rd *r, struct err *e) {
    return keeper_send(s, type, payload, n, e) < 0 ? -1 : keeper_answer(s, want, r, e);
}

/* What BEGIN and COMMIT look at may be terabytes, and the agent does not wait for ever: it hears each minute that we are at it. */
static int keeper_ask_long(struct serve *s, uint8_t type, struct rd *r, uint8_t want, struct rd *a, struct err *e) {
    struct pollfd p = {.fd = s->keeper.rfd, .events = POLLIN};
    if (keeper_send(s, type, r->p, r->left, e) < 0) return -1;
    s->agent.alert_fd = -1; /* its next word is the answer, not the end of the session */
    int rc = 0;
    while (rc == 0 && poll(&p, 1, s->idle_ms / 15) == 0)
        if (agent_put(s, F_PONG, NULL, 0, e) < 0 || frames_flush(&s->agent, e) < 0) rc = -1, s->over = true;
    s->agent.alert_fd = s->keeper.rfd;
    return rc < 0 ? -1 : keeper_answer(s, want, a, e);
}

static int pass_on(struct serve *s, uint8_t type, struct rd *r, uint8_t want, struct err *e) {
    struct rd a = {0};
    if (keeper_ask(s, type, r->p, r->left, want, &a, e) < 0) return -1;
    return agent_put(s, want, a.p, a.left, e);
}

int keeper_alive(struct serve *s, struct err *e) {
    struct rd a = {0};
    if (s->clock->mono_ns(s->clock) - s->keeper_ns < ALIVE_NS) return 0;
    return keeper_ask(s, F_PING, NULL, 0, F_PONG, &a, e);
}

/* Before a byte of the agent is read: from here on the keeper knows this connection as that host's, for good. */
int serve_bind(struct serve *s, struct err *e) {
    struct buf b;
    struct rd a = {0};
    buf_init(&b, 256);
    buf_u8(&b, (uint8_t)s->mode);
    buf_str(&b, s->host);
    buf_str(&b, s->system ? s->system : "");
    int rc = buf_ok(&b) ? keeper_ask(s, K_BIND, b.p, b.len, F_OKAY, &a, e) : serve_malformed(s, e);
    buf_free(&b);
    s->agent.alert_fd = s->keeper.rfd, s->agent.alert = keeper_word, s->agent.alert_arg = s;
    return rc;
}

static int on_hello(struct serve *s, struct rd *r, struct err *e) {
    if (pass_on(s, F_HELLO, r, F_WELCOME, e) < 0) return -1;
    s->welcomed = true;
    s->agent.timeout_ms = s->idle_ms;
    return 0;
}

static int list_pass(struct serve *s, struct err *e) {
    for (;;) {
        uint8_t type = 0;
        struct rd a = {0};
        if (frames_get(&s->keeper, &type, &a, e) <= 0) return keeper_lost(s, e);
        if (type == F_ERROR) return frames_take_error(&a, e);
        int rc = agent_put(s, type, a.p, a.left, e);
        if (rc < 0 || type == F_LIST_END) return rc;
    }
}

/* The keeper's answer comes in many words: while it does, none of them is the end of the session. */
static int on_list(struct serve *s, struct rd *r, struct err *e) {
    if (r->left) return serve_malformed(s, e);
    if (keeper_send(s, F_LIST, NULL, 0, e) < 0) return -1;
    s->agent.alert_fd = -1;
    int rc = list_pass(s, e);
    s->agent.alert_fd = s->keeper.rfd;
    return rc;
}

static int on_begin(struct serve *s, struct rd *r, struct err *e) {
    struct rd a = {0};
    if (keeper_ask_long(s, F_BEGIN, r, F_BEGUN, &a, e) < 0) return -1;
    spool_forget(s);
    rd_copy(&a, s->system_id, SEAL_ID);
    rd_copy(&a, s->host_id, SEAL_ID);
    rd_copy(&a, s->generation, SEAL_ID);
    s->next_pack = rd_u32(&a);
    if (!rd_ok(&a)) return err_set(e, ZE_INTERNAL, s->host, _("the keeper's answer is short"));
    s->begun = true;
    return agent_put(s, F_BEGUN, a.p, a.left, e);
}

static int on_used(struct serve *s, struct rd *r, struct err *e) {
    struct rd a = {0};
    return keeper_ask(s, F_USED, r->p, r->left, F_OKAY, &a, e);
}

static int on_commit(struct serve *s, struct rd *r, struct err *e) {
    struct rd a = {0};
    if (keeper_ask_long(s, F_COMMIT, r, F_COMMITTED, &a, e) < 0) return -1;
    return agent_put(s, F_COMMITTED, a.p, a.left, e);
}

static int on_abandon(struct serve *s, struct rd *r, struct err *e) {
    spool_forget(s);
    s->begun = false;
    return pass_on(s, F_ABANDON, r, F_OKAY, e);
}

static int on_call(struct serve *s, struct rd *r, struct err *e) { return pass_on(s, F_CALL, r, F_ANSWER, e); }

static int on_keys(struct serve *s, struct rd *r, struct err *e) { return pass_on(s, F_KEYS, r, F_KEYS_DONE, e); }

static int on_index(struct serve *s, struct rd *r, struct err *e) { return pass_on(s, F_INDEX, r, F_INDEX_DATA, e); }

/* From here on the keeper takes nothing that writes; what was cached was of another host. */
static int on_source(struct serve *s, struct rd *r, struct err *e) {
    char name[sizeof s->source] = "";
    struct rd look = *r;
    rd_str(&look, name, sizeof name);
    if (pass_on(s, F_SOURCE, r, F_OKAY, e) < 0) return -1;
    spool_forget(s);
    cache_drop(s);
    s->begun = false;
    memcpy(s->source, name, sizeof s->source);
    return 0;
}

static int on_enrol(struct serve *s, struct rd *r, struct err *e) {
    if (s->enrolled) return err_set(e, ZE_PROTO, s->host, _("enrolled once already"));
    int rc = pass_on(s, F_ENROL, r, F_ENROLLED, e);
    s->enrolled = rc == 0;
    return rc;
}

static int on_ping(struct serve *s, struct rd *r, struct err *e) {
    return r->left ? serve_malformed(s, e) : agent_put(s, F_PONG, NULL, 0, e);
}

enum { AT_START = 1, AS_HOST = 2, ENROLLING = 4, ANY = 8, BEGUN = 16, GOES_ON = 32 };
static const struct message {
    uint8_t type, flags;
    int (*run)(struct serve *s, struct rd *r, struct err *e);
} messages[] = {
    {F_HELLO, AT_START, on_hello},
    {F_LIST, AS_HOST | GOES_ON, on_list},
    {F_BEGIN, AS_HOST, on_begin},
    {F_PACK_OPEN, AS_HOST | BEGUN, serve_pack_open},
    {F_SEG, AS_HOST | BEGUN, serve_seg},
    {F_PACK_CLOSE, AS_HOST | BEGUN, serve_pack_close},
    {F_USED, AS_HOST | BEGUN, on_used},
    {F_COMMIT, AS_HOST, on_commit},
    {F_ABANDON, AS_HOST, on_abandon},
    {F_INDEX, AS_HOST | GOES_ON, on_index},
    {F_KEYS, AS_HOST, on_keys},
    {F_GET, AS_HOST | GOES_ON, serve_get},
    {F_CALL, AS_HOST | GOES_ON, on_call},
    {F_SOURCE, AS_HOST | GOES_ON, on_source},
    {F_PING, AS_HOST | ENROLLING | ANY, on_ping},
    {F_ENROL, ENROLLING, on_enrol},
};

static const struct message *message_of(const struct serve *s, uint8_t type) {
    unsigned am = !s->welcomed ? AT_START : s->mode == BIND_HOST ? AS_HOST : ENROLLING;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const struct message *m = &messages[i];
        if (m->type == type && (m->flags & am) && (!(m->flags & BEGUN) || s->begun)) return m;
    }
    return NULL;
}

/* The agent may be sending still: it must find the error, not a closed pipe. What it sends is thrown away for a while;
 * the keeper need not wait for that with the lease. */
static int last_words(struct serve *s, const struct err *why, struct err *e) {
    uint8_t type = 0;
    struct rd r;
    struct err ignored = ERR_INIT;
    spool_forget(s);
    shutdown(s->keeper.wfd, SHUT_RDWR);
    s->agent.timeout_ms = DRAIN_MS, s->agent.message_ms = 0, s->agent.alert_fd = -1;
    if (frames_error(&s->agent, why, e) < 0) return -1;
    for (int i = 0; i < DRAIN_FRAMES && frames_get(&s->agent, &type, &r, &ignored) > 0 && type != F_BYE; i++) continue;
    return 0;
}

/* With a pack under way, until the agent or the keeper speaks: the agent may wait for the answer to it, and is not told of it
 * while we wait for its next word. */
static int either(struct serve *s, struct err *e) {
    struct pollfd p[2] = {{.fd = s->agent.rfd, .events = POLLIN}, {.fd = s->keeper.rfd, .events = POLLIN}};
    if (frames_flush(&s->agent, e) < 0) return -1;
    if (s->placed || frames_ready(&s->agent)) return 0; /* the keeper may have spoken while that was written */
    while (poll(p, 2, NEVER) < 0 && errno == EINTR) continue;
    return 0;
}

int serve_loop(struct serve *s, struct err *e) {
    for (;;) {
        uint8_t type = 0;
        struct rd r = {0};
        struct err why = ERR_INIT;
        bool well = !s->placing || either(s, &why) == 0;
        if (well && (s->placed || (s->placing && frames_ready(&s->keeper))) && place_settle(s, &why) < 0)
            return last_words(s, &why, e);
        int rc = well ? frames_get(&s->agent, &type, &r, &why) : -1;
        if (rc == 0 || (rc > 0 && type == F_BYE)) return frames_flush(&s->agent, e);
        if (rc < 0 && why.id == ZE_CUT && !s->over) return 0;
        if (rc < 0) return last_words(s, &why, e);
        const struct message *m = message_of(s, type);
        if (!m) rc = err_set(&why, ZE_PROTO, s->host, _("message %02x is not allowed here"), type);
        else rc = m->run(s, &r, &why);
        if (rc == 0) rc = keeper_alive(s, &why);
        if (rc == 0) continue;
        if (!m || !(m->flags & GOES_ON) || s->over || why.id == ZE_PROTO || why.id == ZE_AUTH)
            return last_words(s, &why, e);
        if (frames_error(&s->agent, &why, e) < 0) return -1;
    }
}

int serve_init(struct serve *s, int rfd, int wfd, int keeper_fd, struct err *e) {
    *s = (struct serve){.mode = BIND_HOST, .host = "", .idle_ms = IDLE_MS, .spare = {-1, -1}, .clock = clock_real()};
    frames_init(&s->agent, rfd, wfd, HELLO_MS, "agent");
    s->agent.message_ms = MESSAGE_MS;
    frames_init(&s->keeper, keeper_fd, keeper_fd, NEVER, "keeper");
    s->segments = malloc(RUN_BYTES);
    return s->segments ? 0 : err_set(e, ZE_NOMEM, "serve", _("no memory"));
}

void serve_free(struct serve *s) {
    spool_forget(s);
    cache_drop(s);
    frames_free(&s->agent);
    frames_free(&s->keeper);
    free(s->segments);
}

int serve_environment(struct err *e) {
    if (clearenv() != 0 || setenv("PATH", "/usr/bin:/bin", 1) != 0 || setenv("LC_ALL", "C.UTF-8", 1) != 0)
        return err_sys(e, "environ", _("environment"));
    umask(027);
    return 0;
}

static void limits_set(struct serve *s, const struct serve_options *o) {
    if (o->message_ms) s->agent.message_ms = o->message_ms;
    if (o->idle_ms) s->idle_ms = o->idle_ms;
    if (s->idle_ms < HELLO_MS) s->agent.timeout_ms = s->idle_ms;
}

static int keeper_connect(const struct serve_options *o, struct err *e) {
    if (o->local) return keep_fork(o->dir, clock_real(), e);
    CLEANUP_FD int dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? err_sys(e, o->dir, _("open")) : door_connect(dir, SERVE_SOCKET, KEEPER_WAIT_MS, e);
}

int serve_main(const struct serve_options *o, struct err *e) {
    struct serve s;
    struct err why = ERR_INIT, ignored = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    CLEANUP_FD int keeper = keeper_connect(o, &why);
    if (serve_init(&s, STDIN_FILENO, STDOUT_FILENO, keeper, e) < 0) return -1;
    s.mode = o->mode, s.host = o->host, s.system = o->system;
    limits_set(&s, o);
    /* What goes wrong here is told to the agent in place of its first answer. */
    int rc = keeper < 0 ? -1 : serve_bind(&s, &why);
    if (confine(rc < 0 ? &ignored : &why) < 0) rc = -1;
    rc = rc < 0 ? last_words(&s, &why, e) : serve_loop(&s, e);
    serve_free(&s);
    return rc;
}
