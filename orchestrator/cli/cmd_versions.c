/* zaibei plan show, list, history, drift, orders, confirm: what there is, for people or as JSON lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"

static void path_of(char *out, size_t cap, const char *name, const char *tail) {
    char escaped[200];
    http_escape(escaped, sizeof escaped, name);
    snprintf(out, cap, "/v1/plans/%s%s", escaped, tail);
}

/* Add "name=value" to a path, with ? or &. */
static void query(char *path, size_t cap, const char *name, const char *value) {
    char escaped[300];
    size_t n = strlen(path);
    http_escape(escaped, sizeof escaped, value);
    snprintf(path + n, cap - n, "%c%s=%s", strchr(path, '?') ? '&' : '?', name, escaped);
}

/* All pages of a list, one after the other; each element is handed to ${row}. */
static int pages(struct cli *c, const char *path, const char *key, const char *type,
    void (*row)(struct table *, const struct js *), struct table *t, struct err *e) {
    char next[200] = "", page[900];
    do {
        snprintf(page, sizeof page, "%s", path);
        if (*next) query(page, sizeof page, "after", next);
        CLEANUP_JS struct js *j = cli_get(c, page, e);
        if (!j) return -1;
        const struct js *list = js_get(j, key);
        if (c->json) cli_each(type, list);
        for (size_t i = 0; !c->json && i < js_count(list); i++) row(t, js_at(list, i));
        snprintf(next, sizeof next, "%s", js_str(j, "next", ""));
    } while (*next);
    return 0;
}

/* ---- list ---- */

/* Its end was asked for, and has not come. */
static bool leaves(const struct js *p) { return js_has(p, "retirement") && strcmp(js_str(p, "state", ""), "retired") != 0; }

static void plan_row(struct table *t, const struct js *p) {
    char version[32], hosts[200], next[32], state[80];
    const struct js *run = js_get(p, "next"), *open = js_get(p, "open");
    snprintf(version, sizeof version, "%lld", (long long)js_int(p, "version", 0));
    snprintf(state, sizeof state, leaves(p) ? _("%s, leaving") : "%s", cli_word(p, "state"));
    if (open)
        snprintf(state, sizeof state, _("%s (version %lld: %s)"), cli_word(p, "state"),
            (long long)js_int(open, "version", 0), cli_word(open, "state"));
    cli_words(js_get(p, "hosts"), hosts, sizeof hosts);
    cli_time(run, "start", next);
    table_row(t, js_str(p, "name", ""), version, state, js_str(p, "system", ""), hosts, next, cli_word(run, "kind"));
}

static void step_row(struct table *t, const struct js *p) {
    char version[32], since[32], due[32];
    snprintf(version, sizeof version, "%lld", (long long)js_int(p, "version", 0));
    cli_time(p, "since", since), cli_time(p, "due", due);
    table_row(t, js_str(p, "name", ""), version, js_str(p, "department", ""), cli_word(p, "waits_for"), since, due,
        js_bool(p, "overdue", false) ? _("overdue") : leaves(p) ? _("retirement") : "");
}

int cmd_plan_list(struct cli *c, struct err *e) {
    char path[500];
    const char *state = cli_option(c, "state");
    bool overdue = cli_option(c, "overdue"), steps = overdue || cli_option(c, "waiting");
    snprintf(path, sizeof path, "%s", steps ? "/v1/steps" : "/v1/plans");
    if (overdue) query(path, sizeof path, "overdue", "1");
    if (cli_option(c, "versions")) query(path, sizeof path, "versions", "1");
    if (state) query(path, sizeof path, "state", state);
    struct table *t = c->json ? NULL
        : steps               ? table_new(_("PLAN|>VERSION|DEPARTMENT|WAITS FOR|SINCE|DUE|"))
                              : table_new(_("PLAN|>VERSION|STATE|SYSTEM|HOSTS|NEXT RUN|KIND"));
    int rc = pages(c, path, steps ? "steps" : "plans", steps ? "step" : "plan", steps ? step_row : plan_row, t, e);
    if (!c->json)
        table_print(t,
            rc < 0      ? ""
                : steps ? _("nothing waits")
                        : cli_none(c, _("no plans yet; ask for one with: zaibei plan submit FILE")));
    return rc;
}

/* ---- show, history ---- */

static void print_steps(const struct js *steps) {
    struct table *t = table_new(_("TIME|>VERSION|ACT|STATE|WHO|WHAT WAS SAID"));
    for (size_t i = 0; i < js_count(steps); i++) {
        const struct js *s = js_at(steps, i);
        char when[32], version[32];
        cli_time(s, "time", when);
        snprintf(version, sizeof version, "%lld", (long long)js_int(s, "version", 0));
        table_row(t, when, version, cli_word(s, "act"), cli_word(s, "state"), js_str(s, "who", ""),
            js_str(s, "text", ""));
    }
    table_print(t, _("no steps yet"));
}

static void print_changes(const struct js *j) {
    const struct js *changes = js_get(j, "changes");
    if (!changes) return;
    printf(_("\nchanged against version %lld:\n"), (long long)js_int(j, "against", 0));
    for (size_t i = 0; i < js_count(changes); i++) {
        static const char *const keys[] = {"old", "new"};
        const struct js *row = js_at(changes, i);
        printf("  %s %s\n", js_str(row, "field", ""), js_str(row, "of", ""));
        for (int k = 0; k < 2; k++) {
            char text[700];
            const char *s = js_str(row, keys[k], NULL);
            CLEANUP_FREE char *list = !s && js_get(row, keys[k]) ? js_dump(js_get(row, keys[k])) : NULL;
            if (!s && !list) continue;
            text_escape(text, sizeof text, s ? s : list, strlen(s ? s : list));
            printf("    %c %s\n", k ? '+' : '-', text);
        }
    }
}

static void print_plan(const struct js *j) {
    static const char *const texts[] = {
        "name", "state", "hash", "department", "applied", "executed", "waits_for", "due", "system", "zone"};
    const char *const names[] = {_("plan"), _("state"), _("hash"), _("department"), _("in force since"), _("executed"),
        _("waits for"), _("due"), _("system"), _("zone")};
    char hosts[600], line[128], when[32], labels[64];
    const struct js *run = js_get(j, "next");
    snprintf(line, sizeof line, "%lld", (long long)js_int(j, "version", 0));
    cli_show(_("version"), line);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (js_str(j, texts[i], NULL)) cli_show(names[i], i == 1 || i == 6 ? cli_word(j, texts[i]) : js_str(j, texts[i], ""));
    if (js_bool(j, "overdue", false)) cli_show("", _("overdue"));
    cli_approvals(j);
    cli_words(js_get(j, "hosts"), hosts, sizeof hosts);
    cli_show(_("hosts"), hosts);
    cli_time(run, "start", when), cli_labels(js_get(run, "labels"), labels, sizeof labels);
    snprintf(line, sizeof line, "%s  %s  (%s)", when, cli_word(run, "kind"), labels);
    cli_show(_("next run"), run ? line : "–");
    putchar('\n');
    print_steps(js_get(j, "steps"));
    print_changes(j);
}

static int print_drift(struct cli *c, const char *name, struct err *e);

int cmd_plan_show(struct cli *c, struct err *e) {
    char path[500];
    const char *version = cli_option(c, "version"), *against = cli_option(c, "against");
    path_of(path, sizeof path, c->argv[0], "");
    if (version) query(path, sizeof path, "version", version);
    if (against) query(path, sizeof path, "against", against);
    struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) return cli_line("plan", j), 0;
    print_plan(j);
    printf("\n%s", js_str(j, "text", ""));
    js_free(j);
    if (!cli_option(c, "drift")) return 0;
    putchar('\n');
    return print_drift(c, c->argv[0], e);
}

int cmd_plan_history(struct cli *c, struct err *e) {
    char path[500];
    const char *version = cli_option(c, "version");
    path_of(path, sizeof path, c->argv[0], "/history");
    if (version) query(path, sizeof path, "version", version);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) cli_each("step", js_get(j, "steps"));
    else print_steps(js_get(j, "steps"));
    return 0;
}

/* ---- drift ---- */

static void found_text(const struct js *f, char *out, size_t cap) {
    static const struct {
        const char *kind, *text;
    } texts[] = {
        {"host-not-enrolled", N_("the plan names it, and it is not enrolled")},
        {"host-revoked", N_("it is revoked")},
        {"no-point", N_("it has no complete restore point")},
        {"rpo", N_("its last restore point is older than the plan's RPO")},
        {"other-version", N_("its last restore point was not made by the version in force")},
        {"run-missing", N_("runs of this label have no restore point")},
        {"quota", N_("the quota at the vault is lower than the form wished")},
        {"location", N_("the vault does not stand where the plan allows")},
        {"vault-silent", N_("the vault could not be asked")},
    };
    snprintf(out, cap, "%s", js_str(f, "kind", ""));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].kind, js_str(f, "kind", ""))) snprintf(out, cap, "%s", _(texts[i].text));
}

static void figure(const struct js *f, char *out, size_t cap) {
    char a[32], b[32];
    const char *kind = js_str(f, "kind", "");
    *out = 0;
    if (!strcmp(kind, "rpo")) {
        cli_span(f, "rpo_s", a), cli_span(f, "target_s", b);
        snprintf(out, cap, "%s > %s", a, b);
    } else if (!strcmp(kind, "quota")) {
        cli_bytes(f, "quota_bytes", a), cli_bytes(f, "wished_bytes", b);
        snprintf(out, cap, "%s < %s", a, b);
    } else if (!strcmp(kind, "run-missing")) {
        snprintf(out, cap, "%s: %lld", js_str(f, "label", ""), (long long)js_int(f, "missing", 0));
    } else if (!strcmp(kind, "other-version")) {
        snprintf(out, cap, "%lld", (long long)js_int(f, "point", 0));
    }
}

static void drift_rows(struct table *t, const struct js *plan) {
    const struct js *list = js_get(plan, "findings");
    for (size_t i = 0; i < js_count(list); i++) {
        char text[200], number[100];
        const struct js *f = js_at(list, i);
        found_text(f, text, sizeof text), figure(f, number, sizeof number);
        table_row(t, js_str(plan, "plan", ""), js_str(f, "host", ""), text, number);
    }
}

static int print_drift(struct cli *c, const char *name, struct err *e) {
    char path[400] = "/v1/drift", next[200] = "";
    struct table *t = c->json ? NULL : table_new(_("PLAN|HOST|WHAT DIFFERS|FIGURE"));
    if (name) query(path, sizeof path, "plan", name);
    do {
        char page[700];
        snprintf(page, sizeof page, "%s", path);
        if (*next) query(page, sizeof page, "after", next);
        CLEANUP_JS struct js *j = cli_get(c, page, e);
        const struct js *plans = js_get(j, "plans"), *without = js_get(j, "hosts_without_plan");
        for (size_t i = 0; !c->json && i < js_count(plans); i++) drift_rows(t, js_at(plans, i));
        for (size_t i = 0; !c->json && !*next && i < js_count(without); i++)
            table_row(t, "–", js_text(js_at(without, i)), _("it is enrolled, and no plan names it"), "");
        if (j && c->json) cli_line("drift", js_copy(j));
        snprintf(next, sizeof next, "%s", js_str(j, "next", ""));
        if (!j) *next = 0;
    } while (*next);
    if (!c->json) table_print(t, e->id ? "" : _("plans and what is there agree"));
    return e->id ? -1 : 0;
}

int cmd_plan_drift(struct cli *c, struct err *e) { return print_drift(c, c->argc ? c->argv[0] : NULL, e); }

/* ---- orders ---- */

static void order_row(struct table *t, const struct js *o) {
    static const struct {
        const char *kind, *text;
    } texts[] = {
        {"keep-vm-files", N_("keep the files of its virtual machines at the platform")},
        {"hand-over-vm-files", N_("hand the files of its virtual machines to the department")},
        {"remove-vm-files", N_("remove the files of its virtual machines")},
        {"hand-over-backups", N_("hand its backups to the department, which keeps them itself")},
    };
    char id[32], due[32];
    const char *text = js_str(o, "kind", "");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].kind, js_str(o, "kind", ""))) text = _(texts[i].text);
    snprintf(id, sizeof id, "%lld", (long long)js_int(o, "order", 0));
    cli_time(o, "due", due);
    table_row(t, id, js_str(o, "plan", ""), text, strcmp(js_str(o, "state", ""), "open") ? _("done") : _("still to do"), due,
        js_bool(o, "overdue", false) ? _("overdue") : js_str(o, "done_by", ""));
}

int cmd_plan_orders(struct cli *c, struct err *e) {
    char path[400] = "/v1/orders";
    if (c->argc) query(path, sizeof path, "plan", c->argv[0]);
    if (cli_option(c, "all")) query(path, sizeof path, "all", "1");
    struct table *t = c->json ? NULL : table_new(_(">ORDER|PLAN|WHAT IS TO BE DONE|STATE|DUE|"));
    int rc = pages(c, path, "orders", "order", order_row, t, e);
    if (!c->json) table_print(t, rc < 0 ? "" : _("nothing is to be done by hand"));
    return rc;
}

int cmd_plan_confirm(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    char path[100];
    uint64_t n;
    const char *note = cli_option(c, "note");
    if (!text_u64(c->argv[0], INT64_MAX, &n))
        return err_set(e, ZE_USAGE, c->argv[0], _("expected the number of an order"));
    if (note) js_set_str(q, "note", note);
    snprintf(path, sizeof path, "/v1/orders/%llu/confirm", (unsigned long long)n);
    struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    if (c->json) return cli_line("order", j), 0;
    printf(_("order %lld of plan %s is done\n"), (long long)js_int(j, "order", 0), js_str(j, "plan", ""));
    js_free(j);
    return 0;
}
