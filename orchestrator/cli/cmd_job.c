/* zaibei job. Watching asks once a second; zaibeid may be restarted meanwhile. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "wrap/http.h"
#include "wrap/table.h"

enum { POLL_MS = 500, PATIENCE = 120 /* polls without zaibeid */ };

static void print_list(const struct cli *c, const struct js *jobs) {
    struct table *t = table_new(_(">JOB|HOST|PLAN|KIND|LABELS|STATE|DUE|ENDED|>POINT|>READ|>SENT|MESSAGE"));
    for (size_t i = 0; i < js_count(jobs); i++) {
        const struct js *j = js_at(jobs, i), *x = js_get(j, "error");
        char id[32], labels[100], due[32], ended[32], point[32] = "–", read[32], sent[32];
        snprintf(id, sizeof id, "%lld", (long long)js_int(j, "job", 0));
        if (js_int(j, "point", 0)) snprintf(point, sizeof point, "%lld", (long long)js_int(j, "point", 0));
        cli_labels(js_get(j, "labels"), labels, sizeof labels);
        cli_time(j, "due", due), cli_time(j, "ended", ended);
        cli_bytes(j, "bytes_read", read), cli_bytes(j, "bytes_sent", sent);
        table_row(t, id, js_str(j, "host", ""), js_str(j, "plan", ""), cli_word(j, "kind"), labels,
            cli_word(j, "state"), due, ended, point, read, sent, js_str(x, "message", ""));
    }
    table_print(t, cli_none(c, _("no jobs yet; queue one with: zaibei job run HOST|PLAN")));
}

/* "cache 3, pattern 12", and where the names are: on the host, which alone can open the list. */
static void print_left_out(const struct js *j) {
    const struct js *list = js_get(j, "left_out"), *v;
    const char *key;
    char text[700] = "";
    for (size_t i = 0; (key = js_member(list, i, &v)); i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s %lld", n ? ", " : "", key, (long long)js_int(list, key, 0));
    }
    cli_show(_("left_out"), *text ? text : "–");
    if ((!*text && !js_int(j, "not_read", 0)) || !js_int(j, "point", 0)) return;
    snprintf(text, sizeof text, _("on %s: zaibei-agent ls %lld --left-out"), js_str(j, "host", ""),
        (long long)js_int(j, "point", 0));
    cli_show(_("list of them"), text);
}

static void print_job(const struct js *j) {
    static const char *const texts[] = {"host", "plan", "plan_hash", "kind", "origin", "state", "phase", "ticket",
        "due", "window_end", "queued", "started", "ended", "retain_until"};
    static const char *const numbers[] = {
        "job", "plan_version", "attempts", "point", "files", "bytes_read", "bytes_sent", "bytes_stored", "not_read", "kept"};
    char value[700];
    const struct js *x = js_get(j, "error");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) cli_number(j, numbers[i]);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cli_field(j, texts[i]);
    cli_labels(js_get(j, "labels"), value, sizeof value);
    cli_show(_("labels"), value);
    print_left_out(j);
    cli_span(j, "rpo_s", value);
    cli_show(_("RPO of the host"), value);
    if (!x) return;
    cli_problem(x);
}

/* -1 while the job has not ended, else the exit code that tells its state. */
static int exit_of(const struct js *j) {
    const char *state = js_str(j, "state", "");
    unsigned id = 0;
    if (!strcmp(state, "queued") || !strcmp(state, "running")) return -1;
    if (!strcmp(state, "ok")) return ZB_EXIT_OK;
    if (!strcmp(state, "partial")) return ZB_EXIT_PARTIAL;
    if (!strcmp(state, "cancelled")) return ZB_EXIT_CANCELLED;
    struct err e = {
        .id = sscanf(js_str(js_get(j, "error"), "id", ""), "ZB-%4u", &id) == 1 ? err_known(id) : ZE_INTERNAL};
    int code = err_exit(&e);
    return code == ZB_EXIT_OK ? ZB_EXIT_FAILED : code;
}

static void print_progress(const struct cli *c, const struct js *j, char last[200]) {
    char now[200], read[32];
    cli_bytes(j, "bytes_read", read);
    snprintf(now, sizeof now, *js_str(j, "phase", "") ? _("job %lld of %s: %s, %s, %lld files, %s") : _("job %lld of %s: %s"),
        (long long)js_int(j, "job", 0), js_str(j, "host", ""), cli_word(j, "state"), cli_word(j, "phase"),
        (long long)js_int(j, "files", 0), read);
    if (!strcmp(now, last)) return;
    strcpy(last, now);
    if (c->json) cli_line("status", js_copy(j));
    else fprintf(stderr, "%s\n", now);
}

static int watch(struct cli *c, int64_t id, struct err *e) {
    char path[64], last[200] = "";
    snprintf(path, sizeof path, "/v1/jobs/%lld", (long long)id);
    for (int silent = 0;;) {
        struct js *j = cli_get(c, path, e);
        if (!j && (err_exit(e) != ZB_EXIT_UNREACHABLE || ++silent > PATIENCE)) return -1;
        int code = j ? exit_of(j) : -1;
        if (j) silent = 0, print_progress(c, j, last);
        if (code >= 0) {
            if (c->json) cli_line("job", j);
            else print_job(j), js_free(j);
            return code;
        }
        js_free(j);
        poll(NULL, 0, POLL_MS);
    }
}

int cmd_job_run(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "target", c->argv[0]);
    js_set_str(q, "kind", cli_option(c, "full") ? "full" : "incremental");
    CLEANUP_JS struct js *j = cli_post(c, "/v1/jobs", q, e);
    if (!j) return -1;
    const struct js *jobs = js_get(j, "jobs");
    if (c->json) cli_each("job", jobs);
    else print_list(c, jobs);
    int worst = ZB_EXIT_OK;
    for (size_t i = 0; cli_option(c, "wait") && i < js_count(jobs); i++) {
        int code = watch(c, js_int(js_at(jobs, i), "job", 0), e);
        if (code < 0) return -1;
        if (code) worst = code;
    }
    return worst;
}

int cmd_job_list(struct cli *c, struct err *e) {
    static const char *const names[] = {"limit", "host", "plan", "state", "after", NULL};
    char path[800] = "/v1/jobs";
    cli_filters(c, names, path, sizeof path);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) cli_each("job", js_get(j, "jobs"));
    else print_list(c, js_get(j, "jobs"));
    return 0;
}

static int number_of(const struct cli *c, int64_t *id, struct err *e) {
    uint64_t n;
    if (!text_u64(c->argv[0], INT64_MAX, &n))
        return err_set(e, ZE_USAGE, c->argv[0], _("expected the number of a job"));
    *id = (int64_t)n;
    return 0;
}

int cmd_job_show(struct cli *c, struct err *e) {
    char path[64];
    int64_t id = 0;
    if (number_of(c, &id, e) < 0) return -1;
    snprintf(path, sizeof path, "/v1/jobs/%lld", (long long)id);
    struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) return cli_line("job", j), 0;
    print_job(j);
    js_free(j);
    return 0;
}

int cmd_job_watch(struct cli *c, struct err *e) {
    int64_t id = 0;
    if (c->argc) return number_of(c, &id, e) < 0 ? -1 : watch(c, id, e);
    CLEANUP_JS struct js *j = cli_get(c, "/v1/jobs?limit=1", e);
    if (!j) return -1;
    id = js_int(js_at(js_get(j, "jobs"), 0), "job", 0);
    return id ? watch(c, id, e) : err_set(e, ZE_NOTFOUND, "job", _("there is no job yet"));
}

/* Ask for ${act} on the job that is named; the answer, and its number in *id. */
static struct js *act_on(struct cli *c, const char *act, int64_t *id, struct err *e) {
    char path[64];
    if (number_of(c, id, e) < 0) return NULL;
    snprintf(path, sizeof path, "/v1/jobs/%lld/%s", (long long)*id, act);
    return cli_post(c, path, NULL, e);
}

int cmd_job_cancel(struct cli *c, struct err *e) {
    int64_t id = 0;
    struct js *j = act_on(c, "cancel", &id, e);
    if (!j) return -1;
    if (c->json) return cli_line("job", j), 0;
    printf(_("job %lld is %s\n"), (long long)id,
        strcmp(js_str(j, "state", ""), "running") != 0 ? js_str(j, "state", "") : _("being cancelled"));
    js_free(j);
    return 0;
}

int cmd_job_retry(struct cli *c, struct err *e) {
    int64_t id = 0;
    struct js *j = act_on(c, "retry", &id, e);
    if (!j) return -1;
    if (c->json) return cli_line("job", j), 0;
    printf(_("job %lld does it again\n"), (long long)js_int(j, "job", 0));
    js_free(j);
    return 0;
}
