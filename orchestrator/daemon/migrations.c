/* People's acts on migrations. An act that only changes what is known is one transaction. One that needs the vault
 * first writes down what is wanted, which migrations_tick would finish alone, and then goes on by the same functions
 * as the tick: so there is one way to do each thing, and whoever is killed in between is carried on for. */
#include "migrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_people.h"
#include "migrate/window.h"
#include "migrations_internal.h"
#include "systems.h"

int migration_find(
    struct daemon *d, const struct principal *who, const char *name, struct migration *m, struct err *e) {
    if (*name && migration_get(d->db, name, 0, m) && may_see(who, m->department)) return 0;
    return err_set(e, ZE_NOTFOUND, name, _("no such migration"));
}

void migration_audit(
    struct daemon *d, const struct migration *m, const char *what, const char *who, struct js *detail) {
    char act[40];
    snprintf(act, sizeof act, "migrate.%s", what);
    audit_add(d->db, daemon_now(d), who, act, m->name, detail);
}

void migration_move(struct daemon *d, struct migration *m, enum case_act act, int to, const char *who, const char *text,
    struct js *detail) {
    int64_t now = daemon_now(d);
    if (m->state != (enum case_state)to) m->state_ns = now;
    m->state = to;
    migration_put(d->db, m);
    migration_step(d->db, m, case_act_name(act), who, now, text);
    if (!detail) detail = js_object();
    js_set_str(detail, "state", case_name(m->state));
    if (*text) js_set_str(detail, "text", text);
    migration_audit(d, m, case_act_name(act), who, detail);
    daemon_log(d, _("migration %s: %s by %s, now %s"), m->name, case_act_name(act), who, case_name(m->state));
}

bool migration_same(struct daemon *d, struct migration *m) {
    struct migration is;
    migration_get(d->db, "", m->id, &is);
    bool same = is.id && is.turn == m->turn;
    if (same) return migration_free(&is), true;
    migration_free(m);
    *m = is;
    return false;
}

void migration_plan(struct daemon *d, const struct migration *m, char plan[64]) {
    char department[256 * 4];
    host_plan(d->db, js_str(js_at(js_get(m->facts, "originals"), 0), "host", ""), plan, department);
}

/* ---- begin ---- */

/* Names from ${names} as [{host}]; each is one that the person may see. */
static int take_hosts(struct daemon *d, const struct principal *who, const struct js *names, const char *what,
    struct js *out, struct err *e) {
    char plan[64], department[256 * 4];
    size_t n = js_count(names);
    if (!n || n > MIGRATION_HOSTS_MAX) return err_set(e, ZE_USAGE, what, _("from 1 to %d hosts"), MIGRATION_HOSTS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *host = js_text(js_at(names, i));
        struct host h;
        if (!host || !text_name_ok(host)) return err_set(e, ZE_USAGE, what, _("not a host name: a-z, 0-9 and -"));
        bool known = *who->department ? reach_host(d->db, host, who->department)
                                      : catalog_host_get(d->db, host, &h) || host_plan(d->db, host, plan, department);
        if (!known) return err_set(e, ZE_NOTFOUND, host, _("no such host"));
        for (size_t k = 0; k < js_count(out); k++)
            if (!strcmp(js_str(js_at(out, k), "host", ""), host)) return err_set(e, ZE_USAGE, host, _("named twice"));
        struct js *o = js_object();
        js_set_str(o, "host", host);
        js_push(out, o);
    }
    return 0;
}

static int begin_hosts(
    struct daemon *d, const struct principal *who, const struct js *q, struct migration *m, struct err *e) {
    char plan[64], other[64];
    struct js *originals = js_array(), *targets = js_array();
    js_set(m->facts, "originals", originals);
    js_set(m->facts, "targets", targets);
    if (take_hosts(d, who, js_get(q, "originals"), "originals", originals, e) < 0 ||
        take_hosts(d, who, js_get(q, "targets"), "targets", targets, e) < 0)
        return -1;
    for (size_t i = 0; i < js_count(originals); i++) {
        const char *host = js_str(js_at(originals, i), "host", "");
        if (migrations_of_host(d->db, host, other))
            return err_set(e, ZE_EXISTS, host, _("the migration %s is about it already"), other);
        for (size_t k = 0; k < js_count(targets); k++)
            if (!strcmp(js_str(js_at(targets, k), "host", ""), host))
                return err_set(e, ZE_USAGE, host, _("it cannot be original and target"));
    }
    if (*who->department) snprintf(m->department, sizeof m->department, "%s", who->department);
    else host_plan(d->db, js_str(js_at(originals, 0), "host", ""), plan, m->department);
    return 0;
}

static int begin_words(struct daemon *d, const struct js *q, struct migration *m, struct err *e) {
    const char *name = js_str(q, "migration", ""), *system = js_str(q, "system", "");
    const char *zone = js_str(q, "zone", d->cfg->zone);
    struct zone *z = NULL;
    m->months = js_int(q, "months", WINDOW_MONTHS);
    if (!text_name_ok(name)) return err_set(e, ZE_USAGE, "migration", _("a name of a-z, 0-9 and - is needed"));
    if (!text_name_ok(system)) return err_set(e, ZE_USAGE, "system", _("a name of a-z, 0-9 and - is needed"));
    if (m->months < WINDOW_MONTHS || m->months > WINDOW_MONTHS_MAX)
        return err_set(e, ZE_USAGE, "months", _("from %d to %d"), WINDOW_MONTHS, WINDOW_MONTHS_MAX);
    if (!(z = zone_open(zone, e))) return -1;
    zone_free(z);
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->system, sizeof m->system, "%s", system);
    snprintf(m->zone, sizeof m->zone, "%s", zone);
    return 0;
}

static int begin(
    struct daemon *d, const struct principal *who, const struct js *q, struct migration *m, struct err *e) {
    struct migration taken;
    *m = (struct migration){.facts = js_object(), .state = case_next(CASE_NONE, CASE_BEGIN), .state_ns = daemon_now(d)};
    if (begin_words(d, q, m, e) < 0) return -1;
    bool known = migration_get(d->db, m->name, 0, &taken);
    migration_free(&taken);
    if (known) return err_set(e, ZE_EXISTS, m->name, _("this name is taken by another migration"));
    if (begin_hosts(d, who, q, m, e) < 0) return -1;
    migration_add(d->db, m);
    struct js *detail = js_object();
    js_set_str(detail, "system", m->system);
    js_set_str(detail, "zone", m->zone);
    js_set_int(detail, "months", m->months);
    js_set(detail, "originals", js_copy(js_get(q, "originals")));
    js_set(detail, "targets", js_copy(js_get(q, "targets")));
    migration_move(d, m, CASE_BEGIN, m->state, who->name, "", detail);
    return 0;
}

int migrate_begin(
    struct daemon *d, const struct principal *who, const struct js *q, struct migration *m, struct err *e) {
    db_begin(d->db);
    if (begin(d, who, q, m, e) < 0) return db_abort(d->db), -1;
    return db_commit(d->db, e);
}

/* ---- cutover ---- */

/* How the system is brought up: the plan that says it is about the new hosts by the time of a rollback, or retired. */
static void recovery_keep(struct daemon *d, struct migration *m) {
    CLEANUP_JS struct js *system = system_get(d->db, m->system);
    const struct js *recovery = js_get(system, "recovery");
    if (recovery) js_set(m->facts, "recovery", js_copy(recovery));
    else js_set_str(m->facts, "recovery", NULL);
}

static int cut(struct daemon *d, const struct principal *who, struct migration *m, struct err *e) {
    char when[32];
    int64_t now = daemon_now(d);
    int to = case_step(m->state, CASE_CUT, m->name, e);
    if (to < 0) return -1;
    text_time(when, m->state_ns);
    if (now - m->state_ns > MIGRATE_JUDGED_S * (int64_t)NS_PER_S || now < m->state_ns)
        return err_set(e, ZE_NOTREADY, m->name, _("it was judged at %s, which is too long ago"), when);
    if (originals_ask(d, m, who->name, e) < 0) return -1;
    recovery_keep(d, m);
    js_set_str(m->facts, "failed", NULL);
    js_set_str(m->facts, "cut_by", who->name);
    migration_move(d, m, CASE_CUT, to, who->name, "", NULL);
    return 0;
}

int migrate_cutover(
    struct daemon *d, const struct principal *who, const char *name, struct migration *m, struct err *e) {
    *m = (struct migration){.id = 0};
    db_begin(d->db);
    if (migration_find(d, who, name, m, e) < 0 || cut(d, who, m, e) < 0) return db_abort(d->db), -1;
    /* If interrupted here, nothing of it has happened; after the commit the tick goes on with it. */
    return db_commit(d->db, e);
}

/* ---- the end ---- */

/* Whoever asked for a later end was told yes; that the vault could not be asked yet does not make the end come before it. */
static int not_extended(const struct migration *m, struct err *e) {
    char until[32];
    text_time(until, m->wanted_ns);
    return m->wanted_ns ? err_set(e, ZE_WINDOWOPEN, m->name, _("it is being extended until %s; the vault has yet to confirm it"), until) : 0;
}

static int close_it(
    struct daemon *d, const struct principal *who, struct migration *m, const char *text, struct err *e) {
    char until[32];
    text_time(until, m->end_ns);
    if (m->state == CASE_WINDOW || m->state == CASE_ROLLED_BACK)
        return err_set(e, ZE_WINDOWOPEN, m->name, _("it lasts until %s by the vault's time"), until);
    int to = case_step(m->state, CASE_CLOSE, m->name, e);
    if (to < 0 || not_extended(m, e) < 0) return -1;
    m->asker = who->id;
    js_set_str(m->facts, "asked_by", who->name);
    migration_move(d, m, CASE_CLOSE, to, who->name, text, NULL);
    return 0;
}

int migrate_close(struct daemon *d, const struct principal *who, const char *name, const char *reason,
    struct migration *m, struct err *e) {
    int64_t now = 0;
    struct err gone = ERR_INIT;
    *m = (struct migration){.id = 0};
    if (strlen(reason) > MIGRATION_TEXT_MAX)
        return err_set(e, ZE_USAGE, name, _("longer than %d bytes"), MIGRATION_TEXT_MAX);
    db_begin(d->db);
    int rc = migration_find(d, who, name, m, e);
    db_abort(d->db);
    if (rc < 0) return -1;
    /* The end may have come since the last tick; a vault that cannot be asked ends nothing. */
    if (case_counts(m->state) && vault_time(d, &now, &gone) == 0 && end_work(d, m, now, e) < 0) return -1;
    db_begin(d->db);
    migration_free(m);
    if (migration_find(d, who, name, m, e) < 0 || close_it(d, who, m, reason, e) < 0) return db_abort(d->db), -1;
    return db_commit(d->db, e);
}

static int decide(struct daemon *d, const struct principal *who, const char *name, bool approve, const char *text,
    struct migration *m, struct err *e) {
    enum case_act act = approve ? CASE_APPROVE : CASE_REFUSE;
    if (migration_find(d, who, name, m, e) < 0) return -1;
    int to = case_step(m->state, act, name, e);
    if (to < 0 || (approve && not_extended(m, e) < 0)) return -1;
    if (!d->cfg->people_off && who->id == m->asker)
        return err_set(e, ZE_OWNCLOSE, name, _("%s asked for it"), who->name);
    if (!approve && !*text) return err_set(e, ZE_USAGE, name, _("a reason is needed"));
    migration_move(d, m, act, to, who->name, text, NULL);
    return 0;
}

int migrate_decide(struct daemon *d, const struct principal *who, const char *name, bool approve, const char *text,
    struct migration *m, struct err *e) {
    *m = (struct migration){.id = 0};
    if (strlen(text) > MIGRATION_TEXT_MAX)
        return err_set(e, ZE_USAGE, name, _("longer than %d bytes"), MIGRATION_TEXT_MAX);
    db_begin(d->db);
    if (decide(d, who, name, approve, text, m, e) < 0) return db_abort(d->db), -1;
    return db_commit(d->db, e);
}
