/* Drills over the API: asking for one, looking at it, the grant, cancelling. What is given to a worker goes through drills.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_drills.h"
#include "audit.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "drills.h"
#include "lists.h"
#include "sys/file.h"

enum { GRANT_TEXT_MAX = 64 << 10, ABOUT_MAX = 4096 };

struct js *api_drill_json(const struct drill *x) {
    struct js *j = x->summary ? js_copy(x->summary) : js_object();
    js_set_int(j, "drill", x->id);
    js_set_str(j, "system", x->system);
    js_set(j, "departments", x->departments ? js_copy(x->departments) : js_array());
    js_set_str(j, "plan", x->plan);
    js_set_int(j, "plan_version", x->plan_version);
    js_set_int(j, "level", x->level);
    js_set_str(j, "origin", x->origin);
    js_set_str(j, "requested_by", x->requested_by);
    js_set_str(j, "state", x->state);
    js_set_str(j, "verdict", *x->verdict ? x->verdict : NULL);
    js_set_time(j, "requested", x->requested_ns);
    js_set_time(j, "incident", x->incident_ns);
    js_set_time(j, "granted", x->granted_ns);
    js_set_str(j, "granted_by", x->granted_ns ? x->granted_by : NULL);
    js_set_time(j, "ended", x->ended_ns);
    js_set_bool(j, "cancelling", *x->cancel && strcmp(x->state, DRILL_ENDED) != 0);
    js_set(j, "hosts", x->hosts ? js_copy(x->hosts) : js_array());
    if (!strcmp(x->state, DRILL_WAITING)) js_set_str(j, "public_key", x->public_key);
    if (x->err_id) {
        struct js *why = js_object();
        char id[24];
        snprintf(id, sizeof id, "ZB-%lld", (long long)x->err_id);
        js_set_str(why, "id", id);
        js_set_str(why, "object", x->err_object), js_set_str(why, "message", x->err_msg);
        js_set_str(why, "next", err_next((enum err_id)x->err_id));
        js_set(j, "error", why);
    }
    return j;
}

int api_drill_find(struct api_call *c, struct drill *x, struct err *e) {
    uint64_t id = 0;
    db_begin(c->d->db);
    bool found = text_u64(c->arg[0], INT64_MAX, &id) && drill_get(c->d->db, (int64_t)id, x);
    if (!found) *x = (struct drill){.id = 0};
    if (db_commit(c->d->db, e) < 0) return -1;
    return found ? 0 : err_set(e, ZE_NOTFOUND, c->arg[0], _("no such drill"));
}

struct js *api_drills(struct api_call *c, struct err *e) {
    struct page page;
    struct filter f;
    size_t n;
    char last[24];
    if (api_page(c, &page, e) < 0 || filter_of(c, &f, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "drills", list);
    db_begin(c->d->db);
    CLEANUP_FREE int64_t *ids = drill_ids(c->d->db, &f, &page, &n);
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) {
        struct drill x;
        if (drill_get(c->d->db, ids[i], &x)) js_push(list, api_drill_json(&x));
        drill_free(&x);
        snprintf(last, sizeof last, "%lld", (long long)ids[i]);
    }
    if (n > (size_t)page.limit) js_set_str(j, "next", last);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

static int read_wish(struct api_call *c, struct drill_wish *w, struct err *e) {
    const char *incident = js_str(c->body, "incident", NULL);
    *w = (struct drill_wish){.who = c->who->name, .system = c->arg[0], .level = js_int(c->body, "level", 0),
        .system_point = js_int(c->body, "system_point", 0), .points = js_get(c->body, "points")};
    if (js_has(c->body, "hosts")) return err_set(e, ZE_USAGE, "hosts", _("a drill is of a whole system"));
    if (w->points && w->system_point) return err_set(e, ZE_USAGE, "points", _("either points or a system point"));
    if (incident && !civil_time_get(incident, &w->incident_ns))
        return err_set(e, ZE_USAGE, "incident", _("a time like 2026-11-22T01:02:03Z"));
    return 0;
}

struct js *api_drill_run(struct api_call *c, struct err *e) {
    struct drill_wish w;
    struct drill x = {.id = 0};
    struct js *j = NULL;
    if (read_wish(c, &w, e) < 0) return NULL;
    if (drill_ask(c->d, c->who, &w, &x, e) == 0) {
        db_begin(c->d->db);
        drill_add(c->d->db, &x);
        drill_note(c->d->db, &x, daemon_now(c->d), c->who->name, "drill.run", NULL);
        if (db_commit(c->d->db, e) == 0) j = api_drill_json(&x);
    }
    drill_free(&x);
    c->status = 201;
    return j;
}

struct js *api_drill_show(struct api_call *c, struct err *e) {
    struct drill x;
    struct js *j = NULL;
    if (api_drill_find(c, &x, e) < 0) return NULL;
    db_begin(c->d->db);
    CLEANUP_JS struct js *events = drill_events(c->d->db, x.id);
    if (db_commit(c->d->db, e) == 0) {
        j = api_drill_json(&x);
        js_set(j, "phases", drill_phases(events));
        struct js *progress = c->d->drills ? drills_progress(c->d->drills, x.id) : NULL;
        if (progress) js_set(j, "progress", progress);
    }
    drill_free(&x);
    return j;
}

/* Who gave what to whom, for the audit: as the giver says it, since nobody here can look into a grant. */
static struct js *about(const struct js *body) {
    struct js *j = js_object();
    const struct js *hosts = js_get(body, "hosts");
    CLEANUP_FREE char *text = hosts ? js_dump(hosts) : NULL;
    js_set_str(j, "until", js_str(body, "until", NULL));
    if (text && strlen(text) <= ABOUT_MAX) js_set(j, "hosts", js_copy(hosts));
    return j;
}

struct js *api_drill_grant(struct api_call *c, struct err *e) {
    struct drill x;
    struct js *j = NULL;
    const char *grant = js_str(c->body, "grant", "");
    int64_t now = daemon_now(c->d);
    if (api_drill_find(c, &x, e) < 0) return NULL;
    if (!*grant || strlen(grant) > GRANT_TEXT_MAX) err_set(e, ZE_USAGE, "grant", _("expected a sealed grant in base64"));
    else if (strcmp(x.state, DRILL_WAITING) != 0 || !c->d->drills)
        err_set(e, ZE_DRILLSTATE, c->arg[0], _("it does not wait for a grant: %s"), x.state);
    else {
        db_begin(c->d->db);
        drill_granted(c->d->db, x.id, c->who->name, now);
        drill_note(c->d->db, &x, now, c->who->name, "drill.grant", about(c->body));
        /* If interrupted here, the record of a grant stands that never arrived: the drill waits on and says so. */
        if (db_commit(c->d->db, e) == 0 && drills_grant(c->d->drills, x.id, grant, e) == 0) j = api_drill_json(&x);
    }
    drill_free(&x);
    return j;
}

struct js *api_drill_cancel(struct api_call *c, struct err *e) {
    struct drill x;
    struct js *j = NULL;
    if (api_drill_find(c, &x, e) < 0) return NULL;
    if (!strcmp(x.state, DRILL_ENDED)) err_set(e, ZE_DRILLSTATE, c->arg[0], _("it has ended: %s"), x.verdict);
    else {
        db_begin(c->d->db);
        drill_cancel(c->d->db, x.id, c->who->name);
        drill_note(c->d->db, &x, daemon_now(c->d), c->who->name, "drill.cancel", NULL);
        snprintf(x.cancel, sizeof x.cancel, "%s", c->who->name);
        if (db_commit(c->d->db, e) == 0) j = api_drill_json(&x);
        if (j && c->d->drills) drills_wake(c->d->drills, x.id);
    }
    drill_free(&x);
    return j;
}
