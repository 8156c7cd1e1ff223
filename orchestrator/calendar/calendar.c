/* Runs by the wall clock. Each source (the form's words, each event, each run that happens once) is asked for its first run
 * after an instant; the earliest counts, and what falls on the same instant is one run. A source goes from day to day, and a
 * wall's minute later than another is never an earlier instant (zone_utc), so that searching may begin where the wall stands. */
#include "calendar/calendar.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, DAY_MIN = 1440, FORM_DAYS = 66 };

static const struct {
    unsigned bit;
    const char *name;
} names[] = {{LABEL_DAILY, "daily"}, {LABEL_WEEKLY, "weekly"}, {LABEL_MONTHLY, "monthly"}, {LABEL_YEARLY, "yearly"},
    {LABEL_EXTRA, "extra"}};
enum { NAMES = sizeof names / sizeof *names };

static int64_t wall_of(const struct zone *z, int64_t utc) { return utc + zone_offset(z, utc); }
static int64_t day_of(int64_t wall) { return (wall >= 0 ? wall : wall - (DAY_S - 1)) / DAY_S; }

int64_t calendar_day(const struct zone *z, int64_t at_s) { return day_of(wall_of(z, at_s)); }

/* The window that opens at this minute of the wall's day. */
static struct run window(const struct zone *z, int64_t day, unsigned minute, unsigned len_min) {
    int64_t wall = day * DAY_S + (int64_t)minute * 60;
    struct run r = {.start_s = zone_utc(z, wall), .end_s = zone_utc(z, wall + (int64_t)len_min * 60)};
    if (r.end_s <= r.start_s) r.end_s = r.start_s + 60; /* a window that lies in a gap */
    return r;
}

/* ---- the sources ---- */

/* What the form's words put on this day: false when nothing. */
static bool form_day(const struct schedule *s, int64_t day, struct run *run) {
    int64_t y;
    unsigned m, d;
    civil_date(day, &y, &m, &d);
    unsigned len = civil_month_len(y, m), monthly_day = s->monthly_day < len ? s->monthly_day : len;
    const struct {
        enum run_kind kind;
        bool today;
        unsigned label;
    } rows[] = {
        {s->daily, true, LABEL_DAILY},
        {s->weekly, civil_weekday(day) == s->weekly_day, LABEL_WEEKLY},
        {s->monthly, d == monthly_day, LABEL_MONTHLY},
    };
    run->kind = RUN_NONE, run->labels = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (rows[i].kind == RUN_NONE || !rows[i].today) continue;
        run->labels |= rows[i].label;
        if (rows[i].kind > run->kind) run->kind = rows[i].kind;
    }
    return run->kind != RUN_NONE;
}

static bool form_next(const struct schedule *s, const struct zone *z, int64_t after, struct run *run) {
    int64_t day = day_of(wall_of(z, after));
    if (!s->daily && !s->weekly && !s->monthly) return false;
    for (int i = 0; i < FORM_DAYS; i++, day++) {
        struct run what;
        if (!form_day(s, day, &what)) continue;
        *run = window(z, day, s->window_start_min, s->window_len_min);
        run->kind = what.kind, run->labels = what.labels;
        if (run->start_s > after) return true;
    }
    return false;
}

static bool event_next(
    const struct planned *p, const struct zone *z, const struct workdays *t, int64_t after, struct run *run) {
    int64_t wall = wall_of(z, after), day = day_of(wall);
    int minute = (int)((wall - day * DAY_S) / 60) + 1;
    for (bool first = true; event_day(&p->when, t, day, &day); day++, first = false) {
        if (!first || day != day_of(wall)) minute = 0;
        for (; (minute = event_minute(&p->when, minute)) >= 0; minute++) {
            *run = window(z, day, (unsigned)minute, p->len_min);
            run->kind = p->kind, run->labels = p->labels;
            if (run->start_s > after) return true;
        }
    }
    return false;
}

static bool once_next(
    const struct once *o, const struct zone *z, const struct workdays *t, int64_t after, struct run *run) {
    int64_t from = day_of(wall_of(z, after)), day = o->day;
    for (bool more = true; more; from = day + 2) {
        if (*o->before && !workdays_holiday(t, o->before, from, &day)) return false;
        if (*o->before) day--;
        *run = window(z, day, o->minute, o->len_min);
        run->kind = o->kind, run->labels = o->labels;
        if (run->start_s > after) return true;
        more = *o->before;
    }
    return false;
}

/* ---- all together ---- */

static void offer(struct run *best, const struct run *r) {
    if (!best->kind || r->start_s < best->start_s) {
        *best = *r;
    } else if (r->start_s == best->start_s) {
        best->labels |= r->labels;
        if (r->kind > best->kind) best->kind = r->kind;
        if (r->end_s > best->end_s) best->end_s = r->end_s;
    }
}

static struct run earliest(const struct schedule *s, const struct zone *z, const struct workdays *t, int64_t after) {
    struct run best = {.kind = RUN_NONE}, r;
    if (form_next(s, z, after, &r)) offer(&best, &r);
    for (size_t i = 0; i < s->events_n; i++)
        if (event_next(&s->events[i], z, t, after, &r)) offer(&best, &r);
    for (size_t i = 0; i < s->once_n; i++)
        if (once_next(&s->once[i], z, t, after, &r)) offer(&best, &r);
    return best;
}

const struct freeze *calendar_frozen(const struct schedule *s, const struct zone *z, int64_t at_s, int64_t *until_s) {
    int64_t day = calendar_day(z, at_s);
    for (size_t i = 0; i < s->freezes_n; i++) {
        const struct freeze *f = &s->freezes[i];
        if (day < f->from || day > f->until) continue;
        *until_s = zone_utc(z, (f->until + 1) * DAY_S);
        if (*until_s > at_s) return f;
    }
    return NULL;
}

bool calendar_next(
    const struct schedule *s, const struct zone *z, const struct workdays *t, int64_t after_s, struct run *run) {
    int64_t until;
    for (;; after_s = until - 1) {
        *run = earliest(s, z, t, after_s);
        if (run->kind == RUN_NONE) return false;
        if (!calendar_frozen(s, z, run->start_s, &until)) break;
    }
    for (size_t i = 0; i < s->freezes_n; i++) {
        int64_t begins = zone_utc(z, s->freezes[i].from * DAY_S);
        if (begins > run->start_s && begins < run->end_s) run->end_s = begins;
    }
    return true;
}

void schedule_free(struct schedule *s) {
    free(s->events);
    free(s->once);
    free(s->freezes);
    s->events = NULL, s->once = NULL, s->freezes = NULL;
    s->events_n = s->once_n = s->freezes_n = 0;
}

/* ---- words ---- */

const char *run_kind_name(enum run_kind k) {
    return k == RUN_FULL ? "full" : k == RUN_INCREMENTAL ? "incremental" : "";
}

enum run_kind run_kind_of(const char *name) {
    return !strcmp(name, "full") ? RUN_FULL : !strcmp(name, "incremental") ? RUN_INCREMENTAL : RUN_NONE;
}

void run_labels_text(unsigned labels, char *out) {
    *out = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        if (!(labels & names[i].bit)) continue;
        if (*out) strcat(out, ",");
        strcat(out, names[i].name);
    }
}

unsigned run_labels_of(const char *text) {
    unsigned labels = 0;
    for (; *text; text += *text == ',') {
        size_t n = strcspn(text, ",");
        for (unsigned i = 0; i < NAMES; i++)
            if (n == strlen(names[i].name) && !strncmp(text, names[i].name, n)) labels |= names[i].bit;
        text += n;
    }
    return labels;
}
