/* Only what the log itself says is used, in the order in which it says it: a pin that came after a removal protected nothing,
 * a floor that was lowered later held before. The rights of the machine may have asked for more than the log knows; so a
 * removal that is fine here may still have been refused there, and one that is found here was wrong by the log alone. */
#include "protect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "approve.h"
#include "base/i18n.h"
#include "base/text.h"

#define NS_PER_DAY (86400 * INT64_C(1000000000))
enum { TEXT_MAX = 4096 };

static void extend(int64_t *until, int64_t to) {
    if (to > *until) *until = to;
}

static int64_t days_after(int64_t at, unsigned days) {
    int64_t sum;
    return __builtin_add_overflow(at, days * NS_PER_DAY, &sum) ? INT64_MAX : sum;
}

static int64_t protected_until(const struct log *l, const struct commit *c) {
    int64_t until = days_after(c->time, l->floor_days);
    extend(&until, c->retain_until);
    extend(&until, c->pinned);
    if (c->confirmed) extend(&until, days_after(c->confirmed, l->floor_days));
    return until;
}

static bool newest_complete(const struct log *l, const struct commit *c) {
    for (size_t i = l->n; i-- > 0;)
        if (!l->commit[i].removed && l->commit[i].complete) return &l->commit[i] == c;
    return false;
}

static void note_remove(struct verify *v, struct log *l, const char *name, const struct recd *rec, struct rd r) {
    struct commit *c = log_point(l, rd_u32(&r));
    char object[96], until[32];
    size_t len;
    if (!c || c->removed) return;
    int64_t end = protected_until(l, c);
    bool held = rec->time < end, newest = newest_complete(l, c);
    c->removed = true;
    if (!v->signatures || (!held && !newest && !rec->uncertain)) return;
    rd_blob(&r, &len, TEXT_MAX);
    if (r.left) rd_blob(&r, &len, TEXT_MAX);
    snprintf(object, sizeof object, "%s/%" PRIu32, l->host, c->point);
    const char *what = approvals_wrong(v, &r,
        &(struct consent){.action = "remove", .objects = object, .detail = "-", .one_of = true, .time = rec->time});
    if (!what) return;
    text_time(until, end);
    if (held)
        report_add(v->report, ZE_UNALLOWED, name, c->point, _("removed while protected until %s: %s"), until, what);
    else
        report_add(v->report, ZE_UNALLOWED, name, c->point, "%s: %s",
            rec->uncertain ? _("removed while the clock was in doubt")
                           : _("removed though it was the newest complete restore point"),
            what);
}

static void note_floor(struct verify *v, struct log *l, const char *name, const struct recd *rec, struct rd r) {
    char detail[32];
    size_t len;
    unsigned days = rd_u32(&r);
    rd_blob(&r, &len, TEXT_MAX);
    rd_blob(&r, &len, TEXT_MAX);
    if (!rd_ok(&r)) return (void)report_add(v->report, ZE_DAMAGED, name, 0, "%s", _("malformed"));
    snprintf(detail, sizeof detail, "days %u", days);
    const char *what = days < l->floor_days && v->signatures
        ? approvals_wrong(
              v, &r, &(struct consent){.action = "floor", .objects = l->host, .detail = detail, .time = rec->time})
        : NULL;
    if (what) report_add(v->report, ZE_UNALLOWED, name, 0, _("the floor was lowered to %u days: %s"), days, what);
    l->floor_days = days > FLOOR_DAYS ? days : FLOOR_DAYS;
}

static void note_confirm(struct verify *v, struct log *l, const char *name, const struct recd *rec, struct rd r) {
    int64_t at = (int64_t)rd_u64(&r);
    if (v->signatures && !vaultlog_confirmed(&v->vlog, rec->body, rec->body_len))
        report_add(v->report, ZE_UNALLOWED, name, 0, "%s", _("a confirmed clock that the vault's log does not have"));
    for (size_t i = 0; i < l->n; i++)
        if (l->commit[i].uncertain && !l->commit[i].confirmed) l->commit[i].confirmed = at;
}

/* The counter tells agents that segments they know may be gone; it must never stand still or go back. */
static int note_collect(struct verify *v, struct log *l, const char *name, struct rd r, struct err *e) {
    const uint8_t *id = rd_take(&r, 16);
    uint64_t counter = rd_u64(&r);
    size_t i = 0;
    if (!rd_ok(&r)) return report_add(v->report, ZE_DAMAGED, name, 0, "%s", _("malformed")), 0;
    while (i < l->collects && memcmp(l->collect[i].generation, id, 16) != 0) i++;
    if (i == l->collects) {
        struct collect *more = realloc(l->collect, (i + 1) * sizeof *more);
        if (!more) return err_set(e, ZE_NOMEM, name, "log");
        l->collect = more, l->collects++;
        more[i] = (struct collect){0};
        memcpy(more[i].generation, id, 16);
    }
    if (counter <= l->collect[i].counter)
        report_add(v->report, ZE_DAMAGED, name, 0, "%s", _("its counter does not rise"));
    l->collect[i].counter = counter;
    return 0;
}

int protect_note(struct verify *v, struct log *l, const char *name, const struct recd *rec, struct err *e) {
    struct rd r = rd_of(rec->body, rec->body_len), pin = r;
    switch (rec->type) {
    case REC_PIN: {
        struct commit *c = log_point(l, rd_u32(&pin));
        int64_t until = (int64_t)rd_u64(&pin);
        if (c && rd_ok(&pin)) extend(&c->pinned, until);
        break;
    }
    case REC_REMOVE: note_remove(v, l, name, rec, r); break;
    case REC_FLOOR: note_floor(v, l, name, rec, r); break;
    case REC_CONFIRM: note_confirm(v, l, name, rec, r); break;
    case REC_COLLECT: return note_collect(v, l, name, r, e);
    default: break;
    }
    return 0;
}
