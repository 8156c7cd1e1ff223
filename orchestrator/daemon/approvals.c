/* An approval that is not the last one is a step like others, and nothing else: the state stays what it was. So who
 * has approved is read from the steps, backwards to the last one that asked for a decision anew. */
#include "approvals.h"

#include <string.h>

static int64_t of_version(struct daemon *d, const char *name, int64_t version) {
    struct plan p;
    if (!catalog_plan_load(d->db, name, version, d->cfg->zone, &p, NULL, NULL)) return 1;
    int64_t n = p.approvals;
    plan_free(&p);
    return n;
}

int64_t approvals_needed(struct daemon *d, const struct version *v) {
    struct version force;
    if (d->cfg->people_off) return 1;
    int64_t own = of_version(d, v->name, v->version), other = 1;
    if (version_get(d->db, v->name, VERSION_IN_FORCE, &force) && force.version != v->version)
        other = of_version(d, v->name, force.version);
    return own > other ? own : other;
}

/* The names, each once: nobody approves twice. Suspending and resuming asks for nothing new. */
static struct js *names(struct db *d, const struct version *v) {
    struct js *list = js_array();
    struct db_rows *r = db_query(d,
        "SELECT who FROM plan_steps WHERE plan=?1 AND version=?2 AND act='approve' AND id>(SELECT coalesce(max(id),0) "
        "FROM plan_steps WHERE plan=?1 AND version=?2 AND act NOT IN ('approve','suspend','resume')) ORDER BY id",
        "si", v->name, v->version);
    while (db_next(r)) js_push_str(list, db_text(r, 0));
    db_done(r);
    return list;
}

int64_t approvals_given(struct db *d, const struct version *v, const char *who, bool *by) {
    CLEANUP_JS struct js *list = names(d, v);
    if (by) *by = false;
    for (size_t i = 0; by && i < js_count(list); i++) *by = *by || !strcmp(js_text(js_at(list, i)), who);
    return (int64_t)js_count(list);
}

struct js *plan_approvals_json(struct daemon *d, const struct version *v) {
    struct js *j = js_object();
    js_set_int(j, "needed", approvals_needed(d, v));
    js_set(j, "by", names(d->db, v));
    return j;
}
