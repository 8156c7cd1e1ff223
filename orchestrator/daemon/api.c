/* Routes, and what is common to all of them: the gate (gate.c), bodies, idempotency keys, problems. */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "gate.h"

enum { PAGE = 50, PAGE_MAX = 1000, KEY_MAX = 128 };

static const struct route routes[] = {
    {"GET", "/v1/health", api_health, ACT_PUBLIC},
    {"POST", "/v1/first-user", api_first_user, ACT_PUBLIC, true, true},
    {"POST", "/v1/login", api_login, ACT_PUBLIC, true, true},
    {"POST", "/v1/logout", api_logout, ACT_SELF, false, true},
    {"GET", "/v1/self", api_self, ACT_SELF},
    {"POST", "/v1/self/password", api_self_password, ACT_SELF, true, true},
    {"POST", "/v1/self/totp", api_self_totp, ACT_SELF, false, true},
    {"POST", "/v1/self/totp/confirm", api_self_totp_confirm, ACT_SELF, true, true},
    {"GET", "/v1/tokens", api_tokens, ACT_SELF},
    {"POST", "/v1/tokens", api_token_new, ACT_SELF, true, true},
    {"POST", "/v1/tokens/*/revoke", api_token_revoke, ACT_SELF},
    {"GET", "/v1/users", api_users, ACT_USER_READ},
    {"POST", "/v1/users", api_user_add, ACT_USER_MANAGE, true, true},
    {"GET", "/v1/users/*", api_user_show, ACT_USER_READ},
    {"POST", "/v1/users/*", api_user_set, ACT_USER_MANAGE, true},
    {"POST", "/v1/users/*/disable", api_user_disable, ACT_USER_MANAGE},
    {"POST", "/v1/users/*/enable", api_user_enable, ACT_USER_MANAGE},
    {"POST", "/v1/users/*/unlock", api_user_unlock, ACT_USER_MANAGE},
    {"POST", "/v1/users/*/password", api_user_password, ACT_USER_MANAGE, true, true},
    {"POST", "/v1/users/*/totp-reset", api_user_totp, ACT_USER_MANAGE},
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
    {"POST", "/v1/hosts/*/token", api_host_token, ACT_HOST_MANAGE, true, true},
    {"POST", "/v1/hosts/*/revoke", api_host_revoke, ACT_HOST_MANAGE, true},
    {"GET", "/v1/jobs", api_jobs, ACT_JOB_READ},
    {"POST", "/v1/jobs", api_job_run, ACT_JOB_RUN, true},
    {"GET", "/v1/jobs/*", api_job_show, ACT_JOB_READ},
    {"POST", "/v1/jobs/*/retry", api_job_retry, ACT_JOB_RUN},
    {"POST", "/v1/jobs/*/cancel", api_job_cancel, ACT_JOB_RUN},
    {"GET", "/v1/points", api_points_all, ACT_POINT_READ},
    {"GET", "/v1/points/*", api_points, ACT_POINT_READ},
    {"GET", "/v1/points/*/*", api_point_show, ACT_POINT_READ},
    {"GET", "/v1/systems", api_systems, ACT_SYSTEM_READ},
    {"GET", "/v1/systems/*", api_system_show, ACT_SYSTEM_READ},
    {"GET", "/v1/systems/*/points", api_system_points, ACT_SYSTEM_READ},
    {"POST", "/v1/systems/*/points", api_system_point, ACT_SYSTEM_POINT, true},
    {"GET", "/v1/systems/*/points/*", api_system_point_show, ACT_SYSTEM_READ},
    {"POST", "/v1/systems/*/points/*/pin", api_system_point_pin, ACT_POINT_PIN, true},
    {"GET", "/v1/notify/channels", api_channels, ACT_NOTIFY_READ},
    {"GET", "/v1/notify/deliveries", api_notices, ACT_NOTIFY_READ},
    {"POST", "/v1/notify/test", api_notify_test, ACT_NOTIFY_MANAGE, true},
    {"POST", "/v1/notify/deliveries/*/retry", api_notify_retry, ACT_NOTIFY_MANAGE, true},
    {"GET", "/v1/audit", api_audit, ACT_AUDIT_READ},
    {"GET", "/v1/audit/export", api_audit_export, ACT_AUDIT_READ},
    {"GET", "/v1/audit/verify", api_audit_verify, ACT_AUDIT_READ},
    {"GET", "/v1/witness", api_witness, ACT_AUDIT_READ},
    {"POST", "/v1/witness/accept", api_witness_accept, ACT_HOST_MANAGE, true},
    {"GET", "/v1/restores", api_restores, ACT_RESTORE_READ},
    {"POST", "/v1/restores", api_restore_run, ACT_RESTORE_RUN, true},
    {"GET", "/v1/restores/*", api_restore_show, ACT_RESTORE_READ},
    {"POST", "/v1/restores/*/cancel", api_restore_cancel, ACT_RESTORE_RUN},
    {"POST", "/v1/restores/*/grant", api_restore_grant, ACT_GRANT_GIVE, true, true},
    {"GET", "/v1/hosts/*/slots", api_slots, ACT_POINT_READ},
    {"POST", "/v1/systems/*/drills", api_drill_run, ACT_DRILL_RUN, true},
    {"GET", "/v1/drills", api_drills, ACT_DRILL_READ},
    {"GET", "/v1/drills/schedule", api_drill_schedule, ACT_DRILL_READ},
    {"GET", "/v1/drills/trend", api_drill_trend, ACT_DRILL_READ},
    {"GET", "/v1/drills/forecast", api_drill_forecast, ACT_DRILL_READ},
    {"GET", "/v1/drills/*", api_drill_show, ACT_DRILL_READ},
    {"GET", "/v1/drills/*/events", api_drill_events, ACT_DRILL_READ},
    {"GET", "/v1/drills/*/record", api_drill_record, ACT_DRILL_READ},
    {"POST", "/v1/drills/*/grant", api_drill_grant, ACT_GRANT_GIVE, true},
    {"POST", "/v1/drills/*/cancel", api_drill_cancel, ACT_DRILL_RUN},
    {"GET", "/v1/hosts/*/pins", api_pins, ACT_POINT_READ},
    {"POST", "/v1/points/*/remove", api_points_remove, ACT_POINT_REMOVE, true},
    {"POST", "/v1/points/*/*/pin", api_point_pin, ACT_POINT_PIN, true},
    {"GET", "/v1/migrations", api_migrations, ACT_MIGRATE_READ},
    {"POST", "/v1/migrations", api_migration_begin, ACT_MIGRATE_RUN, true},
    {"GET", "/v1/migrations/*", api_migration_show, ACT_MIGRATE_READ},
    {"POST", "/v1/migrations/*/ready", api_migration_ready, ACT_MIGRATE_RUN, true},
    {"POST", "/v1/migrations/*/cutover", api_migration_cutover, ACT_MIGRATE_RUN, true},
    {"POST", "/v1/migrations/*/verify", api_migration_verify, ACT_MIGRATE_RUN, true},
    {"POST", "/v1/migrations/*/extend", api_migration_extend, ACT_MIGRATE_RUN, true},
    {"POST", "/v1/migrations/*/rollback", api_migration_rollback, ACT_MIGRATE_RUN, true},
    {"POST", "/v1/migrations/*/close", api_migration_close, ACT_MIGRATE_RUN, true},
    {"POST", "/v1/migrations/*/approve", api_migration_approve, ACT_MIGRATE_CLOSE, true},
    {"POST", "/v1/migrations/*/refuse", api_migration_refuse, ACT_MIGRATE_CLOSE, true},
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

const struct route *api_routes(size_t *n) {
    *n = sizeof routes / sizeof *routes;
    return routes;
}

static int status_of(const struct err *e) {
    switch ((int)e->id) {
    case ZE_EXISTS:
    case ZE_PLANSTATE:
    case ZE_NOTHING:
    case ZE_DRILLSTATE:
    case ZE_SAMEKEY: return 409;
    case ZE_NOLOGIN:
    case ZE_LOGIN: return 401;
    case ZE_TOOFAST:
    case ZE_LOCKED: return 429;
    case ZE_TOOLARGE: return 413;
    default: break;
    }
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

static void problem(struct http_answer *a, int status, int retry_after_s, const struct err *e) {
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
    *a = (struct http_answer){.status = status,
        .type = "application/problem+json",
        .body = js_dump(j),
        .challenge = status == 401,
        .retry_after_s = retry_after_s};
}

int api_page(struct api_call *c, struct page *page, struct err *e) {
    const char *limit = http_query(c->r, "limit"), *after = http_query(c->r, "after");
    uint64_t n = PAGE, number = 0;
    if (limit && (!text_u64(limit, PAGE_MAX, &n) || !n))
        return err_set(e, ZE_USAGE, limit, _("expected a number from 1 to %d"), PAGE_MAX);
    if (after && strlen(after) > 100) return err_set(e, ZE_USAGE, after, _("too long"));
    (void)(after && text_u64(after, INT64_MAX, &number));
    *page = (struct page){.limit = (int64_t)n, .number = (int64_t)number, .after = after ? after : ""};
    return 0;
}

/* The handler, for a caller who has passed the gate. */
static void handle(struct api_call *c, const struct route *route, struct http_answer *a) {
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *body = NULL, *answer = NULL;
    if (route->json) {
        body = c->r->body_len ? js_parse(c->r->body, c->r->body_len, "body", &e) : js_object();
        if (!body || !js_is_object(body)) {
            err_set(&e, ZE_USAGE, "body", "%s", e.id ? e.msg : _("expected a JSON object"));
            return problem(a, 400, 0, &e);
        }
        c->body = body;
    }
    answer = route->handler(c, &e);
    if (!answer) return problem(a, status_of(&e), c->retry_after_s, &e);
    *a = (struct http_answer){.status = c->status, .type = "application/json", .body = js_dump(answer)};
}

/* What makes two requests the same: of the query, what changes what a POST does. */
static void request_hash(const struct http_request *r, uint8_t out[SEAL_HASH]) {
    static const char *const queries[] = {"draft", "dry_run"};
    struct hash_state h;
    hash_init(&h, NULL);
    hash_update(&h, r->method, strlen(r->method) + 1);
    hash_update(&h, r->path, strlen(r->path) + 1);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const char *s = http_query(r, queries[i]);
        hash_update(&h, s ? s : "", s ? strlen(s) + 1 : 1);
    }
    hash_update(&h, r->body, r->body_len);
    hash_final(&h, out);
}

/* Under an Idempotency-Key a request is done at most once: its key is taken down before it is done and its answer after. If
 * interrupted here, between the two, nobody knows whether it was done: asked again it says so, and is not done again. What
 * failed on this side is forgotten, so that it can be tried again under the same key. */
static void handle_once(struct api_call *c, const struct route *route, const char *key, struct http_answer *a) {
    struct err e = ERR_INIT;
    struct idem was;
    uint8_t hash[SEAL_HASH];
    if (route->secret || strlen(key) > KEY_MAX || !text_is_utf8(key, strlen(key)) || !*key) {
        err_set(&e, ZE_USAGE, "Idempotency-Key", route->secret ? _("not for requests with secrets") : _("not a key"));
        return problem(a, 400, 0, &e);
    }
    request_hash(c->r, hash);
    db_begin(c->d->db);
    bool known = idem_begin(c->d->db, c->who->name, key, hash, daemon_now(c->d), &was);
    if (db_commit(c->d->db, &e) < 0) return free(was.answer), problem(a, status_of(&e), 0, &e);
    if (!known) {
        handle(c, route, a);
        bool mine = a->status >= 500; /* the fault is on this side */
        db_begin(c->d->db);
        idem_end(c->d->db, c->who->name, key, mine ? 0 : a->status, a->body);
        (void)(db_commit(c->d->db, &e) == 0); /* what is not kept is answered with "not known", never done again */
    } else if (was.status && !memcmp(hash, was.hash, sizeof hash)) {
        *a = (struct http_answer){.status = was.status, .body = was.answer};
        a->type = was.status < 300 ? "application/json" : "application/problem+json";
    } else {
        free(was.answer);
        err_set(&e, ZE_SAMEKEY, key,
            was.status ? _("for another request") : _("whether it was done is not known; look before asking again"));
        problem(a, 409, 0, &e);
    }
}

int api_record(struct api_call *c, const char *act, const char *object, struct js *detail, struct err *e) {
    db_begin(c->d->db);
    audit_add(c->d->db, daemon_now(c->d), c->who->name, act, object, detail);
    return db_commit(c->d->db, e);
}

static void run(struct daemon *d, const struct route *route, const struct http_request *r, char parts[2][64],
    struct http_answer *a) {
    struct err e = ERR_INIT;
    struct caller caller;
    struct api_call c = {
        .d = d, .who = &caller.p, .caller = &caller, .r = r, .arg = {parts[0], parts[1]}, .status = 200};
    if (gate_enter(d, route, r, &caller, &c.retry_after_s, &e) < 0 ||
        gate_sees(d, route->path, parts[0], &caller.p, &e) < 0)
        return problem(a, status_of(&e), c.retry_after_s, &e);
    const char *key = strcmp(r->method, "POST") != 0 ? NULL : http_get_header(r, "Idempotency-Key");
    if (key && route->act != ACT_PUBLIC) handle_once(&c, route, key, a);
    else handle(&c, route, a);
}

static void answer(void *arg, const struct http_request *r, struct http_answer *a) {
    char parts[2][64] = {"", ""};
    struct err e = ERR_INIT;
    bool other = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!match(routes[i].path, r->path, parts)) continue;
        if (!strcmp(routes[i].method, r->method)) return run(arg, &routes[i], r, parts, a);
        other = true;
    }
    err_set(&e, other ? ZE_USAGE : ZE_NOTFOUND, "", other ? _("this path has no such method") : _("no such path"));
    problem(a, other ? 405 : 404, 0, &e);
}

void api_handle(void *arg, const struct http_request *r, struct http_answer *a) {
    i18n_thread(http_get_header(r, "Accept-Language")); /* what is said to somebody is said in their language */
    answer(arg, r, a);
    i18n_thread(NULL);
}
