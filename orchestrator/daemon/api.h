/** The API (docs/openapi.yaml): one table of routes. Errors are problem+json with the ZB number. */
#ifndef DAEMON_API_H
#define DAEMON_API_H

#include "daemon.h"
#include "people.h"
#include "people/may.h"
#include "wrap/httpd.h"

/** api_handle(arg, request, answer): arg is the struct daemon; called by the HTTP server's thread. */
void api_handle(void *arg, const struct http_request *r, struct http_answer *a);

/** What a handler gets: the request, its JSON body where there is one, and the variable parts of the path. It returns the
 * answer, or NULL with ${e}; ${status} is 200 unless it says otherwise. */
struct api_call {
    struct daemon *d;
    const struct principal *who; /* whose roles allow the route's act; what else the act needs, the handler checks */
    const struct http_request *r;
    const struct js *body;
    const char *arg[2];
    int status;
    const struct caller *caller; /* what ${who} came with */
    int retry_after_s;           /* of an error that asks to wait */
};
typedef struct js *api_handler(struct api_call *c, struct err *e);

/** api_person(c): in whose name the vault is asked: who is logged in; where people are off, whom the body's "who" names. */
const char *api_person(const struct api_call *c);

/** api_record(c, act, object, detail, e): an audit record in a transaction of its own, in the caller's name. What happens at the
 * vault has two: ACT.asked before, ACT after it, so that nothing is done without a record even if zaibeid dies between. */
int api_record(struct api_call *c, const char *act, const char *object, struct js *detail, struct err *e) MUST_CHECK;
struct route {
    const char *method, *path; /* * stands for one part of the path */
    api_handler *handler;
    enum act act;
    bool json;   /* the body is a JSON object */
    bool secret; /* body or answer has a secret: nothing of it is kept, so it takes no Idempotency-Key */
};
const struct route *api_routes(size_t *n);

/** api_page(c, page, e): the query's limit (50; 1 to 1000) and after: the last key of the page before, as text and, where it
 * is one, as a number. A list answers with one page and, when there is more, its last key as "next". */
struct page {
    int64_t limit, number;
    const char *after; /* "" at the beginning */
};
int api_page(struct api_call *c, struct page *page, struct err *e) MUST_CHECK;

api_handler api_status, api_plan_next;
api_handler api_plans, api_plan_submit, api_plan_show, api_plan_history, api_plan_review, api_plan_approve, api_plan_reject;
api_handler api_plan_withdraw, api_plan_suspend, api_plan_resume, api_plan_retire;
api_handler api_plan_cost, api_drift, api_steps, api_orders, api_order_confirm;
api_handler api_plan_simulate, api_simulate;
api_handler api_calendar, api_calendar_import, api_calendar_next;
api_handler api_hosts, api_host_token, api_host_revoke;
api_handler api_jobs, api_job_run, api_job_show, api_job_cancel, api_job_retry;
api_handler api_points, api_points_all, api_point_show;
api_handler api_systems, api_system_show, api_system_points, api_system_point, api_system_point_show, api_system_point_pin;
api_handler api_audit, api_audit_export, api_audit_verify;
api_handler api_channels, api_notices, api_notify_test, api_notify_retry;
api_handler api_witness, api_witness_accept;
api_handler api_health, api_first_user, api_login, api_logout, api_self, api_self_password, api_self_totp;
api_handler api_self_totp_confirm, api_tokens, api_token_new, api_token_revoke, api_users, api_user_add, api_user_show;
api_handler api_user_set, api_user_disable, api_user_enable, api_user_unlock, api_user_password, api_user_totp;
api_handler api_migrations, api_migration_begin, api_migration_show, api_migration_ready, api_migration_cutover;
api_handler api_migration_verify, api_migration_extend, api_migration_rollback, api_migration_close;
api_handler api_migration_approve, api_migration_refuse;
api_handler api_restores, api_restore_run, api_restore_show, api_restore_cancel, api_restore_grant;
api_handler api_slots, api_pins, api_point_pin, api_points_remove;
api_handler api_drills, api_drill_run, api_drill_show, api_drill_events, api_drill_record, api_drill_grant, api_drill_cancel;
api_handler api_drill_schedule, api_drill_trend, api_drill_forecast;

/** api_run_json: a run of the calendar as it stands in answers. */
struct js *api_run_json(const struct run *run);

#endif
