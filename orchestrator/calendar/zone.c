/* Zones: TZif transitions up to the last one, then the rule in the file's footer (a POSIX TZ string), see RFC 8536.
 *
 * A file is untrusted: each count is checked against the bytes that are there before anything is read. Offsets are limited
 * to 26 hours, so that adding one to a time within ±2^40 s cannot overflow. */
#include "calendar/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "sys/file.h"

enum { OFFSET_MAX = 26 * 3600, TRANSITIONS_MAX = 4096, FILE_MAX = 256 << 10 };

struct rule {  /* when a change happens in each year */
    char type; /* 'M' month.week.day, 'J' day 1..365 without leap days, '0' day 0..365 */
    unsigned month, week, day;
    int32_t time; /* seconds of the wall's day, may be negative or past 24 h */
};

struct zone {
    size_t n;
    int64_t *at;      /* instants of change */
    int32_t *offset;  /* from then on */
    int32_t first;    /* before the first change */
    int32_t std, dst; /* after the last change; dst == std when there is no rule */
    struct rule to_dst, to_std;
};

int64_t civil_days(int64_t y, unsigned m, unsigned d) { /* Hinnant's days_from_civil */
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400), doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
    return era * 146097 + (int64_t)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

void civil_date(int64_t days, int64_t *y, unsigned *m, unsigned *d) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097), yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

unsigned civil_weekday(int64_t days) { return (unsigned)(((days + 3) % 7 + 7) % 7) + 1; }

static bool is_leap(int64_t y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }

unsigned civil_month_len(int64_t y, unsigned m) {
    return m == 2 ? 28u + is_leap(y) : m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31;
}

/* The instant of a change in ${year}, with the offset that holds before it. */
static int64_t rule_instant(const struct rule *r, int64_t year, int32_t before) {
    int64_t day = civil_days(year, 1, 1);
    if (r->type == 'J') day += r->day - 1 + (is_leap(year) && r->day >= 60);
    else if (r->type == '0') day += r->day;
    else {
        day = civil_days(year, r->month, 1);
        unsigned first = civil_weekday(day) % 7, len = civil_month_len(year, r->month);
        unsigned d = (r->day + 7 - first) % 7 + 7 * (r->week - 1);
        day += d >= len ? d - 7 : d;
    }
    return day * 86400 + r->time - before;
}

static int32_t offset_by_rule(const struct zone *z, int64_t utc) {
    if (z->std == z->dst) return z->std;
    int64_t year, wall = utc + z->std;
    unsigned m, d;
    civil_date((wall >= 0 ? wall : wall - 86399) / 86400, &year, &m, &d);
    int64_t on = rule_instant(&z->to_dst, year, z->std), off = rule_instant(&z->to_std, year, z->dst);
    bool dst = on < off ? utc >= on && utc < off : utc >= on || utc < off;
    return dst ? z->dst : z->std;
}

int32_t zone_offset(const struct zone *z, int64_t utc) {
    if (!z->n || utc >= z->at[z->n - 1]) return offset_by_rule(z, utc);
    if (utc < z->at[0]) return z->first;
    size_t lo = 0, hi = z->n - 1; /* at[lo] <= utc < at[hi] */
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (z->at[mid] <= utc) lo = mid;
        else hi = mid;
    }
    return z->offset[lo];
}

int64_t zone_utc(const struct zone *z, int64_t wall) {
    int32_t a = zone_offset(z, wall - OFFSET_MAX), b = zone_offset(z, wall + OFFSET_MAX);
    if (zone_offset(z, wall - a) == a) return wall - a; /* a holds before b: with both valid this is the first */
    if (zone_offset(z, wall - b) == b) return wall - b;
    int64_t lo = wall - b, hi = wall - a; /* a gap: the change lies in (lo, hi] */
    if (lo > hi) return hi;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (zone_offset(z, mid) == a) lo = mid;
        else hi = mid;
    }
    return hi;
}

/* ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool footer_number(const char **s, unsigned max, unsigned *out) {
    unsigned v = 0, digits = 0;
    for (; **s >= '0' && **s <= '9' && digits < 4; (*s)++, digits++) v = v * 10 + (unsigned)(**s - '0');
    *out = v;
    return digits && v <= max;
}

static bool footer_time(const char **s, int32_t *out) { /* [+-]h[:m[:s]] */
    int sign = **s == '-' ? -1 : 1;
    unsigned h, m = 0, sec = 0;
    if (**s == '-' || **s == '+') (*s)++;
    if (!footer_number(s, 167, &h)) return false;
    if (**s == ':' && (++*s, !footer_number(s, 59, &m))) return false;
    if (**s == ':' && (++*s, !footer_number(s, 59, &sec))) return false;
    *out = sign * (int32_t)(h * 3600 + m * 60 + sec);
    return true;
}

static bool footer_name(const char **s) {
    const char *start = *s;
    if (**s == '<') {
        const char *end = strchr(*s, '>');
        if (!end) return false;
        *s = end + 1;
        return true;
    }
    while ((**s >= 'A' && **s <= 'Z') || (**s >= 'a' && **s <= 'z')) (*s)++;
    return *s - start >= 3;
}

static bool footer_rule(const char **s, struct rule *r) {
    if (*(*s)++ != ',') return false;
    r->type = '0', r->time = 2 * 3600;
    if (**s == 'M') {
        r->type = *(*s)++;
        if (!footer_number(s, 12, &r->month) || !r->month || *(*s)++ != '.') return false;
        if (!footer_number(s, 5, &r->week) || !r->week || *(*s)++ != '.') return false;
        if (!footer_number(s, 6, &r->day)) return false;
    } else {
        if (**s == 'J') r->type = *(*s)++;
        if (!footer_number(s, 365, &r->day) || (r->type == 'J' && !r->day)) return false;
    }
    return **s != '/' || (++*s, footer_time(s, &r->time));
}

static bool footer_parse(struct zone *z, const char *s) {
    int32_t west;
    if (!footer_name(&s) || !footer_time(&s, &west) || abs(west) > OFFSET_MAX) return false;
    z->std = z->dst = -west;
    if (!*s) return true;
    if (!footer_name(&s)) return false;
    z->dst = z->std + 3600;
    if (*s != ',') {
        if (!footer_time(&s, &west) || abs(west) > OFFSET_MAX) return false;
        z->dst = -west;
    }
    return footer_rule(&s, &z->to_dst) && footer_rule(&s, &z->to_std) && !*s;
}

/* ---- TZif ---- */

static uint64_t be(const uint8_t *p, unsigned n) {
    uint64_t v = 0;
    for (unsigned i = 0; p && i < n; i++) v = v << 8 | p[i];
    return v;
}

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static bool read_header(struct rd *r, struct counts *c) {
    const uint8_t *h = rd_take(r, 44);
    if (!h || memcmp(h, "TZif", 4) != 0 || h[4] < '2') return false;
    uint32_t *v[] = {&c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars};
    for (unsigned i = 0; i < 6; i++) *v[i] = (uint32_t)be(h + 20 + (size_t)4 * i, 4);
    return c->time <= TRANSITIONS_MAX && c->type >= 1 && c->type <= 256 && c->chars <= 4096 && c->leap <= 4096 &&
        c->isut <= 256 && c->isstd <= 256;
}

static bool read_body(struct zone *z, struct rd *r, const struct counts *c) {
    z->at = calloc(c->time + 1u, sizeof *z->at), z->offset = calloc(c->time + 1u, sizeof *z->offset);
    const uint8_t *at = rd_take(r, (size_t)c->time * 8), *index = rd_take(r, c->time),
                  *type = rd_take(r, (size_t)c->type * 6);
    rd_take(r, c->chars + (size_t)c->leap * 12 + c->isstd + c->isut);
    if (!rd_ok(r) || !z->at || !z->offset) return false;
    for (uint32_t i = 0; i < c->type; i++) {
        int32_t off = (int32_t)be(type + (size_t)6 * i, 4);
        if (off > OFFSET_MAX || off < -OFFSET_MAX) return false;
    }
    z->first = (int32_t)be(type, 4);
    for (uint32_t i = 0; i < c->time; i++) {
        z->at[i] = (int64_t)be(at + (size_t)8 * i, 8);
        if (index[i] >= c->type || (i && z->at[i] <= z->at[i - 1])) return false;
        z->offset[i] = (int32_t)be(type + (size_t)6 * index[i], 4);
    }
    z->n = c->time;
    z->std = z->dst = z->n ? z->offset[z->n - 1] : z->first;
    return true;
}

static bool read_file(struct zone *z, struct rd *r) {
    struct counts c;
    if (!read_header(r, &c)) return false;
    rd_take(r,
        (size_t)c.time * 5 + (size_t)c.type * 6 + c.chars + (size_t)c.leap * 8 + c.isstd +
            c.isut); /* the 32-bit part */
    if (!read_header(r, &c) || !read_body(z, r, &c)) return false;
    char footer[128] = "";
    if (rd_u8(r) != '\n' || r->left < 1 || r->left > sizeof footer) return false;
    size_t n = r->left - 1;
    const uint8_t *p = rd_take(r, n);
    if (p) memcpy(footer, p, n);
    return rd_u8(r) == '\n' && (!*footer || footer_parse(z, footer));
}

struct zone *zone_parse(const char *name, const void *p, size_t n, struct err *e) {
    struct zone *z = calloc(1, sizeof *z);
    struct rd r = rd_of(p, n);
    if (z && read_file(z, &r)) return z;
    zone_free(z);
    err_set(e, ZE_CONFIG, name, _("the file of this time zone is not readable"));
    return NULL;
}

static bool fixed_offset(const char *name, int32_t *out) {
    unsigned h, m;
    char sign, rest;
    *out = 0;
    if (!strcmp(name, "UTC")) return true;
    if (strlen(name) != 9 || sscanf(name, "UTC%c%2u:%2u%c", &sign, &h, &m, &rest) != 3) return false;
    if ((sign != '+' && sign != '-') || h > 18 || m > 59) return false;
    *out = (sign == '-' ? -1 : 1) * (int32_t)(h * 3600 + m * 60);
    return true;
}

struct zone *zone_open(const char *name, struct err *e) {
    int32_t fixed;
    if (fixed_offset(name, &fixed)) {
        struct zone *z = calloc(1, sizeof *z);
        if (z) z->first = z->std = z->dst = fixed;
        else err_set(e, ZE_NOMEM, name, "zone");
        return z;
    }
    char path[300], real[4096];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.200s", name);
    if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/")] ||
        strlen(name) > 100 || *name == '/' || !realpath(path, real)) {
        err_set(e, ZE_CONFIG, name, _("not a time zone such as Asia/Shanghai, UTC or UTC+08:00"));
        return NULL;
    }
    struct buf b;
    buf_init(&b, FILE_MAX + 1);
    struct zone *z = NULL;
    if (file_load(AT_FDCWD, real, FILE_MAX, &b, e) == 0) z = zone_parse(name, b.p, b.len, e);
    else err_set(e, ZE_CONFIG, name, _("the file of this time zone is not readable"));
    buf_free(&b);
    return z;
}

void zone_free(struct zone *z) {
    if (!z) return;
    free(z->at);
    free(z->offset);
    free(z);
}
