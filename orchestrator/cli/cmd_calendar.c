/* zaibei calendar, and zaibei plan simulate: what is a working day, and what a plan will do. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "calendar/workdays.h"
#include "cli.h"
#include "keep/keep.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"
#include "wrap/yaml.h"

static int load(const char *path, struct buf *b, struct err *e) {
    char real[4096];
    if (!realpath(path, real)) return err_sys(e, path, _("open"));
    if (file_load(AT_FDCWD, real, YAML_BYTES_MAX, b, e) == 0) return 0;
    if (e->id == ZE_DAMAGED) err_set(e, ZE_CONFIG, path, _("larger than 1 MiB"));
    return -1;
}

int cmd_calendar_import(struct cli *c, struct err *e) {
    struct buf b;
    buf_init(&b, YAML_BYTES_MAX + 1);
    int rc = load(c->argv[0], &b, e);
    struct workdays *t = rc < 0 ? NULL : workdays_parse(c->argv[0], b.p ? b.p : (const uint8_t *)"", b.len, e);
    struct js *j = t ? cli_call(c, "POST", "/v1/calendar", "application/json", b.p, b.len, e) : NULL;
    const struct js *years = js_get(j, "imported");
    for (size_t i = 0; !c->json && i < js_count(years); i++)
        printf(_("the working days of %lld are known now\n"), (long long)js_number(js_at(years, i), 0));
    if (j && c->json) cli_line("calendar", j);
    else js_free(j);
    workdays_free(t);
    buf_free(&b);
    return j ? 0 : -1;
}

void cli_missing_year(int64_t year) {
    if (year)
        printf(_("The working days of %lld are not known: import them when they are published (zaibei calendar import "
                 "FILE).\n"),
            (long long)year);
}

static int print_days(struct cli *c, const char *path, const char *empty, struct err *e) {
    static const char *const names[] = {
        "", N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun")};
    struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) return cli_line("calendar", j), 0;
    const struct js *days = js_get(j, "days");
    struct table *t = table_new(_("DATE|DAY||HOLIDAY"));
    for (size_t i = 0; i < js_count(days); i++) {
        const struct js *d = js_at(days, i);
        int64_t weekday = js_int(d, "weekday", 0);
        table_row(t, js_str(d, "date", ""), weekday >= 1 && weekday <= 7 ? _(names[weekday]) : "",
            js_bool(d, "work", false) ? _("worked") : _("off"), js_str(d, "holiday", ""));
    }
    table_print(t, empty);
    cli_missing_year(js_int(j, "missing", 0));
    js_free(j);
    return 0;
}

int cmd_calendar_show(struct cli *c, struct err *e) {
    char path[200] = "/v1/calendar", year[64];
    const char *o = cli_option(c, "year");
    if (o) {
        http_escape(year, sizeof year, o);
        snprintf(path, sizeof path, "/v1/calendar?year=%s", year);
    }
    return print_days(c, path, _("nothing is known of this year"), e);
}

int cmd_calendar_next(struct cli *c, struct err *e) {
    char path[200] = "/v1/calendar/next", count[64];
    const char *o = cli_option(c, "count");
    if (o) {
        http_escape(count, sizeof count, o);
        snprintf(path, sizeof path, "/v1/calendar/next?count=%s", count);
    }
    return print_days(c, path, _("no table of working days is known for the coming days; take one over with: zaibei calendar import FILE"), e);
}

/* ---- plan simulate ---- */

static void why_text(const struct js *words, char *out, size_t cap) {
    *out = 0;
    for (size_t i = 0; i < js_count(words); i++) {
        const char *word = js_text(js_at(words, i));
        for (unsigned k = 0; word && k < KEEP_WHYS; k++) {
            if (strcmp(word, keep_word(1U << k)) != 0) continue;
            size_t n = strlen(out);
            snprintf(out + n, cap - n, "%s%s", n ? "; " : "", keep_text(1U << k));
        }
    }
}

static void print_simulation(const struct js *j) {
    const struct js *points = js_get(j, "points");
    char until[32];
    struct table *t = table_new(_("MADE|KIND|LABELS|GOES|KEPT BECAUSE"));
    for (size_t i = 0; i < js_count(points); i++) {
        const struct js *p = js_at(points, i);
        char made[32], gone[32], labels[64], why[600];
        cli_time(p, "time", made), cli_time(p, "gone", gone);
        cli_labels(js_get(p, "labels"), labels, sizeof labels);
        why_text(js_get(p, "why"), why, sizeof why);
        table_row(t, made, cli_word(p, "kind"), labels, gone, why);
    }
    table_print(t, _("nothing is scheduled"));
    cli_time(j, "until", until);
    printf(_("%lld restore points on %s; each is kept for %lld days at least.\n"), (long long)js_int(j, "kept", 0),
        until, (long long)js_int(j, "least_days", 0));
    if (js_bool(j, "cut", false)) puts(_("It ends here: there would be more points than are simulated."));
}

/* A file where the name has a dot or a slash, which plans' names have not; else a plan that zaibeid knows. */
int cmd_plan_simulate(struct cli *c, struct err *e) {
    const char *until = cli_option(c, "until"), *host = cli_option(c, "host");
    char path[1400], name[900], day[64] = "", on[200] = "";
    bool file = strpbrk(c->argv[0], "./");
    http_escape(name, sizeof name, c->argv[0]);
    if (until) http_escape(day, sizeof day, until);
    if (host) http_escape(on, sizeof on, host);
    struct buf b;
    struct js *j = NULL;
    buf_init(&b, YAML_BYTES_MAX + 1);
    int n = file ? snprintf(path, sizeof path, "/v1/simulate?file=%s", name)
                 : snprintf(path, sizeof path, "/v1/plans/%.200s/simulate", name);
    if (until) n += snprintf(path + n, sizeof path - (size_t)n, "%cuntil=%s", file ? '&' : '?', day);
    if (host) snprintf(path + n, sizeof path - (size_t)n, "%chost=%s", file || until ? '&' : '?', on);
    if (!file) j = cli_get(c, path, e);
    else if (load(c->argv[0], &b, e) == 0) j = cli_call(c, "POST", path, "application/yaml", b.p, b.len, e);
    buf_free(&b);
    if (!j) return -1;
    if (c->json) return cli_line("simulation", j), 0;
    print_simulation(j);
    js_free(j);
    return 0;
}
