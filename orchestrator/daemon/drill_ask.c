/* What is drilled, and the order for the worker. The plan's recovery section is handed on as it was written; the worker reads it
 * strictly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "drills.h"
#include "hosts.h"
#include "plan/recovery.h"
#include "systems.h"

bool drill_sees(const struct principal *who, const struct js *system) {
    const struct js *departments = js_get(system, "departments");
    bool any = !*who->department;
    for (size_t i = 0; i < js_count(departments); i++) any |= may_see(who, js_text(js_at(departments, i)));
    return any;
}

/* The hosts of a system with their ids, as far as they are known. */
static struct js *hosts_of(struct daemon *d, const struct js *names) {
    struct js *list = js_array();
    for (size_t i = 0; i < js_count(names); i++) {
        struct host h;
        struct js *j = js_object();
        bool known = catalog_host_get(d->db, js_text(js_at(names, i)), &h);
        js_set_str(j, "host", js_text(js_at(names, i)));
        js_set_str(j, "host_id", known ? h.host_id : "");
        js_push(list, j);
    }
    return list;
}

static int read_system(struct daemon *d, const struct principal *who, const struct drill_wish *w, struct drill *x, struct err *e) {
    db_begin(d->db);
    CLEANUP_JS struct js *s = system_get(d->db, w->system);
    if (s && !drill_sees(who, s)) js_free(s), s = NULL;
    if (s) {
        snprintf(x->system, sizeof x->system, "%s", js_str(s, "system", ""));
        snprintf(x->plan, sizeof x->plan, "%s", js_str(s, "plan", ""));
        snprintf(x->plan_hash, sizeof x->plan_hash, "%s", js_str(s, "plan_hash", ""));
        x->plan_version = js_int(s, "plan_version", 0);
        x->departments = js_copy(js_get(s, "departments"));
        x->recovery = js_get(s, "recovery") ? js_copy(js_get(s, "recovery")) : NULL;
        x->hosts = hosts_of(d, js_get(s, "hosts"));
        x->rto_target_s = js_int(s, "rto_target_s", 0), x->rpo_target_s = js_int(s, "rpo_target_s", 0);
    }
    if (db_commit(d->db, e) < 0) return -1;
    return s ? 0 : err_set(e, ZE_NOTFOUND, w->system, _("no such system"));
}

/* The point of one host: the one asked for, or the newest complete one whose walk began before the incident. */
static const struct js *point_of(const struct drill *x, const struct js *points, int64_t wanted) {
    int64_t before = x->incident_ns ? x->incident_ns : x->requested_ns;
    for (size_t i = js_count(points); i-- > 0;) {
        const struct js *p = js_at(points, i);
        int64_t walk = hosts_time(p, "walk_start");
        bool fits = !strcmp(js_str(p, "state", ""), "complete") && walk && walk <= before;
        if (wanted ? js_int(p, "point", 0) == wanted : fits) return p;
    }
    return NULL;
}

static int choose_one(struct daemon *d, const struct drill *x, struct js *h, const struct js *wanted, struct err *e) {
    const char *host = js_str(h, "host", "");
    int64_t number = js_int(wanted, host, 0);
    CLEANUP_JS struct js *points = hosts_points(d, host, e);
    if (!points) return -1;
    const struct js *p = point_of(x, points, number);
    int64_t incident = x->incident_ns, walk = hosts_time(p, "walk_start");
    if (!p && number) return err_set(e, ZE_DRILLPOINT, host, _("it has no restore point %lld"), (long long)number);
    if (!p) return err_set(e, ZE_DRILLPOINT, host, _("it has no complete restore point from before the incident or the request"));
    if (incident && walk > incident)
        return err_set(e, ZE_DRILLPOINT, host, _("restore point %lld was made after the incident"), (long long)number);
    js_set_int(h, "point", js_int(p, "point", 0));
    js_set_str(h, "walk_start", js_str(p, "walk_start", NULL));
    js_set_str(h, "committed", js_str(p, "time", NULL));
    js_set_int(h, "bytes", js_int(p, "bytes", 0));
    js_set_int(h, "files", js_int(p, "files", 0));
    return 0;
}

/* The id of each host, as the vault knows it: one that was enrolled a moment ago is not in the catalog yet. */
static int take_ids(struct daemon *d, const struct drill *x, struct err *e) {
    bool asked = false;
    for (size_t i = 0; i < js_count(x->hosts); i++) {
        struct js *j = js_at(x->hosts, i);
        const char *name = js_str(j, "host", "");
        struct host h;
        if (*js_str(j, "host_id", "")) continue;
        if (!asked && hosts_sync(d, false, e) < 0) return -1;
        asked = true;
        db_begin(d->db);
        bool known = catalog_host_get(d->db, name, &h) && *h.host_id;
        if (db_commit(d->db, e) < 0) return -1;
        if (!known) return err_set(e, ZE_DRILLPOINT, name, _("the vault does not know this host"));
        js_set_str(j, "host_id", h.host_id);
    }
    return 0;
}

int drill_choose(struct daemon *d, struct drill *x, const struct js *points, struct err *e) {
    const struct js *value;
    const char *name;
    for (size_t i = 0; (name = js_member(points, i, &value)); i++) {
        bool known = false;
        for (size_t h = 0; h < js_count(x->hosts); h++) known |= !strcmp(js_str(js_at(x->hosts, h), "host", ""), name);
        if (!known) return err_set(e, ZE_DRILLPOINT, name, _("it is no host of this system"));
        if (js_number(value, 0) <= 0) return err_set(e, ZE_USAGE, name, _("expected the number of a restore point"));
    }
    if (take_ids(d, x, e) < 0) return -1;
    for (size_t h = 0; h < js_count(x->hosts); h++)
        if (choose_one(d, x, js_at(x->hosts, h), points, e) < 0) return -1;
    return js_count(x->hosts) ? 0 : err_set(e, ZE_DRILLPOINT, x->system, _("the system has no hosts"));
}

/* The points of a system point, as drill_choose takes them. */
static struct js *points_of(struct daemon *d, const char *system, int64_t id, struct err *e) {
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)id);
    db_begin(d->db);
    CLEANUP_JS struct js *sp = system_point_get(d->db, id);
    if (db_commit(d->db, e) < 0) return NULL;
    const char *state = js_str(sp, "state", "");
    if (!sp || strcmp(js_str(sp, "system", ""), system) != 0)
        return err_set(e, ZE_DRILLPOINT, number, _("no such system point of this system")), NULL;
    if (strcmp(state, "ok") != 0) return err_set(e, ZE_DRILLPOINT, number, _("the system point is not complete: %s"), state), NULL;
    const struct js *hosts = js_get(sp, "hosts");
    struct js *points = js_object();
    for (size_t i = 0; i < js_count(hosts); i++)
        js_set_int(points, js_str(js_at(hosts, i), "host", ""), js_int(js_at(hosts, i), "point", 0));
    return points;
}

/* From level 2 on the answers of checks are the proof; that nothing was red where nothing was asked shows nothing. */
static bool asks(const struct drill *x) {
    const struct js *checks = js_get(x->recovery, "checks");
    bool any = x->level == 1;
    for (size_t i = 0; i < js_count(checks); i++) any |= drill_number(js_at(checks, i), "level", 2) <= x->level;
    return any;
}

int drill_ask(struct daemon *d, const struct principal *who, const struct drill_wish *w, struct drill *x, struct err *e) {
    *x = (struct drill){.incident_ns = w->incident_ns, .system_point = w->system_point};
    if (read_system(d, who, w, x, e) < 0) return -1;
    x->level = w->level ? w->level : recovery_level(x->recovery);
    x->requested_ns = x->since_ns = daemon_now(d);
    if (x->level != 1 && x->level != 2 && x->level != 4) return err_set(e, ZE_USAGE, "level", _("expected 1, 2 or 4"));
    if (x->level > 1 && !x->recovery)
        return err_set(e, ZE_NORECOVERY, x->system, _("without it only level 1, content, can be drilled"));
    if (!asks(x)) return err_set(e, ZE_NORECOVERY, x->system, _("none of its checks is asked at level %lld"), (long long)x->level);
    if (x->incident_ns > x->requested_ns) return err_set(e, ZE_USAGE, "incident", _("the incident cannot be in the future"));
    if (!d->cfg->drill_read[0])
        return err_set(e, ZE_CONFIG, d->cfg->file, _("drills.read: say how restore points are read; vault.dir is not set"));
    snprintf(x->origin, sizeof x->origin, "%s", w->scheduled ? "schedule" : "manual");
    snprintf(x->requested_by, sizeof x->requested_by, "%s", w->who);
    snprintf(x->state, sizeof x->state, DRILL_QUEUED);
    if (w->scheduled) return 0;
    CLEANUP_JS struct js *points = w->system_point ? points_of(d, x->system, w->system_point, e) : NULL;
    return w->system_point && !points ? -1 : drill_choose(d, x, points ? points : w->points, e);
}

/* ---- the order ---- */

static struct js *order_host(const struct drill *x, const struct js *h) {
    const struct js *list = js_get(x->recovery, "hosts"), *value;
    struct js *j = js_object();
    const char *key;
    for (size_t i = 0; i < js_count(list); i++)
        if (!strcmp(js_str(js_at(list, i), "host", ""), js_str(h, "host", ""))) js_free(j), j = js_copy(js_at(list, i));
    for (size_t i = 0; (key = js_member(h, i, &value)); i++) js_set(j, key, js_copy(value));
    return j;
}

static struct js *order_limits(const struct config *cfg) {
    struct js *j = js_object();
    js_set_int(j, "memory", (int64_t)cfg->drill_memory);
    js_set_int(j, "disk", (int64_t)cfg->drill_disk);
    js_set_int(j, "time_s", cfg->drill_time_s);
    return j;
}

char *drill_order(struct daemon *d, const struct drill *x) {
    CLEANUP_JS struct js *q = js_object();
    struct js *read = js_array(), *hosts = js_array();
    char dir[4200], id[24];
    snprintf(id, sizeof id, "%lld", (long long)x->id);
    snprintf(dir, sizeof dir, "%s/%s", d->cfg->drill_dir, id);
    for (const char *const *s = d->cfg->drill_read; *s; s++) js_push_str(read, *s);
    for (size_t i = 0; i < js_count(x->hosts); i++) js_push(hosts, order_host(x, js_at(x->hosts, i)));
    js_set_str(q, "op", "drill");
    js_set_int(q, "schema_version", 1);
    js_set_str(q, "id", id);
    js_set_str(q, "dir", dir);
    js_set_int(q, "level", x->level);
    js_set(q, "read", read);
    drill_time_set(q, "requested", x->requested_ns);
    if (x->incident_ns) drill_time_set(q, "incident", x->incident_ns);
    js_set(q, "limits", order_limits(d->cfg));
    js_set_str(q, "accel", d->cfg->drill_accel);
    if (js_str(x->recovery, "gateway", NULL)) js_set_str(q, "gateway", js_str(x->recovery, "gateway", NULL));
    js_set(q, "hosts", hosts);
    js_set(q, "checks", js_get(x->recovery, "checks") ? js_copy(js_get(x->recovery, "checks")) : js_array());
    return js_dump(q);
}
