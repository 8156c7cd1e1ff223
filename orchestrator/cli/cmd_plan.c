/* zaibei plan validate and next, zaibei status; the life of plans is in cmd_life.c and cmd_versions.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "planfile.h"
#include "wrap/http.h"
#include "wrap/table.h"
#include "wrap/yaml.h"

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
    int rc = planfile_load(c->argv[0], &b, &p, e);
    if (rc == 0) {
        report(c, &p);
        plan_free(&p);
    }
    buf_free(&b);
    return rc;
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
        cli_labels(js_get(run, "labels"), labels, sizeof labels);
        table_row(t, start, end, cli_word(run, "kind"), labels);
    }
    table_print(t, _("nothing is scheduled"));
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
    if (js_bool(j, "people_off", false))
        cli_show(_("people"), _("OFF: whoever may open the socket may do everything, and approve what they submitted"));
    char jobs[400] = "";
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        size_t n = strlen(jobs);
        snprintf(jobs + n, sizeof jobs - n, "%s%s %lld", n ? ", " : "", cli_known(states[i]),
            (long long)js_int(js_get(j, "jobs"), states[i], 0));
    }
    cli_show(_("jobs"), jobs);
    cli_missing_year(js_int(j, "missing_year", 0));
    static const char *const counts[] = {"steps_waiting", "steps_overdue", "orders_open", "drills_overdue"};
    const char *const names[] = {_("steps waiting"), _("steps overdue"), _("orders open"), _("drills overdue")};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char n[32];
        snprintf(n, sizeof n, "%lld", (long long)js_int(j, counts[i], 0));
        cli_show(names[i], n);
    }
    js_free(j);
    return 0;
}
