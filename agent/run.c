/* One visit: a session, one question, the answer. Each visit is a session of its own, also while a job runs, so that nothing
 * here can hold up or break a backup: what the orchestrator does not hear it learns from the vault. Nobody listening is no
 * fault of this host; it calls again, later and later up to five minutes. */
#include "run_internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "backup.h"
#include "backup_told.h"
#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "limiter.h"
#include "restored.h"
#include "session.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { REPORT_S = 15, RESULT_TRIES = 5, ANSWER_MAX = 1 << 20, SLEEP_MAX_S = 3600, UNTIL_MAX_S = 7 * 86400, TOGETHER_MAX_S = 10 };

unsigned run_backoff(unsigned failures) {
    unsigned s = 5;
    while (failures-- > 1 && s < 300) s *= 2;
    return s < 300 ? s : 300;
}

static bool text_list(const struct js *list, const char **out, size_t max, size_t *n) {
    *n = js_count(list);
    if (*n > max) return false;
    for (size_t i = 0; i < *n; i++)
        if (!(out[i] = js_text(js_at(list, i))) || !*out[i]) return false;
    return true;
}

/* How the paths are walked. One that this version does not know is not passed over: the run would be another one. */
static bool options_take(const struct js *options, struct run_job *out) {
    for (size_t i = 0; i < js_count(options); i++) {
        const struct js *v;
        const char *key = js_member(options, i, &v);
        bool on = js_bool(options, key, false);
        int64_t seconds = js_int(options, key, 0);
        if (!strcmp(key, "cross")) out->cross = on;
        else if (!strcmp(key, "exclude_caches")) out->caches = on;
        else if (!strcmp(key, "reread")) out->reread = on;
        else if (!strcmp(key, "patience_s") && seconds > 0 && seconds <= RUN_PATIENCE_MAX_S)
            out->patience_s = (unsigned)seconds;
        else return false;
    }
    return true;
}

bool run_job_parse(const struct js *j, struct run_job *out) {
    const char *kind = js_str(j, "kind", "");
    *out = (struct run_job){.id = js_str(j, "job", ""),
        .ticket = js_str(j, "ticket", NULL),
        .plan = js_str(j, "plan", NULL),
        .system_point = js_str(j, "system_point", NULL)};
    out->full = !strcmp(kind, "full");
    /* Both become arguments of the guard: a word that looks like an option is none of ours. */
    if (!text_name_ok(out->id) || (out->plan && !text_name_ok(out->plan))) return false;
    if (js_has(j, "system_point") && (!out->system_point || !text_name_ok(out->system_point))) return false;
    if (!out->full && strcmp(kind, "incremental") != 0) return false;
    if (!hook_asks_take(js_get(j, "pre"), &out->pre) || !hook_asks_take(js_get(j, "post"), &out->post) ||
        !hook_asks_take(js_get(j, "dumps"), &out->dumps))
        return false;
    if (!text_list(js_get(j, "paths"), out->paths, RUN_PATHS_MAX, &out->paths_n)) return false;
    if (!out->paths_n && !out->dumps.n) return false;
    if (!text_list(js_get(j, "excludes"), out->excludes, RUN_PATHS_MAX, &out->excludes_n)) return false;
    for (size_t i = 0; i < out->paths_n; i++)
        if (*out->paths[i] != '/') return false;
    if (js_has(j, "options") && (!js_is_object(js_get(j, "options")) || !options_take(js_get(j, "options"), out)))
        return false;
    const struct js *excludes = js_get(j, "excludes");
    out->until_s = js_int(j, "until_s", 0);
    if (out->until_s < 0 || out->until_s > UNTIL_MAX_S) return false;
    if (js_has(j, "limits") && !(js_get(j, "limits") && limits_take(js_get(j, "limits"), &out->limits))) return false;
    return !excludes || text_list(excludes, out->excludes, RUN_PATHS_MAX, &out->excludes_n);
}

/* One visit: the parsed answer, or NULL with ${e} (ZE_UNREACHABLE when nobody listens behind the vault). */
struct js *run_visit(struct runner *r, struct js *request, struct err *e) {
    CLEANUP_FREE char *text = js_dump(request);
    struct session s;
    struct buf answer;
    struct js *j = NULL;
    if (session_open(r->c, &s, e) < 0) return NULL;
    buf_init(&answer, ANSWER_MAX);
    int rc = session_call(&s, text, strlen(text), &answer, e);
    if (rc > 0) err_set(e, ZE_UNREACHABLE, r->c->vault, _("nobody listens at the orchestrator's socket of this vault"));
    if (rc == 0) j = js_parse(answer.p, answer.len, _("answer of the orchestrator"), e);
    buf_free(&answer);
    session_close(&s);
    return j;
}

static bool asked_to_stop(void *arg) {
    struct runner *r = arg;
    int64_t now = r->clock->mono_ns(r->clock);
    r->window_over = r->until_ns && now >= r->until_ns;
    if (command_cancelled(NULL) || r->job_cancelled || r->window_over) return true;
    if (now - r->reported_ns < (int64_t)REPORT_S * 1000000000) return false;
    r->reported_ns = now;
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "op", "progress");
    js_set_str(q, "job", r->job);
    js_set_str(q, "phase", r->progress.phase);
    js_set_int(q, "files", (int64_t)r->progress.files);
    js_set_int(q, "bytes", (int64_t)r->progress.bytes);
    struct err ignored = ERR_INIT;
    CLEANUP_JS struct js *a = run_visit(r, q, &ignored);
    r->job_cancelled = js_bool(a, "cancel", false);
    return r->job_cancelled;
}

/* Of a system point: whether the others have come as far. Nobody there to ask is no answer: it is asked again. */
static int together(void *arg, bool frozen, struct err *e) {
    struct runner *r = arg;
    struct err silent = ERR_INIT;
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "op", frozen ? "frozen" : "freeze");
    js_set_str(q, "job", r->job);
    CLEANUP_JS struct js *a = run_visit(r, q, &silent);
    const struct js *x = js_get(a, "error");
    int64_t id = js_int(x, "id", 0);
    if (x)
        return err_set(e, err_known(id > 0 && id < 10000 ? (unsigned)id : 0), js_str(x, "object", ""), "%s",
            js_str(x, "message", ""));
    int64_t next = js_int(a, "next_s", 1);
    if (js_bool(a, "go", false)) return 1;
    if (!frozen && next > 1) run_nap(r, next < TOGETHER_MAX_S ? (unsigned)next - 1 : TOGETHER_MAX_S);
    return 0;
}

struct js *run_error(const struct err *e) {
    struct js *j = js_object();
    js_set_int(j, "id", e->id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", *e->msg ? e->msg : err_text(e->id));
    return j;
}

static struct js *result_of(const char *job, int rc, const struct backup_result *b, const struct err *why) {
    struct js *q = js_object();
    js_set_str(q, "op", "result");
    js_set_str(q, "job", job);
    js_set_str(q, "state", rc < 0 ? "failed" : b->state == STATE_PARTIAL ? "partial" : "ok");
    if (rc < 0) js_set(q, "error", run_error(why));
    else if (b->hook.id) js_set(q, "error", run_error(&b->hook));
    if (rc == 0) js_set_int(q, "point", b->point);
    js_set_int(q, "files", (int64_t)b->files);
    js_set_int(q, "bytes_read", (int64_t)b->bytes_read);
    js_set_int(q, "bytes_sent", (int64_t)b->bytes_sent);
    js_set_int(q, "bytes_stored", (int64_t)b->bytes_stored);
    js_set_int(q, "not_read", (int64_t)b->unread);
    js_set_int(q, "kept", (int64_t)b->kept);
    js_set(q, "left_out", told_json(b));
    js_set_time(q, "started", b->started);
    js_set_time(q, "walk_start", b->walked);
    js_set_time(q, "ended", b->ended);
    return q;
}

void run_nap(struct runner *r, unsigned seconds) {
    int64_t until = r->clock->mono_ns(r->clock) + (int64_t)seconds * 1000000000;
    for (;;) {
        int64_t left = until - r->clock->mono_ns(r->clock);
        if (left <= 0 || command_cancelled(NULL)) return;
        poll(NULL, 0, left > 1000000000 ? 1000 : (int)(left / 1000000) + 1);
    }
}

/* The result is told until it is heard, a few times: after that the orchestrator asks the vault. */
void run_tell(struct runner *r, struct js *q) {
    for (unsigned i = 1; i <= RESULT_TRIES; i++) {
        struct err why = ERR_INIT;
        CLEANUP_JS struct js *a = run_visit(r, q, &why);
        if (a || command_cancelled(NULL)) return;
        err_print("zaibei-agent", &why);
        run_nap(r, run_backoff(i));
    }
}

static int job_do(struct runner *r, const struct js *j) {
    struct run_job job;
    struct backup_result done = {0};
    struct err why = ERR_INIT;
    int rc = -1;
    done.started = r->clock->now_ns(r->clock);
    if (run_job_parse(j, &job)) {
        progress_init(&r->progress, r->clock, command_json());
        r->job = job.id, r->job_cancelled = false, r->reported_ns = r->clock->mono_ns(r->clock);
        r->until_ns = job.until_s ? r->reported_ns + job.until_s * 1000000000 : 0, r->window_over = false;
        struct limiter limiter = {
            .limits = job.limits, .clock = r->clock, .cancelled = asked_to_stop, .cancelled_arg = r};
        struct backup_request q = {.paths = (char *const *)(uintptr_t)job.paths,
            .paths_n = job.paths_n,
            .full = job.full,
            .excludes = job.excludes,
            .excludes_n = job.excludes_n,
            .pre = job.pre,
            .post = job.post,
            .dumps = job.dumps,
            .job = job.id,
            .plan = job.plan,
            .ticket = job.ticket,
            .clock = r->clock,
            .cross = job.cross,
            .caches = job.caches,
            .reread = job.reread,
            .patience_s = job.patience_s,
            .together = job.system_point ? together : NULL,
            .together_arg = r,
            .progress = &r->progress,
            .cancelled = limiter_step,
            .cancelled_arg = &limiter};
        r->c->limiter = &limiter;
        rc = limiter_begin(&limiter, &r->c->limits, &why);
        if (rc == 0) rc = backup_run(r->c, &q, &done, &why);
        limiter_end(&limiter);
        r->c->limiter = NULL;
        if (rc < 0 && r->window_over && why.id == ZE_CANCELLED)
            err_set(&why, ZE_WINDOW, job.id, _("what was sent by then is kept"));
        progress_end(&r->progress);
    } else {
        err_set(&why, ZE_PROTO, js_str(j, "job", ""), _("a job this version does not understand"));
    }
    if (!done.ended) done.ended = r->clock->now_ns(r->clock);
    CLEANUP_JS struct js *q = result_of(js_str(j, "job", ""), rc, &done, &why);
    if (rc < 0)
        err_print("zaibei-agent", &why);
    else
        fprintf(stderr, _("job %s: restore point %u, %llu bytes read, %llu sent\n"), job.id, done.point,
            (unsigned long long)done.bytes_read, (unsigned long long)done.bytes_sent);
    run_tell(r, q);
    return rc < 0 ? err_exit(&why) : done.state == STATE_PARTIAL ? ZB_EXIT_PARTIAL : ZB_EXIT_OK;
}

static int tell_restored(void *arg, struct js *note) {
    struct err silent = ERR_INIT;
    js_set_str(note, "op", "restored");
    CLEANUP_JS struct js *a = run_visit(arg, note, &silent);
    return a && !js_has(a, "error") ? 0 : -1;
}

/* Call in and do what is due. ${next_s}: when to come back. The exit code of the worst job, or <0. */
static int call_in(struct runner *r, unsigned *next_s, size_t *jobs, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "op", "call-in");
    js_set_str(q, "version", ZB_VERSION);
    js_set_bool(q, "busy", false);
    CLEANUP_JS struct js *a = run_visit(r, q, e);
    if (!a) return -1;
    int64_t next = js_int(a, "next_s", 60);
    *next_s = next < 1 ? 1 : next > SLEEP_MAX_S ? SLEEP_MAX_S : (unsigned)next;
    const struct js *list = js_get(a, "jobs");
    *jobs = js_count(list);
    int worst = ZB_EXIT_OK;
    for (size_t i = 0; i < *jobs && !command_cancelled(NULL); i++) {
        int rc = job_do(r, js_at(list, i));
        if (rc > worst) worst = rc;
    }
    restored_tell(r->c, tell_restored, r);
    int rc = run_restores(r, js_get(a, "restores"), next_s);
    return rc > worst ? rc : worst;
}

static int loop(struct runner *r) {
    unsigned failures = 0;
    while (!command_cancelled(NULL)) {
        struct err why = ERR_INIT;
        unsigned next_s = 60;
        size_t jobs = 0;
        int rc = call_in(r, &next_s, &jobs, &why);
        failures = rc < 0 ? failures + 1 : 0;
        if (rc < 0 && !command_cancelled(NULL)) err_print("zaibei-agent", &why);
        run_nap(r, rc < 0 ? run_backoff(failures) : jobs ? 1 : next_s);
    }
    return ZB_EXIT_OK;
}

int cmd_run(int argc, char **argv, struct err *e) {
    bool once = false;
    const struct command_option options[] = {{"--once", OPT_FLAG, &once}, {0}};
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n > 0) return err_set(e, ZE_USAGE, argv[1], _("no argument is expected"));
    struct config c;
    if (config_load(command_config(), &c, e) < 0) return -1;
    struct runner r = {.c = &c, .clock = clock_real()};
    unsigned next_s;
    size_t jobs;
    int rc = once ? call_in(&r, &next_s, &jobs, e) : loop(&r);
    run_restores_forget(&r);
    config_free(&c);
    return rc;
}
