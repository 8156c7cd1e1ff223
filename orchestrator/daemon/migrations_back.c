/* The way back, in two steps that the tick takes as they come due: the targets' newer data is backed up and pinned;
 * then the originals are restored in order. Nothing of the targets or of the pins is touched: a rollback that breaks
 * can be asked for again, to the same place or another. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "migrate/window.h"
#include "migrations_internal.h"
#include "migrations_restore.h"

static const char self[] = "zaibeid";

/* The targets' points are there and pinned: note them and begin the restore, in one transaction. */
static int begin(struct daemon *d, struct migration *m, struct js *saved, struct err *e) {
    struct err why = ERR_INIT;
    struct js *detail = js_object();
    db_begin(d->db);
    if (!migration_same(d, m)) return js_free(detail), js_free(saved), db_abort(d->db), 0;
    struct js *back = js_get(m->facts, "rollback");
    js_set(m->facts, "targets", saved);
    int64_t id = migration_restore(d, m, &why);
    if (id < 0) {
        js_free(detail), db_abort(d->db);
        return migration_break(d, m, &why, e);
    }
    js_set_int(back, "restore", id);
    migration_put(d->db, m);
    js_set_int(detail, "restore", id);
    js_set(detail, "targets", js_copy(saved));
    migration_audit(d, m, "restore", js_str(back, "who", self), detail);
    /* If interrupted here, neither the restore nor its number is there; after the commit both are. */
    return db_commit(d->db, e);
}

static int save(struct daemon *d, struct migration *m, struct err *e) {
    char reason[200];
    struct err why = ERR_INIT;
    struct js *back = js_get(m->facts, "rollback");
    CLEANUP_JS struct js *targets = js_copy(js_get(m->facts, "targets"));
    if (!js_bool(back, "unsaved", false)) {
        db_begin(d->db);
        int done = jobs_done(d, targets, true, &why);
        db_abort(d->db);
        if (done < 0) return migration_break(d, m, &why, e);
        if (!done) return 0;
        snprintf(reason, sizeof reason, "migration %s: the targets before its rollback", m->name);
        struct pin_wish w = {.months = WINDOW_MONTHS, .who = js_str(back, "who", self), .reason = reason};
        if (points_pin(d, targets, &w, &why) < 0) {
            if (!vault_gone(&why)) return migration_break(d, m, &why, e);
            *e = why;
            return -1;
        }
    }
    return begin(d, m, js_copy(targets), e);
}

static int restored(struct daemon *d, struct migration *m, struct err *e) {
    db_begin(d->db);
    if (!migration_same(d, m)) return db_abort(d->db), 0;
    struct js *detail = js_object(), *back = js_get(m->facts, "rollback");
    int64_t took_s =
        (daemon_now(d) - m->state_ns) / NS_PER_S; /* with all that was waited for: grants, the targets' backups */
    js_set_int(back, "took_s", took_s);
    js_set_int(detail, "restore", js_int(back, "restore", 0));
    js_set_int(detail, "took_s", took_s);
    migration_move(d, m, CASE_RESTORED, case_next(m->state, CASE_RESTORED), self, "", detail);
    return db_commit(d->db, e);
}

int back_work(struct daemon *d, struct migration *m, struct err *e) {
    struct err why = ERR_INIT;
    int64_t id = js_int(js_get(m->facts, "rollback"), "restore", 0);
    if (!id) return save(d, m, e);
    db_begin(d->db);
    int state = migration_restore_state(d, id, &why);
    db_abort(d->db);
    if (state < 0) return migration_break(d, m, &why, e);
    return state ? restored(d, m, e) : 0;
}
