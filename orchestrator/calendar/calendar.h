/**
 * The calendar: one pure question. Given a schedule, a zone, a table of working days and an instant, which run comes next?
 * Everything else (what is due, what was missed, the next five runs) is this question asked again.
 */
#ifndef ORCHESTRATOR_CALENDAR_H
#define ORCHESTRATOR_CALENDAR_H

#include "calendar/event.h"
#include "calendar/workdays.h"
#include "calendar/zone.h"

/** The stronger kind is the greater: full wins. */
enum run_kind { RUN_NONE, RUN_INCREMENTAL, RUN_FULL };
enum run_label { LABEL_DAILY = 1, LABEL_WEEKLY = 2, LABEL_MONTHLY = 4, LABEL_YEARLY = 8, LABEL_EXTRA = 16 };

/** A run by an event of its own. */
struct planned {
    struct event when;
    enum run_kind kind;
    unsigned labels, len_min; /* length of the window, 1…1440 */
};

/** A run that happens once: on a day, or on the day before days off begin (R21). */
struct once {
    int64_t day;                /* when ${before} is "" */
    char before[WORKDAYS_NAME]; /* a holiday, in each year that the table has */
    unsigned minute;            /* of that day */
    enum run_kind kind;
    unsigned labels, len_min;
};

/** A period in which no run starts: days, both included. */
struct freeze {
    int64_t from, until;
    char reason[128];
};

struct schedule {
    enum run_kind daily, weekly, monthly; /* as ticked on the form; RUN_NONE: not ticked */
    unsigned window_start_min;            /* minute of the wall's day, 0…1439 */
    unsigned window_len_min;              /* 1…1440; the window may reach into the next day */
    unsigned weekly_day;                  /* 1 Monday … 7 Sunday */
    unsigned monthly_day;                 /* 1…31; in shorter months the last day */
    size_t events_n, once_n, freezes_n;
    struct planned *events;
    struct once *once;
    struct freeze *freezes;
};

struct run {
    int64_t start_s, end_s; /* the window in which it may start, UTC; start_s < end_s */
    enum run_kind kind;
    unsigned labels;
};

/**
 * calendar_next(s, z, t, after_s, run):
 * The first run whose window starts after ${after_s}. Where daily, weekly and monthly fall on one day it is one run with
 * all labels, and full beats incremental; the same for all runs whose windows open at the same instant. A run whose window
 * opens in a freeze does not take place, and a window ends where a freeze begins. Return true, or false when nothing is
 * scheduled any more. ${t} may be NULL.
 */
bool calendar_next(
    const struct schedule *s, const struct zone *z, const struct workdays *t, int64_t after_s, struct run *run);

/** calendar_frozen(s, z, at_s, until_s): the freeze in which this instant lies, and the instant at which it is over; or NULL. */
const struct freeze *calendar_frozen(const struct schedule *s, const struct zone *z, int64_t at_s, int64_t *until_s);

/** schedule_free: what the schedule points to; it is empty afterwards. */
void schedule_free(struct schedule *s);

/** calendar_day(z, at_s): the day on the wall at this instant, from 1970-01-01. */
int64_t calendar_day(const struct zone *z, int64_t at_s);

/** run_kind_name: "full" or "incremental"; run_kind_of(name): RUN_NONE for anything else. */
const char *run_kind_name(enum run_kind k);
enum run_kind run_kind_of(const char *name);
/** run_labels_text(labels, out): "daily,weekly" into at least RUN_LABELS bytes; run_labels_of: back, unknown words are
 * skipped. */
enum { RUN_LABELS = 40 };
#define RUN_LABEL_WORDS "daily weekly monthly yearly extra" /* in the order of their bits */
void run_labels_text(unsigned labels, char *out);
unsigned run_labels_of(const char *text);

#endif
