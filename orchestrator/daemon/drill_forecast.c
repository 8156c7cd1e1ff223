/* The forecast: what the newest points hold now, restored as fast as the last green drill was. The vault is asked for the points; a
 * system whose points cannot be had does not hide the others. */
#include "drill_forecast.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "drill/trend.h"
#include "drills.h"
#include "hosts.h"
#include "outbox.h"
#include "sys/file.h"
#include "systems.h"

enum { SYSTEMS_MAX = 100000, DRILLS_BACK = 100 };

/* Bytes of the newest complete point of each host; -1: a host has none. */
static int64_t bytes_now(struct daemon *d, const struct js *hosts, struct err *e) {
    int64_t all = 0;
    for (size_t i = 0; i < js_count(hosts); i++) {
        CLEANUP_JS struct js *points = hosts_points(d, js_text(js_at(hosts, i)), e);
        int64_t bytes = -1;
        if (!points) return -1;
        for (size_t p = js_count(points); p-- > 0 && bytes < 0;)
            if (!strcmp(js_str(js_at(points, p), "state", ""), "complete")) bytes = js_int(js_at(points, p), "bytes", 0);
        if (bytes < 0) return err_set(e, ZE_DRILLPOINT, js_text(js_at(hosts, i)), _("it has no complete restore point"));
        all += bytes;
    }
    return all;
}

/* Systems of plans in force, with their drills. */
static struct js *systems_of(struct daemon *d, const struct principal *who, struct err *e) {
    size_t n;
    struct js *list = js_array();
    db_begin(d->db);
    char(*names)[64] = systems_list(d->db, "", "", SYSTEMS_MAX, &n);
    for (size_t i = 0; names && i < n; i++) {
        struct js *s = system_get(d->db, names[i]);
        if (s && drill_sees(who, s)) {
            js_set(s, "drills", drill_summaries(d->db, names[i], 0, DRILLS_BACK));
            js_push(list, s);
        } else {
            js_free(s);
        }
    }
    free(names);
    if (db_commit(d->db, e) == 0) return list;
    js_free(list);
    return NULL;
}

static struct js *forecast_of(struct daemon *d, const struct js *s) {
    struct js *j = js_object();
    struct err why = ERR_INIT;
    const struct js *drills = js_get(s, "drills"), *green = NULL;
    int64_t target = js_int(s, "rto_target_s", 0), bytes = -1;
    for (size_t i = js_count(drills); i-- > 0 && !green;)
        if (!strcmp(js_str(js_at(drills, i), "verdict", ""), "green")) green = js_at(drills, i);
    js_set_str(j, "system", js_str(s, "system", ""));
    js_set_str(j, "plan", js_str(s, "plan", ""));
    if (target) js_set_int(j, "target_s", target);
    if (!green) js_set_str(j, "why", "no-green-drill");
    else bytes = bytes_now(d, js_get(s, "hosts"), &why);
    if (why.id) js_set_str(j, "why", why.msg);
    struct drill_forecast f = drill_forecast(green, bytes, target);
    js_set_str(j, "verdict", drill_goal_name(f.goal));
    if (f.ms < 0) return j;
    js_set_int(j, "bytes", bytes);
    js_set_int(j, "drill", js_int(green, "drill", 0));
    js_set_int(j, "level", js_int(green, "level", 0));
    js_set_int(j, "bytes_per_s", js_int(js_get(green, "restore"), "bytes_per_s", 0));
    js_set_int(j, "ms", f.ms);
    return j;
}

struct js *drill_forecasts(struct daemon *d, const struct principal *who, struct err *e) {
    CLEANUP_JS struct js *systems = systems_of(d, who, e);
    if (!systems) return NULL;
    struct js *list = js_array();
    for (size_t i = 0; i < js_count(systems); i++) js_push(list, forecast_of(d, js_at(systems, i)));
    return list;
}

int drill_forecast_watch(struct daemon *d, struct err *e) {
    static const struct principal self = {.name = "zaibeid"};
    CLEANUP_JS struct js *list = drill_forecasts(d, &self, e);
    if (!list) return -1;
    db_begin(d->db);
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *s = js_at(list, i);
        bool missed = !strcmp(js_str(s, "verdict", ""), drill_goal_name(GOAL_MISSED));
        condition_set(d->db, daemon_now(d), "drill.forecast", js_str(s, "system", ""), js_str(s, "plan", ""), missed, js_copy(s));
    }
    return db_commit(d->db, e);
}
