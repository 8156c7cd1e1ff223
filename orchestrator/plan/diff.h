/** What differs between two versions of a plan, field by field. */
#ifndef ORCHESTRATOR_DIFF_H
#define ORCHESTRATOR_DIFF_H

#include "wrap/json.h"

/**
 * plan_diff(old, new, out):
 * Append to the array ${out} one object for each field that differs between two forms (struct plan, form): "field" its key,
 * "label" as on the form, "title" the same in English, "old" and "new" a string or an array, absent where the form does not
 * have it. Elements of a list of maps are compared one by one: "of" then says whose field it is ("shop-db"); an element that
 * only one side has is its "old" or "new". In the order of the forms. Either form may be NULL, which has no fields. Return how many; 0 just when both have
 * the same hash.
 */
int plan_diff(const struct js *old, const struct js *new, struct js *out);

#endif
