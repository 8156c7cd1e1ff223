/* The order as JSON, checked before anything is done: what is missing or means nothing is named here, so that no phase can
 * fail for it later. Values of the plan's recovery section come as people wrote them ("60s", "768 MiB"). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "worker.h"

/* "60s", "5m", "2h", "1d" or a number of seconds; <0: none of these. */
static int64_t span_ms(const struct js *j, const char *key, int64_t def) {
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {0, 1}};
    const char *text = js_str(j, key, NULL);
    if (!text) return js_has(j, key) ? js_int(j, key, -1) * 1000 : def;
    char *end;
    if (!isdigit((unsigned char)*text)) return -1;
    unsigned long long n = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (*end == units[i].unit && (!*end || !end[1]) && n < 366 * 86400) return (int64_t)n * units[i].s * 1000;
    return -1;
}

/* "768 MiB", "1 GiB" or a number of bytes. */
static uint64_t size_of(const struct js *j, const char *key, uint64_t def) {
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    const char *text = js_str(j, key, NULL);
    if (!text) return (uint64_t)js_int(j, key, (int64_t)def);
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    while (*end == ' ') end++;
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i]) && n < 1ull << 20) return (uint64_t)n << (10 * i);
    return n;
}

static int number_of(const struct js *j, const char *key, int def) {
    const char *text = js_str(j, key, NULL);
    return text ? atoi(text) : (int)js_int(j, key, def);
}

static int wrong(const char *what, struct err *e) {
    return err_set(e, ZE_USAGE, what, _("the order lacks it, or it means nothing"));
}

static int services_read(const struct js *list, struct worker_host *h, struct err *e) {
    if (js_count(list) > WORKER_SERVICES_MAX) return wrong("services", e);
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i);
        struct worker_service *s = &h->service[h->services++];
        *s = (struct worker_service){js_str(j, "name", NULL), js_str(j, "user", "root"), js_str(j, "start", NULL)};
        if (!s->name || !s->start) return wrong("service", e);
    }
    return 0;
}

static int host_read(const struct js *j, struct worker_host *h, struct err *e) {
    const char *id = js_str(j, "host_id", "");
    int64_t point = js_int(j, "point", 0);
    h->host = js_str(j, "host", "");
    h->address = js_str(j, "address", NULL), h->nic = js_str(j, "nic", NULL), h->mac = js_str(j, "mac", NULL);
    h->memory = size_of(j, "memory", 1ull << 30);
    if (!text_name_ok(h->host)) return wrong("host", e);
    if (strlen(id) != 2 * SEAL_ID || !text_unhex(h->host_id, SEAL_ID, id)) return wrong("host_id", e);
    if (point < 1 || point > UINT32_MAX) return wrong("point", e);
    h->point = (uint32_t)point;
    snprintf(h->tree, sizeof h->tree, "/work/trees/%s", h->host);
    return services_read(js_get(j, "services"), h, e);
}

static int host_find(const struct worker_request *q, const char *name) {
    for (size_t i = 0; name && i < q->hosts; i++)
        if (!strcmp(q->host[i].host, name)) return (int)i;
    return -1;
}

/* A host that is not in this drill cannot be waited for. */
static void after_read(struct worker_request *q, const struct js *list) {
    for (size_t i = 0; i < q->hosts; i++) {
        const struct js *after = js_get(js_at(list, i), "after");
        for (size_t k = 0; k < js_count(after); k++) {
            int at = host_find(q, js_text(js_at(after, k)));
            if (at >= 0) q->host[i].after |= 1ull << at;
        }
    }
}

static int hosts_read(struct worker_request *q, struct err *e) {
    const struct js *list = js_get(q->json, "hosts");
    if (!js_count(list) || js_count(list) > WORKER_HOSTS_MAX) return wrong("hosts", e);
    for (size_t i = 0; i < js_count(list); i++) {
        struct worker_host h = {.host = NULL};
        if (host_read(js_at(list, i), &h, e) < 0) return -1;
        if (host_find(q, h.host) >= 0) return err_set(e, ZE_USAGE, h.host, _("it is named twice"));
        q->host[q->hosts++] = h;
    }
    after_read(q, list);
    size_t order[WORKER_HOSTS_MAX];
    return worker_order(q, order, e);
}

/* A check of a host that is not in this drill has nobody to ask: it stays, and will be red. */
static int checks_read(struct worker_request *q, struct err *e) {
    const struct js *list = js_get(q->json, "checks");
    if (js_count(list) > WORKER_CHECKS_MAX) return wrong("checks", e);
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i);
        struct worker_check *c = &q->check[q->checks++];
        *c = (struct worker_check){.name = js_str(j, "name", NULL),
            .host = js_str(j, "host", NULL),
            .run = js_str(j, "run", NULL),
            .http = js_str(j, "http", NULL),
            .expect = js_str(j, "expect", NULL),
            .status = number_of(j, "status", 200),
            .within_ms = span_ms(j, "within", 0),
            .level = number_of(j, "level", 2)};
        if (!c->name || !c->host || !c->expect || !c->run == !c->http || c->within_ms < 0)
            return wrong(c->name ? c->name : "check", e);
    }
    return 0;
}

static int read_argv(struct worker_request *q, struct err *e) {
    const struct js *list = js_get(q->json, "read");
    if (!js_count(list) || js_count(list) > WORKER_READ_MAX) return wrong("read", e);
    for (size_t i = 0; i < js_count(list); i++)
        if (!(q->read[i] = js_text(js_at(list, i)))) return wrong("read", e);
    return 0;
}

static int drill_read(struct worker_request *q, struct err *e) {
    const struct js *limits = js_get(q->json, "limits"), *ids = js_get(q->json, "ids");
    q->id = js_str(q->json, "id", NULL);
    q->target = js_str(q->json, "target", NULL);
    q->gateway = js_str(q->json, "gateway", NULL);
    q->accel = js_str(q->json, "accel", "auto");
    q->egress_open = !strcmp(js_str(q->json, "control", ""), "egress-open");
    q->level = q->op == WORKER_DRILL ? number_of(q->json, "level", 0) : 0;
    q->memory = size_of(limits, "memory", 0), q->disk = size_of(limits, "disk", 0);
    q->time_ms = js_int(limits, "time_s", 0) * 1000;
    q->ids_base = (uint32_t)js_int(ids, "base", 0), q->ids_count = (uint32_t)js_int(ids, "count", 0);
    if (!q->id || !*q->id || strchr(q->id, '/')) return wrong("id", e);
    if (js_has(q->json, "control") && !q->egress_open) return wrong("control", e);
    if (q->op == WORKER_RESTORE && (!q->target || *q->target != '/')) return wrong("target", e);
    if (q->op == WORKER_DRILL && q->level != 1 && q->level != 2 && q->level != 4) return wrong("level", e);
    if (read_argv(q, e) < 0 || hosts_read(q, e) < 0) return -1;
    for (size_t i = 0; q->op == WORKER_RESTORE && i < q->hosts; i++)
        snprintf(q->host[i].tree, sizeof q->host[i].tree, q->hosts == 1 ? "/target" : "/target/%s", q->host[i].host);
    return q->op == WORKER_DRILL ? checks_read(q, e) : 0;
}

int worker_request_read(const char *p, size_t n, struct worker_request *q, struct err *e) {
    static const char *const ops[] = {[WORKER_DRILL] = "drill", [WORKER_RESTORE] = "restore", [WORKER_CLEAN] = "clean"};
    memset(q, 0, sizeof *q);
    q->json = js_parse(p, n, _("the order"), e);
    if (!q->json) return -1;
    const char *op = js_str(q->json, "op", "");
    size_t at = 0;
    while (at < sizeof ops / sizeof *ops && strcmp(op, ops[at]) != 0) at++;
    q->dir = js_str(q->json, "dir", "");
    int rc = 0;
    if (at == sizeof ops / sizeof *ops) rc = wrong("op", e);
    else if (*q->dir != '/' || strlen(q->dir) > 3000) rc = wrong("dir", e);
    q->op = (enum worker_op)at;
    if (rc == 0 && q->op != WORKER_CLEAN) rc = drill_read(q, e);
    if (rc < 0) worker_request_free(q);
    return rc;
}

void worker_request_free(struct worker_request *q) {
    js_free(q->json);
    q->json = NULL;
}

int worker_order(const struct worker_request *q, size_t order[WORKER_HOSTS_MAX], struct err *e) {
    uint64_t done = 0;
    for (size_t n = 0; n < q->hosts;) {
        size_t i = 0;
        while (i < q->hosts && ((done >> i & 1) || (q->host[i].after & ~done))) i++;
        if (i == q->hosts) {
            for (i = 0; done >> i & 1; i++) {}
            return err_set(e, ZE_USAGE, q->host[i].host, _("it is after itself, by way of others"));
        }
        done |= 1ull << i;
        order[n++] = i;
    }
    return 0;
}
