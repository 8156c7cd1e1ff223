/* When a plan runs: the form's words with one window for all of them, events with windows of their own, runs that happen
 * once, and freezes. Whether a holiday's name is known is not judged here: tables come later than plans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "plan/plan_internal.h"

enum { DAY_MIN = 24 * 60 };

static const char kinds[] = "full incremental";
static const enum run_kind kind_at[] = {RUN_NONE, RUN_FULL, RUN_INCREMENTAL};

/* "01:00-05:00": minutes of the day, and the length; past midnight when the end is not after the start. */
static int read_window(const struct yaml_node *map, struct schedule *s, struct err *e) {
    const char *t;
    char from[6] = "", to[6] = "";
    unsigned a = 0, b = 0;
    if (yaml_str_or(map, "window", "01:00-05:00", &t, e) < 0) return -1;
    bool ok = strlen(t) == 11 && t[5] == '-';
    if (ok) memcpy(from, t, 5), memcpy(to, t + 6, 5);
    if (ok && !strcmp(to, "24:00")) memcpy(to, "00:00", 5);
    if (!ok || !plan_minute_of(from, &a) || !plan_minute_of(to, &b) || (a == b && strcmp(t + 6, "24:00") != 0))
        return yaml_fail(
            yaml_get(map, "window"), e, _("expected a start window such as 01:00-05:00, found \"%.80s\""), t);
    s->window_start_min = a;
    s->window_len_min = b > a ? b - a : b + DAY_MIN - a;
    return 0;
}

static int read_strategy(const struct yaml_node *st, struct schedule *s, struct err *e) {
    int k[3];
    if (yaml_choice(st, "daily", kinds, -1, &k[0], e) < 0 || yaml_choice(st, "weekly", kinds, -1, &k[1], e) < 0 ||
        yaml_choice(st, "monthly", kinds, -1, &k[2], e) < 0)
        return -1;
    s->daily = kind_at[k[0] + 1], s->weekly = kind_at[k[1] + 1], s->monthly = kind_at[k[2] + 1];
    return 0;
}

/* What events and runs that happen once have in common. */
static int read_run(const struct yaml_node *map, const struct schedule *s, enum run_kind kind, enum run_kind *kind_out,
    unsigned *labels, unsigned *len_min, struct err *e) {
    int k;
    int64_t len_s;
    const struct yaml_node *list;
    if (yaml_choice(map, "kind", kinds, kind == RUN_FULL ? 0 : 1, &k, e) < 0) return -1;
    if (yaml_list(map, "label", &list, e) < 0 || plan_duration(map, "length", &len_s, e) < 0) return -1;
    *kind_out = kind_at[k + 1];
    *labels = 0;
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        unsigned one = strchr(it->text, ',') ? 0 : run_labels_of(it->text);
        if (!one) return yaml_fail(it, e, _("expected one of %s, found \"%.80s\""), RUN_LABEL_WORDS, it->text);
        *labels |= one;
    }
    if (!*labels) *labels = LABEL_EXTRA;
    *len_min = len_s ? (unsigned)(len_s / 60) : s->window_len_min;
    return len_s <= DAY_MIN * 60 ? 0 : yaml_fail(yaml_get(map, "length"), e, _("longer than a day"));
}

static int read_event(const struct yaml_node *map, const struct schedule *s, void *out, struct err *e) {
    struct planned *p = out;
    const char *when, *why;
    if (yaml_keys(map, "when kind label length", e) < 0 || yaml_str(map, "when", &when, e) < 0) return -1;
    if ((why = event_parse(when, &p->when))) return yaml_fail(yaml_get(map, "when"), e, "%s: \"%.80s\"", why, when);
    return read_run(map, s, RUN_INCREMENTAL, &p->kind, &p->labels, &p->len_min, e);
}

/* {at: 2026-12-24 20:00}, or {before: 2026-10-01, at: "20:00"}, or {before: 国庆节, at: "20:00"}. */
static int read_once(const struct yaml_node *map, const struct schedule *s, void *out, struct err *e) {
    struct once *o = out;
    const char *at, *before;
    char date[11] = "";
    if (yaml_keys(map, "at before kind label length", e) < 0 || yaml_str(map, "at", &at, e) < 0 ||
        yaml_str_or(map, "before", NULL, &before, e) < 0)
        return -1;
    if (!before && strlen(at) == 16 && at[10] == ' ') memcpy(date, at, 10);
    if (!before && (!plan_day_of(date, &o->day) || !plan_minute_of(at + 11, &o->minute)))
        return yaml_fail(yaml_get(map, "at"), e, _("expected a time such as 2026-12-24 20:00, found \"%.80s\""), at);
    if (before && !plan_minute_of(at, &o->minute))
        return yaml_fail(yaml_get(map, "at"), e, _("expected a time such as 20:00, found \"%.80s\""), at);
    if (before && plan_day_of(before, &o->day)) o->day--;
    else if (before && strlen(before) < sizeof o->before) strcpy(o->before, before);
    else if (before) return yaml_fail(yaml_get(map, "before"), e, _("longer than %d bytes"), WORKDAYS_NAME - 1);
    return read_run(map, s, RUN_FULL, &o->kind, &o->labels, &o->len_min, e);
}

static int read_freeze(const struct yaml_node *map, const struct schedule *s, void *out, struct err *e) {
    struct freeze *f = out;
    const char *from, *until, *reason;
    if (yaml_keys(map, "from until reason", e) < 0 || yaml_str(map, "from", &from, e) < 0 ||
        yaml_str(map, "until", &until, e) < 0 || yaml_str(map, "reason", &reason, e) < 0)
        return -1;
    if (plan_date(map, "from", &f->from, e) < 0 || plan_date(map, "until", &f->until, e) < 0) return -1;
    if (f->until < f->from) return yaml_fail(yaml_get(map, "until"), e, _("before %s, when it begins"), from);
    if (strlen(reason) >= sizeof f->reason)
        return yaml_fail(yaml_get(map, "reason"), e, _("longer than %d bytes"), (int)sizeof f->reason - 1);
    strcpy(f->reason, reason);
    return 0;
}

typedef int reader(const struct yaml_node *map, const struct schedule *s, void *out, struct err *e);

/* A list of maps, each read by ${one} into ${size} bytes of *out. */
static int read_list(const struct yaml_node *sc, const char *key, reader *one, size_t size, const struct schedule *s,
    void **out, size_t *n, struct err *e) {
    const struct yaml_node *list = yaml_get(sc, key);
    if (!list) return 0;
    if (list->kind != YAML_LIST) return yaml_fail(list, e, _("expected a list"));
    if (list->count > SCHEDULE_MAX) return yaml_fail(list, e, _("more than %d entries"), SCHEDULE_MAX);
    *out = calloc(list->count + 1, size);
    if (!*out) return err_set(e, ZE_NOMEM, key, "schedule");
    for (const struct yaml_node *it = list->child; it; it = it->next, ++*n)
        if (one(it, s, (char *)*out + *n * size, e) < 0) return -1;
    return 0;
}

static int read_lists(const struct yaml_node *sc, struct schedule *s, struct err *e) {
    void *events = NULL, *once = NULL, *freezes = NULL;
    int rc = read_list(sc, "events", read_event, sizeof *s->events, s, &events, &s->events_n, e);
    if (rc == 0) rc = read_list(sc, "once", read_once, sizeof *s->once, s, &once, &s->once_n, e);
    if (rc == 0) rc = read_list(sc, "freeze", read_freeze, sizeof *s->freezes, s, &freezes, &s->freezes_n, e);
    s->events = events, s->once = once, s->freezes = freezes;
    return rc;
}

int plan_schedule(const struct yaml_node *top, const char *zone, struct plan *p, struct err *e) {
    const struct yaml_node *st = yaml_get(top, "strategy"), *sc = yaml_get(top, "schedule");
    struct schedule *s = &p->schedule;
    int day;
    int64_t monthly_day;
    if (read_strategy(st, s, e) < 0 || read_window(sc, s, e) < 0 ||
        yaml_choice(sc, "weekly_day", "mon tue wed thu fri sat sun", 6, &day, e) < 0 ||
        yaml_int(sc, "monthly_day", 1, 31, 1, &monthly_day, e) < 0 || read_lists(sc, s, e) < 0)
        return -1;
    s->weekly_day = (unsigned)day + 1, s->monthly_day = (unsigned)monthly_day;
    if (p->backup && !s->daily && !s->weekly && !s->monthly && !s->events_n)
        return yaml_fail(
            st ? st : top, e, _("expected daily, weekly or monthly under \"strategy\", or events under \"schedule\""));
    if (yaml_copy(sc, "zone", zone, p->zone, sizeof p->zone, e) < 0) return -1;
    struct err why = ERR_INIT;
    struct zone *z = zone_open(p->zone, &why);
    const struct yaml_node *at = yaml_get(sc, "zone");
    if (!z) return yaml_fail(at ? at : top, e, _("expected a time zone such as Asia/Shanghai, found \"%s\""), p->zone);
    zone_free(z);
    return 0;
}
