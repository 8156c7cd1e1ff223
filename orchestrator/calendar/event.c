/* Reading events into sets of bits, and asking the sets. What is refused is refused by systemd too, apart from the words and
 * from what this subset leaves out: seconds, zones (schedule.zone says it), events without a time, two-digit years. */
#include "calendar/event.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/i18n.h"
#include "calendar/zone.h"

enum { MONTH_END_MAX = 28 };

static bool bit_get(const uint8_t *set, unsigned i) { return set[i / 8] >> i % 8 & 1; }
static void bit_set(uint8_t *set, unsigned i) { set[i / 8] |= (uint8_t)(1 << i % 8); }

/* A number of at most ${digits} digits. */
static bool number(const char **s, unsigned digits, unsigned *out) {
    const char *begin = *s;
    for (*out = 0; **s >= '0' && **s <= '9' && *s < begin + digits; ++*s) *out = *out * 10 + (unsigned)(**s - '0');
    return *s > begin;
}

struct span {
    unsigned least, most, digits;
};
static const struct span year_span = {WORKDAYS_YEAR_MIN, WORKDAYS_YEAR_MAX, 4}, month_span = {1, 12, 2},
                         day_span = {1, 31, 2}, end_span = {1, MONTH_END_MAX, 2}, hour_span = {0, 23, 2},
                         minute_span = {0, 59, 2};

/* N, N..M, N/STEP or N..M/STEP; counted from the month's end steps go down to the last day. */
static bool member(const char **s, const struct span *p, bool from_end, uint8_t *set) {
    unsigned from, to, step = 1;
    if (!number(s, p->digits, &from) || from < p->least || from > p->most) return false;
    to = from;
    bool range = !from_end && !strncmp(*s, "..", 2);
    if (range && (*s += 2, !number(s, p->digits, &to) || to < from || to > p->most)) return false;
    if (**s == '/') {
        ++*s;
        if (!number(s, 4, &step) || !step) return false;
        if (!range) to = from_end ? p->least : p->most;
        if (step > (from_end ? from - to : to - from)) return false; /* a step that is never taken */
    }
    if (from_end)
        for (unsigned v = from; v >= to && v <= from; v -= step) bit_set(set, v - p->least);
    else
        for (unsigned v = from; v <= to; v += step) bit_set(set, v - p->least);
    return true;
}

static bool list(const char **s, const struct span *p, bool from_end, uint8_t *set) {
    if (**s == '*') {
        for (unsigned v = p->least; v <= p->most; v++) bit_set(set, v - p->least);
        return ++*s, true;
    }
    do
        if (!member(s, p, from_end, set)) return false;
    while (**s == ',' && ++*s);
    return true;
}

/* ---- the three parts ---- */

static const char *const weekdays[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
static const char *const words[] = {"", "workday", "holiday", "first-workday-of-month", "last-workday-of-month"};

static bool weekday(const char **s, unsigned *out) {
    size_t n = strspn(*s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (*out = 0; *out < 7; ++*out)
        if ((n == 3 || n == strlen(weekdays[*out])) && !strncasecmp(*s, weekdays[*out], n)) return *s += n, true;
    return false;
}

static bool parse_days(const char *s, struct event *ev) {
    for (unsigned i = EVENT_WORKDAY; i <= EVENT_LAST_WORKDAY; i++)
        if (!strcmp(s, words[i])) return ev->which = i, ev->weekdays[0] = 0x7f, true;
    do {
        unsigned from, to;
        if (!weekday(&s, &from)) return false;
        to = from;
        if (!strncmp(s, "..", 2) && (s += 2, !weekday(&s, &to) || to < from)) return false;
        for (; from <= to; from++) bit_set(ev->weekdays, from);
    } while (*s == ',' && s++);
    return !*s;
}

static bool parse_date(const char *s, struct event *ev) {
    const char *first = strchr(s, '-');
    bool year = first && strpbrk(first + 1, "-~");
    static const char all[] = "*";
    const char *any = all;
    if (!list(year ? &s : &any, &year_span, false, ev->years) || (year && *s++ != '-')) return false;
    if (!list(&s, &month_span, false, ev->months)) return false;
    ev->from_end = *s == '~';
    if (*s != '-' && *s != '~') return false;
    s++;
    return list(&s, ev->from_end ? &end_span : &day_span, ev->from_end, ev->days) && !*s &&
        !(ev->from_end && s[-1] == '*');
}

static bool parse_time(const char *s, struct event *ev) {
    if (!list(&s, &hour_span, false, ev->hours) || *s++ != ':') return false;
    if (!list(&s, &minute_span, false, ev->minutes)) return false;
    return !*s || !strcmp(s, ":00") || !strcmp(s, ":0");
}

const char *event_parse(const char *text, struct event *ev) {
    char copy[EVENT_TEXT_MAX + 1], *rest = NULL, *part[4] = {NULL};
    size_t n = 0, at = 0;
    *ev = (struct event){.which = EVENT_ANY};
    if (strlen(text) > EVENT_TEXT_MAX) return _("expected at most 200 bytes");
    strcpy(copy, text);
    for (char *w = strtok_r(copy, " ", &rest); w && n < 4; w = strtok_r(NULL, " ", &rest)) part[n++] = w;
    bool days = n && ((*part[0] | 32) >= 'a' && (*part[0] | 32) <= 'z');
    if (!parse_days(days ? part[at++] : "mon..sun", ev))
        return _("expected weekdays such as mon..fri or sat,sun, or workday, holiday, first-workday-of-month, "
                 "last-workday-of-month");
    bool date = at < n && strpbrk(part[at], "-~");
    if (!parse_date(date ? part[at++] : "*-*", ev))
        return _("expected a date such as *-*-01, 2026-12-24, 03,09-15 or *-*~01 (counted from the month's end)");
    if (at >= n || !parse_time(part[at++], ev))
        return _("expected a time such as 02:00, 08..18:00 or *:0/15 at the end");
    return at < n ? _("expected nothing after the time") : NULL;
}

/* ---- asking ---- */

static bool is_edge(const struct workdays *t, int64_t day, unsigned from, unsigned upto, unsigned d) {
    if (!workdays_is(t, day)) return false;
    for (unsigned other = from; other <= upto; other++)
        if (workdays_is(t, day - d + other)) return false;
    return true;
}

static bool falls_on(const struct event *ev, const struct workdays *t, int64_t day, unsigned d, unsigned len) {
    unsigned counted = ev->from_end ? len - d : d - 1;
    if (counted >= 32 || !bit_get(ev->days, counted) || !bit_get(ev->weekdays, civil_weekday(day) - 1)) return false;
    switch (ev->which) {
    case EVENT_ANY: return true;
    case EVENT_WORKDAY: return workdays_is(t, day);
    case EVENT_HOLIDAY: return !workdays_is(t, day);
    case EVENT_FIRST_WORKDAY: return is_edge(t, day, 1, d - 1, d);
    case EVENT_LAST_WORKDAY: return is_edge(t, day, d + 1, len, d);
    }
    return false;
}

bool event_day(const struct event *ev, const struct workdays *t, int64_t from, int64_t *day) {
    int64_t y, least = civil_days(WORKDAYS_YEAR_MIN, 1, 1);
    unsigned m, d;
    civil_date(from > least ? from : least, &y, &m, &d);
    for (; y <= WORKDAYS_YEAR_MAX; y++, m = 1, d = 1) {
        if (!bit_get(ev->years, (unsigned)(y - WORKDAYS_YEAR_MIN))) continue;
        for (; m <= 12; m++, d = 1) {
            if (!bit_get(ev->months, m - 1)) continue;
            unsigned len = civil_month_len(y, m);
            for (; d <= len; d++)
                if (falls_on(ev, t, *day = civil_days(y, m, d), d, len)) return true;
        }
    }
    return false;
}

int event_minute(const struct event *ev, int from) {
    for (int m = from < 0 ? 0 : from; m < 24 * 60; m++) {
        if (!bit_get(ev->hours, (unsigned)m / 60)) m += 59 - m % 60;
        else if (bit_get(ev->minutes, (unsigned)m % 60)) return m;
    }
    return -1;
}
