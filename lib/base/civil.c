/* Calendar arithmetic by counting days in eras of 400 years (146,097 days), a year beginning on 1 March so that the leap
 * day is its last. Adding months never goes through seconds: three months are three calendar months. */
#include "base/civil.h"

#include <stddef.h>
#include <string.h>

#define S_NS 1000000000LL
enum { DAY_S = 86400, ERA_DAYS = 146097, EPOCH = 719468 /* 1970-01-01 counted from 0000-03-01 */, YEAR_LAST = 2261 };

/* Rounded down, for negative numbers too. */
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int64_t civil_number(struct civil c) {
    int64_t year = (int64_t)c.year - (c.month <= 2), era = floor_div(year, 400);
    int64_t of_era = year - era * 400, month = (c.month + 9) % 12; /* 0: March */
    int64_t day = (153 * month + 2) / 5 + c.day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + day - EPOCH;
}

struct civil civil_of_days(int64_t days) {
    int64_t era = floor_div(days + EPOCH, ERA_DAYS), d = days + EPOCH - era * ERA_DAYS;
    int64_t year = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t day = d - (365 * year + year / 4 - year / 100), month = (5 * day + 2) / 153;
    int civil_month = (int)(month < 10 ? month + 3 : month - 9);
    return (struct civil){
        (int)(year + era * 400 + (civil_month <= 2)), civil_month, (int)(day - (153 * month + 2) / 5 + 1)};
}

static int month_days(int year, int month) {
    struct civil first = {year, month, 1}, next = {year + month / 12, month % 12 + 1, 1};
    return (int)(civil_number(next) - civil_number(first));
}

struct civil civil_add_months(struct civil c, unsigned months) {
    int64_t total = (int64_t)c.year * 12 + c.month - 1 + months;
    struct civil to = {(int)floor_div(total, 12), (int)(total - floor_div(total, 12) * 12) + 1, c.day};
    int last = month_days(to.year, to.month);
    if (to.day > last) to.day = last;
    return to;
}

int64_t civil_day_end(struct civil date) { return ((civil_number(date) + 1) * DAY_S + DAY_S / 2) * S_NS; }

int64_t civil_pin_end(int64_t now_ns, unsigned months) {
    int64_t latest = floor_div(now_ns, S_NS) + (int64_t)14 * 3600;
    return civil_day_end(civil_add_months(civil_of_days(floor_div(latest, DAY_S)), months));
}

int64_t civil_pin_round(int64_t ns) {
    int64_t day = DAY_S * S_NS, half = day / 2;
    return -floor_div(half - ns, day) * day + half;
}

static bool digits(const char **s, int n, char after, int *out) {
    *out = 0;
    for (; n; n--, ++*s) {
        if (**s < '0' || **s > '9') return false;
        *out = *out * 10 + (**s - '0');
    }
    if (!after) return true;
    return *(*s)++ == after;
}

bool civil_time_get(const char *s, int64_t *ns) {
    struct civil c;
    int h, m, sec;
    if (!s || !digits(&s, 4, '-', &c.year) || !digits(&s, 2, '-', &c.month) || !digits(&s, 2, 'T', &c.day))
        return false;
    if (!digits(&s, 2, ':', &h) || !digits(&s, 2, ':', &m) || !digits(&s, 2, 0, &sec)) return false;
    if (*s == '.') s += 1 + strspn(s + 1, "0123456789");
    if (strcmp(s, "Z") != 0 && strcmp(s, "+00:00") != 0) return false;
    if (c.year < 1970 || c.year > YEAR_LAST || c.month < 1 || c.month > 12 || c.day < 1) return false;
    if (c.day > month_days(c.year, c.month) || h > 23 || m > 59 || sec > 59) return false;
    *ns = (civil_number(c) * DAY_S + h * 3600LL + m * 60LL + sec) * S_NS;
    return true;
}
