/* What lasts: each condition is looked at anew and told when it begins, once a day, and when it ends (condition_set). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosts.h"
#include "notify.h"

enum { HOSTS_PAGE = 10000 };

/* The active plan that names a host first, its RPO, or 0. */
struct goal {
    char plan[64], host[64];
    int64_t rpo_s;
};

static void seconds_since(struct js *j, const char *key, int64_t then_ns, int64_t now_ns) {
    js_set_int(j, key, then_ns ? (now_ns - then_ns) / NS_PER_S : 0);
}

/* A host is expected when an active plan names it and it has called in at least once or was enrolled. */
static void look_at_host(struct daemon *d, const char *plan, int64_t rpo_s, const char *name, int64_t now) {
    struct host h;
    if (!catalog_host_get(d->db, name, &h) || !strcmp(h.state, "revoked")) return;
    int64_t heard = h.seen_ns > h.enrolled_ns ? h.seen_ns : h.enrolled_ns;
    bool silent = heard && now - heard > d->cfg->notify->silent_after_s * NS_PER_S;
    int64_t reached = hosts_rpo_s(&h, now);
    bool late =
        rpo_s && ((reached > rpo_s) || (reached < 0 && h.enrolled_ns && now - h.enrolled_ns > rpo_s * NS_PER_S));
    struct js *about = js_object(), *goal = js_object();
    seconds_since(about, "silent_s", heard, now);
    js_set_int(goal, "rpo_target_s", rpo_s);
    if (reached >= 0) js_set_int(goal, "rpo_s", reached);
    js_set_str(goal, "plan", plan);
    condition_set(d->db, now, "host.silent", name, plan, silent, about);
    condition_set(d->db, now, "host.rpo", name, plan, late, goal);
}

static int look_at_hosts(struct daemon *d, int64_t now, struct err *e) {
    size_t n;
    db_begin(d->db);
    char **names = catalog_plan_names(d->db, &n);
    if (db_commit(d->db, e) < 0) n = 0;
    for (size_t i = 0; i < n && !e->id; i++) { /* a transaction for each plan: others get their turn */
        struct plan p;
        db_begin(d->db);
        if (catalog_plan_load(d->db, names[i], 0, d->cfg->zone, &p, NULL, NULL)) {
            for (size_t h = 0; p.backup && h < p.hosts_n; h++) look_at_host(d, p.name, p.rpo_s, p.hosts[h], now);
            plan_free(&p);
        }
        (void)(db_commit(d->db, e) == 0);
    }
    for (size_t i = 0; i < n; i++) free(names[i]);
    free(names);
    return e->id ? -1 : 0;
}

static struct js *vault_asks(struct daemon *d, const char *op, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    struct js *a = NULL;
    js_set_str(q, "op", op);
    return control_call(&d->control, q, &a, e) < 0 ? NULL : a;
}

static int look_at_vault(struct daemon *d, int64_t now, struct err *e) {
    struct err gone = ERR_INIT, ignored = ERR_INIT;
    CLEANUP_JS struct js *stat = vault_asks(d, "stat", &gone), *clock = stat ? vault_asks(d, "clock", &ignored) : NULL;
    CLEANUP_JS struct js *scrub = stat ? vault_asks(d, "scrub", &ignored) : NULL;
    struct js *why = js_object(), *full = js_object(), *harm = js_object(), *time = js_object();
    if (!stat) js_set_str(why, "why", gone.msg);
    js_set_int(full, "percent", js_int(stat, "percent", 0));
    js_set_str(full, "fills_on", js_str(stat, "fills_on", NULL));
    js_set_int(harm, "findings", (int64_t)js_count(js_get(scrub, "findings")));
    js_set_int(harm, "hosts_with_damaged_logs", js_int(stat, "damaged", 0));
    js_set_str(time, "why", js_str(clock, "why", NULL));
    db_begin(d->db);
    condition_set(d->db, now, "vault.unreachable", "vault", "", !stat, why);
    if (stat) condition_set(d->db, now, "vault.capacity", "vault", "", js_bool(stat, "alert", false), full);
    else js_free(full);
    if (scrub)
        condition_set(d->db, now, "vault.damage", "vault", "",
            js_count(js_get(scrub, "findings")) || js_int(stat, "damaged", 0), harm);
    else js_free(harm);
    if (clock) condition_set(d->db, now, "vault.clock", "vault", "", js_bool(clock, "doubtful", false), time);
    else js_free(time);
    return db_commit(d->db, e);
}

int notify_watch(struct daemon *d, bool vault, struct err *e) {
    int64_t now = daemon_now(d);
    char alarm[256];
    daemon_audit_alarm(d, alarm);
    struct js *why = js_object();
    js_set_str(why, "why", alarm);
    db_begin(d->db);
    condition_set(d->db, now, "audit.changed", "audit", "", *alarm, why);
    if (db_commit(d->db, e) < 0 || look_at_hosts(d, now, e) < 0) return -1;
    return vault ? look_at_vault(d, now, e) : 0;
}
