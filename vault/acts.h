/**
 * What changes the protection of restore points, as operations on JSON (PROTOCOL.md §5): for zaibeid through control and for
 * the administrator's verbs alike. Each judges by the vault's own records; none can shorten anything without approvals.
 */
#ifndef VAULT_ACTS_H
#define VAULT_ACTS_H

#include "approve.h"
#include "log.h"
#include "notes.h"
#include "wrap/json.h"

enum { ACT_TRIES = 64 };

/** An operation: the request ${q}, the answer's members into ${a}. */
typedef int act_run(struct vault *v, const struct js *q, struct js *a, struct err *e);
act_run act_pin, act_pins, act_remove, act_floor, act_approvers, act_clock, act_confirm, act_request, act_witness;
act_run act_slots, act_grant, act_grants;
/** act_find: the operation of this name, or NULL. */
act_run *act_find(const char *name);

/** act_approvers_set(v, list, a, e): the whole new list of approvers, with the approvals of two of the present ones, or
 * without while there are fewer than two: for the administrator of the machine only, never over control. */
int act_approvers_set(
    struct vault *v, const struct approver_list *list, const struct approvals *a, struct err *e) MUST_CHECK;
/** act_confirm_alone: confirm the clock without approvals, while the vault has fewer than two approvers; likewise. */
int act_confirm_alone(struct vault *v, struct err *e) MUST_CHECK;

/** Shared by the operations: an enrolled host's log and rights; a text of the request, checked; a list of points, sorted and
 * each once; "HOST/1 HOST/2" for a statement. */
struct act_host {
    struct host_log log;
    struct rights rights;
};
int act_host_open(struct act_host *h, struct vault *v, const struct js *q, struct err *e) MUST_CHECK;
void act_host_close(struct act_host *h);
int act_text(const struct js *q, const char *key, bool needed, char *out, size_t cap, struct err *e) MUST_CHECK;
enum { ACT_POINTS_MAX = 500 };
struct act_points {
    size_t n;
    uint32_t point[ACT_POINTS_MAX];
};
int act_points_get(const struct js *q, struct act_points *p, struct err *e) MUST_CHECK;
void act_objects(struct buf *out, const char *host, const struct act_points *p);

#endif
