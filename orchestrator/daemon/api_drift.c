/* Drift over the API: of one plan, or of a page of those in force and, for whoever sees all, of hosts without a plan. */
#include <stdlib.h>
#include <string.h>

#include "api_life.h"
#include "base/i18n.h"
#include "base/text.h"
#include "drift.h"
#include "hosts.h"
#include "sys/file.h"

enum { LISTED = 20, LISTED_MAX = 200 };

static int each(struct api_call *c, const struct version *list, size_t n, struct js *out, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        if (!life_in_force(list[i].state)) continue;
        struct js *j = drift_json(c->d, &list[i], e);
        if (!j) return -1;
        js_push(out, j);
    }
    return 0;
}

/* The versions in force, from the one asked for, or a page. */
static struct version *choose(struct api_call *c, size_t *n, int64_t *limit, struct err *e) {
    uint64_t number = LISTED;
    const char *name = http_query(c->r, "plan"), *after = http_query(c->r, "after"), *s = http_query(c->r, "limit");
    struct versions_filter f = {.name = name ? name : "",
        .department = c->who->department,
        .state = "",
        .after = after ? after : "",
        .after_version = INT64_MAX};
    if (s && (!text_u64(s, LISTED_MAX, &number) || !number))
        return err_set(e, ZE_USAGE, s, _("expected a number up to %d"), LISTED_MAX), NULL;
    f.limit = *limit = (int64_t)number;
    db_begin(c->d->db);
    struct version *list = versions_list(c->d->db, VERSIONS_PLANS, &f, n);
    if (db_commit(c->d->db, e) < 0) return free(list), NULL;
    if (!name || (*n && life_in_force(list[0].state))) return list ? list : calloc(1, sizeof *list);
    free(list);
    return err_set(e, ZE_NOTFOUND, name, _("no plan of this name is in force")), NULL;
}

struct js *api_drift(struct api_call *c, struct err *e) {
    size_t n = 0;
    int64_t limit = 0;
    struct err stale = ERR_INIT;
    CLEANUP_FREE struct version *list = choose(c, &n, &limit, e);
    if (!list) return NULL;
    struct js *j = js_object(), *plans = js_array();
    js_set(j, "plans", plans);
    if (hosts_sync(c->d, false, &stale) < 0) js_set_str(j, "stale", stale.msg);
    int rc = each(c, list, n, plans, e);
    if (rc == 0 && !http_query(c->r, "plan") && !*c->who->department) {
        struct js *hosts = drift_unplanned(c->d, e);
        if (hosts) js_set(j, "hosts_without_plan", hosts);
        else rc = -1;
    }
    if (n && n == (size_t)limit) js_set_str(j, "next", list[n - 1].name);
    if (rc == 0) return j;
    js_free(j);
    return NULL;
}
