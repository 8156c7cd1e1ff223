/* The table is an array of the days that are not what their weekday says, sorted, with a bit for each year that was
 * published. The file is anybody's: instead of walking its members, each date that a year has is asked for by name, and what
 * is left over then can only be something that is no date of that year. */
#include "calendar/workdays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "calendar/zone.h"
#include "wrap/json.h"

struct special {
    int64_t day;
    bool off;
    char name[WORKDAYS_NAME];
};

struct workdays {
    size_t n, cap;
    struct special *days;
    bool known[WORKDAYS_YEAR_MAX - WORKDAYS_YEAR_MIN + 1];
};

static int add(struct workdays *t, int64_t day, bool off, const char *date, const char *name, struct err *e) {
    if (!*name || strlen(name) >= WORKDAYS_NAME || !text_is_utf8(name, strlen(name)))
        return err_set(e, ZE_WORKDAYS, date, _("expected a name of 1 to %d bytes"), WORKDAYS_NAME - 1);
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        struct special *more = realloc(t->days, cap * sizeof *more);
        if (!more) return err_set(e, ZE_NOMEM, date, "workdays");
        t->days = more, t->cap = cap;
    }
    struct special *s = &t->days[t->n++];
    *s = (struct special){.day = day, .off = off};
    memcpy(s->name, name, strlen(name) + 1);
    return 0;
}

static int read_year(struct workdays *t, const char *word, int64_t year, const struct js *y, struct err *e) {
    const struct js *off = js_get(y, "off"), *work = js_get(y, "work");
    size_t found_off = 0, found_work = 0;
    if (!off || !work || js_count(y) != 2)
        return err_set(e, ZE_WORKDAYS, word, _("expected the members \"off\" and \"work\""));
    for (int64_t day = civil_days(year, 1, 1); day < civil_days(year + 1, 1, 1); day++) {
        char date[32];
        text_time(date, day * 86400 * 1000000000);
        date[10] = 0;
        const char *o = js_str(off, date, NULL), *w = js_str(work, date, NULL);
        if (o && w) return err_set(e, ZE_WORKDAYS, date, _("this day is off and a working day"));
        if ((o || w) && add(t, day, o != NULL, date, o ? o : w, e) < 0) return -1;
        found_off += o != NULL, found_work += w != NULL;
    }
    if (found_off != js_count(off) || found_work != js_count(work))
        return err_set(e, ZE_WORKDAYS, word, _("something in it is not a date of this year with a name"));
    t->known[year - WORKDAYS_YEAR_MIN] = true;
    return 0;
}

static int read_years(struct workdays *t, const char *name, const struct js *years, struct err *e) {
    size_t found = 0;
    for (int64_t year = WORKDAYS_YEAR_MIN; year <= WORKDAYS_YEAR_MAX; year++) {
        char word[16];
        snprintf(word, sizeof word, "%d", (int)year);
        const struct js *y = js_get(years, word);
        if (!y) continue;
        found++;
        if (read_year(t, word, year, y, e) < 0) return -1;
    }
    if (!found || found != js_count(years) || !js_is_object(years))
        return err_set(e, ZE_WORKDAYS, name, _("expected \"years\" with years such as 2026"));
    return 0;
}

struct workdays *workdays_parse(const char *name, const void *p, size_t n, struct err *e) {
    struct err why = ERR_INIT;
    if (n > WORKDAYS_BYTES_MAX) return err_set(e, ZE_WORKDAYS, name, _("larger than 1 MiB")), NULL;
    CLEANUP_JS struct js *j = js_parse(p, n, name, &why);
    if (!j) return err_set(e, ZE_WORKDAYS, name, "%s", why.msg), NULL;
    struct workdays *t = calloc(1, sizeof *t);
    if (t && read_years(t, name, js_get(j, "years"), e) == 0) return t;
    if (!t) err_set(e, ZE_NOMEM, name, "workdays");
    workdays_free(t);
    return NULL;
}

void workdays_free(struct workdays *t) {
    if (!t) return;
    free(t->days);
    free(t);
}

bool workdays_knows(const struct workdays *t, int64_t year) {
    return t && year >= WORKDAYS_YEAR_MIN && year <= WORKDAYS_YEAR_MAX && t->known[year - WORKDAYS_YEAR_MIN];
}

/* Index of the first entry that is not before ${day}. */
static size_t first_from(const struct workdays *t, int64_t day) {
    size_t lo = 0, hi = t ? t->n : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->days[mid].day < day) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static const struct special *find(const struct workdays *t, int64_t day) {
    size_t i = first_from(t, day);
    return t && i < t->n && t->days[i].day == day ? &t->days[i] : NULL;
}

bool workdays_is(const struct workdays *t, int64_t day) {
    const struct special *s = find(t, day);
    return s ? !s->off : civil_weekday(day) <= 5;
}

const char *workdays_name(const struct workdays *t, int64_t day) {
    const struct special *s = find(t, day);
    return s ? s->name : "";
}

/* Whether the days off that begin at i have one for ${name}; *i moves on to the next days off. */
static bool block_has(const struct workdays *t, size_t *i, const char *name) {
    bool has = false;
    size_t at = *i;
    do has = has || !strcmp(t->days[at].name, name);
    while (++at < t->n && t->days[at].off && t->days[at].day == t->days[at - 1].day + 1);
    *i = at;
    return has;
}

bool workdays_holiday(const struct workdays *t, const char *name, int64_t from, int64_t *first) {
    for (size_t i = 0; t && i < t->n;) {
        *first = t->days[i].day;
        if (!t->days[i].off) i++;
        else if (block_has(t, &i, name) && *first >= from) return true;
    }
    return false;
}

int64_t workdays_add(const struct workdays *t, int64_t day, unsigned n) {
    while (!n && !workdays_is(t, day)) day++;
    while (n) n -= workdays_is(t, ++day);
    return day;
}

int64_t workdays_between(const struct workdays *t, int64_t a, int64_t b) {
    if (b < a) return -workdays_between(t, b, a);
    int64_t n = 0;
    while (a < b) n += workdays_is(t, ++a);
    return n;
}

int64_t workdays_missing(const struct workdays *t, int64_t day) {
    int64_t year;
    unsigned month, d;
    civil_date(day, &year, &month, &d);
    if (!workdays_knows(t, year)) return year;
    return month == 12 && !workdays_knows(t, year + 1) ? year + 1 : 0;
}
