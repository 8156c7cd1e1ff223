/* Protection only grows: each source (floor, plan, pin, confirm) can push the end further away and none can pull it back, so
 * they are simply compared. A forged ticket of the past is outweighed by the floor, one of the future by nobody: it costs
 * space, not points. The other rules keep a thief of the platform's credentials from emptying a vault by patience: the
 * newest complete point stays, and a host loses a tenth a day at most. */
#include "retention.h"

#include "base/i18n.h"

enum { MANY_LEAST = 10, MANY_PART = 10 };

static const struct {
    const char *word, *text;
} reasons[] = {
    [RETAINED_NOT] = {"none", N_("nothing protects it")},
    [RETAINED_FLOOR] = {"floor", N_("the least time that this host's restore points are kept")},
    [RETAINED_PLAN] = {"plan", N_("the retention of its plan")},
    [RETAINED_CONFIRM] = {"confirm", N_("it was made while the clock was in doubt; its time counts from the confirm")},
    [RETAINED_PIN] = {"pin", N_("it is pinned")},
    [RETAINED_CLOCK] = {"clock", N_("the vault's clock is in doubt until two approvers confirm it")},
    [RETAINED_IN_USE] = {"in-use", N_("a backup under way builds on it")},
    [RETAINED_NEWEST] = {"newest", N_("it is the newest complete restore point of this host")},
    [RETAINED_MANY] = {"many", N_("too many restore points of this host would go within a day")},
};

const char *retained_text(enum retained why) { return reasons[why].text; }
const char *retained_word(enum retained why) { return reasons[why].word; }

unsigned retention_floor(const struct host_log *l, const struct rights *r) {
    unsigned days = DEFAULT_FLOOR_DAYS;
    if (r && r->floor_days > days) days = r->floor_days;
    return l->floor_days > days ? l->floor_days : days;
}

/* The parent of the latest begin, while that is neither committed nor abandoned. */
static uint32_t in_use(const struct host_log *l) {
    const struct log_begin *b = log_last_begin(l);
    return b && !b->ended && !log_upload(l, b->upload) ? b->parent : 0;
}

struct retention retention_facts(const struct host_log *l, const struct rights *r) {
    struct retention f = {.log = l, .floor_days = retention_floor(l, r), .in_use = in_use(l)};
    f.now = log_time(l, &f.doubtful);
    return f;
}

static void extend(struct verdict *v, enum retained why, int64_t until) {
    if (until > v->until) v->why = why, v->until = until;
}

struct verdict retention_until(const struct retention *f, const struct log_commit *c) {
    struct verdict v = {.point = c->point};
    extend(&v, RETAINED_FLOOR, floor_from(c->time, f->floor_days));
    extend(&v, RETAINED_PLAN, c->retain_until);
    if (log_confirmed(f->log, c)) extend(&v, RETAINED_CONFIRM, floor_from(log_confirmed(f->log, c), f->floor_days));
    extend(&v, RETAINED_PIN, c->pinned);
    return v;
}

static uint32_t newest_complete(const struct host_log *l) {
    for (size_t i = l->commits_n; i; i--)
        if (!l->commits[i - 1].removed && l->commits[i - 1].state == STATE_COMPLETE) return l->commits[i - 1].point;
    return 0;
}

/* Counted against what there was a day ago, so that asking often does not help. */
static bool too_many(const struct retention *f, size_t n) {
    size_t existing = 0, gone = 0;
    for (size_t i = 0; i < f->log->commits_n; i++) {
        const struct log_commit *c = &f->log->commits[i];
        existing += !c->removed;
        gone += c->removed && c->removed_at > f->now - NS_PER_DAY;
    }
    size_t most = (existing + gone) / MANY_PART;
    return gone + n > (most > MANY_LEAST ? most : MANY_LEAST);
}

struct verdict retention_judge(const struct retention *f, const uint32_t *points, size_t n, bool approved) {
    uint32_t newest = newest_complete(f->log);
    struct verdict last = {0};
    for (size_t i = 0; i < n; i++) {
        const struct log_commit *c = log_point(f->log, points[i]);
        struct verdict v = c ? retention_until(f, c) : (struct verdict){.point = points[i]};
        bool held = f->now < v.until;
        last = v;
        if (f->in_use && f->in_use == points[i]) return v.why = RETAINED_IN_USE, v;
        if (approved) continue;
        if (f->doubtful) return v.why = RETAINED_CLOCK, v;
        if (held) return v;
        if (newest == points[i]) return v.why = RETAINED_NEWEST, v;
    }
    last.why = !approved && n && too_many(f, n) ? RETAINED_MANY : RETAINED_NOT;
    return last;
}
