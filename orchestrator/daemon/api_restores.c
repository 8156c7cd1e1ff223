/* Restores over the API. What is wanted is worked out here to single hosts and points: a host, or a system's hosts in the order
 * of its recovery, each with the point that is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "restores.h"
#include "systems.h"
#include "wire/grant.h"

#define SYSTEM "system:"

static int64_t number_of(const char *s) {
    uint64_t id = 0;
    return text_u64(s, INT64_MAX, &id) ? (int64_t)id : 0;
}

static struct js *item_json(const struct restore_item *i) {
    struct js *o = js_object();
    js_set_int(o, "item", i->item);
    js_set_str(o, "host", i->host);
    js_set_int(o, "point", i->point);
    js_set_str(o, "target_host", i->target_host);
    js_set_str(o, "dir", i->dir);
    js_set_str(o, "after", i->after);
    js_set_str(o, "state", i->state);
    js_set_str(o, "phase", i->phase);
    js_set_int(o, "attempts", i->attempts);
    js_set_int(o, "files", i->files);
    js_set_int(o, "bytes", i->bytes);
    js_set_int(o, "files_total", i->files_total);
    js_set_int(o, "bytes_total", i->bytes_total);
    js_set_int(o, "missed", i->missed);
    js_set_int(o, "attributes", i->attributes);
    js_set_time(o, "started", i->started_ns);
    js_set_time(o, "ended", i->ended_ns);
    if (!strcmp(i->state, "waiting")) js_set_str(o, "public_key", i->public_key);
    if (i->err_id || *i->err_msg) {
        char id[24];
        struct js *x = js_object();
        snprintf(id, sizeof id, "ZB-%lld", (long long)i->err_id);
        js_set_str(x, "id", id);
        js_set_str(x, "object", i->err_object);
        js_set_str(x, "message", i->err_msg);
        js_set_str(x, "next", err_next((enum err_id)i->err_id));
        js_set(o, "error", x);
    }
    return o;
}

static struct js *restore_json(const struct restore *r) {
    struct js *o = js_object(), *list = js_array();
    js_set_int(o, "restore", r->id);
    js_set_str(o, "system", r->system);
    if (r->migration) js_set_int(o, "migration", r->migration);
    js_set_str(o, "who", r->who);
    js_set_str(o, "reason", r->reason);
    js_set_str(o, "state", r->state);
    js_set_str(o, "existing", r->existing);
    js_set_bool(o, "cancelling", r->cancel && restore_open(r->state));
    js_set_time(o, "queued", r->queued_ns);
    js_set_time(o, "ended", r->ended_ns);
    for (size_t i = 0; i < r->n; i++) js_push(list, item_json(&r->item[i]));
    js_set(o, "items", list);
    return o;
}

/* All hosts that are read and written are the department's; to others the restore does not exist. */
static bool seen(struct api_call *c, const struct restore *r) {
    for (size_t i = 0; *c->who->department && i < r->n; i++)
        if (!reach_host(c->d->db, r->item[i].host, c->who->department) ||
            !reach_host(c->d->db, r->item[i].target_host, c->who->department))
            return false;
    return true;
}

/* Inside a transaction; true: ${r} is to be freed. */
static bool get_seen(struct api_call *c, int64_t id, struct restore *r, struct err *e) {
    if (restore_get(c->d->db, id, r) && seen(c, r)) return true;
    restore_free(r);
    err_set(e, ZE_NOTFOUND, c->arg[0], _("no such restore"));
    return false;
}

struct js *api_restores(struct api_call *c, struct err *e) {
    struct page page;
    const char *state = http_query(c->r, "state");
    if (api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "restores", list);
    db_begin(c->d->db);
    int64_t before = page.number ? page.number : INT64_MAX;
    struct db_rows *rows =
        db_query(c->d->db, "SELECT id FROM restores WHERE id<?1 AND (?2='' OR state=?2) ORDER BY id DESC LIMIT 1000",
            "is", before, state ? state : "");
    int64_t ids[1000], last = 0;
    size_t n = 0, shown = 0;
    while (n < 1000 && db_next(rows)) ids[n++] = db_int(rows, 0);
    db_done(rows);
    for (size_t i = 0; i < n; i++) {
        struct restore r;
        if (shown == (size_t)page.limit || i == 999) { /* there may be more */
            char next[24];
            snprintf(next, sizeof next, "%lld", (long long)(last ? last : ids[i]));
            js_set_str(j, "next", next);
            break;
        }
        last = ids[i];
        if (restore_get(c->d->db, ids[i], &r) && seen(c, &r)) js_push(list, restore_json(&r)), shown++;
        restore_free(&r);
    }
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_restore_show(struct api_call *c, struct err *e) {
    struct restore r;
    db_begin(c->d->db);
    bool found = get_seen(c, number_of(c->arg[0]), &r, e);
    if (db_commit(c->d->db, e) < 0 || !found) return found ? restore_free(&r), NULL : NULL;
    struct js *o = restore_json(&r);
    restore_free(&r);
    return o;
}

/* ---- what is wanted ---- */

struct want {
    struct restore_wish w;
    struct js *system, *at; /* hold the strings, or NULL */
};

/* The point that was named must exist at the vault: it may have been removed since. */
static int point_named(struct api_call *c, const char *host, int64_t point, struct err *e) {
    CLEANUP_JS struct js *points = hosts_points(c->d, host, e);
    if (!points) return -1;
    for (size_t i = 0; i < js_count(points); i++)
        if (js_int(js_at(points, i), "point", 0) == point) return 0;
    return err_set(e, ZE_NOPOINT, host, _("no such restore point: %lld"), (long long)point);
}

static void add(struct api_call *c, struct want *x, const char *host, int64_t point) {
    struct host h;
    struct restore_want *i = &x->w.items[x->w.n];
    if (x->w.n == RESTORE_ITEMS_MAX) return;
    *i = (struct restore_want){.host = host,
        .dir = js_str(c->body, "dir", ""),
        .point = point,
        .target_host = js_str(js_get(c->body, "map"), host, NULL)};
    if (!point && catalog_host_get(c->d->db, host, &h)) i->point = h.last_point;
    x->w.n++;
}

/* A system of plans in force; without one, the hosts that were enrolled for it. */
static struct js *system_hosts(struct daemon *d, const char *system) {
    struct js *j = system_get(d->db, system), *list;
    if (j) return j;
    struct db_rows *r = db_query(d->db, "SELECT name FROM hosts WHERE system=? ORDER BY name", "s", system);
    js_set(j = js_object(), "hosts", list = js_array());
    while (db_next(r)) js_push_str(list, db_text(r, 0));
    db_done(r);
    return j;
}

/* The name of a system, or NULL for a host: "system:NAME", or a name that no host has. */
static const char *system_of(struct api_call *c) {
    const char *target = js_str(c->body, "target", "");
    struct host h;
    if (!strncmp(target, SYSTEM, sizeof SYSTEM - 1)) return target + sizeof SYSTEM - 1;
    return catalog_host_get(c->d->db, target, &h) && *h.host_id ? NULL : target;
}

/* Each host of the system with its last complete point, or with the one of a system point. */
static int work_out_system(struct api_call *c, struct want *x, const char *system, int64_t point, struct err *e) {
    x->w.system = system;
    x->system = system_hosts(c->d, system);
    x->at = point && system_point_of(c->d->db, point, system) ? system_point_get(c->d->db, point) : NULL;
    if (point && !x->at) return err_set(e, ZE_NOPOINT, system, _("no such system point: %lld"), (long long)point);
    const struct js *hosts = js_get(point ? x->at : x->system, "hosts");
    if (js_count(hosts) > RESTORE_ITEMS_MAX)
        return err_set(e, ZE_TOOMUCH, system, _("at most %d hosts at once"), RESTORE_ITEMS_MAX);
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *h = js_at(hosts, i);
        int64_t of = js_int(h, "point", 0);
        if (point && !of)
            return err_set(e, ZE_NOPOINT, js_str(h, "host", ""), _("the system point has none of this host"));
        add(c, x, point ? js_str(h, "host", "") : js_text(h), of);
    }
    restore_order(&x->w, js_get(x->system, "recovery"));
    return 0;
}

/* Inside a transaction. */
static int work_out(struct api_call *c, struct want *x, struct err *e) {
    const char *target = js_str(c->body, "target", ""), *system = system_of(c);
    int64_t point = js_int(c->body, "point", 0);
    x->w.system = "";
    if (!system) add(c, x, target, point);
    else if (work_out_system(c, x, system, point, e) < 0) return -1;
    for (size_t i = 0; *c->who->department && i < x->w.n; i++) {
        const struct restore_want *w = &x->w.items[i];
        if (!reach_host(c->d->db, w->host, c->who->department) ||
            !reach_host(c->d->db, w->target_host ? w->target_host : w->host, c->who->department))
            return err_set(e, ZE_NOTFOUND, target, _("no such host or system"));
    }
    return x->w.n ? 0 : err_set(e, ZE_NOTFOUND, target, _("no such host or system"));
}

static struct js *plan_json(const struct want *x) {
    struct js *o = js_object(), *list = js_array();
    js_set_bool(o, "dry_run", true);
    js_set_str(o, "system", x->w.system);
    for (size_t i = 0; i < x->w.n; i++) {
        const struct restore_want *w = &x->w.items[i];
        struct js *j = js_object(), *after = js_array();
        js_set_int(j, "item", (int64_t)i + 1);
        js_set_str(j, "host", w->host);
        js_set_int(j, "point", w->point);
        js_set_str(j, "target_host", w->target_host ? w->target_host : w->host);
        js_set_str(j, "dir", w->dir);
        for (size_t a = 0; a < w->after_n; a++) js_push_str(after, w->after[a]);
        js_set(j, "after_hosts", after);
        js_push(list, j);
    }
    js_set(o, "items", list);
    return o;
}

/* Somebody with the kit restores to a directory beside the vault: nothing of it runs over zaibeid, but that it was asked for is known
 * here before it begins. */
static int local_record(struct api_call *c, const char *target, const char *dir, struct js *plan, struct err *e) {
    struct js *detail = js_object();
    js_set_str(detail, "reason", js_str(c->body, "reason", ""));
    js_set_str(detail, "dir", dir);
    js_set(detail, "items", js_copy(js_get(plan, "items")));
    db_begin(c->d->db);
    audit_add(c->d->db, daemon_now(c->d), c->who->name, "restore.local", target, detail);
    return db_commit(c->d->db, e);
}

struct js *api_restore_run(struct api_call *c, struct err *e) {
    struct want *x = calloc(1, sizeof *x);
    struct err stale = ERR_INIT;
    struct restore r;
    struct js *o = NULL;
    if (!x) return err_set(e, ZE_NOMEM, "restore", _("no memory")), NULL;
    bool dry = js_bool(c->body, "dry_run", false);
    int64_t point = js_int(c->body, "point", 0);
    const char *local = js_str(c->body, "local", "");
    x->w.who = c->who->name, x->w.reason = js_str(c->body, "reason", ""),
    x->w.existing = js_str(c->body, "existing", "");
    if (hosts_sync(c->d, false, &stale) < 0) daemon_log(c->d, "%s", stale.msg); /* then what was known last */
    db_begin(c->d->db);
    bool named = point && !system_of(c) &&
        (!*c->who->department || reach_host(c->d->db, js_str(c->body, "target", ""), c->who->department));
    int rc = db_commit(c->d->db, e);
    if (rc == 0 && named) rc = point_named(c, js_str(c->body, "target", ""), point, e);
    if (rc == 0 && !*x->w.reason && !dry) rc = err_set(e, ZE_USAGE, "reason", _("it must be given"));
    db_begin(c->d->db);
    if (rc == 0) rc = work_out(c, x, e);
    int64_t id = rc == 0 ? restore_new(c->d, &x->w, e) : -1;
    if (id > 0 && !dry && restore_get(c->d->db, id, &r)) o = restore_json(&r), restore_free(&r);
    if (id > 0 && dry) o = plan_json(x);
    if (id < 0 || dry) db_abort(c->d->db); /* a dry run goes through the same checks, and is forgotten */
    else if (db_commit(c->d->db, e) < 0) js_free(o), o = NULL;
    if (o && dry && *local && local_record(c, js_str(c->body, "target", ""), local, o, e) < 0) js_free(o), o = NULL;
    js_free(x->system), js_free(x->at);
    free(x);
    c->status = dry ? 200 : 201;
    return o;
}

struct js *api_restore_cancel(struct api_call *c, struct err *e) {
    struct restore r;
    struct js *o = NULL;
    int64_t id = number_of(c->arg[0]);
    db_begin(c->d->db);
    bool found = get_seen(c, id, &r, e), open = found && restore_cancel(c->d, id, c->who->name);
    if (found) restore_free(&r);
    if (open && restore_get(c->d->db, id, &r)) o = restore_json(&r), restore_free(&r);
    if (db_commit(c->d->db, e) < 0) return js_free(o), NULL;
    if (found && !open) err_set(e, ZE_NOTHING, c->arg[0], _("the restore has ended"));
    return o;
}

struct js *api_restore_grant(struct api_call *c, struct err *e) {
    struct restore r;
    struct js *o = NULL;
    int64_t id = number_of(c->arg[0]);
    const char *grant = js_str(c->body, "grant", "");
    size_t n = strlen(grant);
    if (!n || n > 2 * GRANT_MAX) return err_set(e, ZE_USAGE, "grant", _("expected a sealed grant in base64")), NULL;
    db_begin(c->d->db);
    bool found = get_seen(c, id, &r, e);
    if (found) restore_free(&r);
    int rc = found
        ? restore_grant(c->d, id, js_int(c->body, "item", 0), grant, js_str(c->body, "until", ""), c->who->name, e)
        : -1;
    if (rc == 0 && restore_get(c->d->db, id, &r)) o = restore_json(&r), restore_free(&r);
    if (rc < 0) return db_abort(c->d->db), NULL;
    return db_commit(c->d->db, e) < 0 ? js_free(o), NULL : o;
}
