/* A system point is a row, and a job for each host. The jobs are taken like all others; between being ready and
 * walking they wait for each other (systems_barrier.c). Each try is the only one: a host that comes back later is not
 * frozen together with the others any more, so its job is not tried again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "plan/recovery.h"
#include "systems.h"

/* ---- making one ---- */

/* The plan that backs up ${host} for this system: that with the recovery first. ${p} is to be freed then. */
static int64_t plan_of(struct daemon *d, const char *system, const char *host, struct plan *p) {
    char names[8][64];
    size_t n = 0;
    struct db_rows *r = db_query(d->db,
        "SELECT s.plan FROM systems s JOIN plans v ON v.name=s.plan AND v.state='active' JOIN reach h ON h.plan=s.plan "
        "WHERE s.system=? AND h.host=? ORDER BY s.recovery DESC, s.plan LIMIT 8",
        "ss", system, host);
    while (db_next(r)) snprintf(names[n++], sizeof names[0], "%s", db_text(r, 0));
    db_done(r);
    for (size_t i = 0; i < n; i++) {
        int64_t v = catalog_plan_load(d->db, names[i], 0, d->cfg->zone, p, NULL, NULL);
        if (v && p->backup && plan_has_host(p, host)) return v;
        if (v) plan_free(p);
    }
    return 0;
}

static bool queue_one(
    struct daemon *d, int64_t id, const char *system, const char *host, unsigned rank, const char *who) {
    struct plan p;
    struct host h;
    struct job j = {
        .origin = "system", .labels = "manual", .state = "queued", .system_point = id, .due_ns = daemon_now(d)};
    if (!(j.plan_version = plan_of(d, system, host, &p))) return false;
    bool points = catalog_host_get(d->db, host, &h) && h.points > 0;
    snprintf(j.kind, sizeof j.kind, "%s", points ? "incremental" : "full");
    snprintf(j.host, sizeof j.host, "%s", host);
    snprintf(j.plan, sizeof j.plan, "%s", p.name);
    text_hex(j.plan_hash, p.hash, sizeof p.hash);
    j.queued_ns = j.due_ns, j.priority = p.priority;
    plan_free(&p);
    job_add(d->db, &j);
    db_exec(d->db, "INSERT INTO system_point_hosts(job,system_point,host,rank,stage,walk_ns) VALUES(?,?,?,?,0,0)",
        "iisi", j.id, id, host, (int64_t)rank);
    job_record(d->db, &j, j.due_ns, who, "job.run");
    return true;
}

static bool under_way(struct db *d, const char *system) {
    struct db_rows *r =
        db_query(d, "SELECT 1 FROM system_points WHERE system=? AND state IN ('queued','running')", "s", system);
    bool found = db_next(r);
    db_done(r);
    return found;
}

static void record(
    struct daemon *d, int64_t id, const char *system, const char *who, const char *act, const char *why) {
    struct js *x = js_object();
    js_set_int(x, "system_point", id);
    if (*why) js_set_str(x, !strcmp(act, "system.point.ended") ? "state" : "reason", why);
    audit_add(d->db, daemon_now(d), who, act, system, x);
}

int64_t system_point_new(struct daemon *d, const char *who, const char *system, const char *why, struct err *e) {
    CLEANUP_JS struct js *s = system_get(d->db, system);
    if (!s) return err_set(e, ZE_NOTFOUND, system, _("no such system"));
    if (under_way(d->db, system)) return err_set(e, ZE_EXISTS, system, _("a system point is being taken already"));
    int64_t now = daemon_now(d), wait_s = SYSTEM_POINT_CALLS * d->cfg->call_in_s + SYSTEM_POINT_WAIT_S;
    db_exec(d->db,
        "INSERT INTO system_points(system,state,who,reason,created_ns,until_ns,frozen_ns,ended_ns) "
        "VALUES(?,'queued',?,?,?,?,0,0)",
        "sssii", system, who, why, now, now + wait_s * NS_PER_S);
    int64_t id = db_last_id(d->db);
    struct recovery r;
    const struct js *hosts = js_get(s, "hosts");
    size_t queued = 0;
    recovery_read(js_get(s, "recovery"), &r);
    for (size_t i = 0; i < js_count(hosts); i++) {
        const char *host = js_text(js_at(hosts, i));
        const struct recovery_host *h = recovery_find(&r, host);
        queued += queue_one(d, id, system, host, h ? h->rank : 0, who);
    }
    if (!queued) return err_set(e, ZE_NOTFOUND, system, _("no active plan with backup has a host of this system"));
    record(d, id, system, who, "system.point", why);
    return id;
}

/* ---- looking at one ---- */

static struct js *host_json(struct db *d, int64_t job, const char *host, int64_t stage, int64_t walk_ns) {
    static const char *const stages[] = {"waiting", "ready", "frozen"};
    struct js *o = js_object(), *x;
    struct job j;
    char id[24];
    bool known = job_get(d, job, &j);
    js_set_str(o, "host", host);
    js_set_int(o, "job", job);
    js_set_str(o, "state", known ? j.state : "failed");
    js_set_str(o, "stage", stages[stage < 0 || stage > BARRIER_FROZEN ? 0 : stage]);
    if (j.point) js_set_int(o, "point", j.point);
    if (walk_ns) js_set_time(o, "walk_start", walk_ns);
    if (!j.err_id && !*j.err_msg) return o;
    js_set(o, "error", x = js_object());
    snprintf(id, sizeof id, "ZB-%lld", (long long)j.err_id);
    js_set_str(x, "id", j.err_id ? id : NULL), js_set_str(x, "object", j.err_object),
        js_set_str(x, "message", j.err_msg);
    js_set_str(x, "next", err_next((enum err_id)j.err_id));
    return o;
}

struct js *system_point_get(struct db *d, int64_t id) {
    struct db_rows *r = db_query(
        d, "SELECT system,state,who,reason,created_ns,frozen_ns,ended_ns FROM system_points WHERE id=?", "i", id);
    struct js *o = db_next(r) ? js_object() : NULL, *hosts;
    if (o) {
        js_set_int(o, "id", id);
        js_set_str(o, "system", db_text(r, 0)), js_set_str(o, "state", db_text(r, 1));
        js_set_str(o, "who", db_text(r, 2)), js_set_str(o, "reason", db_text(r, 3));
        js_set_time(o, "created", db_int(r, 4)), js_set_time(o, "frozen", db_int(r, 5)),
            js_set_time(o, "ended", db_int(r, 6));
    }
    db_done(r);
    if (!o) return NULL;
    js_set(o, "hosts", hosts = js_array());
    r = db_query(
        d, "SELECT job,host,stage,walk_ns FROM system_point_hosts WHERE system_point=? ORDER BY host", "i", id);
    while (db_next(r)) js_push(hosts, host_json(d, db_int(r, 0), db_text(r, 1), db_int(r, 2), db_int(r, 3)));
    db_done(r);
    return o;
}

int64_t *system_points_list(struct db *d, const char *system, int64_t before, int64_t limit, size_t *n) {
    int64_t *ids = calloc((size_t)limit + 1, sizeof *ids);
    *n = 0;
    struct db_rows *r =
        db_query(d, "SELECT id FROM system_points WHERE system=?1 AND (?2=0 OR id<?2) ORDER BY id DESC LIMIT ?3", "sii",
            system, before, limit + 1);
    while (ids && db_next(r)) ids[(*n)++] = db_int(r, 0);
    db_done(r);
    return ids;
}

bool system_point_of(struct db *d, int64_t id, const char *system) {
    struct db_rows *r = db_query(d, "SELECT 1 FROM system_points WHERE id=? AND system=?", "is", id, system);
    bool found = db_next(r);
    db_done(r);
    return found;
}

void system_point_walked(struct db *d, int64_t job, int64_t walk_ns) {
    if (walk_ns) db_exec(d, "UPDATE system_point_hosts SET walk_ns=? WHERE job=?", "ii", walk_ns, job);
}

/* ---- settling ---- */

/* What became of the whole: NULL while a job is open. Ok when all are; failed when there is no point at all. */
static const char *outcome(const struct js *hosts, bool *begun) {
    size_t ok = 0, points = 0, n = js_count(hosts), open = 0;
    *begun = false;
    for (size_t i = 0; i < n; i++) {
        const char *state = js_str(js_at(hosts, i), "state", "");
        bool queued = !strcmp(state, "queued");
        open += queued || !strcmp(state, "running");
        *begun |= !queued;
        ok += !strcmp(state, "ok");
        points += js_int(js_at(hosts, i), "point", 0) > 0;
    }
    return open ? NULL : ok == n && n ? "ok" : points ? "partial" : "failed";
}

/* Jobs that nobody came for in time will not be frozen together with the others any more. */
static void give_up(struct daemon *d, const struct js *hosts, const char *why) {
    for (size_t i = 0; i < js_count(hosts); i++) {
        struct job j;
        if (!job_get(d->db, js_int(js_at(hosts, i), "job", 0), &j) || strcmp(j.state, "queued") != 0) continue;
        snprintf(j.state, sizeof j.state, "failed");
        j.ended_ns = daemon_now(d), j.err_id = ZE_BARRIER;
        snprintf(j.err_object, sizeof j.err_object, "%s", j.host);
        snprintf(j.err_msg, sizeof j.err_msg, "%s", why);
        job_put(d->db, &j);
        job_record(d->db, &j, j.ended_ns, "zaibeid", "job.ended");
    }
}

static void settle(struct daemon *d, int64_t id, bool late) {
    CLEANUP_JS struct js *o = system_point_get(d->db, id);
    const struct js *hosts = js_get(o, "hosts");
    const char *system = js_str(o, "system", "");
    bool begun, over = false;
    for (size_t i = 0; i < js_count(hosts); i++) { /* one that ended before all were frozen ends the others' wait */
        const char *state = js_str(js_at(hosts, i), "state", "");
        over |= strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
    }
    if (over && !js_str(o, "frozen", NULL))
        give_up(d, hosts, _("another host of the system point has ended before all were frozen"));
    else if (late && !js_str(o, "frozen", NULL)) give_up(d, hosts, _("its agent did not come for it in time"));
    CLEANUP_JS struct js *now = system_point_get(d->db, id);
    const char *end = outcome(js_get(now, "hosts"), &begun);
    if (!end && begun)
        db_exec(d->db, "UPDATE system_points SET state='running' WHERE id=? AND state='queued'", "i", id);
    if (!end) return;
    db_exec(d->db, "UPDATE system_points SET state=?,ended_ns=? WHERE id=?", "sii", end, daemon_now(d), id);
    record(d, id, system, "zaibeid", "system.point.ended", end);
    daemon_log(d, _("system point %lld of %s is %s"), (long long)id, system, end);
}

int system_points_tick(struct daemon *d, struct err *e) {
    int64_t ids[32], until[32], now = daemon_now(d);
    size_t n = 0;
    db_begin(d->db);
    struct db_rows *r =
        db_query(d->db, "SELECT id,until_ns FROM system_points WHERE state IN ('queued','running') LIMIT 32", "");
    while (db_next(r)) ids[n] = db_int(r, 0), until[n++] = db_int(r, 1);
    db_done(r);
    for (size_t i = 0; i < n; i++) settle(d, ids[i], until[i] <= now);
    return db_commit(d->db, e);
}
