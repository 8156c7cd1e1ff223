/* Rules walk from the newest point to the oldest. In each period that has a point one is chosen; a label only decides which
 * one, so that a rule keeps something also where the plan has no runs with that label, or its run was missed. Periods
 * without points are not counted: a host that was away for a year does not lose its history on its return. */
#include "keep/keep.h"

#include <stdlib.h>

#include "base/i18n.h"

enum { AT_ONCE_LEAST = 5, AT_ONCE_PART = 20 };

static const struct {
    const char *word, *text;
} whys[KEEP_WHYS] = {
    {"last", N_("one of the last")},
    {"daily", N_("its day's")},
    {"weekly", N_("its week's")},
    {"monthly", N_("its month's")},
    {"yearly", N_("its year's")},
    {"within", N_("young enough")},
    {"floor", N_("least time not over")},
    {"pinned", N_("pinned")},
    {"future", N_("dated in the future")},
    {"partial", N_("partial, and none newer is complete")},
    {"newest", N_("newest complete")},
    {"no-rules", N_("the plan has no rules")},
};

static int order(const void *a, const void *b) {
    const struct keep_point *x = a, *y = b;
    if (x->time_s != y->time_s) return x->time_s < y->time_s ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool counts(const struct keep_point *p) { return p->complete && !p->by_hand && !(p->why & KEEP_FUTURE); }

/* The number of the period that the point is of. */
static int64_t period(const struct zone *z, const struct keep_point *p, enum keep_why rule) {
    int64_t day = calendar_day(z, p->time_s), y;
    unsigned m, d;
    civil_date(day, &y, &m, &d);
    switch (rule) {
    case KEEP_DAILY: return day;
    case KEEP_WEEKLY: return (day + 3 - (civil_weekday(day) - 1)) / 7; /* that of its Monday */
    case KEEP_MONTHLY: return y * 12 + m;
    default: return y;
    }
}

static void keep_periods(
    enum keep_why rule, unsigned label, unsigned n, const struct zone *z, struct keep_point *points, size_t points_n) {
    struct keep_point *chosen = NULL;
    int64_t current = 0;
    for (size_t i = points_n; n && i-- > 0;) {
        struct keep_point *p = &points[i];
        if (!counts(p)) continue;
        int64_t of = period(z, p, rule);
        if (chosen && of != current) {
            chosen->why |= rule, chosen = NULL;
            if (!--n) break;
        }
        if (!chosen || (!(chosen->labels & label) && (p->labels & label))) chosen = p;
        current = of;
    }
    if (chosen) chosen->why |= rule;
}

/* What holds whatever the rules are. */
static void keep_anyway(int64_t now, struct keep_point *points, size_t n) {
    bool complete = false;
    for (size_t i = n; i-- > 0;) {
        struct keep_point *p = &points[i];
        p->why = p->time_s > now ? KEEP_FUTURE : 0;
        if (now < p->floor_s) p->why |= KEEP_FLOOR;
        if (now < p->pinned_s) p->why |= KEEP_PINNED;
        if (p->why & KEEP_FUTURE || complete) continue;
        p->why |= p->complete ? KEEP_NEWEST : KEEP_PARTIAL;
        complete = p->complete;
    }
}

bool keep_rules_any(const struct keep_rules *r) {
    return r->last || r->daily || r->weekly || r->monthly || r->yearly || r->within_s;
}

void keep_judge(const struct keep_rules *r, const struct zone *z, int64_t now_s, struct keep_point *points, size_t n) {
    if (n) qsort(points, n, sizeof *points, order);
    keep_anyway(now_s, points, n);
    unsigned last = r->last;
    for (size_t i = n; i-- > 0;) {
        if (last && counts(&points[i])) points[i].why |= KEEP_LAST, last--;
        if (r->within_s && points[i].time_s > now_s - r->within_s) points[i].why |= KEEP_WITHIN;
        if (!keep_rules_any(r)) points[i].why |= KEEP_NO_RULES;
    }
    keep_periods(KEEP_DAILY, LABEL_DAILY, r->daily, z, points, n);
    keep_periods(KEEP_WEEKLY, LABEL_WEEKLY, r->weekly, z, points, n);
    keep_periods(KEEP_MONTHLY, LABEL_MONTHLY, r->monthly, z, points, n);
    keep_periods(KEEP_YEARLY, LABEL_YEARLY, r->yearly, z, points, n);
}

size_t keep_at_once(size_t existing) {
    return existing / AT_ONCE_PART > AT_ONCE_LEAST ? existing / AT_ONCE_PART : AT_ONCE_LEAST;
}

static unsigned index_of(unsigned bit) {
    unsigned i = 0;
    while (i < KEEP_WHYS - 1 && !(bit >> i & 1)) i++;
    return i;
}

const char *keep_word(unsigned bit) { return whys[index_of(bit)].word; }
const char *keep_text(unsigned bit) { return _(whys[index_of(bit)].text); }
