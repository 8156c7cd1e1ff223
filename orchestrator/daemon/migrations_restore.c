/* A rollback is an ordinary restore that knows its migration's number: of each original's pinned point, to the hosts
 * that were asked for, in the order in which the system is brought up. Files that are as in the point are left alone,
 * so a rollback asked for again only does what is left. How long it will take is told by what was measured, one host
 * after the other: an upper bound. */
#include "migrations_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "restores.h"
#include "sys/file.h"
#include "systems.h"

enum { MEASURED = 10 };

struct plan_of_items {
    struct restore_wish w;
    char dir[RESTORE_ITEMS_MAX][1100];
};

/* Those of the originals that the plan's recovery wants up before ${x}. */
static void order_of(struct restore_want *x, const struct js *recovery, const struct js *originals) {
    const struct js *hosts = js_get(recovery, "hosts");
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *after = js_get(js_at(hosts, i), "after");
        if (strcmp(js_str(js_at(hosts, i), "host", ""), x->host) != 0) continue;
        for (size_t k = 0; k < js_count(after); k++)
            for (size_t o = 0; o < js_count(originals) && x->after_n < RESTORE_ITEMS_MAX; o++)
                if (js_text(js_at(after, k)) &&
                    !strcmp(js_text(js_at(after, k)), js_str(js_at(originals, o), "host", "")))
                    x->after[x->after_n++] = js_text(js_at(after, k));
    }
}

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
    p->w.who = js_str(back, "who", ""), p->w.reason = js_str(back, "reason", ""), p->w.system = m->system;
    p->w.migration = m->id, p->w.existing = "if-different";
    p->w.n = js_count(originals);
    for (size_t i = 0; i < p->w.n; i++) {
        item_of(p, i, js_at(originals, i), back);
        order_of(&p->w.items[i], js_get(system, "recovery"), originals);
    }
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
            err_set(why, ZE_ROLLBACKFAILED, r.item[i].host, _("restore %s is %s: %.200s"), name, r.item[i].state,
                r.item[i].err_msg);
    restore_free(&r);
    return state;
}

int64_t migration_rto_s(struct daemon *d, const struct migration *m) {
    const struct js *originals = js_get(m->facts, "originals");
    int64_t need = 0, bytes = 0, ns = 0;
    for (size_t i = 0; i < js_count(originals); i++) need += js_int(js_at(originals, i), "bytes", 0);
    struct db_rows *r = db_query(d->db,
        "SELECT bytes, ended_ns-started_ns FROM restore_items WHERE state='ok' AND bytes>0 AND ended_ns>started_ns AND "
        "started_ns>0 "
        "ORDER BY ended_ns DESC LIMIT ?",
        "i", (int64_t)MEASURED);
    while (db_next(r)) bytes += db_int(r, 0), ns += db_int(r, 1);
    db_done(r);
    return need && bytes ? (int64_t)((double)need * (double)ns / (double)bytes / NS_PER_S) + 1 : -1;
}
