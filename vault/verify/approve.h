/** Whether two approvers allowed an act (FORMAT.md §8), judged again from what the record carries. */
#ifndef VERIFY_APPROVE_H
#define VERIFY_APPROVE_H

#include "vaultlog.h"

/** The act as a statement must word it. */
struct consent {
    const char *action, *objects, *detail;
    bool one_of;                    /* ${objects} is one of those the statement names; else all of them */
    int64_t time;                   /* when it was done */
    const struct approver_list *by; /* whose approvers; NULL: those who held at ${time} */
};

/** approvals_wrong(v, r, c): read approvals from ${r}: NULL when they allow ${c}, else why not, translated. */
const char *approvals_wrong(struct verify *v, struct rd *r, const struct consent *c);

#endif
