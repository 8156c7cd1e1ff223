/* Routes, and what is common to all of them. The socket's permissions are the only gate: whoever may open it may do
 * everything, in the name of "local". */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

static const struct route {
    const char *method, *path; /* * stands for one part of the path */
    api_handler *handler;
    enum act act;
    bool json; /* the body is a JSON object */
} routes[] = {
    {"GET", "/v1/status", api_status, ACT_STATUS_READ},
    {"GET", "/v1/plans", api_plans, ACT_PLAN_READ},
    {"POST", "/v1/plans", api_plan_submit, ACT_PLAN_WRITE},
    {"GET", "/v1/plans/*", api_plan_show, ACT_PLAN_READ},
    {"GET", "/v1/plans/*/history", api_plan_history, ACT_PLAN_READ},
    {"GET", "/v1/plans/*/cost", api_plan_cost, ACT_PLAN_READ},
    {"POST", "/v1/plans/*/review", api_plan_review, ACT_PLAN_REVIEW, true},
    {"POST", "/v1/plans/*/approve", api_plan_approve, ACT_PLAN_APPROVE, true},
    {"POST", "/v1/plans/*/reject", api_plan_reject, ACT_PLAN_APPROVE, true},
    {"POST", "/v1/plans/*/withdraw", api_plan_withdraw, ACT_PLAN_WRITE, true},
    {"POST", "/v1/plans/*/suspend", api_plan_suspend, ACT_PLAN_SUSPEND, true},
    {"POST", "/v1/plans/*/resume", api_plan_resume, ACT_PLAN_SUSPEND, true},
    {"POST", "/v1/plans/*/retire", api_plan_retire, ACT_PLAN_RETIRE, true},
    {"GET", "/v1/drift", api_drift, ACT_PLAN_READ},
    {"GET", "/v1/steps", api_steps, ACT_PLAN_READ},
    {"GET", "/v1/orders", api_orders, ACT_PLAN_READ},
    {"POST", "/v1/orders/*/confirm", api_order_confirm, ACT_ORDER_CONFIRM, true},
    {"GET", "/v1/plans/*/next", api_plan_next, ACT_PLAN_READ},
    {"GET", "/v1/plans/*/simulate", api_plan_simulate, ACT_PLAN_READ},
    {"POST", "/v1/simulate", api_simulate, ACT_PLAN_READ},
    {"GET", "/v1/calendar", api_calendar, ACT_CALENDAR_READ},
    {"POST", "/v1/calendar", api_calendar_import, ACT_CALENDAR_MANAGE},
    {"GET", "/v1/calendar/next", api_calendar_next, ACT_CALENDAR_READ},
    {"GET", "/v1/hosts", api_hosts, ACT_HOST_READ},
    {"POST", "/v1/hosts/*/token", api_host_token, ACT_HOST_MANAGE, true},
    {"POST", "/v1/hosts/*/revoke", api_host_revoke, ACT_HOST_MANAGE, true},
    {"GET", "/v1/jobs", api_jobs, ACT_JOB_READ},
    {"POST", "/v1/jobs", api_job_run, ACT_JOB_RUN, true},
    {"GET", "/v1/jobs/*", api_job_show, ACT_JOB_READ},
    {"POST", "/v1/jobs/*/cancel", api_job_cancel, ACT_JOB_RUN},
    {"GET", "/v1/points/*", api_points, ACT_POINT_READ},
    {"GET", "/v1/points/*/*", api_point_show, ACT_POINT_READ},
    {"GET", "/v1/notify/channels", api_channels, ACT_NOTIFY_READ},
    {"GET", "/v1/notify/deliveries", api_notices, ACT_NOTIFY_READ},
    {"POST", "/v1/notify/test", api_notify_test, ACT_NOTIFY_MANAGE, true},
    {"POST", "/v1/notify/deliveries/*/retry", api_notify_retry, ACT_NOTIFY_MANAGE, true},
    {"GET", "/v1/audit", api_audit, ACT_AUDIT_READ},
    {"GET", "/v1/audit/export", api_audit_export, ACT_AUDIT_READ},
    {"GET", "/v1/audit/verify", api_audit_verify, ACT_AUDIT_READ},
    {"GET", "/v1/witness", api_witness, ACT_AUDIT_READ},
    {"POST", "/v1/witness/accept", api_witness_accept, ACT_HOST_MANAGE, true},
    {"GET", "/v1/hosts/*/pins", api_pins, ACT_POINT_READ},
    {"POST", "/v1/points/*/remove", api_points_remove, ACT_POINT_REMOVE, true},
    {"POST", "/v1/points/*/*/pin", api_point_pin, ACT_POINT_PIN, true},
};

/* Match ${path} against a route's; parts that stand for * go to ${parts} (2 × 64 bytes). */
static bool match(const char *pattern, const char *path, char parts[2][64]) {
    for (int n = 0;; pattern++) {
        if (*pattern == '*') {
            size_t len = strcspn(path, "/");
            if (!len || len >= 64) return false;
            snprintf(parts[n++], 64, "%.*s", (int)len, path);
            path += len;
        } else if (*pattern != *path) {
            return false;
        } else if (!*pattern) {
            return true;
        } else {
            path++;
        }
    }
}

static int status_of(const struct err *e) {
    if (e->id == ZE_EXISTS || e->id == ZE_PLANSTATE || e->id == ZE_NOTHING) return 409;
    switch (err_exit(e)) {
    case ZB_EXIT_USAGE: return 400;
    case ZB_EXIT_NOTFOUND: return 404;
    case ZB_EXIT_BUSY: return 409;
    case ZB_EXIT_DENIED: return 403;
    case ZB_EXIT_NOSPACE: return 507;
    case ZB_EXIT_UNREACHABLE: return 503;
    default: return 500;
    }
}

static void problem(struct http_answer *a, int status, const struct err *e) {
    char id[16];
    snprintf(id, sizeof id, "ZB-%u", (unsigned)e->id);
    CLEANUP_JS struct js *j = js_object();
    js_set_str(j, "type", "about:blank");
    js_set_str(j, "title", err_text(e->id));
    js_set_int(j, "status", status);
    js_set_str(j, "detail", e->msg);
    js_set_str(j, "id", id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "next", err_next(e->id));
    *a = (struct http_answer){.status = status, .type = "application/problem+json", .body = js_dump(j)};
}

static const struct principal local = {
    .name = "local", .roles = ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN | ROLE_SECURITY_ADMIN | ROLE_AUDITOR};

int api_record(struct api_call *c, const char *act, const char *object, struct js *detail, struct err *e) {
    db_begin(c->d->db);
    audit_add(c->d->db, daemon_now(c->d), c->who->name, act, object, detail);
    return db_commit(c->d->db, e);
}

static void run(struct daemon *d, const struct route *route, const struct http_request *r, char parts[2][64],
    struct http_answer *a) {
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *body = NULL, *answer = NULL;
    struct api_call c = {.d = d, .who = &local, .r = r, .arg = {parts[0], parts[1]}, .status = 200};
    if (route->json) {
        body = r->body_len ? js_parse(r->body, r->body_len, "body", &e) : js_object();
        if (!body || !js_is_object(body)) {
            err_set(&e, ZE_USAGE, "body", "%s", e.id ? e.msg : _("expected a JSON object"));
            return problem(a, 400, &e);
        }
        c.body = body;
    }
    if (!may_act(c.who->roles, route->act)) {
        err_set(&e, ZE_REFUSED, c.who->name, _("not allowed: %s"), act_name(route->act));
        return problem(a, status_of(&e), &e);
    }
    answer = route->handler(&c, &e);
    if (!answer) return problem(a, status_of(&e), &e);
    *a = (struct http_answer){.status = c.status, .type = "application/json", .body = js_dump(answer)};
}

void api_handle(void *arg, const struct http_request *r, struct http_answer *a) {
    char parts[2][64] = {"", ""};
    struct err e = ERR_INIT;
    bool other = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!match(routes[i].path, r->path, parts)) continue;
        if (!strcmp(routes[i].method, r->method)) return run(arg, &routes[i], r, parts, a);
        other = true;
    }
    err_set(&e, other ? ZE_USAGE : ZE_NOTFOUND, "", other ? _("this path has no such method") : _("no such path"));
    problem(a, other ? 405 : 404, &e);
}
