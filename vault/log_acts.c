/* What a host's log says about the protection of its points, and the mark by which it learns that a jump of the clock was
 * confirmed. The mark is the vault's confirm record once more, in this log, before anything else is appended: so the log
 * itself says which of its uncertain times are still believed, and no clock has to be compared for that. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "kept.h"
#include "keys.h"
#include "log_acts.h"

static struct log_commit *commit_of(struct host_log *l, uint32_t point) {
    for (size_t i = l->commits_n; i; i--)
        if (l->commits[i - 1].point == point) return &l->commits[i - 1];
    return NULL;
}

const struct log_commit *log_point(const struct host_log *l, uint32_t point) {
    return commit_of((struct host_log *)l, point);
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

static int note_pin(struct host_log *l, const struct record *r, struct err *e) {
    struct log_commit *c = commit_of(l, r->pin.point);
    void *p = log_grow(l->pins, l->pins_n, &l->pins_cap, sizeof *l->pins, e);
    if (!p) return -1;
    l->pins = p;
    l->pins[l->pins_n++] = (struct log_pin){r->n, r->pin.point, r->time, r->pin.until};
    if (c) c->pinned = later(c->pinned, r->pin.until), c->pins++;
    return 0;
}

static int note_collect(struct host_log *l, const struct record *r, struct err *e) {
    for (size_t i = 0; i < l->collects_n; i++)
        if (memcmp(l->collects[i].generation, r->collect.generation, SEAL_ID) == 0)
            return l->collects[i].counter = r->collect.counter, l->collects[i].next_pack = r->collect.next_pack, 0;
    void *p = log_grow(l->collects, l->collects_n, &l->collects_cap, sizeof *l->collects, e);
    if (!p) return -1;
    l->collects = p;
    struct log_collect *c = &l->collects[l->collects_n++];
    c->counter = r->collect.counter, c->next_pack = r->collect.next_pack;
    memcpy(c->generation, r->collect.generation, SEAL_ID);
    return 0;
}

static void note_confirm(struct host_log *l, const struct record *r) {
    l->confirmed = true, l->answered = r->confirm.time_n;
    l->last_flagged = 0;
    for (size_t i = 0; i < l->commits_n; i++)
        if (l->commits[i].uncertain && !l->commits[i].confirmed) l->commits[i].confirmed = r->confirm.time;
}

int log_note_acts(struct host_log *l, const struct record *r, struct err *e) {
    struct log_commit *c;
    if (r->type == REC_REMOVE && (c = commit_of(l, r->remove.point)) && !c->removed)
        c->removed = true, c->removed_at = r->time;
    for (size_t i = 0; r->type == REC_ABANDON && i < l->begins_n; i++)
        if (l->begins[i].n == r->abandon.begin_n) l->begins[i].ended = true;
    if (r->type == REC_FLOOR) l->floor_days = r->floor.days;
    if (r->type == REC_CONFIRM) note_confirm(l, r);
    if (r->type == REC_PIN && note_pin(l, r, e) < 0) return -1;
    if (r->type == REC_COLLECT && note_collect(l, r, e) < 0) return -1;
    if (kept_type(r->type)) {
        void *p = log_grow(l->kept, l->kept_n, &l->kept_cap, sizeof *l->kept, e);
        if (!p) return -1;
        l->kept = p;
        l->kept[l->kept_n++] = r->n;
    }
    if (r->flags & 1) l->last_flagged = later(l->last_flagged, r->time);
    else l->last_sure = later(l->last_sure, r->time);
    l->last_time = later(l->last_sure, l->last_flagged);
    return 0;
}

/* Whether the vault's latest confirm does not stand in this log yet: all that is uncertain in it was made before. */
static bool mark_is_due(const struct host_log *l) {
    const struct vault_log *g = &l->v->log;
    return l->next && g->confirmed && !g->broken && !(l->confirmed && l->answered >= g->answered);
}

int64_t log_time(const struct host_log *l, bool *uncertain) {
    const struct vault_log *g = &l->v->log;
    int64_t now = l->v->clock->now_ns(l->v->clock);
    int64_t last = mark_is_due(l) ? l->last_sure : later(l->last_sure, l->last_flagged);
    last = later(last, later(g->last_sure, g->last_flagged));
    *uncertain = vaultlog_doubtful(g) || now < last - UNCERTAIN_S * NS_PER_S;
    return later(now, last);
}

int64_t log_confirmed(const struct host_log *l, const struct log_commit *c) {
    if (!c->uncertain) return 0;
    return !c->confirmed && mark_is_due(l) ? l->v->log.confirmed_time : c->confirmed;
}

static int confirm_mark(struct host_log *l, struct buf *raw, struct err *e) {
    struct record r = {0};
    if (!mark_is_due(l)) return 0;
    if (vaultlog_load(l->v, l->v->log.confirm_n, &r, e) < 0) return -1;
    /* If interrupted here, the mark stands, and what was to follow it is asked for again. */
    int rc = log_append_as_is(l, &r, raw, e);
    record_free(&r);
    return rc;
}

/* The key records that have come since this log's last record, one after the other, signed by the newest key: behind them nothing
 * that an older one signs is believed. If interrupted between two of them, the rest is not needed: the first one ends
 * the old keys, and the chain stands in the vault's log. */
static int key_marks(struct host_log *l, struct buf *raw, struct err *e) {
    struct record r;
    struct buf own;
    int rc = 0;
    buf_init(&own, ZB_RECORD_MAX);
    unsigned have = l->key + 1u, all = l->v->keys.n;
    for (unsigned i = have; l->next && rc == 0 && i < all; i++) {
        rc = keys_load(l->v, i, &r, &own, e);
        if (rc < 0) break;
        rc = log_append_as_is(l, &r, raw, e);
        record_free(&r);
    }
    buf_free(&own);
    return rc;
}

int log_mark(struct host_log *l, struct err *e) {
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = confirm_mark(l, &raw, e);
    if (rc == 0) rc = key_marks(l, &raw, e);
    buf_free(&raw);
    return rc;
}

uint64_t log_collected(const struct host_log *l, const uint8_t generation[SEAL_ID]) {
    const struct log_collect *c = log_collect_of(l, generation);
    return c ? c->counter : 0;
}
