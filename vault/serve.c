/* The session loop: a table of messages, what must have happened before each, and whether the session goes on after
 * an error in it. Nothing is durable here: the keeper acknowledges, serve passes the word on, so it may be killed at
 * any instruction. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "confine.h"
#include "door.h"
#include "keep.h"
#include "sys/file.h"

enum { KEEPER_WAIT_MS = 5000, DRAIN_MS = 2000, DRAIN_FRAMES = 256, NEVER = -1 };

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

/* The answer to the K_PLACE that is under way, if one is: the keeper checks and syncs a pack while the next one comes
 * in. */
static int place_settle(struct serve *s, struct err *e) {
    struct rd r = {0};
    if (!s->placing) return 0;
    s->placing = false;
    if (keeper_answer(s, F_PACK_DONE, &r, e) == 0) return frames_put(&s->agent, F_PACK_DONE, r.p, r.left, NULL, 0, e);
    s->over = true;
    return -1;
}

int keeper_send(struct serve *s, uint8_t type, const void *payload, size_t n, struct err *e) {
    if (place_settle(s, e) < 0) return -1;
    struct err why = ERR_INIT;
    return frames_put(&s->keeper, type, payload, n, NULL, 0, &why) < 0 || frames_flush(&s->keeper, &why) < 0
        ? keeper_lost(s, e)
        : 0;
}

int keeper_ask(
    struct serve *s, uint8_t type, const void *payload, size_t n, uint8_t want, struct rd *r, struct err *e) {
    return keeper_send(s, type, payload, n, e) < 0 ? -1 : keeper_answer(s, want, r, e);
}

static int pass_on(struct serve *s, uint8_t type, struct rd *r, uint8_t want, struct err *e) {
    struct rd a = {0};
    if (keeper_ask(s, type, r->p, r->left, want, &a, e) < 0) return -1;
    return frames_put(&s->agent, want, a.p, a.left, NULL, 0, e);
}

/* From the keeper's welcome on this process can touch nothing but its host's spool, whatever the agent sends next.
 * The first message went to the keeper unread. A token's session writes nothing at all: it has no spool. */
static int confine(struct serve *s, struct err *e) {
    char spool[128];
    snprintf(spool, sizeof spool, "spool/%s", s->host);
    if (s->mode == BIND_HOST) s->spool_fd = openat(s->vault_fd, spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (s->mode == BIND_HOST && s->spool_fd < 0) return err_sys(e, spool, _("open"));
    return s->confined ? 0 : confine_to(s->spool_fd, e);
}

static int on_hello(struct serve *s, struct rd *r, struct err *e) {
    struct buf b;
    struct rd a = {0};
    buf_init(&b, 4096);
    buf_u8(&b, (uint8_t)s->mode);
    buf_str(&b, s->host);
    buf_str(&b, s->system ? s->system : "");
    buf_put(&b, r->p, r->left);
    int rc = buf_ok(&b) ? keeper_ask(s, K_BIND, b.p, b.len, F_WELCOME, &a, e) : serve_malformed(s, e);
    buf_free(&b);
    if (rc < 0) return rc;
    if (confine(s, e) < 0) return -1;
    s->welcomed = true;
    return frames_put(&s->agent, F_WELCOME, a.p, a.left, NULL, 0, e);
}

static int on_list(struct serve *s, struct rd *r, struct err *e) {
    int rc = r->left ? serve_malformed(s, e) : keeper_send(s, F_LIST, NULL, 0, e);
    while (rc == 0) {
        uint8_t type = 0;
        struct rd a = {0};
        if (frames_get(&s->keeper, &type, &a, e) <= 0) return keeper_lost(s, e);
        if (type == F_ERROR) return frames_take_error(&a, e);
        rc = frames_put(&s->agent, type, a.p, a.left, NULL, 0, e);
        if (type == F_LIST_END) return rc;
    }
    return rc;
}

static int on_begin(struct serve *s, struct rd *r, struct err *e) {
    struct rd a = {0};
    if (keeper_ask(s, F_BEGIN, r->p, r->left, F_BEGUN, &a, e) < 0) return -1;
    spool_drop(s);
    rd_copy(&a, s->system_id, SEAL_ID);
    rd_copy(&a, s->host_id, SEAL_ID);
    rd_copy(&a, s->generation, SEAL_ID);
    s->next_pack = rd_u32(&a);
    if (!rd_ok(&a)) return err_set(e, ZE_INTERNAL, s->host, _("the keeper's answer is short"));
    s->begun = true;
    return frames_put(&s->agent, F_BEGUN, a.p, a.left, NULL, 0, e);
}

static int on_used(struct serve *s, struct rd *r, struct err *e) {
    struct rd a = {0};
    return keeper_ask(s, F_USED, r->p, r->left, F_OKAY, &a, e);
}

static int on_commit(struct serve *s, struct rd *r, struct err *e) { return pass_on(s, F_COMMIT, r, F_COMMITTED, e); }

static int on_abandon(struct serve *s, struct rd *r, struct err *e) {
    spool_drop(s);
    return pass_on(s, F_ABANDON, r, F_OKAY, e);
}

static int on_keys(struct serve *s, struct rd *r, struct err *e) { return pass_on(s, F_KEYS, r, F_KEYS_DONE, e); }

static int on_index(struct serve *s, struct rd *r, struct err *e) { return pass_on(s, F_INDEX, r, F_INDEX_DATA, e); }

static int on_enrol(struct serve *s, struct rd *r, struct err *e) {
    if (s->enrolled) return err_set(e, ZE_PROTO, s->host, _("enrolled once already"));
    int rc = pass_on(s, F_ENROL, r, F_ENROLLED, e);
    s->enrolled = rc == 0;
    return rc;
}

static int on_ping(struct serve *s, struct rd *r, struct err *e) {
    return r->left ? serve_malformed(s, e) : frames_put(&s->agent, F_PONG, NULL, 0, NULL, 0, e);
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
    {F_CALL, AS_HOST | GOES_ON, serve_call},
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

/* The agent may be sending still: it must find the error, not a closed pipe. What it sends is thrown away for a
 * while. */
static int last_words(struct serve *s, const struct err *why, struct err *e) {
    uint8_t type = 0;
    struct rd r;
    struct err ignored = ERR_INIT;
    spool_drop(s);
    s->agent.timeout_ms = DRAIN_MS;
    if (frames_error(&s->agent, why, e) < 0) return -1;
    for (int i = 0; i < DRAIN_FRAMES && frames_get(&s->agent, &type, &r, &ignored) > 0 && type != F_BYE; i++) continue;
    return 0;
}

int serve_loop(struct serve *s, struct err *e) {
    for (;;) {
        uint8_t type = 0;
        struct rd r = {0};
        struct err why = ERR_INIT;
        /* With a pack under way: its answer as soon as it is there, or when the agent has nothing more to say. */
        if (s->placing && (frames_ready(&s->keeper) || !frames_ready(&s->agent)) && place_settle(s, &why) < 0)
            return last_words(s, &why, e);
        int rc = frames_get(&s->agent, &type, &r, &why);
        if (rc == 0 || (rc > 0 && type == F_BYE)) return frames_flush(&s->agent, e);
        if (rc < 0 && why.id == ZE_CUT) return 0;
        if (rc < 0) return last_words(s, &why, e);
        const struct message *m = message_of(s, type);
        if (!m) rc = err_set(&why, ZE_PROTO, s->host, _("message %02x is not allowed here"), type);
        else rc = m->run(s, &r, &why);
        if (rc == 0) continue;
        if (!m || !(m->flags & GOES_ON) || s->over || why.id == ZE_PROTO || why.id == ZE_AUTH)
            return last_words(s, &why, e);
        if (frames_error(&s->agent, &why, e) < 0) return -1;
    }
}

int serve_init(struct serve *s, int rfd, int wfd, int keeper_fd, struct err *e) {
    *s = (struct serve){.vault_fd = -1, .spool_fd = -1, .mode = BIND_HOST, .host = ""};
    frames_init(&s->agent, rfd, wfd, NEVER, "agent");
    frames_init(&s->keeper, keeper_fd, keeper_fd, NEVER, "keeper");
    s->segment = malloc(ZB_SEALED_MAX);
    return s->segment ? 0 : err_set(e, ZE_NOMEM, "serve", _("no memory"));
}

void serve_free(struct serve *s) {
    spool_drop(s);
    cache_drop(s);
    frames_free(&s->agent);
    frames_free(&s->keeper);
    free(s->segment);
    if (s->spool_fd >= 0) close(s->spool_fd);
    if (s->vault_fd >= 0) close(s->vault_fd);
}

/* What sshd and the host's own settings put there is not for us; a local session is its user's own affair. */
static int environment_clear(struct err *e) {
    if (clearenv() != 0 || setenv("PATH", "/usr/bin:/bin", 1) != 0 || setenv("LC_ALL", "C.UTF-8", 1) != 0)
        return err_sys(e, "environ", _("environment"));
    umask(027);
    return 0;
}

int serve_main(const struct serve_options *o, struct err *e) {
    struct serve s;
    struct err why = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    if (!o->local && environment_clear(e) < 0) return -1;
    prctl(PR_SET_DUMPABLE, 0);
    CLEANUP_FD int dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FD int keeper = -1;
    if (dir < 0) err_sys(&why, o->dir, _("open"));
    else
        keeper =
            o->local ? keep_fork(o->dir, clock_real(), &why) : door_connect(dir, SERVE_SOCKET, KEEPER_WAIT_MS, &why);
    if (serve_init(&s, STDIN_FILENO, STDOUT_FILENO, keeper, e) < 0) return -1;
    s.mode = o->mode, s.host = o->host, s.system = o->system;
    if (dir >= 0) s.vault_fd = dup(dir);
    int rc = keeper < 0 ? last_words(&s, &why, e) : serve_loop(&s, e);
    serve_free(&s);
    return rc;
}
