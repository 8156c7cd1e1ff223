/* Systems and system points over the API. What a pin costs is the vault's to judge, host by host: one that is refused
 * does not take away what another one was given, and the answer says both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "systems.h"

/* One that this caller's department does not have does not exist. Inside a transaction. */
static bool seen(struct api_call *c, struct err *e) {
    if (systems_seen(c->d->db, c->arg[0], c->who->department)) return true;
    err_set(e, ZE_NOTFOUND, c->arg[0], _("no such system"));
    return false;
}

static int64_t number_of(const char *s) {
    uint64_t id = 0;
    return text_u64(s, INT64_MAX, &id) ? (int64_t)id : 0;
}

/* The names of the hosts become what is known of them; the system's RPO is that of its worst host. */
static void put_hosts(struct daemon *d, struct js *system) {
    CLEANUP_JS struct js *names = js_copy(js_get(system, "hosts"));
    struct js *hosts = js_array();
    int64_t now = daemon_now(d), worst = 0;
    for (size_t i = 0; i < js_count(names); i++) {
        struct host h;
        struct js *o = js_object();
        const char *name = js_text(js_at(names, i));
        bool known = catalog_host_get(d->db, name, &h);
        int64_t rpo = known ? hosts_rpo_s(&h, now) : -1;
        js_set_str(o, "host", name);
        js_set_str(o, "state", known && *h.state ? h.state : "unknown");
        js_set_int(o, "points", h.points);
        js_set_time(o, "seen", h.seen_ns);
        if (rpo >= 0)
            js_set_int(o, "last_point", h.last_point), js_set_time(o, "last_time", h.last_time_ns),
                js_set_int(o, "rpo_s", rpo);
        worst = rpo < 0 || worst < 0 ? -1 : rpo > worst ? rpo : worst;
        js_push(hosts, o);
    }
    js_set(system, "hosts", hosts);
    if (worst >= 0 && js_count(names)) js_set_int(system, "rpo_s", worst);
}

static bool has_table(struct db *d, const char *name) {
    struct db_rows *r = db_query(d, "SELECT 1 FROM sqlite_schema WHERE type='table' AND name=?", "s", name);
    bool found = db_next(r);
    db_done(r);
    return found;
}

static void put_drill(struct db *d, struct js *system) {
    if (!has_table(d, "drills")) return;
    struct db_rows *r = db_query(d,
        "SELECT id,level,verdict,ended_ns FROM drills WHERE system=? AND state='ended' ORDER BY id DESC LIMIT 1", "s",
        js_str(system, "system", ""));
    if (db_next(r)) {
        struct js *o = js_object();
        js_set_int(o, "drill", db_int(r, 0)), js_set_int(o, "level", db_int(r, 1));
        js_set_str(o, "verdict", db_text(r, 2)), js_set_time(o, "ended", db_int(r, 3));
        js_set(system, "last_drill", o);
    }
    db_done(r);
}

/* Its migrations whose window is not closed. */
static void put_migrations(struct db *d, struct js *system) {
    if (!has_table(d, "migrations")) return;
    struct js *list = js_array();
    struct db_rows *r =
        db_query(d, "SELECT name,state,end_ns FROM migrations WHERE system=? AND state<>'closed' ORDER BY id", "s",
            js_str(system, "system", ""));
    while (db_next(r)) {
        struct js *o = js_object();
        js_set_str(o, "migration", db_text(r, 0)), js_set_str(o, "state", db_text(r, 1));
        js_set_time(o, "end", db_int(r, 2));
        js_push(list, o);
    }
    db_done(r);
    js_set(system, "migrations", list);
}

static struct js *system_json(struct daemon *d, const char *name) {
    struct js *j = system_get(d->db, name);
    size_t n;
    if (!j) return NULL;
    put_hosts(d, j);
    put_drill(d->db, j);
    put_migrations(d->db, j);
    int64_t *ids = system_points_list(d->db, name, 0, 1, &n);
    if (n) js_set(j, "last_system_point", system_point_get(d->db, ids[0]));
    free(ids);
    return j;
}

struct js *api_systems(struct api_call *c, struct err *e) {
    struct page page;
    size_t n;
    if (api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "systems", list);
    db_begin(c->d->db);
    char(*names)[64] = systems_list(c->d->db, c->who->department, page.after, page.limit, &n);
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) {
        struct js *s = system_json(c->d, names[i]);
        if (s) js_push(list, s);
    }
    if (n > (size_t)page.limit) js_set_str(j, "next", names[page.limit - 1]);
    free(names);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_system_show(struct api_call *c, struct err *e) {
    db_begin(c->d->db);
    struct js *j = seen(c, e) ? system_json(c->d, c->arg[0]) : NULL;
    struct err why = ERR_INIT;
    if (db_commit(c->d->db, &why) == 0) return j;
    js_free(j);
    *e = why;
    return NULL;
}

/* ---- system points ---- */

struct js *api_system_points(struct api_call *c, struct err *e) {
    struct page page;
    struct err why = ERR_INIT;
    size_t n = 0;
    if (api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "system_points", list);
    db_begin(c->d->db);
    bool found = seen(c, e);
    int64_t *ids = found ? system_points_list(c->d->db, c->arg[0], page.number, page.limit, &n) : NULL;
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) js_push(list, system_point_get(c->d->db, ids[i]));
    if (n > (size_t)page.limit) {
        char last[24];
        snprintf(last, sizeof last, "%lld", (long long)ids[page.limit - 1]);
        js_set_str(j, "next", last);
    }
    free(ids);
    if (db_commit(c->d->db, &why) < 0) *e = why;
    else if (found) return j;
    js_free(j);
    return NULL;
}

struct js *api_system_point(struct api_call *c, struct err *e) {
    db_begin(c->d->db);
    int64_t id = seen(c, e) ? system_point_new(c->d, c->who->name, c->arg[0], js_str(c->body, "reason", ""), e) : -1;
    if (id < 0) return db_abort(c->d->db), NULL;
    struct js *j = system_point_get(c->d->db, id);
    c->status = 201;
    /* If interrupted here, nothing of it has happened. */
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

/* The system point of the path, or NULL. */
static struct js *find(struct api_call *c, struct err *e) {
    struct err why = ERR_INIT;
    int64_t id = number_of(c->arg[1]);
    db_begin(c->d->db);
    bool sees = seen(c, e), found = sees && system_point_of(c->d->db, id, c->arg[0]);
    struct js *j = found ? system_point_get(c->d->db, id) : NULL;
    if (sees && !found) err_set(e, ZE_NOTFOUND, c->arg[1], _("no such system point"));
    if (db_commit(c->d->db, &why) == 0) return j;
    js_free(j);
    *e = why;
    return NULL;
}

struct js *api_system_point_show(struct api_call *c, struct err *e) {
    return find(c, e);
}

/* The vault pins this host's part. */
static struct js *pin_one(struct api_call *c, const char *host, int64_t point, struct err *e) {
    static const char *const texts[] = {"until", "reason"};
    CLEANUP_JS struct js *q = js_object();
    struct js *a = NULL;
    js_set_str(q, "op", "pin"), js_set_str(q, "host", host), js_set_int(q, "point", point);
    js_set_str(q, "who", api_person(c));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (js_str(c->body, texts[i], NULL)) js_set_str(q, texts[i], js_str(c->body, texts[i], NULL));
    if (js_int(c->body, "months", 0)) js_set_int(q, "months", js_int(c->body, "months", 0));
    if (js_bool(c->body, "dry_run", false)) js_set_bool(q, "dry_run", true);
    return control_call(&c->d->control, q, &a, e) < 0 ? NULL : a;
}

static struct js *detail_of(struct api_call *c) {
    static const char *const members[] = {"who", "reason", "until"};
    struct js *j = js_object();
    js_set_int(j, "system_point", number_of(c->arg[1]));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (js_str(c->body, members[i], NULL)) js_set_str(j, members[i], js_str(c->body, members[i], NULL));
    if (js_int(c->body, "months", 0)) js_set_int(j, "months", js_int(c->body, "months", 0));
    return j;
}

struct js *api_system_point_pin(struct api_call *c, struct err *e) {
    CLEANUP_JS struct js *p = find(c, e);
    bool dry = js_bool(c->body, "dry_run", false);
    const struct js *hosts = js_get(p, "hosts");
    if (!p) return NULL;
    if (!dry && api_record(c, "system.point.pin.asked", c->arg[0], detail_of(c), e) < 0) return NULL;
    /* If interrupted between two hosts: some are pinned; asked again, all are, and those that were stay as they are. */
    struct js *j = js_object(), *list = js_array();
    struct err first = ERR_INIT;
    js_set(j, "pins", list);
    for (size_t i = 0; i < js_count(hosts); i++) {
        struct err why = ERR_INIT;
        const char *host = js_str(js_at(hosts, i), "host", "");
        int64_t point = js_int(js_at(hosts, i), "point", 0);
        struct js *a = point ? pin_one(c, host, point, &why) : NULL;
        if (a) js_set_str(a, "host", host), js_set_int(a, "point", point), js_push(list, a);
        else if (!first.id && point) first = why;
    }
    if (!first.id && !js_count(list)) err_set(&first, ZE_NOTFOUND, c->arg[1], _("no host has a restore point in it"));
    if (!first.id && (dry || api_record(c, "system.point.pin", c->arg[0], detail_of(c), &first) == 0)) return j;
    *e = first;
    js_free(j);
    return NULL;
}
