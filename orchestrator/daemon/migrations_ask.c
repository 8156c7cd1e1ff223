/* What people ask of a window that runs: a later end, and the way back. Both are wishes in the catalog, committed
 * with who asked, that migrations_work.c and migrations_back.c fulfil, now or after zaibeid was started anew. */
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_people.h"
#include "migrate/window.h"
#include "migrations_internal.h"

/* ---- extend ---- */

/* The end that is asked for, in ns; later than any that was. */
static int wanted_end(struct migration *m, const struct js *q, struct err *e) {
    int64_t months = js_int(q, "months", 0), at = 0;
    const char *until = js_str(q, "until", NULL);
    char noon[40] = "", now_ends[32];
    struct zone *z = zone_open(m->zone, e);
    int rc = z ? 0 : -1;
    if (!z) return -1;
    int64_t last = window_day(z, m->end_ns / NS_PER_S - 1);
    if (until) snprintf(noon, sizeof noon, "%.10sT12:00:00Z", until);
    if ((until != NULL) == (months != 0) || months < 0 || months > WINDOW_MONTHS_MAX)
        rc = err_set(e, ZE_USAGE, m->name, _("either a last day or a number of months is needed"));
    else if (until && (strlen(until) != 10 || !civil_time_get(noon, &at)))
        rc = err_set(e, ZE_USAGE, until, _("expected a day such as 2027-02-28"));
    else if (until) last = at / NS_PER_S / 86400;
    else last = civil_number(civil_add_months(civil_of_days(last), (unsigned)months));
    at = window_day_end(z, last) * NS_PER_S;
    text_time(now_ends, m->wanted_ns > m->end_ns ? m->wanted_ns : m->end_ns);
    if (rc == 0 && (at <= m->end_ns || at <= m->wanted_ns))
        rc = err_set(e, ZE_SHORTER, m->name, _("it lasts until %s already"), now_ends);
    zone_free(z);
    if (rc == 0) m->wanted_ns = at;
    return rc;
}

static int want(struct daemon *d, const struct principal *who, const char *name, const struct js *q,
    struct migration *m, struct err *e) {
    if (migration_find(d, who, name, m, e) < 0 || case_step(m->state, CASE_EXTEND, name, e) < 0 ||
        wanted_end(m, q, e) < 0)
        return -1;
    struct js *detail = js_object();
    js_set_time(detail, "until", m->wanted_ns);
    js_set_str(m->facts, "extend_by", who->name);
    migration_put(d->db, m);
    migration_audit(d, m, "extend.asked", who->name, detail);
    return 0;
}

int migrate_extend(struct daemon *d, const struct principal *who, const char *name, const struct js *q,
    struct migration *m, struct err *e) {
    *m = (struct migration){.id = 0};
    db_begin(d->db);
    if (want(d, who, name, q, m, e) < 0) return db_abort(d->db), -1;
    if (db_commit(d->db, e) < 0) return -1;
    /* If interrupted here, the tick finds the wanted end and has it pinned. */
    if (extend_work(d, m, e) == 0) return 0;
    if (!vault_gone(e)) return -1;
    *e = (struct err)ERR_INIT;
    return 0;
}

/* ---- rollback ---- */

/* Who is restored where: originals onto hosts that exist for the person. */
static int back_to(
    struct daemon *d, const struct principal *who, const struct migration *m, const struct js *to, struct err *e) {
    const struct js *v, *originals = js_get(m->facts, "originals");
    const char *host;
    struct host h;
    for (size_t i = 0; (host = js_member(to, i, &v)); i++) {
        const char *target = js_text(v) ? js_text(v) : "";
        bool known = false, seen = !*who->department || reach_host(d->db, target, who->department);
        for (size_t k = 0; k < js_count(originals); k++)
            known = known || !strcmp(js_str(js_at(originals, k), "host", ""), host);
        if (!known) return err_set(e, ZE_USAGE, host, _("it is no original of this migration"));
        if (!seen || !catalog_host_get(d->db, target, &h)) return err_set(e, ZE_NOTFOUND, target, _("no such host"));
    }
    return 0;
}

static int back(struct daemon *d, const struct principal *who, const char *name, const struct js *q,
    struct migration *m, struct err *e) {
    const char *dir = js_str(q, "dir", ""), *reason = js_str(q, "reason", "");
    bool unsaved = js_bool(q, "unsaved", false);
    if (strlen(reason) > MIGRATION_TEXT_MAX)
        return err_set(e, ZE_USAGE, "reason", _("longer than %d bytes"), MIGRATION_TEXT_MAX);
    if (*dir && (*dir != '/' || strlen(dir) > 1000)) return err_set(e, ZE_USAGE, dir, _("a path from / on is needed"));
    if (migration_find(d, who, name, m, e) < 0) return -1;
    int to = case_step(m->state, CASE_ROLL_BACK, name, e);
    if (to < 0 || back_to(d, who, m, js_get(q, "to"), e) < 0) return -1;
    struct js *r = js_object();
    js_set_str(r, "who", who->name);
    js_set(r, "to", js_get(q, "to") ? js_copy(js_get(q, "to")) : js_object());
    js_set_str(r, "dir", dir);
    js_set_str(r, "reason", reason);
    js_set_bool(r, "unsaved", unsaved);
    js_set(m->facts, "rollback", r);
    js_set_str(m->facts, "failed", NULL);
    if (!unsaved && jobs_ask(d, js_get(m->facts, "targets"), who->name, e) < 0) return -1;
    migration_move(d, m, CASE_ROLL_BACK, to, who->name, reason, js_copy(r));
    return 0;
}

int migrate_rollback(struct daemon *d, const struct principal *who, const char *name, const struct js *q,
    struct migration *m, struct err *e) {
    *m = (struct migration){.id = 0};
    db_begin(d->db);
    if (back(d, who, name, q, m, e) < 0) return db_abort(d->db), -1;
    /* If interrupted here, nothing of it has happened; after the commit the tick goes on with it. */
    return db_commit(d->db, e);
}
