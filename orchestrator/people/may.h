/**
 * Who may do what: one table of roles and acts, and the rules that no table can hold. Pure: the API, the CLI's help, the
 * documents and the tests read the same table.
 *
 * R13 (等保三级): system, security and audit administrators are three people. R1, R2: the office approves what a department
 * applies for, and nobody approves what they submitted. R11: a department sees its own only.
 */
#ifndef PEOPLE_MAY_H
#define PEOPLE_MAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/** A person holds any set of roles in which at most one of the three administrators is. */
enum role {
    ROLE_APPLICANT = 1,      /* of one department: applies, changes, retires; sees its own */
    ROLE_OFFICE = 2,         /* 主管部门: reviews, approves, suspends */
    ROLE_SYSTEM_ADMIN = 4,   /* hosts, jobs, points, channels, calendar */
    ROLE_SECURITY_ADMIN = 8, /* users, roles, tokens, locks */
    ROLE_AUDITOR = 16,       /* reads everything, changes nothing; exports the audit */
};

enum act {
    ACT_STATUS_READ,
    ACT_PLAN_READ,
    ACT_PLAN_WRITE, /* draft, change, submit, withdraw */
    ACT_PLAN_REVIEW,
    ACT_PLAN_APPROVE, /* also reject */
    ACT_PLAN_SUSPEND, /* and resume */
    ACT_PLAN_RETIRE,
    ACT_ORDER_CONFIRM, /* what a retirement asks of people is done */
    ACT_HOST_READ,
    ACT_HOST_MANAGE, /* enrol tokens, revoke */
    ACT_JOB_READ,
    ACT_JOB_RUN, /* also cancel, retry */
    ACT_POINT_READ,
    ACT_POINT_PIN,
    ACT_POINT_REMOVE,
    ACT_SYSTEM_READ,  /* systems and their system points */
    ACT_SYSTEM_POINT, /* have one taken */
    ACT_DRILL_READ,
    ACT_DRILL_RUN, /* also cancel */
    ACT_RESTORE_READ,
    ACT_RESTORE_RUN, /* also cancel */
    ACT_GRANT_GIVE,  /* hand over what the department's kit has opened */
    ACT_MIGRATE_READ,
    ACT_MIGRATE_RUN,   /* begin, ready, cutover, extend, rollback */
    ACT_MIGRATE_CLOSE, /* another person's consent to the end of a window */
    ACT_USER_READ,
    ACT_USER_MANAGE,
    ACT_AUDIT_READ,
    ACT_CALENDAR_READ,
    ACT_CALENDAR_MANAGE,
    ACT_NOTIFY_READ,
    ACT_NOTIFY_MANAGE,
    ACT_SELF,   /* of whoever is logged in, about themselves */
    ACT_PUBLIC, /* of anybody: what comes before logging in */
    ACTS
};

/** Whoever acts. What is written into records is the name. */
struct principal {
    int64_t id; /* of the user; 0: zaibeid itself */
    char name[64];
    char department[256]; /* "": belongs to none and sees all, as far as the roles reach */
    unsigned roles;
};

/** may_act: whether the roles allow the act at all. */
bool may_act(unsigned roles, enum act a);
/** may_see: whether an object of ${department} exists for this person. Where not, the answer is the one for an absent object. */
bool may_see(const struct principal *p, const char *department);
/** may_roles(roles, e): 0 when one person may hold them together; else ZE_USAGE with what excludes what. */
int may_roles(unsigned roles, struct err *e) MUST_CHECK;

/** may_needs_code: whether these roles log in with a one-time code besides the password. */
bool may_needs_code(unsigned roles);

/** role_name, role_of, act_name: the words used in the API and in audit records; role_of: 0 for an unknown word. The i-th
 * role is 1 << i. */
enum { ROLES = 5 };
const char *role_name(enum role r);
unsigned role_of(const char *name);
const char *act_name(enum act a);

#endif
