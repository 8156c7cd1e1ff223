/* The agent's side of the guard: one question, and patience until its answer. What a command says is foreign text: it is told
 * line by line, escaped. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "hook_guard.h"
#include "hook_run.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "transport.h"
#include "watch_internal.h"

enum { LOOK_MS = 250, LINE_MAX_BYTES = 1024 };

struct guard {
    struct guard_setup s;
    struct proc child;
    int sock;
    int64_t until_ns; /* monotonic: what is held is thawed; 0: nothing is held */
};

static int lock_open(const struct config *c, struct err *e) {
    int fd = openat(c->statefd, "hooks.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_sys(e, c->state, "hooks.lock");
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    return err_set(e, ZE_BUSY, c->state, _("the commands after an earlier run are not done"));
}

static int start(struct guard *g, int lock, struct err *e) {
    const char *argv[18 + 2 * HOOK_ASKS_MAX];
    char self[4096], hold[16];
    int pair[2], n = 0;
    program_self(self, sizeof self);
    argv[n++] = self, argv[n++] = "--config", argv[n++] = g->s.cfg->file, argv[n++] = "hook";
    argv[n++] = "--host", argv[n++] = g->s.cfg->host;
    if (g->s.job) argv[n++] = "--job", argv[n++] = g->s.job;
    if (g->s.plan) argv[n++] = "--plan", argv[n++] = g->s.plan;
    snprintf(hold, sizeof hold, "%u", g->s.hold_s);
    if (g->s.hold_s) argv[n++] = "--hold", argv[n++] = hold;
    for (size_t i = 0; i < g->s.post->n; i++) argv[n++] = "--post", argv[n++] = g->s.post->ask[i].name;
    argv[n] = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return err_sys(e, NULL, "socketpair");
    int rc = proc_spawn_apart(&g->child, argv, (int[]){-1, 2, 2, pair[1], lock}, GUARD_LOCK + 1, -1, e);
    close(pair[1]);
    if (rc < 0) close(pair[0]);
    else g->sock = pair[0];
    return rc;
}

struct guard *guard_start(const struct guard_setup *s, struct err *e) {
    CLEANUP_FD int lock = lock_open(s->cfg, e);
    struct guard *g = lock < 0 ? NULL : calloc(1, sizeof *g);
    if (!g) return lock < 0 ? NULL : (err_set(e, ZE_NOMEM, NULL, "hooks"), NULL);
    *g = (struct guard){.s = *s, .child = PROC_NONE, .sock = -1};
    if (start(g, lock, e) == 0) return g;
    free(g);
    return NULL;
}

void guard_end(struct guard *g) {
    const struct guard_question done = {.op = GUARD_DONE};
    if (!g) return;
    (void)!watch_send(g->sock, &done, sizeof done, -1);
    close(g->sock);
    proc_wait(&g->child, -1, NULL); /* it may run post commands, each no longer than its time */
    free(g);
}

bool guard_late(const struct guard *g) { return g && g->until_ns && g->s.clock->mono_ns(g->s.clock) >= g->until_ns; }

/* ---- one question ---- */

/* Until there is an answer. Whoever wants to end the run has the command ended, and waits for that. */
static void await(struct guard *g, bool stoppable, bool *stopped) {
    const struct guard_question stop = {.op = GUARD_STOP};
    for (*stopped = false;;) {
        struct pollfd p = {.fd = g->sock, .events = POLLIN};
        if (poll(&p, 1, LOOK_MS) > 0) return;
        bool ask = g->s.cancelled && g->s.cancelled(g->s.cancelled_arg) && stoppable && !*stopped;
        if (ask && watch_send(g->sock, &stop, sizeof stop, -1) == 0) *stopped = true;
    }
}

static void tell(enum hook_phase phase, const char *name, const char *said, size_t n) {
    char line[LINE_MAX_BYTES];
    for (const char *end = said + n, *nl; said < end; said = nl + 1) {
        nl = memchr(said, '\n', (size_t)(end - said));
        if (!nl) nl = end;
        text_escape(line, sizeof line, said, (size_t)(nl - said));
        fprintf(stderr, "%s %s: %s\n", hook_phase_word(phase), name, line);
    }
}

/* The last line that is not empty, for the message. */
static const char *last_line(const char *said, size_t n, char *out, size_t cap) {
    while (n && (said[n - 1] == '\n' || said[n - 1] == ' ')) n--;
    const char *nl = n ? memrchr(said, '\n', n) : NULL;
    const char *from = nl ? nl + 1 : said;
    text_escape(out, cap, from, (size_t)(said + n - from));
    return out;
}

static int judge(enum hook_phase phase, const struct hook_ask *ask, const struct guard_answer *a, const char *said,
    struct err *e) {
    enum err_id id = phase == HOOK_DUMP ? ZE_DUMP : ZE_HOOK;
    uint64_t least = a->least > ask->least ? a->least : ask->least;
    char line[200];
    last_line(said, a->said_n, line, sizeof line);
    switch ((enum hook_how)a->how) {
    case HOOK_EXITED:
        if (a->status) return err_set(e, id, ask->name, *line ? _("exit status %d: %s") : _("exit status %d"), a->status, line);
        if (phase == HOOK_DUMP && a->out < least)
            return err_set(e, id, ask->name, _("its output has %llu bytes, and at least %llu are expected"),
                (unsigned long long)a->out, (unsigned long long)least);
        return 0;
    case HOOK_SIGNALLED: return err_set(e, id, ask->name, _("ended by signal %d"), a->status);
    case HOOK_LATE: return err_set(e, id, ask->name, _("not done within %u seconds: it was ended"), a->timeout_s);
    case HOOK_STOPPED: return err_set(e, ZE_CANCELLED, ask->name, _("while its command ran"));
    case HOOK_UNSTORED: return err_set(e, id, ask->name, _("its output could not be written: %s"), strerror(a->status));
    case HOOK_UNBEGUN: break;
    }
    if (a->status) return err_set(e, id, ask->name, _("cannot be started: %s"), strerror(a->status));
    return err_set(e, id, ask->name, _("its user does not exist, or this process may not become it"));
}

int guard_ask(struct guard *g, enum hook_phase phase, const struct hook_ask *ask, int out, const char *result, struct err *e) {
    struct guard_question q = {.op = (uint8_t)phase, .timeout_s = ask->timeout_s};
    struct guard_answer a;
    CLEANUP_FREE char *said = malloc(HOOK_SAID_MAX);
    int none;
    bool stopped;
    snprintf(q.name, sizeof q.name, "%s", ask->name);
    snprintf(q.result, sizeof q.result, "%s", result);
    if (!said) return err_set(e, ZE_NOMEM, NULL, "hooks");
    if (phase == HOOK_PRE && g->s.hold_s && !g->until_ns)
        g->until_ns = g->s.clock->mono_ns(g->s.clock) + (int64_t)g->s.hold_s * 1000000000;
    bool sent = watch_send(g->sock, &q, sizeof q, out) == 0;
    if (sent) await(g, phase != HOOK_POST, &stopped);
    if (!sent || watch_receive(g->sock, &a, sizeof a, &none) < 0 || a.said_n > HOOK_SAID_MAX ||
        file_read_full(g->sock, said, a.said_n) != (ssize_t)a.said_n)
        return err_set(e, ZE_CHILD, ask->name, _("the process that runs the commands has ended"));
    tell(phase, ask->name, said, a.said_n);
    return judge(phase, ask, &a, said, e);
}
