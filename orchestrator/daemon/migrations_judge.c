/* Whether everything is there that a cutover needs. Nothing is decided here by one number: each check is a line with
 * its reason, all of them are made each time, and a vault that cannot be asked is a red line too. The kit is tried
 * where it is, by `zaibei` on the person's machine: what stands here is that person's word, with their name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "migrations_internal.h"
#include "notify/channels.h"
#include "sys/file.h"

struct judge {
    struct daemon *d;
    struct js *checks;
    const struct js *kit;
    struct js *quota;
    int64_t now_ns, need; /* bytes that one more full of every host takes */
};

static void line(struct judge *j, const char *check, const char *host, const char *why) {
    struct js *x = js_object();
    js_set_str(x, "check", check);
    if (*host) js_set_str(x, "host", host);
    js_set_bool(x, "ok", !*why);
    if (*why) js_set_str(x, "why", why);
    js_push(j->checks, x);
}

/* What the active plans say of a host: whether one of them backs it up, and the shortest RPO. */
struct cover {
    bool backed;
    int64_t rpo_s;
};

static int covered(struct daemon *d, const char *host, struct cover *o, struct err *e) {
    size_t n;
    *o = (struct cover){.rpo_s = 0};
    db_begin(d->db);
    char **names = catalog_plan_names(d->db, &n);
    for (size_t i = 0; i < n; i++) {
        struct plan p;
        if (catalog_plan_load(d->db, names[i], 0, d->cfg->zone, &p, NULL, NULL)) {
            bool has = plan_has_host(&p, host);
            o->backed |= has && p.backup;
            if (has && p.rpo_s && (!o->rpo_s || p.rpo_s < o->rpo_s)) o->rpo_s = p.rpo_s;
            plan_free(&p);
        }
        free(names[i]);
    }
    free(names);
    if (!o->rpo_s) o->rpo_s = MIGRATE_RPO_S;
    return db_commit(d->db, e) < 0 ? -1 : 0;
}

static const struct js *newest(const struct js *points) {
    for (size_t i = js_count(points); i-- > 0;)
        if (!strcmp(js_str(js_at(points, i), "state", ""), "complete")) return js_at(points, i);
    return NULL;
}

static int judge_points(struct judge *j, const char *host, bool original, struct err *e) {
    char why[520] = "", age[32], most[32];
    struct err said = ERR_INIT;
    CLEANUP_JS struct js *points = hosts_points(j->d, host, &said), *list = js_array(), *found = NULL;
    const struct js *p = newest(points);
    struct cover plans;
    int64_t old = (j->now_ns - hosts_time(p, "walk_start")) / NS_PER_S;
    if (covered(j->d, host, &plans, e) < 0) return -1;
    /* What the cutover and a rollback ask for is a run of a plan: of the originals the last, of the targets the newer data. */
    line(j, "plan", host, plans.backed ? "" : _("no active plan backs this host up: submit one that names it"));
    j->need += js_int(p, "bytes", 0);
    if (!original) return 0;
    snprintf(age, sizeof age, "%lld", (long long)(old / 60)),
        snprintf(most, sizeof most, "%lld", (long long)(plans.rpo_s / 60));
    if (!points) snprintf(why, sizeof why, "%s", said.msg);
    else if (!p) snprintf(why, sizeof why, "%s", _("it has no complete restore point"));
    else if (old > plans.rpo_s) snprintf(why, sizeof why, _("its last point is %s minutes old; its RPO allows %s"), age, most);
    if (!*why) {
        struct js *o = js_object();
        js_set_str(o, "host", host);
        js_set_int(o, "point", js_int(p, "point", 0));
        js_push(list, o);
        said = (struct err)ERR_INIT;
        if (points_look(j->d, list, 0, &found, &said)) /* bad, or not to be known */
            snprintf(why, sizeof why, "%s", found ? js_str(js_at(found, 0), "why", "?") : said.msg);
    }
    line(j, "point", host, why);
    return 0;
}

static int judge_agent(struct judge *j, const char *host, struct err *e) {
    char why[520] = "", seen[32];
    struct host h;
    int64_t most = j->d->cfg->notify ? j->d->cfg->notify->silent_after_s : 3 * j->d->cfg->call_in_s;
    db_begin(j->d->db);
    bool known = catalog_host_get(j->d->db, host, &h);
    if (db_commit(j->d->db, e) < 0) return -1;
    if (!known || strcmp(h.state, "enrolled") != 0) snprintf(why, sizeof why, "%s", _("the host is not enrolled"));
    else if (!h.seen_ns) snprintf(why, sizeof why, "%s", _("its agent was never heard of"));
    else if (daemon_now(j->d) - h.seen_ns > most * NS_PER_S) {
        text_time(seen, h.seen_ns);
        snprintf(why, sizeof why, _("its agent was last heard of at %s"), seen);
    }
    line(j, "agent", host, why);
    return 0;
}

static void judge_kit(struct judge *j, const char *host) {
    for (size_t i = 0; i < js_count(j->kit); i++)
        if (js_text(js_at(j->kit, i)) && !strcmp(js_text(js_at(j->kit, i)), host)) return line(j, "kit", host, "");
    line(j, "kit", host, _("nobody has shown that the kit opens its keys: zaibei migrate ready CASE --kit FILE"));
}

static void judge_quota(struct judge *j, const char *host) {
    const struct js *rows = js_get(j->quota, "hosts");
    for (size_t i = 0; i < js_count(rows); i++) {
        const struct js *r = js_at(rows, i);
        int64_t quota = js_int(r, "quota", 0), used = js_int(r, "used", 0);
        if (strcmp(js_str(r, "host", ""), host) != 0) continue;
        return line(j, "quota", host, quota && used >= quota ? _("its quota is used up") : "");
    }
    line(j, "quota", host, j->quota ? _("the vault does not know the host") : _("the vault could not be asked"));
}

static void judge_vault(struct judge *j) {
    char why[520] = "", need[32], has[32];
    struct err said = ERR_INIT;
    CLEANUP_JS struct js *stat = vault_ask(j->d, "stat", NULL, &said);
    int64_t bytes = js_int(stat, "free", 0);
    text_bytes(need, (uint64_t)j->need), text_bytes(has, (uint64_t)bytes);
    if (!stat) snprintf(why, sizeof why, "%s", said.msg);
    else if (bytes < j->need)
        snprintf(why, sizeof why, _("%s are free; one more full of every host takes %s"), has, need);
    line(j, "space", "", why);
    line(j, "clock", "", j->now_ns ? "" : _("the vault's time is in doubt"));
}

static int judge_hosts(struct judge *j, const struct js *list, bool original, struct err *e) {
    for (size_t i = 0; i < js_count(list); i++) {
        const char *host = js_str(js_at(list, i), "host", "");
        if (judge_points(j, host, original, e) < 0 || judge_agent(j, host, e) < 0) return -1;
        judge_quota(j, host);
        if (original) judge_kit(j, host);
    }
    return 0;
}

static bool all_ok(const struct js *checks) {
    for (size_t i = 0; i < js_count(checks); i++)
        if (!js_bool(js_at(checks, i), "ok", false)) return false;
    return true;
}

/* What was found, unless somebody else has acted meanwhile. */
static int judged(
    struct daemon *d, const struct principal *who, struct migration *m, struct js *checks, struct err *e) {
    enum case_act act = all_ok(checks) ? CASE_JUDGE : CASE_UNREADY;
    struct js *detail = js_object();
    int64_t now = daemon_now(d);
    db_begin(d->db);
    int to = migration_same(d, m) ? case_step(m->state, act, m->name, e)
                                  : err_set(e, ZE_BUSY, m->name, _("somebody else has acted on it meanwhile"));
    if (to < 0) return js_free(detail), js_free(checks), db_abort(d->db), -1;
    js_set(m->facts, "checks", checks);
    js_set(detail, "checks", js_copy(checks));
    m->state_ns = now; /* the judgement's age counts, also where it is the second one */
    migration_move(d, m, act, to, who->name, "", detail);
    return db_commit(d->db, e);
}

int migrate_ready(struct daemon *d, const struct principal *who, const char *name, const struct js *kit,
    struct migration *m, struct err *e) {
    struct err gone = ERR_INIT;
    struct judge j = {.d = d, .checks = js_array(), .kit = kit};
    *m = (struct migration){.id = 0};
    db_begin(d->db);
    int rc = migration_find(d, who, name, m, e) < 0 ? -1 : case_step(m->state, CASE_JUDGE, name, e);
    db_abort(d->db);
    if (rc >= 0) (void)(hosts_sync(d, false, &gone) == 0); /* who was enrolled a moment ago counts */
    if (rc >= 0 && vault_time(d, &j.now_ns, &gone) < 0) j.now_ns = 0;
    if (rc >= 0) j.quota = vault_ask(d, "quota", NULL, &gone);
    if (rc >= 0) rc = judge_hosts(&j, js_get(m->facts, "originals"), true, e);
    if (rc >= 0) rc = judge_hosts(&j, js_get(m->facts, "targets"), false, e);
    if (rc >= 0) judge_vault(&j);
    if (rc >= 0) rc = judged(d, who, m, j.checks, e);
    else js_free(j.checks);
    js_free(j.quota);
    return rc;
}
