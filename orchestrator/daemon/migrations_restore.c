/* A rollback is an ordinary restore that knows its migration's number: of each original's pinned point, to the hosts
 * that were asked for, in the order in which the system is brought up. Files that are as in the point are left alone,
 * so a rollback asked for again only does what is left. The order is that of the plan at the cutover: by now the plan may
 * be retired, or be about the new hosts. How long it will take is told by the last green drill of the
 * system; without one by what restores took, one host after the other: an upper bound. */
#include "migrations_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "catalog_drills.h"
#include "drill/trend.h"
#include "restores.h"
#include "sys/file.h"
#include "systems.h"

enum { MEASURED = 10, DRILLS_BACK = 100 };

struct plan_of_items {
    struct restore_wish w;
    char dir[RESTORE_ITEMS_MAX][1100];
};

static void item_of(struct plan_of_items *p, size_t i, const struct js *original, const struct js *back) {
    struct restore_want *x = &p->w.items[i];
    const char *dir = js_str(back, "dir", "");
    x->host = js_str(original, "host", "");
    x->point = js_int(original, "point", 0);
    x->target_host = js_str(js_get(back, "to"), x->host, "");
    if (*dir) snprintf(p->dir[i], sizeof p->dir[i], "%s/%s", dir, x->host);
    x->dir = p->dir[i];
}

int64_t migration_restore(struct daemon *d, struct migration *m, struct err *e) {
    const struct js *originals = js_get(m->facts, "originals"), *back = js_get(m->facts, "rollback");
    CLEANUP_FREE struct plan_of_items *p = calloc(1, sizeof *p);
    if (!p) return err_set(e, ZE_NOMEM, m->name, _("no memory"));
    CLEANUP_JS struct js *system = system_get(d->db, m->system);
    const struct js *then = js_get(m->facts, "recovery");
    p->w.who = js_str(back, "who", ""), p->w.reason = js_str(back, "reason", ""), p->w.system = m->system;
    p->w.migration = m->id, p->w.existing = "if-different";
    p->w.n = js_count(originals);
    for (size_t i = 0; i < p->w.n; i++) item_of(p, i, js_at(originals, i), back);
    restore_order(&p->w, then ? then : js_get(system, "recovery"));
    return restore_new(d, &p->w, e);
}

int migration_restore_state(struct daemon *d, int64_t id, struct err *why) {
    struct restore r;
    char name[32];
    snprintf(name, sizeof name, "%lld", (long long)id);
    if (!restore_get(d->db, id, &r)) return err_set(why, ZE_ROLLBACKFAILED, name, _("no such restore"));
    int state = restore_open(r.state) ? 0 : !strcmp(r.state, "ok") ? 1 : -1;
    for (size_t i = 0; state < 0 && i < r.n; i++)
        if (strcmp(r.item[i].state, "ok") != 0 && (!why->id || *r.item[i].err_msg))
            err_set(why, ZE_ROLLBACKFAILED, r.item[i].host, _("restore %s is %s: %.100s: %.200s"), name,
                r.item[i].state, r.item[i].err_object, r.item[i].err_msg);
    restore_free(&r);
    return state;
}

/* The last green drill: a whole system came back, to the last check. */
static int64_t by_drill(struct daemon *d, const struct migration *m, int64_t need, int64_t *drill) {
    CLEANUP_JS struct js *all = drill_summaries(d->db, m->system, 0, DRILLS_BACK);
    for (size_t i = js_count(all); i-- > 0;) {
        struct drill_forecast f = drill_forecast(js_at(all, i), need, 0);
        if (f.ms < 0) continue;
        *drill = js_int(js_at(all, i), "drill", 0);
        return f.ms / 1000 + 1;
    }
    return -1;
}

int64_t migration_rto_s(struct daemon *d, const struct migration *m, int64_t *drill) {
    const struct js *originals = js_get(m->facts, "originals");
    int64_t need = 0, bytes = 0, ns = 0, s;
    *drill = 0;
    for (size_t i = 0; i < js_count(originals); i++) need += js_int(js_at(originals, i), "bytes", 0);
    if (!need) return -1;
    if ((s = by_drill(d, m, need, drill)) >= 0) return s;
    struct db_rows *r = db_query(d->db,
        "SELECT bytes, ended_ns-started_ns FROM restore_items WHERE state='ok' AND bytes>0 AND ended_ns>started_ns AND "
        "started_ns>0 "
        "ORDER BY ended_ns DESC LIMIT ?",
        "i", (int64_t)MEASURED);
    while (db_next(r)) bytes += db_int(r, 0), ns += db_int(r, 1);
    db_done(r);
    return bytes ? (int64_t)((double)need * (double)ns / (double)bytes / NS_PER_S) + 1 : -1;
}
