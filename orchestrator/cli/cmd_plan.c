/* zaibei plan: validate needs nothing but the file; the others ask zaibeid. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "plan/plan.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"
#include "wrap/yaml.h"

/* Plans that name no zone are checked with this one; zaibeid's own configuration says which it will be. */
static const char zone_without_config[] = "Asia/Shanghai";

static int read_file(const char *path, struct buf *b, struct err *e) {
    char real[4096];
    if (!realpath(path, real)) return err_sys(e, path, _("open"));
    if (file_load(AT_FDCWD, real, YAML_BYTES_MAX, b, e) == 0) return 0;
    if (e->id == ZE_DAMAGED) err_set(e, ZE_CONFIG, path, _("larger than 1 MiB"));
    return -1;
}

static int check(const char *path, struct buf *b, struct plan *p, struct err *e) {
    if (read_file(path, b, e) < 0) return -1;
    return plan_parse(path, b->p ? b->p : (const uint8_t *)"", b->len, zone_without_config, p, e);
}

static void report(struct cli *c, const struct plan *p) {
    char hash[65], hosts[600];
    text_hex(hash, p->hash, sizeof p->hash);
    if (c->json) {
        struct js *j = js_object();
        js_set_str(j, "name", p->name);
        js_set_str(j, "system", p->system);
        js_set_str(j, "hash", hash);
        js_set_bool(j, "backup", p->backup);
        js_set(j, "hosts", js_copy(js_get(p->form, "hosts")));
        cli_line("plan", j);
        return;
    }
    cli_words(js_get(p->form, "hosts"), hosts, sizeof hosts);
    printf(_("plan %s is valid\n"), p->name);
    cli_show(_("system"), p->system);
    cli_show(_("hosts"), hosts);
    cli_show(_("hash"), hash);
}

int cmd_plan_validate(struct cli *c, struct err *e) {
    struct buf b;
    struct plan p;
    buf_init(&b, YAML_BYTES_MAX + 1);
    int rc = check(c->argv[0], &b, &p, e);
    if (rc == 0) {
        report(c, &p);
        plan_free(&p);
    }
    buf_free(&b);
    return rc;
}

static void print_next(const struct js *j) {
    const struct js *run = js_get(j, "next");
    char when[32], labels[64], line[128];
    cli_time(run, "start", when);
    cli_words(js_get(run, "labels"), labels, sizeof labels);
    snprintf(line, sizeof line, "%s  %s  (%s)", when, js_str(run, "kind", ""), labels);
    cli_show(_("next run"), run ? line : "–");
}

static void print_plan(const struct js *j) {
    char hosts[600], applied[32], version[32];
    cli_words(js_get(j, "hosts"), hosts, sizeof hosts);
    cli_time(j, "applied", applied);
    snprintf(version, sizeof version, "%lld", (long long)js_int(j, "version", 0));
    cli_show(_("plan"), js_str(j, "name", ""));
    cli_show(_("version"), version);
    cli_show(_("hash"), js_str(j, "hash", ""));
    cli_show(_("applied"), applied);
    cli_show(_("system"), js_str(j, "system", ""));
    cli_show(_("hosts"), hosts);
    cli_show(_("zone"), js_str(j, "zone", ""));
    print_next(j);
}

int cmd_plan_apply(struct cli *c, struct err *e) {
    struct buf b;
    struct plan p;
    char path[1200], file[900];
    buf_init(&b, YAML_BYTES_MAX + 1);
    int rc = check(c->argv[0], &b, &p, e); /* here too: errors then name the file as it was typed */
    if (rc == 0 && cli_option(c, "dry-run")) {
        report(c, &p);
        plan_free(&p);
    } else if (rc == 0) {
        plan_free(&p);
        http_escape(file, sizeof file, c->argv[0]);
        snprintf(path, sizeof path, "/v1/plans?file=%s", file);
        struct js *j = cli_call(c, "POST", path, "application/yaml", b.p, b.len, e);
        if (!j) rc = -1;
        else if (c->json) cli_line("plan", j);
        else print_plan(j), js_free(j);
    }
    buf_free(&b);
    return rc;
}

int cmd_plan_show(struct cli *c, struct err *e) {
    char path[500], name[200], number[64] = "";
    const char *version = cli_option(c, "version");
    http_escape(name, sizeof name, c->argv[0]);
    if (version) http_escape(number, sizeof number, version);
    snprintf(path, sizeof path, "/v1/plans/%s%s%s", name, version ? "?version=" : "", number);
    struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) return cli_line("plan", j), 0;
    print_plan(j);
    printf("\n%s", js_str(j, "text", ""));
    js_free(j);
    return 0;
}

int cmd_plan_next(struct cli *c, struct err *e) {
    char path[300], name[200], count[64] = "5";
    const char *o = cli_option(c, "count");
    http_escape(name, sizeof name, c->argv[0]);
    if (o) http_escape(count, sizeof count, o);
    snprintf(path, sizeof path, "/v1/plans/%s/next?count=%s", name, count);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    const struct js *runs = js_get(j, "runs");
    if (c->json) return cli_each("run", runs), 0;
    struct table *t = table_new(_("STARTS FROM|UNTIL|KIND|LABELS"));
    for (size_t i = 0; i < js_count(runs); i++) {
        char start[32], end[32], labels[64];
        const struct js *run = js_at(runs, i);
        cli_time(run, "start", start), cli_time(run, "end", end);
        cli_words(js_get(run, "labels"), labels, sizeof labels);
        table_row(t, start, end, js_str(run, "kind", ""), labels);
    }
    table_print(t, _("nothing is scheduled"));
    return 0;
}

int cmd_plan_list(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = cli_get(c, "/v1/plans", e);
    if (!j) return -1;
    const struct js *plans = js_get(j, "plans");
    if (c->json) return cli_each("plan", plans), 0;
    struct table *t = table_new(_("PLAN|>VERSION|SYSTEM|HOSTS|NEXT RUN|KIND"));
    for (size_t i = 0; i < js_count(plans); i++) {
        char version[32], hosts[200], next[32];
        const struct js *p = js_at(plans, i), *run = js_get(p, "next");
        snprintf(version, sizeof version, "%lld", (long long)js_int(p, "version", 0));
        cli_words(js_get(p, "hosts"), hosts, sizeof hosts);
        cli_time(run, "start", next);
        table_row(t, js_str(p, "name", ""), version, js_str(p, "system", ""), hosts, next, js_str(run, "kind", ""));
    }
    table_print(t, _("no plans yet; put one into force with: zaibei plan apply FILE"));
    return 0;
}

int cmd_status(struct cli *c, struct err *e) {
    struct js *j = cli_get(c, "/v1/status", e);
    if (!j) return -1;
    if (c->json) return cli_line("status", j), 0;
    if (js_bool(j, "people_off", false))
        puts(_("PEOPLE ARE OFF: whoever opens zaibeid's socket may do everything, recorded as \"local\"."));
    static const char *const states[] = {
        "queued", "running", "ok", "partial", "failed", "missed", "skipped", "cancelled"};
    cli_show(_("version"), js_str(j, "version", ""));
    cli_show(_("time"), js_str(j, "time", ""));
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        char n[32];
        snprintf(n, sizeof n, "%lld", (long long)js_int(js_get(j, "jobs"), states[i], 0));
        cli_show(states[i], n);
    }
    js_free(j);
    return 0;
}
