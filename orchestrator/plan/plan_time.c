/* Dates, times of the day and spans as people write them in a plan. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "plan/form.h"
#include "plan/plan_internal.h"

static bool two(const char *s, unsigned *out) {
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9') return false;
    *out = (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
    return true;
}

bool plan_day_of(const char *s, int64_t *day) {
    unsigned c, y, m, d;
    bool ok = strlen(s) == 10 && two(s, &c) && two(s + 2, &y) && s[4] == '-' && two(s + 5, &m) && s[7] == '-' &&
        two(s + 8, &d) && m >= 1 && m <= 12 && d >= 1 && d <= civil_month_len(c * 100 + y, m);
    if (ok) *day = civil_days(c * 100 + y, m, d);
    return ok;
}

bool plan_minute_of(const char *s, unsigned *minute) {
    unsigned h, m;
    bool ok = strlen(s) == 5 && two(s, &h) && s[2] == ':' && two(s + 3, &m) && h < 24 && m < 60;
    if (ok) *minute = h * 60 + m;
    return ok;
}

int plan_date(const struct yaml_node *map, const char *key, int64_t *day, struct err *e) {
    const char *s;
    if (yaml_str_or(map, key, NULL, &s, e) < 0) return -1;
    if (!s || plan_day_of(s, day)) return 0;
    return yaml_fail(yaml_get(map, key), e, _("expected a date such as 2026-12-01, found \"%.80s\""), s);
}

int plan_duration(const struct yaml_node *map, const char *key, int64_t *seconds, struct err *e) {
    const char *s;
    *seconds = 0;
    if (yaml_str_or(map, key, NULL, &s, e) < 0) return -1;
    if (!s || form_span(s, seconds)) return 0;
    return yaml_fail(yaml_get(map, key), e, _("expected a time such as 30m, 24h or 7d, found \"%.80s\""), s);
}
