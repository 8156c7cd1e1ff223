/* zaibei plan submit … retire: the acts. Whoever decides sees first what they decide on, and the answer names that version to
 * zaibeid, so that nothing can be slipped in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "planfile.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/yaml.h"

int cli_sure(struct cli *c, const char *what, const char *name, struct err *e) {
    char typed[300] = "";
    if (cli_option(c, "yes")) return 0;
    if (!isatty(STDIN_FILENO)) return err_set(e, ZE_USAGE, name, _("say --yes to go on without being asked"));
    fprintf(stderr, "%s ", what);
    if (!fgets(typed, sizeof typed, stdin)) *typed = 0;
    typed[strcspn(typed, "\n")] = 0;
    return strcmp(typed, name) == 0 ? 0 : err_set(e, ZE_CANCELLED, name, _("nothing was done"));
}

static void cost_host(const struct js *h) {
    char full[32], incremental[32], span[32], line[200];
    const char *source = js_str(h, "source", "");
    cli_bytes(h, "full_bytes", full), cli_bytes(h, "incremental_bytes", incremental);
    cli_span(h, "full_s", span);
    snprintf(line, sizeof line, _("full %s, incremental %s (%s); a full takes %s"), full, incremental,
        !strcmp(source, "points")     ? _("as measured")
            : !strcmp(source, "form") ? _("by the form")
                                      : _("unknown"),
        span);
    cli_show(js_str(h, "host", ""), line);
}

static void cost_warning(const struct js *w) {
    static const struct {
        const char *kind, *text;
    } texts[] = {
        {"host-in-other-plan", N_("another plan backs it up too")},
        {"full-longer-than-window", N_("a full takes longer than the window")},
        {"more-than-quota", N_("more than the quota within a year")},
        {"fulls-do-not-fit-space", N_("the vault has no room for the fulls")},
        {"more-than-free-space", N_("more than the vault has free now, within a year")},
        {"size-unknown", N_("how large it will be is not known: no points yet, and no disk size on the form")},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].kind, js_str(w, "kind", "")))
            printf("  ! %s%s%s\n", js_str(w, "host", ""), js_has(w, "host") ? ": " : "", _(texts[i].text));
}

void cli_plan_cost(const struct js *j) {
    char year[32], peak[32], quota[32], line[200];
    const struct js *hosts = js_get(j, "hosts"), *warnings = js_get(j, "warnings");
    puts(_("What it will cost:"));
    for (size_t i = 0; i < js_count(hosts); i++) cost_host(js_at(hosts, i));
    cli_bytes(j, "year_bytes", year), cli_bytes(j, "peak_bytes", peak), cli_bytes(j, "quota_bytes", quota);
    snprintf(line, sizeof line, _("%s after a year, %s at most; %lld points"), year, peak,
        (long long)js_int(j, "points", 0));
    cli_show(_("space"), line);
    if (js_has(j, "quota_bytes")) {
        snprintf(line, sizeof line, js_bool(j, "fits_quota", false) ? _("%s: fits") : _("%s: does not fit"), quota);
        cli_show(_("quota"), line);
    }
    for (size_t i = 0; i < js_count(warnings); i++) cost_warning(js_at(warnings, i));
    if (js_str(j, "stale", NULL)) cli_show(_("not asked"), js_str(j, "stale", ""));
}

/* Who does what next, as they would type it. */
static void next_step(const struct js *j) {
    static const struct {
        const char *waits_for, *text;
    } steps[] = {
        {"review", N_("next, by the office: zaibei plan review %s")},
        {"approval", N_("next, by the office: zaibei plan approve %s")},
        {"execution", N_("next: the first run does it, or now: zaibei job run %s")},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!strcmp(steps[i].waits_for, js_str(j, "waits_for", ""))) printf(_(steps[i].text), js_str(j, "name", "")), puts("");
}

static void told(struct cli *c, struct js *j) {
    if (c->json) return cli_line("plan", j);
    printf(_("plan %s version %lld is %s\n"), js_str(j, "name", ""), (long long)js_int(j, "version", 0),
        cli_word(j, "state"));
    if (js_str(j, "waits_for", NULL)) {
        char due[32];
        cli_time(j, "due", due);
        printf(_("it waits for %s, due %s\n"), cli_word(j, "waits_for"), due);
        next_step(j);
    }
    cli_approvals(j);
    js_free(j);
}

int cmd_plan_submit(struct cli *c, struct err *e) {
    struct buf b;
    struct plan p;
    char path[1200], file[900];
    bool dry = cli_option(c, "dry-run");
    buf_init(&b, YAML_BYTES_MAX + 1);
    int rc = planfile_load(c->argv[0], &b, &p, e);
    if (rc == 0) {
        plan_free(&p);
        http_escape(file, sizeof file, c->argv[0]);
        snprintf(path, sizeof path, "/v1/plans?file=%s%s%s", file, dry ? "&dry_run=1" : "",
            cli_option(c, "draft") ? "&draft=1" : "");
        struct js *j = cli_call(c, "POST", path, "application/yaml", b.p, b.len, e);
        if (!j) rc = -1;
        else if (!dry) told(c, j);
        else if (c->json) cli_line("cost", j);
        else cli_plan_cost(j), js_free(j);
    }
    buf_free(&b);
    return rc;
}

static void plan_path(const struct cli *c, const char *tail, char *out, size_t cap) {
    char name[200];
    http_escape(name, sizeof name, c->argv[0]);
    snprintf(out, cap, "/v1/plans/%s%s", name, tail);
}

static int set_version(const struct cli *c, struct js *q, struct err *e) {
    uint64_t n;
    const char *s = cli_option(c, "version");
    if (!s) return 0;
    if (!text_u64(s, INT64_MAX, &n) || !n) return err_set(e, ZE_USAGE, s, _("expected a version number"));
    js_set_int(q, "version", (int64_t)n);
    return 0;
}

/* Post an act with its text; ${q} may hold more. */
static int act(struct cli *c, const char *verb, const char *option, struct js *q, struct err *e) {
    char path[300], tail[32];
    const char *text = option ? cli_option(c, option) : NULL;
    if (text) js_set_str(q, option, text);
    if (set_version(c, q, e) < 0) return -1;
    snprintf(tail, sizeof tail, "/%s", verb);
    plan_path(c, tail, path, sizeof path);
    struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    told(c, j);
    return 0;
}

static int plain(struct cli *c, const char *verb, const char *option, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    return act(c, verb, option, q, e);
}

int cmd_plan_review(struct cli *c, struct err *e) { return plain(c, "review", "opinion", e); }
int cmd_plan_reject(struct cli *c, struct err *e) { return plain(c, "reject", "reason", e); }
int cmd_plan_withdraw(struct cli *c, struct err *e) { return plain(c, "withdraw", "reason", e); }
int cmd_plan_suspend(struct cli *c, struct err *e) { return plain(c, "suspend", "reason", e); }
int cmd_plan_resume(struct cli *c, struct err *e) { return plain(c, "resume", NULL, e); }

/* What waits: the version on its way with its changes and cost, or else the retirement that was asked for. */
static struct js *waiting(struct cli *c, struct err *e) {
    char path[300];
    struct err none = ERR_INIT;
    plan_path(c, "?version=open", path, sizeof path);
    struct js *j = cli_get(c, path, &none);
    if (j) return j;
    if (none.id != ZE_NOTFOUND) return *e = none, NULL;
    plan_path(c, "", path, sizeof path);
    return cli_get(c, path, e);
}

static void print_value(const char *sign, const struct js *row, const char *key) {
    char text[700];
    const char *s = js_str(row, key, NULL);
    CLEANUP_FREE char *list = !s && js_get(row, key) ? js_dump(js_get(row, key)) : NULL;
    if (!s && !list) return;
    text_escape(text, sizeof text, s ? s : list, strlen(s ? s : list));
    printf("    %s %s\n", sign, text);
}

void cli_approvals(const struct js *j) {
    const struct js *a = js_get(j, "approvals");
    char by[700], line[800];
    if (js_int(a, "needed", 1) < 2) return;
    cli_words(js_get(a, "by"), by, sizeof by);
    snprintf(line, sizeof line, _("%lld of %lld people of the office: %s"), (long long)js_count(js_get(a, "by")),
        (long long)js_int(a, "needed", 1), *by ? by : "–");
    cli_show(_("approved by"), line);
}

static void print_waiting(const struct js *j, const struct js *cost) {
    char number[32];
    const struct js *changes = js_get(j, "changes"), *r = js_get(j, "retirement");
    snprintf(number, sizeof number, "%lld", (long long)js_int(j, "version", 0));
    cli_show(_("plan"), js_str(j, "name", ""));
    cli_show(_("version"), number);
    cli_field(j, "state");
    cli_show(_("department"), js_str(j, "department", ""));
    cli_approvals(j);
    for (size_t i = 0; i < js_count(changes); i++) {
        printf("  %s\n", js_str(js_at(changes, i), "field", ""));
        print_value("-", js_at(changes, i), "old"), print_value("+", js_at(changes, i), "new");
    }
    if (r) {
        cli_show(_("retirement"), js_str(r, "reason", ""));
        cli_show(_("keep backups"), js_bool(r, "keep_backups", true) ? _("yes") : _("no"));
        cli_show(_("keep VM files"), js_bool(r, "keep_vm_files", true) ? _("yes") : _("no"));
        cli_show(_("kept at"), js_str(r, "place", ""));
    }
    if (cost) cli_plan_cost(cost);
}

int cmd_plan_approve(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = waiting(c, e), *q = js_object(), *cost = NULL;
    char path[300], what[300];
    struct err why = ERR_INIT;
    if (!j) return -1;
    plan_path(c, "/cost?version=open", path, sizeof path);
    if (!js_get(j, "retirement")) cost = cli_get(c, path, &why);
    if (!c->json) print_waiting(j, cost);
    js_set_int(q, "version", js_int(j, "version", 0));
    snprintf(what, sizeof what, _("Type %s to approve it:"), c->argv[0]);
    return cli_sure(c, what, c->argv[0], e) < 0 ? -1 : act(c, "approve", "opinion", q, e);
}

/* ---- retiring: the three questions of form 3 ---- */

/* An answer among two words, by option or on the terminal. */
static int question(
    struct cli *c, const char *option, const char *text, const char *const words[2], int *out, struct err *e) {
    char typed[100] = "";
    const char *s = cli_option(c, option);
    if (!s && isatty(STDIN_FILENO)) {
        fprintf(stderr, "%s (%s/%s) ", text, words[0], words[1]);
        if (fgets(typed, sizeof typed, stdin)) typed[strcspn(typed, "\n")] = 0;
        s = typed;
    }
    for (*out = 0; *out < 2; ++*out)
        if (s && !strcmp(s, words[*out])) return 0;
    return err_set(e, ZE_USAGE, option, _("--%s: expected %s or %s"), option, words[0], words[1]);
}

int cmd_plan_retire(struct cli *c, struct err *e) {
    static const char *const keep[2] = {"keep", "drop"}, *const where[2] = {"self", "platform"};
    CLEANUP_JS struct js *q = js_object();
    int backups, files, place = 0;
    char what[300];
    if (question(c, "backups", _("The backups: keep or drop them?"), keep, &backups, e) < 0 ||
        question(c, "vm-files", _("The files of the virtual machines: keep or drop them?"), keep, &files, e) < 0)
        return -1;
    bool any = !backups || !files;
    if (any &&
        question(c, "place", _("Where is kept what is kept: by the department itself, or at the platform?"), where,
            &place, e) < 0)
        return -1;
    js_set_bool(q, "keep_backups", !backups);
    js_set_bool(q, "keep_vm_files", !files);
    if (any) js_set_str(q, "place", where[place]);
    snprintf(what, sizeof what, _("Type %s to ask for its end:"), c->argv[0]);
    return cli_sure(c, what, c->argv[0], e) < 0 ? -1 : act(c, "retire", "reason", q, e);
}
