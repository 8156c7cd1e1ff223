/* What drills have shown, over the API: journals, records, due dates, trends, and the forecast. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_drills.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "drill/html.h"
#include "drill/trend.h"
#include "drills.h"
#include "drill_forecast.h"
#include "sys/file.h"

enum { HTML_MAX = 64 << 20, TREND_DRILLS = 100 };

struct js *api_drill_events(struct api_call *c, struct err *e) {
    struct drill x;
    if (api_drill_find(c, &x, e) < 0) return NULL;
    struct js *j = js_object();
    db_begin(c->d->db);
    js_set(j, "events", drill_events(c->d->db, x.id));
    drill_free(&x);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

static struct js *as_html(const char *file, const char *lang, struct err *e) {
    struct buf b;
    bool zh = !strcmp(lang, "zh");
    if (!zh && strcmp(lang, "en") != 0) return err_set(e, ZE_USAGE, "lang", _("expected zh or en")), NULL;
    CLEANUP_JS struct js *j = js_parse(file, strlen(file), "record", e);
    if (!j) return NULL;
    buf_init(&b, HTML_MAX);
    drill_html(j, zh ? DRILL_ZH : DRILL_EN, &b);
    buf_u8(&b, 0);
    struct js *a = buf_ok(&b) ? js_object() : NULL;
    if (a) js_set_str(a, "type", "text/html"), js_set_str(a, "text", (const char *)b.p);
    else err_set(e, ZE_NOMEM, "record", "html");
    buf_free(&b);
    return a;
}

struct js *api_drill_record(struct api_call *c, struct err *e) {
    struct drill x;
    const char *format = http_query(c->r, "format"), *lang = http_query(c->r, "lang");
    if (api_drill_find(c, &x, e) < 0) return NULL;
    bool ended = !strcmp(x.state, DRILL_ENDED);
    drill_free(&x);
    if (!ended) return err_set(e, ZE_DRILLSTATE, c->arg[0], _("it has not ended")), NULL;
    db_begin(c->d->db);
    CLEANUP_FREE char *file = drill_record_get(c->d->db, x.id);
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!file) return err_set(e, ZE_NOTFOUND, c->arg[0], _("it has no record")), NULL;
    if (format && !strcmp(format, "html")) return as_html(file, lang ? lang : "zh", e);
    struct js *j = js_object();
    js_set_str(j, "type", "application/json");
    js_set_str(j, "text", file);
    return j;
}

struct js *api_drill_schedule(struct api_call *c, struct err *e) {
    struct js *j = js_object();
    db_begin(c->d->db);
    js_set(j, "systems", drill_due_json(c->d, c->who));
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

/* Of each system the caller sees, or the one asked for: its drills of each level. */
struct js *api_drill_trend(struct api_call *c, struct err *e) {
    static const int64_t levels[] = {1, 2, 4};
    const char *wanted = http_query(c->r, "system");
    struct js *j = js_object(), *list = js_array();
    js_set(j, "trends", list);
    db_begin(c->d->db);
    CLEANUP_JS struct js *names = drill_systems(c->d->db, c->who->department);
    for (size_t i = 0; i < js_count(names); i++) {
        const char *system = js_text(js_at(names, i));
        for (int k = 0; k < 3 && (!wanted || !strcmp(wanted, system)); k++) {
            struct js *records = drill_summaries(c->d->db, system, levels[k], TREND_DRILLS), *t;
            if (!js_count(records)) {
                js_free(records);
                continue;
            }
            t = drill_trend(records);
            js_set_str(t, "system", system);
            js_set_int(t, "level", levels[k]);
            js_set(t, "drills", records);
            js_push(list, t);
        }
    }
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_drill_forecast(struct api_call *c, struct err *e) {
    struct js *list = drill_forecasts(c->d, c->who, e);
    if (!list) return NULL;
    struct js *j = js_object();
    js_set(j, "systems", list);
    return j;
}
