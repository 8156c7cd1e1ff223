/* The retention pass. Once a day of the vault's own time each host's points are judged by the plans that made them, and what
 * nothing keeps is asked of the vault, which judges again. A point is a plan's by the hash it carries; points that no plan
 * of ours asked for, or whose plan is not active or does not name the host any more, are nobody's to remove. A plan that has
 * retired with "backups: drop" (form 3) keeps none of its points beyond what protects them.
 *
 * What will be asked is in the audit before it is asked, what came of it after. If interrupted in between, the next pass finds
 * the points either gone or still there and is right in both cases; the vault's own log says who asked and why. */
#include "keeping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "catalog_calendar.h"
#include "daily.h"
#include "hosts.h"
#include "sys/file.h"

enum { DAY_S = 86400 };
static const char everybody[] = ""; /* the row of `keeping` for all hosts together */

static unsigned labels_of(const struct js *list) {
    unsigned labels = 0;
    for (size_t i = 0; i < js_count(list); i++) labels |= run_labels_of(js_text(js_at(list, i)));
    return labels;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

static bool is_of(struct db *db, const char *hash, const char *plan) {
    struct db_rows *r = db_query(db, "SELECT 1 FROM plans WHERE hash=? AND name=? LIMIT 1", "ss", hash, plan);
    bool found = db_next(r);
    db_done(r);
    return found;
}

size_t keeping_points(struct db *db, const struct js *points, const char *plan, struct keep_point *out) {
    size_t n = 0;
    for (size_t i = 0; i < js_count(points); i++) {
        const struct js *j = js_at(points, i);
        if (!is_of(db, js_str(j, "plan_hash", ""), plan)) continue;
        struct keep_point *p = &out[n++];
        *p = (struct keep_point){.number = js_int(j, "point", 0),
            .time_s = hosts_time(j, "time") / NS_PER_S,
            .floor_s = later(hosts_time(j, "retain_until"), hosts_time(j, "protected_until")) / NS_PER_S,
            .pinned_s = hosts_time(j, "pinned_until") / NS_PER_S,
            .labels = labels_of(js_get(j, "labels")),
            .complete = !strcmp(js_str(j, "state", ""), "complete"),
            .kind = run_kind_of(js_str(j, "kind", ""))};
        p->by_hand = !p->labels;
    }
    return n;
}

static bool unreachable(const struct err *e) { return e->id >= ZE_UNREACHABLE && e->id <= ZE_PROTO; }

/* ---- one host ---- */

struct pass {
    struct daemon *d;
    const char *host;
    int64_t now_s; /* vault time */
    struct js *points, *ask, *plans, *removed, *refused;
};

/* Add to ${ask} what this plan does not keep; ${dropped}: the version that retired without its backups, 0: the active one. */
static int judge(struct pass *s, const char *name, int64_t dropped, struct err *e) {
    static const struct keep_rules nothing = {.within_s = 1};
    struct plan p;
    struct err why = ERR_INIT;
    db_begin(s->d->db);
    struct keep_point *list = calloc(js_count(s->points) + 1, sizeof *list);
    bool found = list && catalog_plan_load(s->d->db, name, dropped, s->d->cfg->zone, &p, NULL, NULL);
    size_t n = found ? keeping_points(s->d->db, s->points, name, list) : 0;
    int rc = db_commit(s->d->db, e);
    struct zone *z = found ? zone_open(p.zone, &why) : NULL;
    if (rc == 0 && z && (p.backup || dropped) && plan_has_host(&p, s->host)) {
        size_t before = js_count(s->ask), most = keep_at_once(js_count(s->points));
        keep_judge(dropped ? &nothing : &p.keep, z, s->now_s, list, n);
        for (size_t i = 0; i < n && js_count(s->ask) < most; i++)
            if (!list[i].why) js_push_int(s->ask, list[i].number);
        if (js_count(s->ask) > before) js_push_str(s->plans, name);
    }
    zone_free(z);
    if (found) plan_free(&p);
    free(list);
    return rc;
}

/* Plans of ${names} that have retired without their backups. One at a time: what judges them reads the catalog too. */
static int judge_dropped(struct pass *s, const struct js *names, struct err *e) {
    char after[64] = "";
    for (;;) {
        int64_t version = 0;
        db_begin(s->d->db);
        struct db_rows *r = db_query(s->d->db,
            "SELECT name, version FROM plans p WHERE state='retired' AND drop_points=1 AND name>?1 AND NOT EXISTS"
            "(SELECT 1 FROM plans q WHERE q.name=p.name AND (q.state='active' OR q.version>p.version)) ORDER BY name LIMIT 1",
            "s", after);
        if (db_next(r)) version = db_int(r, 1), snprintf(after, sizeof after, "%s", db_text(r, 0));
        db_done(r);
        if (db_commit(s->d->db, e) < 0) return -1;
        if (!version) return 0;
        if (js_bool(names, after, false) && judge(s, after, version, e) < 0) return -1;
    }
}

/* The plans by which the host's points were made, each once. */
static int judge_all(struct pass *s, struct err *e) {
    CLEANUP_JS struct js *names = js_object();
    db_begin(s->d->db);
    for (size_t i = 0; i < js_count(s->points); i++) {
        const char *hash = js_str(js_at(s->points, i), "plan_hash", "");
        struct db_rows *r = db_query(s->d->db, "SELECT DISTINCT name FROM plans WHERE hash=?", "s", hash);
        while (db_next(r)) js_set_bool(names, db_text(r, 0), true);
        db_done(r);
    }
    if (db_commit(s->d->db, e) < 0) return -1;
    size_t n;
    db_begin(s->d->db);
    char **active = catalog_plan_names(s->d->db, &n);
    int rc = db_commit(s->d->db, e);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && js_bool(names, active[i], false)) rc = judge(s, active[i], 0, e);
        free(active[i]);
    }
    free(active);
    return rc < 0 ? rc : judge_dropped(s, names, e);
}

/* Ask the vault to remove the points of ${list}: 0, 1 when it refuses, <0 when it cannot be asked. */
static int ask(struct pass *s, const struct js *list, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "remove");
    js_set_str(q, "host", s->host);
    js_set_str(q, "who", "zaibeid");
    js_set_str(q, "reason", _("no rule of its plan keeps it"));
    js_set(q, "points", js_copy(list));
    if (control_call(&s->d->control, q, &a, e) == 0) return 0;
    return unreachable(e) ? -1 : 1;
}

/* All together; where the vault refuses, one by one. */
static int remove_them(struct pass *s, struct err *e) {
    int rc = ask(s, s->ask, e);
    if (rc < 0) return -1;
    for (size_t i = 0; i < js_count(s->ask); i++) {
        int64_t number = js_number(js_at(s->ask, i), 0);
        CLEANUP_JS struct js *one = js_array();
        js_push_int(one, number);
        struct err why = ERR_INIT;
        int refused = rc ? ask(s, one, &why) : 0;
        if (refused < 0) return *e = why, -1;
        if (!refused) js_push_int(s->removed, number);
        else {
            struct js *j = js_object();
            js_set_int(j, "point", number);
            js_set_int(j, "id", why.id);
            js_set_str(j, "why", why.msg);
            js_push(s->refused, j);
        }
    }
    return 0;
}

/* What is asked, before it is asked. */
static int announce(struct pass *s, struct err *e) {
    struct js *detail = js_object();
    js_set(detail, "points", js_copy(s->ask));
    js_set(detail, "plans", js_copy(s->plans));
    db_begin(s->d->db);
    audit_add(s->d->db, daemon_now(s->d), "zaibeid", "retention.ask", s->host, detail);
    return db_commit(s->d->db, e);
}

static int record(struct pass *s, struct err *e) {
    int64_t now = daemon_now(s->d);
    long long gone = (long long)js_count(s->removed), kept = (long long)js_count(s->refused);
    db_begin(s->d->db);
    catalog_keeping_put(s->d->db, s->host, s->now_s / DAY_S);
    if (js_count(s->ask)) {
        struct js *detail = js_object();
        js_set(detail, "removed", js_copy(s->removed));
        js_set(detail, "refused", js_copy(s->refused));
        audit_add(s->d->db, now, "zaibeid", "retention.done", s->host, detail);
        daemon_log(s->d, _("%s: %lld points removed by plan, %lld refused by the vault"), s->host, gone, kept);
    }
    return db_commit(s->d->db, e);
}

int keeping_host(struct daemon *d, const char *host, int64_t vault_s, struct err *e) {
    struct pass s = {.d = d, .host = host, .now_s = vault_s};
    if (!(s.points = hosts_points(d, host, e))) return -1;
    s.ask = js_array(), s.plans = js_array(), s.removed = js_array(), s.refused = js_array();
    int rc = judge_all(&s, e);
    if (rc == 0 && js_count(s.ask)) {
        rc = announce(&s, e);
        /* If interrupted here, nothing was asked yet; the next pass judges again. */
        if (rc == 0) rc = remove_them(&s, e);
        if (rc == 0) atomic_store(&d->hosts_stale, true);
    }
    /* If interrupted here, the points are gone at the vault; the next pass does not find them. */
    if (rc == 0) rc = record(&s, e);
    js_free(s.points), js_free(s.ask), js_free(s.plans), js_free(s.removed), js_free(s.refused);
    return rc;
}

/* ---- day by day ---- */

/* The next host whose day has not come yet; false: all are done. */
static bool next_host(struct db *db, int64_t day, char host[64]) {
    struct db_rows *r = db_query(db,
        "SELECT name FROM hosts WHERE state<>'' AND NOT EXISTS(SELECT 1 FROM keeping WHERE host=name AND day>=?)"
        " ORDER BY name LIMIT 1",
        "i", day);
    bool found = db_next(r);
    snprintf(host, 64, "%s", found ? db_text(r, 0) : "");
    db_done(r);
    return found;
}

/* Vault time; 0: not to be relied on today. */
static int vault_time(struct daemon *d, int64_t *now_s, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "clock");
    if (control_call(&d->control, q, &a, e) < 0) return -1;
    *now_s = js_bool(a, "doubtful", true) ? 0 : hosts_time(a, "vault_time") / NS_PER_S;
    return 0;
}

int keeping_tick(struct daemon *d, struct err *e) {
    int64_t day = daemon_now(d) / NS_PER_S / DAY_S, vault_s;
    char host[64];
    db_begin(d->db);
    bool done = catalog_keeping(d->db, everybody) >= day;
    if (db_commit(d->db, e) < 0) return -1;
    if (done) return 0;
    if (vault_time(d, &vault_s, e) < 0) return -1;
    if (vault_s / DAY_S < day) return 0; /* in doubt, or not yet midnight there */
    db_begin(d->db);
    bool more = next_host(d->db, vault_s / DAY_S, host);
    if (!more) catalog_keeping_put(d->db, everybody, day);
    if (db_commit(d->db, e) < 0) return -1;
    if (!more) return 0;
    if (keeping_host(d, host, vault_s, e) == 0) return 1;
    if (unreachable(e)) return -1;
    /* Something is wrong with this host, such as a damaged log: the others are not to wait for it. */
    daemon_log(d, _("%s: what its plans keep was not judged today: %s"), host, e->msg);
    struct js *detail = js_object();
    js_set_int(detail, "id", e->id);
    js_set_str(detail, "why", e->msg);
    db_begin(d->db);
    audit_add(d->db, daemon_now(d), "zaibeid", "retention.skipped", host, detail);
    catalog_keeping_put(d->db, host, vault_s / DAY_S);
    return db_commit(d->db, e) < 0 ? -1 : 1;
}
