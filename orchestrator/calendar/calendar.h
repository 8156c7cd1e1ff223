/**
 * The calendar: one pure question. Given a schedule, a zone and an instant, which run comes next? Everything else (what is
 * due, what was missed, the next five runs) is this question asked again.
 */
#ifndef ORCHESTRATOR_CALENDAR_H
#define ORCHESTRATOR_CALENDAR_H

#include "calendar/zone.h"

/** The stronger kind is the greater: full wins. */
enum run_kind { RUN_NONE, RUN_INCREMENTAL, RUN_FULL };
enum run_label { LABEL_DAILY = 1, LABEL_WEEKLY = 2, LABEL_MONTHLY = 4 };

struct schedule {
    enum run_kind daily, weekly, monthly; /* as ticked on the form; RUN_NONE: not ticked */
    unsigned window_start_min;            /* minute of the wall's day, 0…1439 */
    unsigned window_len_min;              /* 1…1440; the window may reach into the next day */
    unsigned weekly_day;                  /* 1 Monday … 7 Sunday */
    unsigned monthly_day;                 /* 1…31; in shorter months the last day */
};

struct run {
    int64_t start_s, end_s; /* the window in which it may start, UTC; start_s < end_s */
    enum run_kind kind;
    unsigned labels;
};

/**
 * calendar_next(s, z, after_s, run):
 * The first run whose window starts after ${after_s}. Where daily, weekly and monthly fall on one day it is one run with
 * all labels, and full beats incremental. Return true, or false when nothing is scheduled at all.
 */
bool calendar_next(const struct schedule *s, const struct zone *z, int64_t after_s, struct run *run);

/** run_kind_name: "full" or "incremental"; run_kind_of(name): RUN_NONE for anything else. */
const char *run_kind_name(enum run_kind k);
enum run_kind run_kind_of(const char *name);
/** run_labels_text(labels, out): "daily,weekly" into at least 32 bytes; run_labels_of: back, unknown words are skipped. */
void run_labels_text(unsigned labels, char *out);
unsigned run_labels_of(const char *text);

#endif
