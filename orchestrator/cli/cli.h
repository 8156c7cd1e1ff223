/** What the commands of zaibei share: options, the API, and output for people or as JSON lines. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wrap/json.h"

enum { CLI_OPTIONS_MAX = 12, CLI_ARGS_MAX = 4 };

struct cli {
    bool json;
    const char *config; /* NULL: the usual place */
    const char *token_file; /* NULL: $ZAIBEI_TOKEN_FILE, or the session of zaibei login */
    const char *server, *ca; /* NULL: as the configuration says */
    struct {
        bool tls;
        char at[256], ca[4096]; /* a socket, or https://HOST:PORT and who vouches for it ("": whom the system trusts) */
    } place;                     /* place.h; at "": not looked for yet */
    int argc;
    const char *argv[CLI_ARGS_MAX];
    size_t options_n;
    struct {
        char name[24];
        const char *value; /* "" for a flag */
    } options[CLI_OPTIONS_MAX];
};

/** cli_option(c, name): its value ("" for a flag), or NULL when it was not given. */
const char *cli_option(const struct cli *c, const char *name);

/**
 * cli_call(c, method, path, type, body, n, e):
 * Ask zaibeid: the answer's JSON, to be freed, or NULL with ${e}, which is the daemon's own error where it answered with
 * one. A POST carries an Idempotency-Key; where the connection breaks it is asked once more, under the same key, so it is done
 * once. cli_get: the same for GET. cli_post: with a JSON object, which stays the caller's (NULL: no body). cli_post_secret: the same
 * for what has a secret in question or answer: zaibeid keeps nothing of it, so it is asked once and has no key.
 */
struct js *cli_call(struct cli *c, const char *method, const char *path, const char *type, const void *body, size_t n,
    struct err *e) MUST_CHECK;
struct js *cli_get(struct cli *c, const char *path, struct err *e) MUST_CHECK;
struct js *cli_post(struct cli *c, const char *path, const struct js *body, struct err *e) MUST_CHECK;
struct js *cli_post_secret(struct cli *c, const char *path, const struct js *body, struct err *e) MUST_CHECK;

/** cli_filters(c, names, path, cap): append to ${path} those of the options ${names} (ended by NULL) that were given, as its query. */
void cli_filters(struct cli *c, const char *const *names, char *path, size_t cap);

/** cli_pages(c, path, list, e): every page of a list, as one array, to be freed. ${stale}, where not NULL, gets the answer's
 * word of why it may be old ("" when it is not; 200 bytes). */
struct js *cli_pages(struct cli *c, const char *path, const char *list, struct err *e) MUST_CHECK;
struct js *cli_pages_stale(struct cli *c, const char *path, const char *list, char stale[200], struct err *e) MUST_CHECK;

/** cli_seconds("30m", "24h", "7d"): in seconds; 0 when it is none. */
int64_t cli_seconds(const char *s);

/** cli_line(type, j): print ${j} as a JSON line with schema_version and message_type; takes ${j}. cli_each: a copy of each
 * element of an array. */
void cli_line(const char *type, struct js *j);
void cli_each(const char *type, const struct js *array);

/** Short texts for people, each into 32 bytes: a size, a time without seconds, a span ("3h 12m"); "–" where there is none.
 * cli_words: an array of words with commas. cli_show: "  name   value" with the name padded. */
void cli_bytes(const struct js *j, const char *key, char out[32]);
void cli_time(const struct js *j, const char *key, char out[32]);
void cli_span(const struct js *j, const char *key, char out[32]);
void cli_words(const struct js *array, char *out, size_t cap);
void cli_show(const char *name, const char *value);

/** Words of the API in the language of messages (words.c). cli_known: a state, kind, step or member's name; anything else as it is.
 * cli_word: the member ${key} so, "" where there is none. cli_goal: whether a target was met. cli_labels: as cli_words. cli_field,
 * cli_number: cli_show of a member, "–" where there is none. */
const char *cli_known(const char *s);
const char *cli_word(const struct js *j, const char *key);
const char *cli_goal(const struct js *j, const char *key);
void cli_labels(const struct js *array, char *out, size_t cap);
void cli_field(const struct js *j, const char *key);
void cli_number(const struct js *j, const char *key);

/** cli_state_ok(c, noun, e): ZE_USAGE when --state is none that a list of ${noun} knows: a mistyped one would find nothing, and look
 * as if there were nothing. cli_none(c, text): what is said of an empty list: ${text}, or, where options have narrowed it, so. */
int cli_state_ok(const struct cli *c, const char *noun, struct err *e) MUST_CHECK;
const char *cli_none(const struct cli *c, const char *text);

/** cli_problem(x): an error that stands in a job or drill, with its number, and the next step. */
void cli_problem(const struct js *x);

/** cli_missing_year: a warning that the working days of ${year} are not known; 0: nothing. */
void cli_missing_year(int64_t year);

/** cli_approvals: who has approved, where more than one has to. cli_plan_cost: what cost_json said, for people. cli_sure:
 * the name is typed, or --yes was said; ZE_CANCELLED, ZE_USAGE. */
void cli_approvals(const struct js *j);
void cli_plan_cost(const struct js *j);
int cli_sure(struct cli *c, const char *what, const char *name, struct err *e) MUST_CHECK;

/** Commands return an exit code, or <0 with ${e}. */
typedef int cli_command(struct cli *c, struct err *e);
cli_command cmd_plan_validate, cmd_plan_next;
cli_command cmd_plan_submit, cmd_plan_review, cmd_plan_approve, cmd_plan_reject, cmd_plan_withdraw, cmd_plan_suspend;
cli_command cmd_plan_resume, cmd_plan_retire, cmd_plan_show, cmd_plan_list, cmd_plan_history, cmd_plan_drift;
cli_command cmd_plan_orders, cmd_plan_confirm;
cli_command cmd_witness_list, cmd_witness_accept;
cli_command cmd_plan_new, cmd_plan_print, cmd_plan_diff, cmd_plan_fields;
cli_command cmd_plan_simulate, cmd_calendar_import, cmd_calendar_show, cmd_calendar_next;
cli_command cmd_host_token, cmd_host_list, cmd_host_revoke;
cli_command cmd_job_run, cmd_job_list, cmd_job_show, cmd_job_watch, cmd_job_cancel, cmd_job_retry;
cli_command cmd_point_list, cmd_point_show, cmd_point_pin, cmd_point_pins, cmd_point_remove;
cli_command cmd_system_list, cmd_system_show, cmd_system_point, cmd_system_points;
cli_command cmd_restore_run, cmd_restore_list, cmd_restore_show, cmd_restore_cancel;
cli_command cmd_approve;

/** cli_system_point(s, path, cap, tail): where SYSTEM@NUMBER is in the API, and ${tail}: 1; 0 when ${s} has no @, <0 when it is
 * none. The other two show one, and what pinning it has answered. */
int cli_system_point(const char *s, char *path, size_t cap, const char *tail);
int cmd_system_point_show(struct cli *c, const char *path, struct err *e);
int cmd_system_point_pinned(struct cli *c, const struct js *j);
cli_command cmd_kit_new, cmd_kit_test, cmd_kit_print;
cli_command cmd_audit_list, cmd_audit_export, cmd_audit_verify;
cli_command cmd_notify_channels, cmd_notify_list, cmd_notify_test, cmd_notify_retry;
cli_command cmd_login, cmd_logout, cmd_user_first, cmd_user_add, cmd_user_set, cmd_user_list, cmd_user_show;
cli_command cmd_user_disable, cmd_user_enable, cmd_user_unlock, cmd_user_passwd, cmd_user_totp;
cli_command cmd_token_new, cmd_token_list, cmd_token_revoke;
cli_command cmd_migrate_begin, cmd_migrate_ready, cmd_migrate_cutover, cmd_migrate_list, cmd_migrate_show, cmd_migrate_report;
cli_command cmd_migrate_verify, cmd_migrate_extend, cmd_migrate_rollback, cmd_migrate_close, cmd_migrate_approve;
cli_command cmd_migrate_refuse;
cli_command cmd_status;
cli_command cmd_drill_run, cmd_drill_list, cmd_drill_show, cmd_drill_grant, cmd_drill_report, cmd_drill_cancel;
cli_command cmd_drill_schedule, cmd_drill_trend, cmd_drill_forecast;

#endif
