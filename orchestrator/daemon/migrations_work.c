/* What zaibeid does for migrations by itself. Every function reads the row, asks the vault without holding the
 * catalog, and then writes only if the row is still the one that was read. What is about to be asked of the vault
 * that changes something is in the audit first.
 *
 * The end of a window is the vault's to tell: its time, while it does not doubt it. zaibeid's own clock is only used
 * for the times in records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"
#include "migrate/window.h"
#include "migrations_internal.h"
#include "outbox.h"

static const char self[] = "zaibeid";

static const char *by(const struct migration *m, const char *key) { return js_str(m->facts, key, self); }

/* ---- cutover ---- */

int migration_break(struct daemon *d, struct migration *m, const struct err *why, struct err *e) {
    char text[900];
    snprintf(text, sizeof text, "ZB-%u %s: %s", (unsigned)why->id, why->object, why->msg);
    db_begin(d->db);
    if (!migration_same(d, m)) return db_abort(d->db), 0;
    js_set_str(m->facts, "failed", text);
    migration_move(d, m, CASE_BREAK, case_next(m->state, CASE_BREAK), self, text, NULL);
    return db_commit(d->db, e);
}

/* Every last point is there and nothing is known against it: 0; else <0, with ${why} where the cutover is over by
 * that. */
static int points_sound(struct daemon *d, struct js *originals, struct err *why, struct err *e) {
    CLEANUP_JS struct js *found = NULL;
    int bad = points_look(d, originals, 0, &found, e);
    for (size_t i = 0; bad > 0 && i < js_count(found); i++)
        if (!js_bool(js_at(found, i), "ok", false))
            return err_set(
                why, ZE_LASTPOINT, js_str(js_at(found, i), "host", ""), "%s", js_str(js_at(found, i), "why", ""));
    return bad < 0 ? -1 : 0;
}

static int announce(struct daemon *d, struct migration *m, struct err *e) {
    struct js *detail = js_object();
    js_set_int(detail, "months", m->months);
    js_set(detail, "originals", js_copy(js_get(m->facts, "originals")));
    db_begin(d->db);
    migration_audit(d, m, "pin.asked", self, detail);
    return db_commit(d->db, e);
}

static int window_open(
    struct daemon *d, struct migration *m, int64_t now_ns, int64_t end_ns, struct js *pinned, struct err *e) {
    struct js *detail = js_object();
    db_begin(d->db);
    if (!migration_same(d, m)) return js_free(detail), js_free(pinned), db_abort(d->db), 0;
    js_set(m->facts, "originals", pinned);
    m->from_ns = m->verified_ns = now_ns, m->end_ns = end_ns, m->reminded = 0;
    js_set_time(detail, "from", now_ns);
    js_set_time(detail, "end", end_ns);
    js_set(detail, "originals", js_copy(pinned));
    migration_move(d, m, CASE_PIN, case_next(m->state, CASE_PIN), self, "", detail);
    return db_commit(d->db, e);
}

/* The clock is read before the pins are asked for, so the vault counts their months from no earlier a day. */
static int pin_and_open(struct daemon *d, struct migration *m, struct js *originals, struct err *why, struct err *e) {
    int64_t now = 0;
    struct zone *z = zone_open(m->zone, e);
    int rc = !z || vault_time(d, &now, e) < 0 ? -1 : 0;
    if (rc == 0 && now) {
        char reason[200];
        int64_t end = window_end(z, now / NS_PER_S, (unsigned)m->months) * NS_PER_S;
        snprintf(reason, sizeof reason, "migration %s: the way back", m->name);
        struct pin_wish w = {.months = m->months, .least_ns = end, .who = by(m, "cut_by"), .reason = reason};
        rc = points_sound(d, originals, why, e);
        if (rc == 0) rc = announce(d, m, e);
        /* If interrupted here or below, the tick does it again from the beginning: points, pins and their end can
         * only be later. */
        if (rc == 0 && (rc = points_pin(d, originals, &w, e)) < 0 && !vault_gone(e)) *why = *e;
        if (rc == 0) rc = window_open(d, m, now, end, js_copy(originals), e);
    }
    zone_free(z);
    return rc;
}

static int cut_work(struct daemon *d, struct migration *m, struct err *e) {
    struct err why = ERR_INIT;
    CLEANUP_JS struct js *originals = js_copy(js_get(m->facts, "originals"));
    db_begin(d->db);
    int done = jobs_done(d, originals, false, &why);
    db_abort(d->db);
    int rc = done > 0 ? pin_and_open(d, m, originals, &why, e) : 0;
    if (why.id) *e = (struct err)ERR_INIT, rc = migration_break(d, m, &why, e);
    return rc;
}

/* ---- a later end ---- */

static int extended(struct daemon *d, struct migration *m, struct js *pinned, struct err *e) {
    struct js *detail = js_object();
    int64_t wanted = m->wanted_ns;
    db_begin(d->db);
    bool same = migration_same(d, m);
    int to = case_next(m->state, CASE_EXTEND);
    if (!same || to < 0) return js_free(detail), js_free(pinned), db_abort(d->db), 0;
    js_set(m->facts, "originals", pinned);
    m->end_ns = wanted, m->wanted_ns = 0, m->reminded = 0, m->asker = 0;
    js_set_time(detail, "end", wanted);
    migration_move(d, m, CASE_EXTEND, to, by(m, "extend_by"), "", detail);
    return db_commit(d->db, e);
}

/* The vault said no: such a wish is not kept, and the window is what it was. */
static int unextended(struct daemon *d, struct migration *m, const struct err *why, struct err *e) {
    struct js *detail = js_object();
    js_set_str(detail, "why", why->msg);
    db_begin(d->db);
    if (!migration_same(d, m)) return js_free(detail), db_abort(d->db), 0;
    m->wanted_ns = 0;
    migration_put(d->db, m);
    migration_audit(d, m, "extend.refused", self, detail);
    return db_commit(d->db, e);
}

int extend_work(struct daemon *d, struct migration *m, struct err *e) {
    char reason[200];
    struct err later = ERR_INIT;
    CLEANUP_JS struct js *originals = js_copy(js_get(m->facts, "originals"));
    snprintf(reason, sizeof reason, "migration %s: the way back, extended", m->name);
    struct pin_wish w = {
        .until_ns = m->wanted_ns, .least_ns = m->wanted_ns, .who = by(m, "extend_by"), .reason = reason};
    if (points_pin(d, originals, &w, e) == 0) return extended(d, m, js_copy(originals), e);
    if (!vault_gone(e) && unextended(d, m, e, &later) < 0) *e = later;
    return -1;
}

/* ---- what the vault's time brings ---- */

int end_work(struct daemon *d, struct migration *m, int64_t now_ns, struct err *e) {
    char plan[64];
    int to = case_next(m->state, CASE_END);
    if (!now_ns || now_ns < m->end_ns || m->wanted_ns || to < 0) return 0;
    db_begin(d->db);
    if (!migration_same(d, m)) return db_abort(d->db), 0;
    struct js *detail = js_object(), *told = js_object();
    js_set_time(detail, "vault_time", now_ns);
    js_set_str(told, "migration", m->name);
    js_set_time(told, "ended", m->end_ns);
    migration_plan(d, m, plan);
    notice_add(d->db, daemon_now(d), "migrate.window", m->name, plan, told);
    migration_move(d, m, CASE_END, to, self, "", detail);
    return db_commit(d->db, e);
}

static int remind(struct daemon *d, struct migration *m, const struct zone *z, int64_t now_ns, struct err *e) {
    char plan[64];
    db_begin(d->db);
    struct workdays *t = catalog_workdays(d->db);
    unsigned n = window_reminder(z, t, m->end_ns / NS_PER_S, now_ns / NS_PER_S);
    int64_t left = window_left(z, t, m->end_ns / NS_PER_S, now_ns / NS_PER_S);
    workdays_free(t);
    if (!n || (m->reminded && n >= m->reminded) || !migration_same(d, m)) return db_abort(d->db), 0;
    struct js *told = js_object();
    js_set_str(told, "migration", m->name);
    js_set_int(told, "workdays_left", left);
    js_set_time(told, "ends", m->end_ns);
    m->reminded = n;
    migration_put(d->db, m);
    migration_plan(d, m, plan);
    notice_add(d->db, daemon_now(d), "migrate.window", m->name, plan, js_copy(told));
    migration_audit(d, m, "remind", self, told);
    return db_commit(d->db, e);
}

int verify_work(struct daemon *d, struct migration *m, const char *who, int64_t now_ns, struct err *e) {
    char plan[64], text[64] = "";
    struct js *found = NULL, *detail = js_object();
    CLEANUP_JS struct js *originals = js_copy(js_get(m->facts, "originals"));
    int bad = points_look(d, originals, m->state == CASE_ENDED || m->state == CASE_CLOSING ? 0 : m->end_ns, &found, e);
    db_begin(d->db);
    bool same = bad >= 0 && migration_same(d, m);
    int to = same ? case_next(m->state, CASE_VERIFY) : -1;
    if (to < 0) return js_free(found), js_free(detail), db_abort(d->db), bad < 0 ? -1 : 0;
    snprintf(text, sizeof text, "%zu/%zu", js_count(found) - (size_t)bad, js_count(found));
    js_set(m->facts, "originals", js_copy(originals));
    js_set(m->facts, "verify", found);
    if (now_ns) m->verified_ns = now_ns;
    js_set(detail, "found", js_copy(found));
    migration_plan(d, m, plan);
    condition_set(d->db, daemon_now(d), "migrate.verify", m->name, plan, bad > 0, js_copy(detail));
    migration_move(d, m, CASE_VERIFY, to, who, text, detail);
    return db_commit(d->db, e);
}

int migrate_verify(
    struct daemon *d, const struct principal *who, const char *name, struct migration *m, struct err *e) {
    int64_t now;
    *m = (struct migration){.id = 0};
    db_begin(d->db);
    int rc = migration_find(d, who, name, m, e) < 0 ? -1 : case_step(m->state, CASE_VERIFY, name, e);
    db_abort(d->db);
    if (rc < 0 || vault_time(d, &now, e) < 0) return -1;
    return verify_work(d, m, who->name, now, e);
}

static int look_at(struct daemon *d, struct migration *m, int64_t now_ns, struct err *e) {
    int rc = end_work(d, m, now_ns, e);
    if (rc < 0 || now_ns >= m->end_ns) return rc;
    struct zone *z = zone_open(m->zone, e);
    if (!z) return -1;
    rc = remind(d, m, z, now_ns, e);
    if (rc == 0 && now_ns / NS_PER_S >= window_verify_s(m->from_ns / NS_PER_S, m->verified_ns / NS_PER_S))
        rc = verify_work(d, m, self, now_ns, e);
    zone_free(z);
    return rc;
}

/* ---- the tick ---- */

static int go_on(struct daemon *d, struct migration *m, int64_t now_ns, struct err *e) {
    if (m->state == CASE_CUTOVER) return cut_work(d, m, e);
    if (m->wanted_ns && extend_work(d, m, e) < 0) return -1;
    if (m->state == CASE_ROLLING_BACK && back_work(d, m, e) < 0) return -1;
    return now_ns && case_counts(m->state) ? look_at(d, m, now_ns, e) : 0;
}

int migrations_tick(struct daemon *d, bool look, struct err *e) {
    int64_t now = 0;
    for (int64_t id = 0;;) {
        CLEANUP_MIGRATION struct migration m = {.id = 0};
        struct err why = ERR_INIT;
        db_begin(d->db);
        id = migrations_next(d->db, id);
        if (id) migration_get(d->db, "", id, &m);
        if (db_commit(d->db, e) < 0) return -1;
        if (!id) return e->id ? -1 : 0;
        if (look && !now && vault_time(d, &now, &why) < 0) look = false; /* the others may have something to do */
        if (go_on(d, &m, look ? now : 0, &why) < 0 && !e->id) *e = why;
    }
}
