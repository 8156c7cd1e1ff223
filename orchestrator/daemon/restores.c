/* What a restore may do next follows from its rows alone, so zaibeid may end at any moment: an item that ran then is heard of
 * again (its agent reports or calls in), or its lease ends; either way it is the same item, and the agent's marker makes it go on
 * where it was. */
#include "restores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "outbox.h"

bool restore_open(const char *state) {
    return !strcmp(state, "queued") || !strcmp(state, "waiting") || !strcmp(state, "running");
}

/* ---- a new one ---- */

static const char *target_of(const struct restore_want *i) {
    return i->target_host && *i->target_host ? i->target_host : i->host;
}

static int want_check(struct db *db, const struct restore_wish *w, size_t at, struct err *e) {
    const struct restore_want *i = &w->items[at];
    struct host h;
    if (!catalog_host_get(db, i->host, &h) || !*h.host_id) return err_set(e, ZE_NOTFOUND, i->host, _("no such host"));
    if (!catalog_host_get(db, target_of(i), &h) || strcmp(h.state, "enrolled") != 0)
        return err_set(e, ZE_NOTFOUND, target_of(i), _("no such host is enrolled"));
    if (i->point < 1 || i->point > UINT32_MAX) return err_set(e, ZE_NOPOINT, i->host, _("it has no restore point"));
    if (i->dir && *i->dir && (*i->dir != '/' || strlen(i->dir) > 4000))
        return err_set(e, ZE_USAGE, i->dir, _("expected an absolute path"));
    for (size_t other = 0; other < at; other++) {
        if (!strcmp(w->items[other].host, i->host)) return err_set(e, ZE_USAGE, i->host, _("it is named twice"));
        if (!strcmp(target_of(&w->items[other]), target_of(i)) &&
            !strcmp(w->items[other].dir ? w->items[other].dir : "", i->dir ? i->dir : ""))
            return err_set(e, ZE_USAGE, target_of(i), _("two hosts cannot be restored to one place"));
    }
    return 0;
}

static void item_add(struct db *db, const struct restore_wish *w, int64_t id, size_t at) {
    const struct restore_want *i = &w->items[at];
    struct host h;
    struct restore_item *x = calloc(1, sizeof *x);
    if (!x || !catalog_host_get(db, i->host, &h)) return free(x);
    x->restore = id, x->item = (int64_t)at + 1, x->point = i->point;
    snprintf(x->host, sizeof x->host, "%s", i->host);
    snprintf(x->host_id, sizeof x->host_id, "%s", h.host_id);
    snprintf(x->target_host, sizeof x->target_host, "%s", target_of(i));
    snprintf(x->dir, sizeof x->dir, "%s", i->dir ? i->dir : "");
    snprintf(x->state, sizeof x->state, "queued");
    for (size_t a = 0, n = 0; a < i->after_n; a++)
        n += (size_t)snprintf(x->after + n, sizeof x->after - n, "%s%s", a ? "," : "", i->after[a]);
    restore_item_add(db, x);
    free(x);
}

static void record(struct daemon *d, int64_t id, const char *who, const char *act, struct js *detail) {
    char object[24];
    snprintf(object, sizeof object, "%lld", (long long)id);
    audit_add(d->db, daemon_now(d), who, act, object, detail);
}

static struct js *wish_json(const struct restore_wish *w) {
    struct js *j = js_object(), *list = js_array();
    js_set_str(j, "reason", w->reason);
    js_set_str(j, "system", w->system);
    if (w->migration) js_set_int(j, "migration", w->migration);
    for (size_t i = 0; i < w->n; i++) {
        struct js *x = js_object();
        js_set_str(x, "host", w->items[i].host);
        js_set_int(x, "point", w->items[i].point);
        js_set_str(x, "target_host", target_of(&w->items[i]));
        js_set_str(x, "dir", w->items[i].dir ? w->items[i].dir : "");
        js_push(list, x);
    }
    js_set(j, "items", list);
    return j;
}

static bool existing_known(const char *s) {
    return !strcmp(s, "refuse") || !strcmp(s, "never") || !strcmp(s, "if-different") || !strcmp(s, "always");
}

int64_t restore_new(struct daemon *d, const struct restore_wish *w, struct err *e) {
    const char *existing = w->existing && *w->existing ? w->existing : "refuse";
    if (!w->n || w->n > RESTORE_ITEMS_MAX)
        return err_set(e, ZE_USAGE, w->system, _("from 1 to %d hosts"), RESTORE_ITEMS_MAX);
    if (!existing_known(existing))
        return err_set(e, ZE_USAGE, existing, _("expected refuse, never, if-different or always"));
    for (size_t i = 0; i < w->n; i++)
        if (want_check(d->db, w, i, e) < 0) return -1;
    if (restore_order_check(w, e) < 0) return -1;
    db_exec(d->db,
        "INSERT INTO restores(who,reason,system,migration,state,existing,queued_ns) VALUES(?,?,?,?,'queued',?,?)",
        "sssisi", w->who, w->reason ? w->reason : "", w->system ? w->system : "", w->migration, existing,
        daemon_now(d));
    int64_t id = db_last_id(d->db);
    for (size_t i = 0; i < w->n; i++) item_add(d->db, w, id, i);
    record(d, id, w->who, "restore.run", wish_json(w));
    return id;
}

/* ---- on its way ---- */

static bool listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *s = list; *s; s += strcspn(s, ","), s += *s == ',')
        if (!strncmp(s, name, n) && (s[n] == ',' || !s[n])) return true;
    return false;
}

bool restore_ready(struct daemon *d, const struct restore_item *i) {
    size_t n, running = 0;
    struct restore_item *all = restore_items(d->db, "", 0, &n);
    for (size_t k = 0; k < n; k++) running += !strcmp(all[k].state, "running");
    free(all);
    all = restore_items(d->db, "", i->restore, &n);
    bool ready = i->not_before_ns <= daemon_now(d) && running < (size_t)d->cfg->limit_restores &&
        !restore_cancelled(d->db, i->restore);
    for (size_t k = 0; k < n; k++)
        if (listed(i->after, all[k].host) && strcmp(all[k].state, "ok") != 0 && strcmp(all[k].state, "partial") != 0)
            ready = false;
    free(all);
    return ready;
}

static void item_end(struct daemon *d, struct restore_item *i, const char *state) {
    snprintf(i->state, sizeof i->state, "%s", state);
    i->ended_ns = daemon_now(d), i->lease_ns = 0;
    restore_item_put(d->db, i);
    restore_sealed_put(d->db, i, "");
}

/* Those after one that came to nothing cannot begin any more; and those after them. */
static void fail_after(struct daemon *d, struct restore_item *all, size_t n) {
    for (size_t round = 0; round < n; round++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n && restore_open(all[i].state) && strcmp(all[i].state, "running") != 0; k++) {
                bool lost = !strcmp(all[k].state, "failed") || !strcmp(all[k].state, "cancelled");
                if (!lost || !listed(all[i].after, all[k].host)) continue;
                all[i].err_id = ZE_NOTFOUND;
                snprintf(all[i].err_object, sizeof all[i].err_object, "%s", all[k].host);
                snprintf(all[i].err_msg, sizeof all[i].err_msg, "%s", _("it comes after a host that was not restored"));
                item_end(d, &all[i], all[k].state);
            }
}

static const char *whole(const struct restore_item *all, size_t n) {
    size_t open = 0, waiting = 0, fresh = 0, ok = 0, part = 0, failed = 0;
    for (size_t i = 0; i < n; i++) {
        open += restore_open(all[i].state);
        waiting += !strcmp(all[i].state, "waiting");
        fresh += !strcmp(all[i].state, "queued");
        ok += !strcmp(all[i].state, "ok");
        part += !strcmp(all[i].state, "partial");
        failed += !strcmp(all[i].state, "failed");
    }
    if (open) return waiting && waiting + fresh == open ? "waiting" : fresh == n ? "queued" : "running";
    return ok == n ? "ok" : ok + part ? "partial" : failed ? "failed" : "cancelled";
}

static void ended(struct daemon *d, const struct restore *r, const char *state) {
    struct js *j = js_object(), *lost = js_array();
    char object[160];
    js_set_str(j, "state", state);
    js_set_str(j, "system", r->system);
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->item[i].state, "ok") != 0) js_push_str(lost, r->item[i].host);
    js_set(j, "not_whole", lost);
    record(d, r->id, "zaibeid", "restore.ended", js_copy(j));
    snprintf(object, sizeof object, "%lld (%s)", (long long)r->id,
        *r->system ? r->system
            : r->n ? r->item[0].host
                   : "");
    if (strcmp(state, "ok") != 0 && strcmp(state, "cancelled") != 0)
        notice_add(d->db, daemon_now(d), "restore.failed", object, "", j);
    else js_free(j);
}

void restore_settle(struct daemon *d, int64_t id) {
    struct restore r;
    if (!restore_get(d->db, id, &r)) return;
    fail_after(d, r.item, r.n);
    const char *state = whole(r.item, r.n);
    bool over = !restore_open(state);
    if (strcmp(state, r.state) != 0)
        db_exec(
            d->db, "UPDATE restores SET state=?, ended_ns=? WHERE id=?", "sii", state, over ? daemon_now(d) : 0, id);
    if (over && !r.ended_ns) ended(d, &r, state);
    restore_free(&r);
}

void restore_item_again(struct daemon *d, struct restore_item *i, int64_t pause_s, const struct err *why) {
    i->err_id = why->id;
    snprintf(i->err_object, sizeof i->err_object, "%s", why->object);
    snprintf(i->err_msg, sizeof i->err_msg, "%s", why->msg);
    i->lease_ns = 0, i->not_before_ns = daemon_now(d) + pause_s * NS_PER_S;
    bool over = restore_cancelled(d->db, i->restore), lost = i->attempts >= ATTEMPTS_MAX;
    if (over || lost) item_end(d, i, over ? "cancelled" : "failed");
    else snprintf(i->state, sizeof i->state, "queued"), restore_item_put(d->db, i);
    restore_settle(d, i->restore);
}

/* ---- what people do ---- */

bool restore_cancel(struct daemon *d, int64_t id, const char *who) {
    struct restore r;
    bool found = restore_get(d->db, id, &r), open = found && restore_open(r.state);
    if (open) db_exec(d->db, "UPDATE restores SET cancel=1 WHERE id=?", "i", id);
    for (size_t i = 0; open && i < r.n; i++)
        if (!strcmp(r.item[i].state, "queued") || !strcmp(r.item[i].state, "waiting"))
            item_end(d, &r.item[i], "cancelled");
    if (open) record(d, id, who, "restore.cancel", NULL), restore_settle(d, id);
    if (found) restore_free(&r);
    return open;
}

int restore_grant(
    struct daemon *d, int64_t id, int64_t item, const char *sealed, const char *until, const char *who, struct err *e) {
    struct restore_item *i = calloc(1, sizeof *i);
    char name[48];
    int rc = 0;
    snprintf(name, sizeof name, "%lld/%lld", (long long)id, (long long)item);
    if (!i || !restore_item_get(d->db, id, item, i)) rc = err_set(e, ZE_NOTFOUND, name, _("no such restore"));
    else if (!*i->public_key || !i->needs_grant || strcmp(i->state, "running") == 0 || !restore_open(i->state))
        rc = err_set(e, ZE_EXISTS, name, _("it does not wait for a grant: %s"), i->state);
    if (rc == 0) {
        struct js *j = js_object();
        js_set_str(j, "host", i->host);
        js_set_str(j, "target_host", i->target_host);
        js_set_str(j, "until", until);
        restore_sealed_put(d->db, i, sealed);
        i->err_id = 0, *i->err_msg = *i->err_object = 0;
        snprintf(i->state, sizeof i->state, "queued");
        restore_item_put(d->db, i);
        record(d, id, who, "restore.grant", j);
        restore_settle(d, id);
    }
    free(i);
    return rc;
}

int restores_tick(struct daemon *d, struct err *e) {
    size_t n;
    struct err silent = ERR_INIT;
    db_begin(d->db);
    struct restore_item *all = restore_items(d->db, "", 0, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(all[i].state, "running") != 0 || all[i].lease_ns > daemon_now(d)) continue;
        err_set(&silent, ZE_TIMEOUT, all[i].target_host, _("the agent was not heard of any more"));
        restore_item_again(d, &all[i], 0, &silent);
    }
    free(all);
    return db_commit(d->db, e);
}
