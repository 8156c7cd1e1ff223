/* The table of working days over the API: shown, and imported. An import replaces the years that it has; plans are asked
 * again for their next runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_calendar.h"

enum { NEXT_DAYS = 10, NEXT_DAYS_MAX = 400, LOOK_AHEAD_DAYS = 800 };

static struct workdays *table(struct api_call *c, struct err *e) {
    db_begin(c->d->db);
    struct workdays *t = catalog_workdays(c->d->db);
    if (db_commit(c->d->db, e) == 0 && t) return t;
    if (!t) err_set(e, ZE_NOMEM, "workdays", "catalog");
    workdays_free(t);
    return NULL;
}

/* Add the day if it is not what its weekday says, or a holiday on a weekend. */
static bool special(struct js *list, const struct workdays *t, int64_t day) {
    const char *name = workdays_name(t, day);
    if (!*name) return false;
    char date[32];
    struct js *j = js_object();
    text_time(date, day * 86400 * NS_PER_S);
    date[10] = 0;
    js_set_str(j, "date", date);
    js_set_bool(j, "work", workdays_is(t, day));
    js_set_str(j, "holiday", name);
    js_set_int(j, "weekday", civil_weekday(day));
    js_push(list, j);
    return true;
}

static int64_t today(struct api_call *c) {
    struct err ignored = ERR_INIT;
    struct zone *z = zone_open(c->d->cfg->zone, &ignored);
    int64_t now = daemon_now(c->d) / NS_PER_S, day = z ? calendar_day(z, now) : now / 86400;
    zone_free(z);
    return day;
}

static struct js *answer(struct api_call *c, const struct workdays *t, struct js *days) {
    struct js *j = js_object(), *years = js_array();
    int64_t missing = workdays_missing(t, today(c));
    for (int64_t y = WORKDAYS_YEAR_MIN; y <= WORKDAYS_YEAR_MAX; y++)
        if (workdays_knows(t, y)) js_push_int(years, y);
    js_set(j, "years", years);
    if (missing) js_set_int(j, "missing", missing);
    js_set(j, "days", days);
    return j;
}

struct js *api_calendar(struct api_call *c, struct err *e) {
    uint64_t year = 0;
    const char *s = http_query(c->r, "year");
    if (s && (!text_u64(s, WORKDAYS_YEAR_MAX, &year) || year < WORKDAYS_YEAR_MIN))
        return err_set(e, ZE_USAGE, s, _("expected a year from %d to %d"), WORKDAYS_YEAR_MIN, WORKDAYS_YEAR_MAX), NULL;
    struct workdays *t = table(c, e);
    if (!t) return NULL;
    int64_t from = year ? (int64_t)year : WORKDAYS_YEAR_MIN, to = year ? (int64_t)year : WORKDAYS_YEAR_MAX;
    struct js *days = js_array();
    for (int64_t day = civil_days(from, 1, 1); day < civil_days(to + 1, 1, 1); day++) special(days, t, day);
    struct js *j = answer(c, t, days);
    workdays_free(t);
    return j;
}

struct js *api_calendar_next(struct api_call *c, struct err *e) {
    uint64_t count = NEXT_DAYS;
    const char *s = http_query(c->r, "count");
    if (s && (!text_u64(s, NEXT_DAYS_MAX, &count) || !count))
        return err_set(e, ZE_USAGE, s, _("expected a number up to %d"), NEXT_DAYS_MAX), NULL;
    struct workdays *t = table(c, e);
    if (!t) return NULL;
    struct js *days = js_array();
    int64_t day = today(c);
    for (int64_t end = day + LOOK_AHEAD_DAYS; count && day < end; day++) count -= special(days, t, day);
    struct js *j = answer(c, t, days);
    workdays_free(t);
    return j;
}

struct js *api_calendar_import(struct api_call *c, struct err *e) {
    const char *body = (const char *)c->r->body;
    struct workdays *t = workdays_parse("body", body ? body : "", c->r->body_len, e);
    CLEANUP_JS struct js *file = t ? js_parse(c->r->body, c->r->body_len, "body", e) : NULL;
    if (!file) return workdays_free(t), NULL;
    struct js *detail = js_object(), *years = js_array();
    int64_t now = daemon_now(c->d);
    db_begin(c->d->db);
    for (int64_t y = WORKDAYS_YEAR_MIN; y <= WORKDAYS_YEAR_MAX; y++) {
        char word[24];
        snprintf(word, sizeof word, "%lld", (long long)y);
        if (!workdays_knows(t, y)) continue;
        catalog_workdays_put(c->d->db, y, js_get(js_get(file, "years"), word));
        js_push_int(years, y);
    }
    struct js *j = js_object();
    js_set(j, "imported", js_copy(years));
    js_set(detail, "years", years);
    audit_add(c->d->db, now, c->who->name, "calendar.import", "workdays", detail);
    workdays_free(t);
    if (db_commit(c->d->db, e) < 0) return js_free(j), NULL;
    atomic_fetch_add(&c->d->plans_changed, 1);
    daemon_log(c->d, _("a table of working days was imported by %s"), c->who->name);
    return j;
}
