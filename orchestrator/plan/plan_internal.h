/** What the files that read a plan share. All getters are of a map and a key, as those of wrap/yaml.h. */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include "plan/plan.h"
#include "wrap/yaml.h"

/** plan_day_of: "2026-12-01" as a day from 1970-01-01. plan_minute_of: "20:00" as a minute of the day. Nothing may follow. */
bool plan_day_of(const char *s, int64_t *day);
bool plan_minute_of(const char *s, unsigned *minute);

/** plan_date: a date; ${day} keeps its value where it is absent. plan_duration: "30m", "24h", "7d" in seconds, 0: absent. */
int plan_date(const struct yaml_node *map, const char *key, int64_t *day, struct err *e) MUST_CHECK;
int plan_duration(const struct yaml_node *map, const char *key, int64_t *seconds, struct err *e) MUST_CHECK;

/** plan_schedule(top, zone, p, e): `strategy` and `schedule` into p->schedule and p->zone; ${zone} is the default. */
int plan_schedule(const struct yaml_node *top, const char *zone, struct plan *p, struct err *e) MUST_CHECK;
#define PLAN_SCHEDULE_KEYS "zone window weekly_day monthly_day events once freeze"

/** plan_keep(top, r, e): `keep`. */
int plan_keep(const struct yaml_node *top, struct keep_rules *r, struct err *e) MUST_CHECK;

#endif
