/* Pins and removal. Both end in a log record made by put-new: who loses the race for its number reads what the winner wrote
 * and judges anew, so a pin and a removal of one point cannot both succeed unless the pin came to be after its point was
 * gone, and then it is refused. Removing is only a record: nothing is deleted here. */
#include <stdio.h>
#include <string.h>

#include "acts.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "clockwatch.h"
#include "retention.h"

enum { PIN_MONTHS_MAX = 120, PINS_A_DAY = 1000, PINS_FREE = 16 };
#define PIN_STEP_NS (30 * NS_PER_DAY)

static int no_point(struct err *e, const struct host_log *l, uint32_t point, const char *why) {
    char name[96];
    snprintf(name, sizeof name, "%s/%u", l->host, point);
    return err_set(e, ZE_NOPOINT, name, "%s", why);
}

/* The end of the pin that is asked for. */
static int pin_end(const struct js *q, int64_t now, int64_t *until, struct err *e) {
    int64_t months = js_int(q, "months", 0);
    const char *text = js_str(q, "until", NULL);
    if (js_has(q, "months") == (text != NULL)) return err_set(e, ZE_USAGE, "until", _("either until or months"));
    if (!text && (months < 1 || months > PIN_MONTHS_MAX))
        return err_set(e, ZE_USAGE, "months", _("from 1 to %d"), PIN_MONTHS_MAX);
    if (text && !civil_time_get(text, until))
        return err_set(e, ZE_USAGE, "until", _("a time like 2026-11-22T01:02:03Z"));
    *until = text ? civil_pin_round(*until) : civil_pin_end(now, (unsigned)months);
    if (*until <= now) return err_set(e, ZE_USAGE, "until", _("it has passed"));
    if (*until > civil_pin_end(now, PIN_MONTHS_MAX)) return err_set(e, ZE_TOOMUCH, "until", _("at most ten years ahead"));
    return 0;
}

static unsigned pins_of_day(const struct host_log *l, int64_t now) {
    unsigned n = 0;
    for (size_t i = l->pins_n; i && l->pins[i - 1].time > now - NS_PER_DAY; i--) n++;
    return n;
}

/* Each pin is a record for ever. After the first few a point's next one must extend what is left by half, or go to the end of what
 * is allowed: so a flood ends after some dozen records, and whoever means well can still pin as long as he wants. */
static int pin_enough(const struct log_commit *c, int64_t now, int64_t until, struct err *e) {
    char name[24], least[32];
    int64_t next = c->pinned > now ? c->pinned + (c->pinned - now) / 2 : now, end = civil_pin_end(now, PIN_MONTHS_MAX);
    if (next > end && end - c->pinned >= PIN_STEP_NS) next = end;
    if (c->pins < PINS_FREE || until >= next) return 0;
    snprintf(name, sizeof name, "%u", c->point);
    text_time(least, next);
    return err_set(e, ZE_TOOMUCH, name, _("it was pinned %u times; the next pin must last until %s"), c->pins, least);
}

/* 0: ${r} holds; 1: the log has grown; <0. ${made} tells whether a record was needed. */
static int pin_try(struct host_log *l, struct record *r, const struct js *q, bool *made, struct err *e) {
    bool uncertain, dry = js_bool(q, "dry_run", false);
    int64_t now = log_time(l, &uncertain);
    const struct log_commit *c = log_point(l, r->pin.point);
    struct buf raw;
    if (!c) return no_point(e, l, r->pin.point, _("there is none of this number"));
    if (c->removed) return no_point(e, l, r->pin.point, _("it was removed already"));
    if (pin_end(q, now, &r->pin.until, e) < 0) return -1;
    *made = r->pin.until > c->pinned;
    if (!*made) r->pin.until = c->pinned;
    if (!*made || dry) return 0;
    if (pin_enough(c, now, r->pin.until, e) < 0) return -1;
    if (pins_of_day(l, now) >= PINS_A_DAY) return err_set(e, ZE_TOOMUCH, l->host, _("%d pins within a day"), PINS_A_DAY);
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = log_append(l, r, &raw, e);
    /* If interrupted here, the pin holds; asking again finds it and answers the same. */
    buf_free(&raw);
    return rc;
}

int act_pin(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct act_host h;
    struct record r = {.type = REC_PIN};
    bool made = false;
    int64_t point = js_int(q, "point", 0);
    if (point < 1 || point > UINT32_MAX) return err_set(e, ZE_USAGE, "point", _("the number of a restore point"));
    r.pin.point = (uint32_t)point;
    if (act_text(q, "reason", true, r.pin.reason, sizeof r.pin.reason, e) < 0 ||
        act_text(q, "who", false, r.pin.who, sizeof r.pin.who, e) < 0 || act_host_open(&h, v, q, e) < 0)
        return -1;
    int rc = 1;
    for (unsigned i = 0; rc == 1 && i < ACT_TRIES; i++) rc = pin_try(&h.log, &r, q, &made, e);
    if (rc == 1) rc = err_set(e, ZE_BUSY, h.log.host, _("others write to its log all the time"));
    if (rc == 0) rc = log_settle(&h.log, e); /* a pin that was found holds as one that was made */
    js_set_str(a, "host", h.log.host);
    js_set_int(a, "point", point);
    js_set_time(a, "until", r.pin.until);
    js_set_bool(a, "extended", made);
    js_set_bool(a, "dry_run", js_bool(q, "dry_run", false));
    act_host_close(&h);
    return rc;
}

int act_pins(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct act_host h;
    if (act_host_open(&h, v, q, e) < 0) return -1;
    struct retention f = retention_facts(&h.log, &h.rights);
    struct js *list = js_array();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < h.log.pins_n; i++) {
        const struct log_pin *p = &h.log.pins[i];
        const struct log_commit *c = log_point(&h.log, p->point);
        struct record r = {0};
        if (!c || c->removed || (p->until <= f.now && !js_bool(q, "all", false))) continue;
        rc = log_load(&h.log, p->n, &r, NULL, e);
        struct js *j = js_object();
        js_set_int(j, "point", p->point);
        js_set_time(j, "until", p->until);
        js_set_time(j, "asked", p->time);
        js_set_str(j, "reason", rc == 0 ? r.pin.reason : "");
        js_set_str(j, "who", rc == 0 ? r.pin.who : "");
        js_push(list, j);
        if (rc == 0) record_free(&r);
    }
    js_set(a, "pins", list);
    js_set_int(a, "floor_days", f.floor_days);
    act_host_close(&h);
    return rc;
}

struct removal {
    struct act_host h;
    struct act_points all, left; /* asked for; of those, what exists still */
    struct approvals approvals;
    struct record record;
    bool approved, spent, dry;
};

/* What of it exists still; a number that never was is an error. */
static int removal_left(struct removal *m, struct err *e) {
    m->left.n = 0;
    for (size_t i = 0; i < m->all.n; i++) {
        const struct log_commit *c = log_point(&m->h.log, m->all.point[i]);
        if (!c) return no_point(e, &m->h.log, m->all.point[i], _("there is none of this number"));
        if (!c->removed) m->left.point[m->left.n++] = c->point;
    }
    return 0;
}

static int removal_refuse(const struct removal *m, const struct verdict *v, struct err *e) {
    char name[96], until[32];
    text_time(until, v->until);
    snprintf(name, sizeof name, "%s/%u", m->h.log.host, v->point);
    if (v->why <= RETAINED_PIN)
        return err_set(e, ZE_RETAINED, name, _("until %s: %s"), until, _(retained_text(v->why)));
    return err_set(e, ZE_RETAINED, name, _("%s (its own protection: until %s)"), _(retained_text(v->why)), until);
}

/* May all that is left be removed: by itself, or because two approvers said so. */
static int removal_judge(struct removal *m, struct vault *v, struct err *e) {
    struct retention f = retention_facts(&m->h.log, &m->h.rights);
    struct verdict why = retention_judge(&f, m->left.point, m->left.n, m->approved);
    if (why.why == RETAINED_NOT) return 0;
    if (m->approved || !m->approvals.len) return removal_refuse(m, &why, e);
    struct buf objects;
    buf_init(&objects, STATEMENT_MAX);
    act_objects(&objects, m->h.log.host, &m->all);
    struct act act = {APPROVE_REMOVE, (const char *)objects.p, "-"};
    int rc =
        buf_ok(&objects) ? approvals_judge(v, &act, &m->approvals, f.now, e) : err_set(e, ZE_NOMEM, "points", "text");
    buf_free(&objects);
    if (rc < 0) return rc;
    m->approved = true;
    why = retention_judge(&f, m->left.point, m->left.n, true);
    return why.why == RETAINED_NOT ? 0 : removal_refuse(m, &why, e);
}

/* One record for each point; 1 when the log has grown meanwhile and what is left must be judged anew. */
static int removal_write(struct removal *m, struct vault *v, struct err *e) {
    struct buf raw;
    int rc = 0;
    if (m->approved && !m->spent && approvals_spend(v, &m->approvals, e) < 0) return -1;
    m->spent = m->approved;
    m->record.remove.approvals = m->approved ? m->approvals : (struct approvals){0};
    buf_init(&raw, ZB_RECORD_MAX);
    for (size_t i = 0; rc == 0 && i < m->left.n; i++) {
        m->record.remove.point = m->left.point[i];
        /* If interrupted here, those before are removed and the others are not; asking again does the rest, as long as it
         * needs no approvals: theirs is spent. */
        rc = log_append(&m->h.log, &m->record, &raw, e);
    }
    buf_free(&raw);
    return rc;
}

static struct js *removal_json(const struct removal *m) {
    struct retention f = retention_facts(&m->h.log, &m->h.rights);
    struct js *list = js_array();
    for (size_t i = 0; i < m->all.n; i++) {
        const struct log_commit *c = log_point(&m->h.log, m->all.point[i]);
        struct js *j = js_object();
        if (!c) continue;
        struct verdict own = retention_judge(&f, &c->point, 1, m->approved), time = retention_until(&f, c);
        js_set_int(j, "point", c->point);
        js_set_bool(j, "removed", c->removed);
        js_set_time(j, "until", time.until);
        js_set_str(j, "why", c->removed ? "removed" : retained_word(own.why));
        js_push(list, j);
    }
    return list;
}

static int removal_run(struct removal *m, struct vault *v, struct js *a, struct err *e) {
    int rc = 1;
    for (unsigned i = 0; rc == 1 && i < ACT_TRIES; i++) {
        struct err why = ERR_INIT;
        if (removal_left(m, e) < 0) return -1;
        rc = removal_judge(m, v, &why);
        if (rc < 0 && (!m->dry || (why.id != ZE_RETAINED && why.id != ZE_APPROVAL && why.id != ZE_APPROVERS)))
            return err_set(e, why.id, why.object, "%s", why.msg);
        if (m->dry) {
            js_set_bool(a, "allowed", rc == 0);
            js_set_str(a, "message", rc == 0 ? NULL : why.msg);
            return 0;
        }
        if (rc == 0) rc = removal_write(m, v, e);
    }
    return rc == 1 ? err_set(e, ZE_BUSY, m->h.log.host, _("others write to its log all the time")) : rc;
}

int act_remove(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct removal m = {.dry = js_bool(q, "dry_run", false), .record.type = REC_REMOVE};
    struct clock_reading fresh = {0};
    struct rec_remove *r = &m.record.remove;
    if (act_points_get(q, &m.all, e) < 0 || act_text(q, "reason", !m.dry, r->reason, sizeof r->reason, e) < 0 ||
        act_text(q, "who", false, r->who, sizeof r->who, e) < 0 || clockwatch(v, &fresh, e) < 0 ||
        act_host_open(&m.h, v, q, e) < 0)
        return -1;
    int rc = approvals_of_json(&m.approvals, js_get(q, "approvals"), e);
    if (rc == 0) rc = removal_run(&m, v, a, e);
    if (rc == 0) rc = log_settle(&m.h.log, e); /* so does a removal that was found */
    if (rc == 0) {
        js_set_str(a, "host", m.h.log.host);
        js_set(a, "points", removal_json(&m));
        js_set_bool(a, "dry_run", m.dry);
        js_set_bool(a, "approved", m.approved);
    }
    approvals_free(&m.approvals);
    act_host_close(&m.h);
    return rc;
}
