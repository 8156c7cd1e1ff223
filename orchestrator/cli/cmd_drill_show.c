/* zaibei drill: what drills have shown, as tables, and records as files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd_drill.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"

static void span_ms(const struct js *j, char out[32]) {
    int64_t ms = js_int(j, "ms", -1), s = ms / 1000;
    if (ms < 0) strcpy(out, "–");
    else if (s < 60) snprintf(out, 32, "%lld.%llds", (long long)s, (long long)(ms % 1000 / 100));
    else if (s < 3600) snprintf(out, 32, "%lldm %llds", (long long)(s / 60), (long long)(s % 60));
    else snprintf(out, 32, "%lldh %lldm", (long long)(s / 3600), (long long)(s % 3600 / 60));
}

static void speed(const struct js *j, char out[40]) {
    char s[32];
    cli_bytes(j, "bytes_per_s", s);
    snprintf(out, 40, "%s/s", s);
}

static void goal(const struct js *j, char out[100]) {
    char is[32], target[32];
    span_ms(j, is), cli_span(j, "target_s", target);
    snprintf(out, 100, _("%s (target %s): %s"), is, target, cli_goal(j, "verdict"));
}

static void print_phases(const struct js *phases) {
    struct table *t = table_new(_("PHASE|HOST|NAME|STATE|>TOOK|>FILES|>BYTES|WHAT WAS SEEN"));
    for (size_t i = 0; i < js_count(phases); i++) {
        const struct js *p = js_at(phases, i);
        char took[32], files[32] = "", bytes[32] = "";
        span_ms(p, took);
        if (js_has(p, "files")) snprintf(files, sizeof files, "%lld", (long long)js_int(p, "files", 0));
        if (js_has(p, "bytes")) cli_bytes(p, "bytes", bytes);
        table_row(t, cli_word(p, "phase"), js_str(p, "host", ""), js_str(p, "name", ""), cli_word(p, "state"), took, files,
            bytes, js_str(p, "detail", ""));
    }
    table_print(t, _("no phase has begun"));
}

static void print_cause(const struct js *c) {
    char text[900];
    if (!c) return;
    snprintf(text, sizeof text, "%s: %s %s %s: %s", js_str(c, "what", ""), js_str(c, "phase", ""), js_str(c, "host", ""),
        js_str(c, "name", ""), js_str(c, "detail", ""));
    cli_show(_("cause"), text);
}

void drill_print(const struct js *j) {
    static const char *const texts[] = {
        "system", "plan", "origin", "requested_by", "state", "verdict", "requested", "incident", "granted", "granted_by", "ended"};
    char value[800];
    const struct js *x = js_get(j, "error"), *hosts = js_get(j, "hosts");
    cli_number(j, "drill"), cli_number(j, "level");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cli_field(j, texts[i]);
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *h = js_at(hosts, i);
        snprintf(value, sizeof value, "%s/%lld %s", js_str(h, "host", ""), (long long)js_int(h, "point", 0), js_str(h, "walk_start", ""));
        cli_show(i ? "" : _("points"), value);
    }
    print_cause(js_get(j, "cause"));
    if (js_get(j, "rto")) goal(js_get(j, "rto"), value), cli_show("RTO", value);
    if (js_get(j, "rpo")) goal(js_get(j, "rpo"), value), cli_show("RPO", value);
    if (js_get(j, "restore")) speed(js_get(j, "restore"), value), cli_show(_("throughput"), value);
    if (js_str(j, "public_key", NULL)) cli_show(_("key for the grant"), js_str(j, "public_key", ""));
    if (x) cli_problem(x);
    if (js_get(j, "phases")) print_phases(js_get(j, "phases"));
}

int cmd_drill_show(struct cli *c, struct err *e) {
    if (cli_option(c, "follow")) return drill_follow(c, c->argv[0], e);
    struct js *j = drill_ask_for(c, c->argv[0], "", e);
    if (!j) return -1;
    if (c->json) return cli_line("drill", j), 0;
    drill_print(j);
    js_free(j);
    return 0;
}

int cmd_drill_list(struct cli *c, struct err *e) {
    static const char *const names[] = {"limit", "system", "state", "after", NULL};
    char path[800] = "/v1/drills";
    cli_filters(c, names, path, sizeof path);
    CLEANUP_JS struct js *a = cli_get(c, path, e);
    if (!a) return -1;
    const struct js *list = js_get(a, "drills");
    if (c->json) return cli_each("drill", list), 0;
    struct table *t = table_new(_(">DRILL|SYSTEM|>LEVEL|ORIGIN|STATE|VERDICT|REQUESTED|>RTO||>RPO|"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i), *rto = js_get(j, "rto"), *rpo = js_get(j, "rpo");
        char id[24], level[24], when[32], took[32], old[32];
        snprintf(id, sizeof id, "%lld", (long long)js_int(j, "drill", 0));
        snprintf(level, sizeof level, "%lld", (long long)js_int(j, "level", 0));
        cli_time(j, "requested", when), span_ms(rto, took), span_ms(rpo, old);
        table_row(t, id, js_str(j, "system", ""), level, cli_word(j, "origin"), cli_word(j, "state"), cli_word(j, "verdict"),
            when, took, cli_goal(rto, "verdict"), old, cli_goal(rpo, "verdict"));
    }
    table_print(t, cli_none(c, _("no drills yet; carry one out with: zaibei drill run SYSTEM")));
    return 0;
}

/* The record goes out as it was signed, byte for byte. */
int cmd_drill_report(struct cli *c, struct err *e) {
    const char *lang = cli_option(c, "lang"), *out = cli_option(c, "out");
    char tail[64] = "/record", page[200];
    bool html = cli_option(c, "html") != NULL;
    if (html) {
        http_escape(page, sizeof page, lang ? lang : strncmp(i18n_language(), "zh", 2) ? "en" : "zh");
        snprintf(tail, sizeof tail, "/record?format=html&lang=%.20s", page);
    }
    CLEANUP_JS struct js *j = drill_ask_for(c, c->argv[0], tail, e);
    if (!j) return -1;
    const char *text = js_str(j, "text", "");
    if (!out) return fputs(text, stdout) < 0 ? err_sys(e, "stdout", _("write")) : 0;
    int rc = file_put_new(AT_FDCWD, out, text, strlen(text), 0644, e);
    return rc > 0 ? err_set(e, ZE_EXISTS, out, _("it is not overwritten")) : rc;
}

int cmd_drill_schedule(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *a = cli_get(c, "/v1/drills/schedule", e);
    if (!a) return -1;
    const struct js *list = js_get(a, "systems");
    if (c->json) return cli_each("drill-due", list), 0;
    struct table *t = table_new(_("SYSTEM|PLAN|>LEVEL|>EVERY|LAST GREEN|DUE||>OPEN DRILL"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i);
        char level[24], every[32], last[32], due[32], open[24] = "–";
        snprintf(level, sizeof level, "%lld", (long long)js_int(j, "level", 0));
        if (js_has(j, "open_drill")) snprintf(open, sizeof open, "%lld", (long long)js_int(j, "open_drill", 0));
        cli_span(j, "every_s", every), cli_time(j, "last_green", last), cli_time(j, "due", due);
        table_row(t, js_str(j, "system", ""), js_str(j, "plan", ""), level, every, last, due,
            js_bool(j, "overdue", false) ? _("OVERDUE") : "", open);
    }
    table_print(t, _("no plan in force says how its system is recovered; add the section recovery"));
    return 0;
}

static void figure(const struct js *map, const char *key, char out[32]) {
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "ms", js_int(map, key, -1));
    span_ms(j, out);
}

int cmd_drill_trend(struct cli *c, struct err *e) {
    char path[300] = "/v1/drills/trend", name[200];
    if (c->argc) http_escape(name, sizeof name, c->argv[0]), snprintf(path, sizeof path, "/v1/drills/trend?system=%s", name);
    CLEANUP_JS struct js *a = cli_get(c, path, e);
    if (!a) return -1;
    const struct js *list = js_get(a, "trends");
    if (c->json) return cli_each("drill-trend", list), 0;
    struct table *t = table_new(_("SYSTEM|>LEVEL|>GREEN|>RED|>RTO LAST|>BEST|>MEDIAN|>WORST|>RPO LAST|>SPEED LAST"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i), *rto = js_get(j, "rto"), *fast = js_get(j, "bytes_per_s");
        char level[24], green[24], red[24], last[32], best[32], median[32], worst[32], rpo[32], per_s[32];
        snprintf(level, sizeof level, "%lld", (long long)js_int(j, "level", 0));
        snprintf(green, sizeof green, "%lld", (long long)js_int(j, "greens", 0));
        snprintf(red, sizeof red, "%lld", (long long)js_int(j, "reds", 0));
        figure(rto, "last", last), figure(rto, "best", best), figure(rto, "median", median), figure(rto, "worst", worst);
        figure(js_get(j, "rpo"), "last", rpo), cli_bytes(fast, "last", per_s);
        table_row(t, js_str(j, "system", ""), level, green, red, last, best, median, worst, rpo, per_s);
    }
    table_print(t, _("no drill has ended yet"));
    return 0;
}

int cmd_drill_forecast(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *a = cli_get(c, "/v1/drills/forecast", e);
    if (!a) return -1;
    const struct js *list = js_get(a, "systems");
    if (c->json) return cli_each("drill-forecast", list), 0;
    struct table *t = table_new(_("SYSTEM|>NEWEST POINTS|>SPEED|>WOULD TAKE|>TARGET|VERDICT|BY DRILL|WHY NOT"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i);
        char bytes[32], fast[40], ms[32], target[32], by[24] = "–";
        if (js_has(j, "drill")) snprintf(by, sizeof by, "%lld", (long long)js_int(j, "drill", 0));
        cli_bytes(j, "bytes", bytes), speed(j, fast), span_ms(j, ms), cli_span(j, "target_s", target);
        table_row(t, js_str(j, "system", ""), bytes, fast, ms, target, cli_goal(j, "verdict"), by, js_str(j, "why", ""));
    }
    table_print(t, _("no plan is in force"));
    return 0;
}
