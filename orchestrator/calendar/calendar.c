/* Runs by the wall clock: the days are those of the zone, each day's run starts when the wall shows the start of the window.
 * Days are asked one by one; at most 63 lie between two runs. */
#include "calendar/calendar.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *name;
} names[] = {{LABEL_DAILY, "daily"}, {LABEL_WEEKLY, "weekly"}, {LABEL_MONTHLY, "monthly"}};

/* What falls on this day: false when nothing does. */
static bool day_run(const struct schedule *s, int64_t day, struct run *run) {
    int64_t y;
    unsigned m, d;
    civil_date(day, &y, &m, &d);
    unsigned len = civil_month_len(y, m), monthly_day = s->monthly_day < len ? s->monthly_day : len;
    *run = (struct run){.kind = RUN_NONE};
    const struct {
        enum run_kind kind;
        bool today;
        unsigned label;
    } rows[] = {
        {s->daily, true, LABEL_DAILY},
        {s->weekly, civil_weekday(day) == s->weekly_day, LABEL_WEEKLY},
        {s->monthly, d == monthly_day, LABEL_MONTHLY},
    };
    for (unsigned i = 0; i < 3; i++) {
        if (rows[i].kind == RUN_NONE || !rows[i].today) continue;
        run->labels |= rows[i].label;
        if (rows[i].kind > run->kind) run->kind = rows[i].kind;
    }
    return run->kind != RUN_NONE;
}

bool calendar_next(const struct schedule *s, const struct zone *z, int64_t after, struct run *run) {
    int64_t wall = after + zone_offset(z, after);
    int64_t day = (wall >= 0 ? wall : wall - 86399) / 86400 - 1;
    for (int i = 0; i < 66; i++, day++) {
        if (!day_run(s, day, run)) continue;
        int64_t start = day * 86400 + (int64_t)s->window_start_min * 60, end = start + (int64_t)s->window_len_min * 60;
        run->start_s = zone_utc(z, start);
        run->end_s = zone_utc(z, end);
        if (run->end_s <= run->start_s) run->end_s = run->start_s + 60; /* a window that lies in a gap */
        if (run->start_s > after) return true;
    }
    return false;
}

const char *run_kind_name(enum run_kind k) {
    return k == RUN_FULL ? "full" : k == RUN_INCREMENTAL ? "incremental" : "";
}

enum run_kind run_kind_of(const char *name) {
    return !strcmp(name, "full") ? RUN_FULL : !strcmp(name, "incremental") ? RUN_INCREMENTAL : RUN_NONE;
}

void run_labels_text(unsigned labels, char *out) {
    *out = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (!(labels & names[i].bit)) continue;
        if (*out) strcat(out, ",");
        strcat(out, names[i].name);
    }
}

unsigned run_labels_of(const char *text) {
    unsigned labels = 0;
    for (; *text; text += *text == ',') {
        size_t n = strcspn(text, ",");
        for (unsigned i = 0; i < 3; i++)
            if (n == strlen(names[i].name) && !strncmp(text, names[i].name, n)) labels |= names[i].bit;
        text += n;
    }
    return labels;
}
