/* zaibei host and zaibei point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "wrap/http.h"
#include "wrap/table.h"

static void host_path(char *out, size_t cap, const char *head, const char *host, const char *tail) {
    char name[200];
    http_escape(name, sizeof name, host);
    snprintf(out, cap, "%s%s%s", head, name, tail);
}

int cmd_host_token(struct cli *c, struct err *e) {
    char path[300];
    const char *system = cli_option(c, "system"), *expires = cli_option(c, "expires");
    if (!system) return err_set(e, ZE_USAGE, "--system", _("say to which system the host belongs"));
    if (expires && !cli_seconds(expires)) return err_set(e, ZE_USAGE, expires, _("expected a time such as 30m, 24h or 7d"));
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "system", system);
    if (expires) js_set_int(q, "expires_s", cli_seconds(expires));
    host_path(path, sizeof path, "/v1/hosts/", c->argv[0], "/token");
    struct js *j = cli_post_secret(c, path, q, e);
    if (!j) return -1;
    if (c->json) return cli_line("token", j), 0;
    puts(js_str(j, "token", "")); /* nothing else on standard output: it is piped into files */
    if (isatty(STDOUT_FILENO))
        fprintf(stderr, _("Give this line to %s: zaibei-agent enroll. It is valid once, until %s.\n"), c->argv[0],
            js_str(j, "expires", "?"));
    js_free(j);
    return 0;
}

int cmd_host_list(struct cli *c, struct err *e) {
    char stale[200];
    CLEANUP_JS struct js *hosts = cli_pages_stale(c, "/v1/hosts", "hosts", stale, e);
    if (!hosts) return -1;
    if (*stale) fprintf(stderr, _("zaibei: the vault could not be asked (%s); this is what was known last\n"), stale);
    if (c->json) return cli_each("host", hosts), 0;
    struct table *t = table_new(_("HOST|SYSTEM|STATE|>POINTS|LAST POINT|>RPO|LAST SEEN|AGENT"));
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *h = js_at(hosts, i);
        char points[32], last[32], rpo[32], seen[32];
        snprintf(points, sizeof points, "%lld", (long long)js_int(h, "points", 0));
        cli_time(h, "last_time", last), cli_span(h, "rpo_s", rpo), cli_time(h, "seen", seen);
        table_row(t, js_str(h, "host", ""), js_str(h, "system", ""), cli_word(h, "state"), points, last, rpo, seen,
            js_str(h, "agent_version", ""));
    }
    table_print(t, _("no hosts yet; invite one with: zaibei host enroll-token HOST --system SYSTEM"));
    return 0;
}

int cmd_host_revoke(struct cli *c, struct err *e) {
    char path[300], typed[100] = "";
    const char *reason = cli_option(c, "reason");
    if (!cli_option(c, "yes")) { /* what cannot be undone wants the name typed */
        if (!isatty(STDIN_FILENO))
            return err_set(e, ZE_USAGE, c->argv[0], _("say --yes to revoke without being asked"));
        fprintf(stderr, _("Type the name of the host to revoke it: "));
        if (!fgets(typed, sizeof typed, stdin)) *typed = 0;
        typed[strcspn(typed, "\n")] = 0;
        if (strcmp(typed, c->argv[0]) != 0) return err_set(e, ZE_CANCELLED, c->argv[0], _("not revoked"));
    }
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "reason", reason ? reason : "");
    host_path(path, sizeof path, "/v1/hosts/", c->argv[0], "/revoke");
    struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    if (c->json) return cli_line("host", j), 0;
    printf(_("host %s is revoked; its restore points stay\n"), c->argv[0]);
    js_free(j);
    return 0;
}

/* ---- points ---- */

static void point_row(struct table *t, const struct js *p) {
    char name[100], when[32], labels[100], files[32], read[32], sent[32], stored[32];
    snprintf(name, sizeof name, "%s/%lld", js_str(p, "host", ""), (long long)js_int(p, "point", 0));
    snprintf(files, sizeof files, "%lld", (long long)js_int(p, "files", 0));
    cli_time(p, "time", when);
    cli_labels(js_get(p, "labels"), labels, sizeof labels);
    cli_bytes(p, "bytes_read", read), cli_bytes(p, "bytes_sent", sent), cli_bytes(p, "bytes_stored", stored);
    table_row(t, name, when, cli_word(p, "kind"), labels, cli_word(p, "state"), files, read, sent, stored);
}

static int list_one(struct cli *c, const char *host, struct table *t, struct err *e) {
    char path[300];
    host_path(path, sizeof path, "/v1/points/", host, "");
    CLEANUP_JS struct js *points = cli_pages(c, path, "points", e);
    if (!points) return -1;
    if (c->json) cli_each("point", points);
    for (size_t i = 0; !c->json && i < js_count(points); i++) point_row(t, js_at(points, i));
    return 0;
}

/* Of all hosts: a page where --limit or --after is given, else one page after the other. */
static int list_all(struct cli *c, struct table *t, char next[200], struct err *e) {
    static const char *const names[] = {"since", "state", "text", "limit", "after", NULL};
    char path[800] = "/v1/points", stale[200] = "";
    cli_filters(c, names, path, sizeof path);
    bool page = cli_option(c, "limit") || cli_option(c, "after");
    CLEANUP_JS struct js *j = page ? cli_get(c, path, e) : NULL;
    CLEANUP_JS struct js *all = page ? NULL : cli_pages_stale(c, path, "points", stale, e);
    const struct js *points = page ? js_get(j, "points") : all;
    if (!points) return -1;
    snprintf(next, 200, "%s", js_str(j, "next", ""));
    if (page) snprintf(stale, sizeof stale, "%s", js_str(j, "stale", ""));
    if (*stale) fprintf(stderr, _("zaibei: the vault could not be asked (%s); this is what was known last\n"), stale);
    if (c->json) cli_each("point", points);
    for (size_t i = 0; !c->json && i < js_count(points); i++) point_row(t, js_at(points, i));
    return 0;
}

int cmd_point_list(struct cli *c, struct err *e) {
    char next[200] = "";
    if (c->argc && (cli_option(c, "since") || cli_option(c, "state") || cli_option(c, "text") || cli_option(c, "limit") ||
                       cli_option(c, "after")))
        return err_set(e, ZE_USAGE, c->argv[0], _("--since, --state, --text, --limit and --after are for the list of all hosts"));
    struct table *t = c->json ? NULL : table_new(_("POINT|TIME|KIND|LABELS|STATE|>FILES|>READ|>SENT|>STORED"));
    int rc = c->argc ? list_one(c, c->argv[0], t, e) : list_all(c, t, next, e);
    if (rc == 0) table_print(t, cli_none(c, _("no restore points yet; make one with: zaibei job run HOST")));
    if (rc == 0 && *next && !c->json) printf(_("older ones: --after %s\n"), next);
    return rc;
}

int cmd_point_show(struct cli *c, struct err *e) {
    char path[500], host[200], number[200];
    const char *slash = strchr(c->argv[0], '/');
    int system = cli_system_point(c->argv[0], path, sizeof path, "");
    if (system)
        return system > 0 ? cmd_system_point_show(c, path, e)
                          : err_set(e, ZE_USAGE, c->argv[0], _("expected SYSTEM@NUMBER"));
    if (!slash) return err_set(e, ZE_USAGE, c->argv[0], _("expected HOST/NUMBER or HOST/latest"));
    snprintf(host, sizeof host, "%.*s", (int)(slash - c->argv[0] < 64 ? slash - c->argv[0] : 64), c->argv[0]);
    http_escape(number, sizeof number, slash + 1);
    host_path(path, sizeof path, "/v1/points/", host, "/");
    strncat(path, number, sizeof path - strlen(path) - 1);
    struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) return cli_line("point", j), 0;
    static const char *const texts[] = {
        "host", "time", "kind", "state", "walk_start", "retain_until", "protected_until", "protected_by", "pinned_until",
        "generation", "plan_hash", "ticket"};
    static const char *const numbers[] = {
        "point", "parent", "files", "bytes", "bytes_read", "bytes_sent", "bytes_stored"};
    char value[100];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cli_field(j, texts[i]);
    cli_labels(js_get(j, "labels"), value, sizeof value);
    cli_show(_("labels"), value);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) cli_number(j, numbers[i]);
    js_free(j);
    return 0;
}
