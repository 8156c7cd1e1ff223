/* The table. A row names the roles that may do an act; what a role is not named for, it may not. */
#include "people/may.h"

#include <string.h>

#include "base/i18n.h"

enum {
    A = ROLE_APPLICANT,
    O = ROLE_OFFICE,
    S = ROLE_SYSTEM_ADMIN,
    X = ROLE_SECURITY_ADMIN,
    L = ROLE_AUDITOR,
    ALL = A | O | S | X | L,
    ADMINS = S | X | L
};

static const struct {
    const char *name;
    unsigned roles;
} acts[ACTS] = {
    [ACT_STATUS_READ] = {"status.read", ALL},
    [ACT_PLAN_READ] = {"plan.read", ALL},
    [ACT_PLAN_WRITE] = {"plan.write", A},
    [ACT_PLAN_REVIEW] = {"plan.review", O},
    [ACT_PLAN_APPROVE] = {"plan.approve", O},
    [ACT_PLAN_SUSPEND] = {"plan.suspend", A | O | S},
    [ACT_PLAN_RETIRE] = {"plan.retire", A},
    [ACT_ORDER_CONFIRM] = {"order.confirm", O | S},
    [ACT_HOST_READ] = {"host.read", ALL},
    [ACT_HOST_MANAGE] = {"host.manage", S},
    [ACT_JOB_READ] = {"job.read", ALL},
    [ACT_JOB_RUN] = {"job.run", A | S},
    [ACT_POINT_READ] = {"point.read", A | O | S | L},
    [ACT_POINT_PIN] = {"point.pin", A | O | S},
    [ACT_POINT_REMOVE] = {"point.remove", S},
    [ACT_SYSTEM_READ] = {"system.read", ALL},
    [ACT_SYSTEM_POINT] = {"system.point", A | S},
    [ACT_DRILL_READ] = {"drill.read", ALL},
    [ACT_DRILL_RUN] = {"drill.run", A | S},
    [ACT_RESTORE_READ] = {"restore.read", ALL},
    [ACT_RESTORE_RUN] = {"restore.run", A | S},
    [ACT_GRANT_GIVE] = {"grant.give", A | S},
    [ACT_MIGRATE_READ] = {"migrate.read", ALL},
    [ACT_MIGRATE_RUN] = {"migrate.run", A | S},
    [ACT_MIGRATE_CLOSE] = {"migrate.close", O},
    [ACT_USER_READ] = {"user.read", X | L},
    [ACT_USER_MANAGE] = {"user.manage", X},
    [ACT_AUDIT_READ] = {"audit.read", L},
    [ACT_CALENDAR_READ] = {"calendar.read", ALL},
    [ACT_CALENDAR_MANAGE] = {"calendar.manage", O | S},
    [ACT_NOTIFY_READ] = {"notify.read", S | X | L},
    [ACT_NOTIFY_MANAGE] = {"notify.manage", S},
    [ACT_SELF] = {"self", ALL},
    [ACT_PUBLIC] = {"public", ALL},
};

static const char *const roles[ROLES] = {
    "applicant", "office", "system-administrator", "security-administrator", "auditor"};

bool may_act(unsigned held, enum act a) { return a < ACTS && (acts[a].roles & held); }

bool may_see(const struct principal *p, const char *department) {
    return !*p->department || !strcmp(p->department, department);
}

int may_roles(unsigned held, struct err *e) {
    unsigned admins = held & ADMINS;
    if (!held || held > ALL) return err_set(e, ZE_USAGE, "roles", _("at least one known role is needed"));
    if (admins & (admins - 1))
        return err_set(
            e, ZE_USAGE, "roles", _("system, security and audit administrator exclude each other in one person"));
    return 0;
}

bool may_needs_code(unsigned held) { return held & (O | ADMINS); }

const char *role_name(enum role r) {
    for (unsigned i = 0; i < ROLES; i++)
        if (r == 1U << i) return roles[i];
    return "";
}

unsigned role_of(const char *name) {
    for (unsigned i = 0; i < ROLES; i++)
        if (!strcmp(name, roles[i])) return 1U << i;
    return 0;
}

const char *act_name(enum act a) { return a < ACTS ? acts[a].name : ""; }
