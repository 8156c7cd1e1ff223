/* zaibei migrate list, show and report. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "cli.h"
#include "migrate.h"
#include "migrate/report.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"

static void join(const struct js *list, char *out, size_t cap) {
    size_t n = 0;
    *out = 0;
    for (size_t i = 0; i < js_count(list) && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "," : "", js_str(js_at(list, i), "host", ""));
}

static void left_text(const struct js *j, char out[100]) {
    if (!js_has(j, "window_end")) snprintf(out, 100, "–");
    else if (!js_has(j, "days_left")) snprintf(out, 100, "%s", _("not known: the vault's time is in doubt"));
    else
        snprintf(out, 100, _("%lld days, %lld of them working days"), (long long)js_int(j, "days_left", 0),
            (long long)js_int(j, "workdays_left", 0));
}

static void pinned_show(const struct js *list) {
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *o = js_at(list, i);
        char line[200], until[32];
        if (!js_int(o, "point", 0)) continue;
        cli_time(o, "pinned_until", until);
        snprintf(
            line, sizeof line, _("%s/%lld until %s"), js_str(o, "host", ""), (long long)js_int(o, "point", 0), until);
        cli_show(_("pinned"), line);
    }
}

void migrate_print_checks(const struct js *j) {
    const struct js *list = js_get(j, "checks");
    struct table *t = table_new(_("CHECK|HOST|FOUND"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *x = js_at(list, i);
        table_row(t, cli_word(x, "check"), js_str(x, "host", ""),
            js_bool(x, "ok", false) ? _("good") : js_str(x, "why", ""));
    }
    table_print(t, _("it was not judged yet"));
}

void migrate_print(const struct js *j) {
    char originals[4200], targets[4200], end[32], left[100], rto[32];
    join(js_get(j, "originals"), originals, sizeof originals), join(js_get(j, "targets"), targets, sizeof targets);
    cli_time(j, "window_end", end), cli_span(j, "rto_s", rto), left_text(j, left);
    cli_show(_("migration"), js_str(j, "migration", ""));
    cli_show(_("system"), js_str(j, "system", ""));
    cli_field(j, "state");
    cli_show(_("originals"), originals);
    cli_show(_("targets"), targets);
    int64_t restore = js_int(js_get(j, "rollback"), "restore", 0);
    char line[200];
    snprintf(line, sizeof line, _("%lld; grants: zaibei restore show %lld --kit FILE"), (long long)restore,
        (long long)restore);
    if (restore) cli_show(_("restore"), line);
    cli_span(js_get(j, "rollback"), "took_s", line);
    if (js_has(js_get(j, "rollback"), "took_s")) cli_show(_("way back took"), line);
    if (js_str(j, "failed", NULL)) cli_show(_("failed"), js_str(j, "failed", ""));
    if (js_str(j, "asked_by", NULL) && !strcmp(js_str(j, "state", ""), "closing"))
        cli_show(_("close asked by"), js_str(j, "asked_by", ""));
    if (!js_has(j, "window_end")) return;
    cli_show(_("last day"), js_str(j, "last_day", "")), cli_show(_("window ends"), end), cli_show(_("left"), left);
    if (js_str(j, "extending_to", NULL)) {
        cli_time(j, "extending_to", end);
        cli_show(_("asked for until"), end); /* pinned as soon as the vault answers */
    }
    pinned_show(js_get(j, "originals"));
    cli_time(j, "next_verify", end);
    cli_show(_("checked next"), end);
    if (js_int(j, "rto_drill", 0))
        snprintf(line, sizeof line, _("%s, as drill %lld has measured"), rto, (long long)js_int(j, "rto_drill", 0));
    else snprintf(line, sizeof line, _("%s, as restores have measured"), rto);
    cli_show(_("way back takes"), js_has(j, "rto_s") ? line : _("not measured yet: a drill or a restore tells"));
}

static struct js *get(struct cli *c, struct err *e) {
    char path[300], name[200];
    http_escape(name, sizeof name, c->argv[0]);
    snprintf(path, sizeof path, "/v1/migrations/%s", name);
    return cli_get(c, path, e);
}

int cmd_migrate_list(struct cli *c, struct err *e) {
    char path[300] = "/v1/migrations", state[100];
    if (cli_option(c, "state")) {
        http_escape(state, sizeof state, cli_option(c, "state"));
        snprintf(path, sizeof path, "/v1/migrations?state=%s", state);
    }
    CLEANUP_JS struct js *list = cli_pages(c, path, "migrations", e);
    if (!list) return -1;
    if (c->json) return cli_each("migration", list), 0;
    struct table *t = table_new(_("MIGRATION|SYSTEM|STATE|LAST DAY|LEFT|ORIGINALS"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i);
        char left[100], hosts[4200];
        left_text(j, left), join(js_get(j, "originals"), hosts, sizeof hosts);
        table_row(t, js_str(j, "migration", ""), js_str(j, "system", ""), cli_word(j, "state"),
            js_str(j, "last_day", "–"), left, hosts);
    }
    table_print(t, cli_none(c, _("no migrations yet; open one with: zaibei migrate begin CASE --system S --original HOST --target HOST")));
    return 0;
}

int cmd_migrate_show(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = get(c, e);
    if (!j) return -1;
    if (c->json) return cli_line("migration", js_copy(j)), 0;
    migrate_print(j);
    migrate_print_checks(j);
    const struct js *steps = js_get(j, "steps");
    struct table *t = table_new(_("TIME|ACT|STATE|WHO|TEXT"));
    for (size_t i = 0; i < js_count(steps); i++) {
        const struct js *s = js_at(steps, i);
        char when[32];
        cli_time(s, "time", when);
        table_row(t, when, cli_word(s, "act"), cli_word(s, "state"), js_str(s, "who", ""), js_str(s, "text", ""));
    }
    table_print(t, "");
    return 0;
}

int cmd_migrate_report(struct cli *c, struct err *e) {
    const char *out = cli_option(c, "out");
    CLEANUP_JS struct js *j = get(c, e);
    struct buf b;
    if (!j) return -1;
    buf_init(&b, 4 << 20);
    migrate_report(j, &b);
    int rc = buf_ok(&b) ? 0 : err_set(e, ZE_NOMEM, c->argv[0], "report");
    if (rc == 0 && out) rc = file_replace(AT_FDCWD, out, b.p, b.len, 0644, e);
    else if (rc == 0) fwrite(b.p, 1, b.len, stdout);
    buf_free(&b);
    return rc;
}
