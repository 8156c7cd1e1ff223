/* The guard reads the list by itself when it starts, and gets names only. It does not listen to signals: when a terminal or
 * the system ends the agent, the agent asks for the post commands, or is dead, and then nobody has to ask.
 *
 * If the machine dies here, nothing runs the post commands: what they undo must not outlive a boot, as a frozen file system
 * or a lock of a session does not.
 *
 * What may be held for a limited time is thawed when that is over, whatever the agent does then: it may hang, wait for others,
 * or be stopped. The agent counts the same time and knows by itself that its run has come to nothing. */
#include "hook_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "hook_run.h"
#include "sys/file.h"
#include "watch_internal.h"

enum { WORD_MAX = 128 };

struct guarded {
    struct hooks hooks;
    struct command_list post;
    bool ran[COMMAND_LIST_MAX];
    char host[WORD_MAX], job[WORD_MAX], plan[WORD_MAX], result[WORD_MAX];
    struct hook_end end;
    uint64_t hold_s;
    int64_t until_ns; /* monotonic: the end of what is held; 0: nothing is */
};

static void deaf(void) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_IGN);
    fcntl(GUARD_SOCKET, F_SETFD, FD_CLOEXEC);
    fcntl(GUARD_LOCK, F_SETFD, FD_CLOEXEC);
}

/* A word of the platform that is no name is not handed on. */
static void word(char out[WORD_MAX], const char *name, const char *value) {
    snprintf(out, WORD_MAX, "%s=%s", name, value && text_name_ok(value) ? value : "");
}

static unsigned run_one(struct guarded *g, enum hook_phase phase, const struct hook *h, unsigned timeout_s, int out, int stop,
    const char *result) {
    snprintf(g->result, sizeof g->result, "ZAIBEI_RESULT=%s", result);
    char *const env[] = {g->host, g->job, g->plan, phase == HOOK_POST ? g->result : NULL, NULL};
    int64_t now = clock_real()->mono_ns(clock_real());
    if (phase == HOOK_PRE && g->hold_s && !g->until_ns) g->until_ns = now + (int64_t)g->hold_s * 1000000000;
    if (!timeout_s || timeout_s > h->timeout_s) timeout_s = h->timeout_s;
    if (phase != HOOK_POST && g->until_ns &&
        now + (int64_t)timeout_s * 1000000000 > g->until_ns) /* nothing outlasts it */
        timeout_s = g->until_ns > now ? (unsigned)((g->until_ns - now) / 1000000000) + 1 : 1;
    struct hook_job job = {
        .hook = h, .phase = phase, .env = env, .out = out, .stop = stop, .clock = clock_real(), .timeout_s = timeout_s};
    hook_run(&job, &g->end);
    return job.timeout_s;
}

/* One question; false when the agent is gone. */
static bool answer(struct guarded *g, const struct guard_question *q, int fd) {
    enum hook_phase phase = q->op == HOOK_DUMP ? HOOK_DUMP : q->op == HOOK_POST ? HOOK_POST : HOOK_PRE;
    const struct hook *h = memchr(q->name, 0, sizeof q->name) ? hooks_find(&g->hooks, phase, q->name) : NULL;
    struct guard_answer a = {.how = HOOK_UNBEGUN, .status = EINVAL};
    bool fits = h && memchr(q->result, 0, sizeof q->result) && (phase == HOOK_DUMP) == (fd >= 0);
    g->end.said_n = 0;
    for (size_t i = 0; phase == HOOK_POST && i < g->post.n; i++)
        if (!strcmp(g->post.item[i], q->name)) g->ran[i] = true;
    if (fits) {
        /* A post command is not stopped, also not by the end of the agent. */
        int stop = phase == HOOK_POST ? -1 : GUARD_SOCKET;
        a.timeout_s = run_one(g, phase, h, q->timeout_s, fd, stop, q->result);
        a.how = (uint8_t)g->end.how, a.status = g->end.status, a.out = g->end.out, a.least = h->least;
        a.said_n = (uint32_t)g->end.said_n;
    }
    return watch_send(GUARD_SOCKET, &a, sizeof a, -1) == 0 && file_write_all(GUARD_SOCKET, g->end.said, g->end.said_n) == 0;
}

/* Wait for a question, or the agent's end; true when the time is over first. */
static bool held_too_long(const struct guarded *g) {
    while (g->until_ns) {
        int64_t left = g->until_ns - clock_real()->mono_ns(clock_real());
        struct pollfd p = {.fd = GUARD_SOCKET, .events = POLLIN};
        if (left <= 0) return true;
        if (poll(&p, 1, left > 60000000000 ? 60000 : (int)(left / 1000000) + 1) > 0) return false;
    }
    return false;
}

/* The agent is dead, or says that it will ask for nothing more, or what it holds is to be held no longer: what is due is run. */
static void end_well(struct guarded *g, bool done, bool late) {
    for (size_t i = 0; i < g->post.n; i++) {
        const struct hook *h = g->ran[i] ? NULL : hooks_find(&g->hooks, HOOK_POST, g->post.item[i]);
        if (!h) continue;
        run_one(g, HOOK_POST, h, 0, -1, -1, done ? "failed" : late ? "late" : "killed");
        if (late)
            fprintf(stderr, _("zaibei-agent: thawed after %llu seconds, by %s: the run took longer\n"),
                (unsigned long long)g->hold_s, h->name);
        else
            fprintf(
                stderr, _("zaibei-agent: the run has ended without its post command %s: it was run now\n"), h->name);
        if (g->end.how != HOOK_EXITED || g->end.status)
            fprintf(stderr, _("zaibei-agent: the post command %s failed\n"), h->name);
    }
}

int cmd_hook(int argc, char **argv, struct err *e) {
    struct guarded *g = calloc(1, sizeof *g);
    const char *host = NULL, *job = NULL, *plan = NULL;
    struct guard_question q = {0};
    int fd = -1;
    if (!g) return err_set(e, ZE_NOMEM, NULL, "hook");
    struct command_option options[] = {{"--post", OPT_LIST, &g->post}, {"--host", OPT_TEXT, &host},
        {"--job", OPT_TEXT, &job}, {"--plan", OPT_TEXT, &plan}, {"--hold", OPT_NUMBER, &g->hold_s}, {0}};
    bool late = false;
    deaf();
    int rc = command_parse(argc, argv, options, e);
    if (rc > 0 || !command_config()) rc = err_set(e, ZE_USAGE, argv[0], _("not for people"));
    if (rc == 0) rc = hooks_load(command_config(), &g->hooks, e);
    word(g->host, "ZAIBEI_HOST", host), word(g->job, "ZAIBEI_JOB", job), word(g->plan, "ZAIBEI_PLAN", plan);
    if (rc == 0 && g->hold_s > HOOK_TIMEOUT_MAX_S) rc = err_set(e, ZE_USAGE, argv[0], _("not for people"));
    while (rc == 0 && !(late = held_too_long(g)) && watch_receive(GUARD_SOCKET, &q, sizeof q, &fd) == 0 &&
        q.op != GUARD_DONE) {
        bool heard = q.op == GUARD_STOP || answer(g, &q, fd); /* a stop that comes after the end of what it was for */
        if (fd >= 0) close(fd);
        if (!heard) break;
    }
    if (rc == 0) end_well(g, !late && q.op == GUARD_DONE, late);
    hooks_free(&g->hooks);
    free(g);
    return rc;
}
