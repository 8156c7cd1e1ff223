/* Asking. A check is green when the answer is the right one, not when there is one: a command has to end well and what it printed has
 * to fit; a page has to have its status and to fit. Until then it is asked again, four times a second, since services need time to
 * come up; what was wrong the last time is the reason that people read.
 *
 * Who waits is woken by a death: once a service has ended badly, its host's checks are not waited for. */
#include "worker_check.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"
#include "wrap/http_get.h"

enum { STEP_MS = 250, HTTP_MS = 10000, BODY_MAX = 32 << 10, SHOWN = 200 };
static const int64_t WITHIN_MS[] = {[2] = 60000, [4] = 300000};

static int compiled(regex_t *re, const char *expect, char *why, size_t cap) {
    if (regcomp(re, expect, REG_EXTENDED | REG_NOSUB) != 0) {
        snprintf(why, cap, _("what it expects, %s, is no regular expression"), expect);
        return -1;
    }
    if (regexec(re, "", 0, NULL, 0) != 0) return 0;
    snprintf(why, cap, _("what it expects, %s, fits an empty answer too: it could never fail"), expect);
    regfree(re);
    return -1;
}

int check_expect(const char *expect, const char *text, size_t n, char *why, size_t cap) {
    regex_t re;
    char shown[SHOWN];
    if (compiled(&re, expect, why, cap) < 0) return -1;
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
    CLEANUP_FREE char *copy = malloc(n + 1);
    for (size_t i = 0; copy && i < n; i++) copy[i] = text[i] ? text[i] : '?';
    if (copy) copy[n] = 0;
    bool fits = copy && regexec(&re, copy, 0, NULL, 0) == 0;
    regfree(&re);
    text_escape(shown, sizeof shown, text, n);
    if (!fits) snprintf(why, cap, _("expected %s, found: %s"), expect, shown);
    return fits;
}

/* ---- one attempt ---- */

/* In a child, in the drill's network: the status on a line, then the body. A hostile server's answer is read by somebody who is
 * nobody and has nothing: not the way to the outer process, by which a journal can be written. */
static int http_ask(void *arg) {
    const struct worker_check *c = arg;
    struct buf body;
    struct err e = ERR_INIT;
    if (!nobody()) return fputs(_("the rights of the worker cannot be given up"), stderr), 1;
    buf_init(&body, BODY_MAX);
    int status = http_get(c->http, HTTP_MS, &body, &e);
    if (status < 0) fprintf(stderr, "%s", e.msg);
    if (status < 0 || dprintf(1, "%d\n", status) < 0) return 1;
    return file_write_all(1, body.p, body.len) < 0;
}

static int judge(const struct worker_check *c, const struct job *j, char *why, size_t cap) {
    char line[2 * SHOWN];
    job_last_lines(j, line, sizeof line);
    if (j->status != 0 && c->run) snprintf(why, cap, _("%s: exit status %d: %s"), c->run, j->status, line);
    else if (j->status != 0) snprintf(why, cap, "%s: %s", c->http, line);
    if (j->status != 0) return 0;
    if (c->run) return check_expect(c->expect, j->text, j->n, why, cap);
    const char *end = memchr(j->text, '\n', j->n);
    size_t head = end ? (size_t)(end - j->text) + 1 : j->n;
    int status = atoi(j->text); /* ends at the line end that is there */
    if (!end || status != c->status) {
        snprintf(why, cap, _("%s: status %d instead of %d"), c->http, end ? status : 0, c->status);
        return 0;
    }
    return check_expect(c->expect, j->text + head, j->n - head, why, cap);
}

static int attempt(
    struct stage *st, size_t host, const struct worker_check *c, int64_t until_ns, char *why, size_t cap) {
    struct job j = {.out = -1};
    struct err e = ERR_INIT;
    struct clock *clock = st->w->clock;
    int rc = c->run ? job_command(&st->space[host], "root", c->run, &j, &e)
                    : job_call(http_ask, (void *)(uintptr_t)c, &j, &e);
    if (rc < 0) return snprintf(why, cap, "%s", e.msg), 0;
    while (!j.ended && clock->mono_ns(clock) < until_ns && !st->w->q->host[host].red) stage_step(st, &j, STEP_MS);
    if (j.ended) rc = judge(c, &j, why, cap);
    else if (!*why) snprintf(why, cap, _("no answer within its time: %s"), c->run ? c->run : c->http);
    job_end(&j);
    return rc;
}

/* Until it is green or its time is over; ${why}: what was wrong the last time. */
static bool check_wait(struct stage *st, size_t host, const struct worker_check *c, char *why, size_t cap) {
    struct clock *clock = st->w->clock;
    int64_t until = clock->mono_ns(clock) + (c->within_ms ? c->within_ms : WITHIN_MS[st->level]) * 1000000;
    bool green = false, can_fail = check_expect(c->expect, "", 0, why, cap) == 0;
    if (can_fail) *why = 0;
    while (can_fail && !green && !st->w->q->host[host].red && clock->mono_ns(clock) < until) {
        green = attempt(st, host, c, until, why, cap) > 0;
        if (!green) stage_step(st, NULL, STEP_MS);
    }
    return green;
}

static void check_ask(struct stage *st, size_t host, const struct worker_check *c) {
    char why[800] = "";
    struct phase p = phase_begin(st->w, c->host, "check", c->name);
    if (check_wait(st, host, c, why, sizeof why)) phase_ok(&p, NULL);
    else stage_red(st, host, &p, "%s", *why ? why : _("its host is not up"));
}

/* ---- all of them ---- */

static bool asked(const struct stage *st, const struct worker_check *c) { return c->level <= st->level; }

void stage_checks(struct stage *st, size_t host) {
    const struct worker_request *q = st->w->q;
    for (size_t i = 0; i < q->checks; i++)
        if (!strcmp(q->check[i].host, q->host[host].host) && asked(st, &q->check[i])) check_ask(st, host, &q->check[i]);
}

void stage_again(struct stage *st, size_t host) {
    const struct worker_request *q = st->w->q;
    for (size_t i = 0; i < q->checks; i++) {
        char why[800] = "";
        const struct worker_check *c = &q->check[i];
        struct phase p = {.w = st->w, .host = c->host, .phase = "check", .name = c->name};
        if (strcmp(c->host, q->host[host].host) != 0 || !asked(st, c) || q->host[host].red) continue;
        p.began_ns = st->w->clock->mono_ns(st->w->clock);
        if (!check_wait(st, host, c, why, sizeof why))
            stage_red(st, host, &p, _("it was right before a service of its host ended, and is not any more: %s"), why);
    }
}

void stage_orphans(struct stage *st) {
    const struct worker_request *q = st->w->q;
    for (size_t i = 0; i < q->checks; i++) {
        size_t k = 0;
        while (k < q->hosts && strcmp(q->check[i].host, q->host[k].host) != 0) k++;
        if (k < q->hosts || !asked(st, &q->check[i])) continue;
        struct phase p = phase_begin(st->w, q->check[i].host, "check", q->check[i].name);
        phase_red(&p, NULL, _("its host %s is not part of this drill"), q->check[i].host);
    }
}

void stage_red(struct stage *st, size_t host, const struct phase *p, const char *fmt, ...) {
    char detail[1500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    st->w->q->host[host].red = true;
    phase_red(p, NULL, "%s", detail);
}

void stage_step(struct stage *st, struct job *job, int ms) {
    struct job *jobs[JOBS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < st->services_n && n < sizeof jobs / sizeof *jobs - 1; i++) jobs[n++] = &st->service[i];
    if (job) jobs[n++] = job;
    jobs_step(jobs, n, ms);
    if (st->watch) st->watch(st);
    room_watch(st->w);
}

void stage_free(struct stage *st) {
    for (size_t i = 0; i < WORKER_HOSTS_MAX; i++) host_close(&st->space[i]);
    for (size_t i = 0; i < st->services_n; i++) job_end(&st->service[i]);
    free(st->service);
    free(st->service_of);
    st->service = NULL, st->service_of = NULL, st->services_n = st->services_cap = 0;
}
