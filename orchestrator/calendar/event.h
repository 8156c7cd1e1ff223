/**
 * Calendar events: on which days and at which minutes, in words. A subset of systemd.time(7), which means the same where
 * both speak, and words for working days:
 *
 *     [DAYS] [DATE] TIME
 *     DAYS    mon..fri | sat,sun | workday | holiday | first-workday-of-month | last-workday-of-month
 *     DATE    *-*-01 | 2026-12-24 | 03,09-15 | *-*~01 (the last day of each month), year, month and day each * or a list
 *     TIME    02:00 | 08..18:00/30 | 0/6:15, hours and minutes each * or a list
 *     a list  members with commas: N, N..M, N/STEP, N..M/STEP
 *
 * workday and holiday are each other's opposite: a weekend is a holiday unless it is made up for.
 */
#ifndef ORCHESTRATOR_EVENT_H
#define ORCHESTRATOR_EVENT_H

#include "calendar/workdays.h"

enum event_days { EVENT_ANY, EVENT_WORKDAY, EVENT_HOLIDAY, EVENT_FIRST_WORKDAY, EVENT_LAST_WORKDAY };

struct event { /* bit i of a set is the value least + i; days from 1, also when counted from the month's end */
    uint8_t years[29], months[2], days[4], hours[3], minutes[8], weekdays[1];
    bool from_end;
    enum event_days which;
};

enum { EVENT_TEXT_MAX = 200 };

/** event_parse(text, ev): NULL, or what was expected (through _(), a whole phrase). */
const char *event_parse(const char *text, struct event *ev) MUST_CHECK;

/** event_day(ev, t, from, day): the first day, not before ${from}, on which it falls; false: none up to the end of 2199. */
bool event_day(const struct event *ev, const struct workdays *t, int64_t from, int64_t *day);
/** event_minute(ev, from): the first minute of such a day, not before ${from}; -1: none. */
int event_minute(const struct event *ev, int from);

#endif
