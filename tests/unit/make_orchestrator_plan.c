/* The real decisions by two real principals: there is no other way for a plan to come into force. */
#include "make_orchestrator_plan.h"

#include <check.h>
#include <string.h>

const struct principal plan_applicant = {.id = 1, .name = "zhang", .roles = ROLE_APPLICANT};
const struct principal plan_office = {.id = 2, .name = "li", .roles = ROLE_OFFICE};

int64_t plan_force(struct daemon *d, const char *text) {
    struct plan p;
    struct version v;
    struct err e = ERR_INIT;
    ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", &p, &e) == 0, "%s", e.msg);
    int rc = decide_submit(d, &plan_applicant, &p, text, false, &v, &e);
    plan_free(&p);
    if (rc < 0 && e.id == ZE_NOTHING) return v.version;
    ck_assert_msg(rc == 0, "%s", e.msg);
    ck_assert_msg(decide_act(d, &plan_office, LIFE_REVIEW, v.name, v.version, "", &v, &e) == 0, "%s", e.msg);
    ck_assert_msg(decide_act(d, &plan_office, LIFE_APPROVE, v.name, v.version, "", &v, &e) == 0, "%s", e.msg);
    return v.version;
}
