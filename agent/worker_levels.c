/* Level 2: the services of each restored tree, started in the order in which the system comes up, on the wire at their original
 * addresses; a host is up when its own checks are green, and only then those after it are started. What is red costs its own host:
 * the others are tried all the same, so that one drill tells as much as it can. At the end it is looked whether there was a way out.
 *
 * Level 4 (worker_machine.c) does the same with machines, after level 2 where a host has services. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "worker_check.h"
#include "worker_egress.h"
#include "worker_levels.h"
#include "worker_net.h"

enum { START_MS = 300, STEP_MS = 50 };

/* ---- services ---- */

static void ended_tell(struct stage *st, size_t i) {
    const struct job *j = &st->service[i];
    struct service_of *of = &st->service_of[i];
    char line[600];
    of->told = true;
    job_last_lines(j, line, sizeof line);
    stage_red(st, of->host, &of->phase, _("it ended with status %d: %s"), j->status, line);
    journal_console(st->w, of->phase.host, j->text, j->n);
}

/* One that ends well has gone to the background; when that was after its host's checks, see services_again. */
static void services_watch(struct stage *st) {
    for (size_t i = 0; i < st->services_n; i++)
        if (st->service[i].ended && st->service[i].status != 0 && !st->service_of[i].told) ended_tell(st, i);
}

/* Whoever ended well after its answer may have gone to the background late, or away. */
static void services_again(struct stage *st) {
    for (size_t i = 0; i < st->services_n; i++)
        if (st->service_of[i].asked && st->service[i].ended && st->service[i].status == 0) stage_again(st, st->service_of[i].host);
}

static int service_start(struct stage *st, size_t host, const struct worker_service *s, struct err *e) {
    if (st->services_n == st->services_cap) {
        size_t cap = st->services_cap ? st->services_cap * 2 : 16;
        struct job *jobs = reallocarray(st->service, cap, sizeof *jobs);
        if (jobs) st->service = jobs;
        struct service_of *of = jobs ? reallocarray(st->service_of, cap, sizeof *of) : NULL;
        if (!of) return err_set(e, ZE_NOMEM, s->name, _("services"));
        st->service_of = of, st->services_cap = cap;
    }
    size_t i = st->services_n;
    st->service_of[i] =
        (struct service_of){.host = host, .phase = phase_begin(st->w, st->w->q->host[host].host, "start", s->name)};
    if (job_command(&st->space[host], s->user, s->start, &st->service[i], e) < 0) {
        stage_red(st, host, &st->service_of[i].phase, "%s", e->msg);
        return 0;
    }
    st->services_n++;
    for (int ms = 0; ms < START_MS && !st->service_of[i].told; ms += STEP_MS) stage_step(st, NULL, STEP_MS);
    if (!st->service_of[i].told) phase_ok(&st->service_of[i].phase, NULL);
    return 0;
}

static int host_up(struct stage *st, size_t i, struct err *e) {
    struct worker_request *q = st->w->q;
    struct worker_host *h = &q->host[i];
    struct err why = ERR_INIT;
    if (!h->restored || host_open(st->w, h, (unsigned)i, true, &st->space[i], &why) < 0) {
        struct phase p = phase_begin(st->w, h->host, "start", "");
        stage_red(st, i, &p, "%s", h->restored ? why.msg : _("it was not restored"));
        return 0;
    }
    for (size_t k = 0; k < h->services; k++)
        if (service_start(st, i, &h->service[k], e) < 0) return -1;
    stage_checks(st, i);
    for (size_t k = 0; k < st->services_n; k++)
        if (st->service_of[k].host == i) st->service_of[k].asked = !st->service[k].ended;
    return 0;
}

/* ---- the way out ---- */

struct leaving {
    const struct worker *w;
    const struct host_space *s; /* NULL: the drill's own network */
};

static int leave(void *arg) {
    const struct leaving *l = arg;
    char reached[64];
    if (l->s && host_network(l->s) < 0) return 2;
    int rc = egress_try(l->w->q, reached, sizeof reached);
    fputs(reached, stdout);
    fflush(stdout);
    return rc;
}

static void egress_check(struct stage *st, const struct host_space *s, const char *host) {
    struct leaving l = {st->w, s};
    struct job j = {.out = -1};
    struct err e = ERR_INIT;
    char reached[128];
    struct phase p = phase_begin(st->w, host, "egress", "");
    if (job_call(leave, &l, &j, &e) < 0) {
        phase_red(&p, NULL, "%s", e.msg);
        return;
    }
    while (!j.ended) stage_step(st, &j, STEP_MS);
    job_last_lines(&j, reached, sizeof reached);
    if (j.status == 0) phase_ok(&p, NULL);
    else if (j.status == 1) phase_red(&p, NULL, _("%s was reached from inside the drill"), reached);
    else phase_red(&p, NULL, _("the check itself failed: %s"), reached);
    job_end(&j);
}

void levels_egress(struct stage *st) {
    egress_check(st, NULL, "");
    for (size_t i = 0; i < st->w->q->hosts; i++)
        if (st->space[i].pid) egress_check(st, &st->space[i], st->w->q->host[i].host);
}

/* ---- levels ---- */

static int services_level(struct worker *w, struct err *e) {
    size_t order[WORKER_HOSTS_MAX];
    struct stage st = {.w = w, .level = 2, .watch = services_watch};
    int rc = worker_order(w->q, order, e);
    for (size_t i = 0; rc == 0 && i < w->q->hosts; i++) rc = host_up(&st, order[i], e);
    if (rc == 0) stage_orphans(&st);
    if (rc == 0) levels_egress(&st), services_again(&st);
    stage_free(&st);
    return rc;
}

/* Something to do at level 2: else a drill of level 4 goes straight to its machines. */
static bool has_services(const struct worker_request *q) {
    for (size_t i = 0; i < q->hosts; i++)
        if (q->host[i].services) return true;
    return false;
}

/* Where the plan names no gateway, somebody has to ask the pages: the last address of the first host's network. */
static const char *gateway_of(const struct worker_request *q) {
    static char text[INET_ADDRSTRLEN + 4];
    struct in_addr a;
    char host[INET_ADDRSTRLEN];
    unsigned prefix = 0;
    if (q->gateway) return q->gateway;
    for (size_t i = 0; i < q->hosts; i++) {
        if (!q->host[i].address || sscanf(q->host[i].address, "%15[0-9.]/%u", host, &prefix) != 2) continue;
        if (inet_pton(AF_INET, host, &a) != 1 || prefix < 8 || prefix > 30) continue;
        a.s_addr = htonl((ntohl(a.s_addr) | (UINT32_MAX >> prefix)) - 1);
        inet_ntop(AF_INET, &a, host, sizeof host);
        snprintf(text, sizeof text, "%s/%u", host, prefix);
        return text;
    }
    return NULL;
}

int worker_levels(struct worker *w, struct err *e) {
    const char *gateway = gateway_of(w->q);
    if (worker_bridge(gateway, e) < 0) return -1;
    w->q->gateway = gateway;
    if (w->q->egress_open && net_leak_inside(e) < 0) return -1;
    if ((w->q->level == 2 || has_services(w->q)) && services_level(w, e) < 0) return -1;
    for (size_t i = 0; i < w->q->hosts; i++) w->q->host[i].red = false; /* the next level judges by itself */
    return w->q->level == 4 ? worker_machines(w, e) : 0;
}
