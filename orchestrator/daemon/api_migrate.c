/* Migrations over the API. What is done is in migrations.c; here requests become its arguments, and a migration
 * becomes JSON: what stands in the catalog, and the countdown by the vault's time where the vault can be asked and
 * does not doubt it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "catalog_calendar.h"
#include "migrate/window.h"
#include "migrations_internal.h"
#include "migrations_restore.h"
#include "sys/file.h"

static const char *or_all(const char *s) { return s ? s : ""; }

/* What is left of the window. Inside a transaction. */
static void countdown(struct daemon *d, const struct migration *m, int64_t now_ns, struct js *j) {
    char day[16];
    struct err ignored = ERR_INIT;
    struct zone *z = zone_open(m->zone, &ignored);
    if (!z) return;
    int64_t end = m->end_ns / NS_PER_S, last = window_day(z, end - 1);
    struct civil c = civil_of_days(last);
    snprintf(day, sizeof day, "%04d-%02d-%02d", c.year, c.month, c.day);
    js_set_str(j, "last_day", day);
    js_set_time(j, "next_verify", window_verify_s(m->from_ns / NS_PER_S, m->verified_ns / NS_PER_S) * NS_PER_S);
    if (now_ns) {
        struct workdays *t = catalog_workdays(d->db);
        int64_t left = last - window_day(z, now_ns / NS_PER_S);
        js_set_int(j, "days_left", left > 0 ? left : 0);
        left = window_left(z, t, end, now_ns / NS_PER_S);
        js_set_int(j, "workdays_left", left > 0 ? left : 0);
        workdays_free(t);
    }
    zone_free(z);
}

static struct js *one(struct daemon *d, const struct migration *m, int64_t now_ns) {
    static const char *const lists[] = {"originals", "targets", "checks", "verify", "rollback"};
    static const char *const words[] = {"failed", "cut_by", "asked_by", "extend_by"};
    struct js *j = js_object();
    js_set_str(j, "migration", m->name);
    js_set_str(j, "system", m->system);
    js_set_str(j, "department", m->department);
    js_set_str(j, "zone", m->zone);
    js_set_str(j, "state", case_name(m->state));
    js_set_time(j, "since", m->state_ns);
    js_set_int(j, "months", m->months);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (js_get(m->facts, lists[i])) js_set(j, lists[i], js_copy(js_get(m->facts, lists[i])));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (js_str(m->facts, words[i], NULL)) js_set_str(j, words[i], js_str(m->facts, words[i], ""));
    if (js_int(m->facts, "system_point", 0)) js_set_int(j, "system_point", js_int(m->facts, "system_point", 0));
    int64_t drill, rto = migration_rto_s(d, m, &drill);
    if (rto >= 0) js_set_int(j, "rto_s", rto);
    if (drill) js_set_int(j, "rto_drill", drill);
    if (!m->end_ns) return j;
    js_set_time(j, "cutover", m->from_ns);
    js_set_time(j, "window_end", m->end_ns);
    js_set_time(j, "verified", m->verified_ns);
    if (m->wanted_ns) js_set_time(j, "extending_to", m->wanted_ns);
    countdown(d, m, now_ns, j);
    return j;
}

static int64_t vault_now(struct daemon *d) {
    int64_t now = 0;
    struct err ignored = ERR_INIT;
    return vault_time(d, &now, &ignored) < 0 ? 0 : now;
}

/* The migration after an act, with its steps; takes ${m}. */
static struct js *answer(struct api_call *c, int rc, struct migration *m, struct err *e) {
    struct js *j = NULL;
    int64_t now = rc == 0 ? vault_now(c->d) : 0;
    if (rc == 0) {
        db_begin(c->d->db);
        j = one(c->d, m, now);
        js_set(j, "steps", migration_steps(c->d->db, m->id));
        if (db_commit(c->d->db, e) < 0) js_free(j), j = NULL;
    }
    migration_free(m);
    return j;
}

struct js *api_migrations(struct api_call *c, struct err *e) {
    struct page page;
    char last[24];
    if (api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    CLEANUP_FREE int64_t *ids = calloc((size_t)page.limit + 1, sizeof *ids);
    int64_t now = vault_now(c->d);
    js_set(j, "migrations", list);
    db_begin(c->d->db);
    size_t n = ids ? migrations_list(c->d->db, c->who->department, or_all(http_query(c->r, "system")),
                         or_all(http_query(c->r, "state")), page.number, page.limit + 1, ids)
                   : 0;
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) {
        CLEANUP_MIGRATION struct migration m;
        if (migration_get(c->d->db, "", ids[i], &m)) js_push(list, one(c->d, &m, now));
        snprintf(last, sizeof last, "%lld", (long long)ids[i]);
    }
    if (n > (size_t)page.limit) js_set_str(j, "next", last);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_migration_show(struct api_call *c, struct err *e) {
    struct migration m = {.id = 0};
    db_begin(c->d->db);
    int rc = migration_find(c->d, c->who, c->arg[0], &m, e);
    db_abort(c->d->db);
    return answer(c, rc, &m, e);
}

struct js *api_migration_begin(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_begin(c->d, c->who, c->body, &m, e);
    c->status = 201;
    return answer(c, rc, &m, e);
}

struct js *api_migration_ready(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_ready(c->d, c->who, c->arg[0], js_get(c->body, "kit_opens"), &m, e);
    return answer(c, rc, &m, e);
}

struct js *api_migration_cutover(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_cutover(c->d, c->who, c->arg[0], &m, e);
    return answer(c, rc, &m, e);
}

struct js *api_migration_verify(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_verify(c->d, c->who, c->arg[0], &m, e);
    return answer(c, rc, &m, e);
}

struct js *api_migration_extend(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_extend(c->d, c->who, c->arg[0], c->body, &m, e);
    return answer(c, rc, &m, e);
}

struct js *api_migration_rollback(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_rollback(c->d, c->who, c->arg[0], c->body, &m, e);
    return answer(c, rc, &m, e);
}

struct js *api_migration_close(struct api_call *c, struct err *e) {
    struct migration m;
    int rc = migrate_close(c->d, c->who, c->arg[0], js_str(c->body, "reason", ""), &m, e);
    return answer(c, rc, &m, e);
}

static struct js *decide(struct api_call *c, bool approve, const char *member, struct err *e) {
    struct migration m;
    int rc = migrate_decide(c->d, c->who, c->arg[0], approve, js_str(c->body, member, ""), &m, e);
    return answer(c, rc, &m, e);
}

struct js *api_migration_approve(struct api_call *c, struct err *e) {
    return decide(c, true, "opinion", e);
}
struct js *api_migration_refuse(struct api_call *c, struct err *e) {
    return decide(c, false, "reason", e);
}
