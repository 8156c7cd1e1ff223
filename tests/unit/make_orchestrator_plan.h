/** Plans for tests, on the way that people take. */
#ifndef UNIT_MAKE_ORCHESTRATOR_PLAN_H
#define UNIT_MAKE_ORCHESTRATOR_PLAN_H

#include "decide.h"

/** Two people: zhang applies for what no department owns, li decides at the office. */
extern const struct principal plan_applicant, plan_office;

/** plan_force(d, text): submitted by zhang, reviewed and approved by li; its version. Fails the test when it is refused; what
 * is in force already stays as it is. */
int64_t plan_force(struct daemon *d, const char *text);

#endif
