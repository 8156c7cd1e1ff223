/** Approvals as the vault judges them: by its own list of approvers, nobody else's word. */
#ifndef VAULT_APPROVE_H
#define VAULT_APPROVE_H

#include "vault.h"
#include "wire/approval.h"

enum { APPROVALS_NEEDED = 2 };

/** What is to be done, in the words of the statement; "-" for none. */
struct act {
    enum approval_action action;
    const char *objects, *detail;
};

/**
 * approvals_judge(v, act, a, now, e):
 * Whether two different approvers of the vault's list have signed one and the same statement for exactly ${act}, which has
 * not expired at ${now}: 0, else ZE_APPROVAL, or ZE_APPROVERS when the vault has fewer than two. Changes nothing.
 */
int approvals_judge(
    struct vault *v, const struct act *act, const struct approvals *a, int64_t now, struct err *e) MUST_CHECK;

/** approvals_fit: the same, but for time: an act that stands in a log was in time. The view of the log as it is counts. */
int approvals_fit(struct vault *v, const struct act *act, const struct approvals *a, struct err *e) MUST_CHECK;

/** approvals_spend(v, a, e): use its nonce up, durably: ZE_APPROVAL when it was used before. To be called after
 * approvals_judge and before the act. */
int approvals_spend(struct vault *v, const struct approvals *a, struct err *e) MUST_CHECK;

/** approvals_request(v, act, now, expires, out, e): append a new statement for ${act}, to be signed. */
int approvals_request(
    struct vault *v, const struct act *act, int64_t now, int64_t expires, struct buf *out, struct err *e) MUST_CHECK;

/** approver_list_check(l, e): names and keys are good and each stands once; ZE_USAGE. approver_list_hash: its hash in hex,
 * as a statement names the list. */
int approver_list_check(const struct approver_list *l, struct err *e) MUST_CHECK;
void approver_list_hash(const struct approver_list *l, char out[HEX_HASH]);

#endif
