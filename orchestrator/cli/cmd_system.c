/* zaibei system: systems and their system points, SYSTEM@NUMBER. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "wrap/table.h"

static void path_of(char *path, size_t cap, const char *system, const char *tail) {
    snprintf(path, cap, "/v1/systems/%s%s", text_name_ok(system) ? system : "-", tail);
}

/* "3h 12m of 24h 0m", and a mark where it is missed. */
static void rpo_text(const struct js *s, char *out, size_t cap) {
    char now[32], target[32];
    cli_span(s, "rpo_s", now), cli_span(s, "rpo_target_s", target);
    int64_t goal = js_int(s, "rpo_target_s", 0);
    bool missed = goal && (!js_has(s, "rpo_s") || js_int(s, "rpo_s", 0) > goal);
    snprintf(out, cap, goal ? "%s / %s%s" : "%s", now, target, missed ? " !" : "");
}

int cmd_system_list(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *list = cli_pages(c, "/v1/systems", "systems", e);
    if (!list) return -1;
    if (c->json) return cli_each("system", list), 0;
    struct table *t = table_new(_("SYSTEM|PLAN|>HOSTS|RECOVERY|RPO|LAST SYSTEM POINT|LAST DRILL"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *s = js_at(list, i), *p = js_get(s, "last_system_point"), *d = js_get(s, "last_drill");
        char hosts[24], rpo[80], point[80] = "–", drill[80] = "–", when[32];
        snprintf(hosts, sizeof hosts, "%zu", js_count(js_get(s, "hosts")));
        rpo_text(s, rpo, sizeof rpo);
        cli_time(p, "created", when);
        if (p)
            snprintf(point, sizeof point, "%lld %s %s", (long long)js_int(p, "id", 0), cli_word(p, "state"), when);
        cli_time(d, "ended", when);
        if (d) snprintf(drill, sizeof drill, "%s %s", cli_word(d, "verdict"), when);
        table_row(t, js_str(s, "system", ""), js_str(s, "plan", ""), hosts, js_get(s, "recovery") ? _("yes") : "–", rpo,
            point, drill);
    }
    table_print(t, _("no plan is in force yet"));
    return 0;
}

/* The hosts in the order of starting: those of the recovery as they stand there, with what they are after. */
static void show_hosts(const struct js *s) {
    const struct js *order = js_get(js_get(s, "recovery"), "hosts"), *hosts = js_get(s, "hosts");
    struct table *t = table_new(_("HOST|AFTER|ADDRESS|>LAST POINT|LAST TIME|RPO|SEEN"));
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *h = js_at(hosts, i), *r = NULL;
        char after[200], point[24] = "–", last[32], rpo[32], seen[32];
        for (size_t k = 0; k < js_count(order); k++)
            if (!strcmp(js_str(js_at(order, k), "host", ""), js_str(h, "host", ""))) r = js_at(order, k);
        cli_words(js_get(r, "after"), after, sizeof after);
        if (js_int(h, "last_point", 0)) snprintf(point, sizeof point, "%lld", (long long)js_int(h, "last_point", 0));
        cli_time(h, "last_time", last), cli_span(h, "rpo_s", rpo), cli_time(h, "seen", seen);
        table_row(t, js_str(h, "host", ""), *after ? after : "–", js_str(r, "address", "–"), point, last, rpo, seen);
    }
    table_print(t, "");
}

int cmd_system_show(struct cli *c, struct err *e) {
    char path[200], text[300];
    path_of(path, sizeof path, c->argv[0], "");
    struct js *s = cli_get(c, path, e);
    if (!s) return -1;
    if (c->json) return cli_line("system", s), 0;
    cli_show(_("system"), js_str(s, "system", ""));
    cli_words(js_get(s, "departments"), text, sizeof text), cli_show(_("departments"), text);
    cli_words(js_get(s, "plans"), text, sizeof text), cli_show(_("plans"), text);
    cli_show(_("recovery"), js_get(s, "recovery") ? js_str(s, "plan", "") : "–");
    rpo_text(s, text, sizeof text), cli_show(_("rpo"), text);
    cli_span(s, "rto_target_s", text), cli_show(_("rto target"), text);
    const struct js *p = js_get(s, "last_system_point"), *d = js_get(s, "last_drill");
    snprintf(text, sizeof text, "%s@%lld %s", js_str(s, "system", ""), (long long)js_int(p, "id", 0),
        cli_word(p, "state"));
    cli_show(_("system point"), p ? text : "–");
    snprintf(text, sizeof text, "%lld %s", (long long)js_int(d, "drill", 0), cli_word(d, "verdict"));
    cli_show(_("last drill"), d ? text : "–");
    const struct js *moves = js_get(s, "migrations");
    for (size_t i = 0; i < js_count(moves); i++) {
        char end[32];
        const struct js *m = js_at(moves, i);
        cli_time(m, "end", end);
        snprintf(text, sizeof text, "%s %s %s", js_str(m, "migration", ""), cli_word(m, "state"), end);
        cli_show(_("migration"), text);
    }
    puts("");
    show_hosts(s);
    js_free(s);
    return 0;
}

/* ---- system points ---- */

static void show_point(const struct js *p) {
    char id[100], when[32];
    snprintf(id, sizeof id, "%s@%lld", js_str(p, "system", ""), (long long)js_int(p, "id", 0));
    cli_show(_("system point"), id), cli_show(_("state"), cli_word(p, "state"));
    cli_show(_("who"), js_str(p, "who", "")), cli_show(_("reason"), js_str(p, "reason", ""));
    cli_time(p, "created", when), cli_show(_("created"), when);
    cli_time(p, "frozen", when), cli_show(_("frozen"), when);
    cli_time(p, "ended", when), cli_show(_("ended"), when);
    puts("");
    struct table *t = table_new(_("HOST|STATE|STAGE|>JOB|>POINT|WALK BEGAN|ERROR"));
    const struct js *hosts = js_get(p, "hosts");
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *h = js_at(hosts, i), *x = js_get(h, "error");
        char job[24], point[24] = "–", walk[32], why[700] = "";
        snprintf(job, sizeof job, "%lld", (long long)js_int(h, "job", 0));
        if (js_int(h, "point", 0)) snprintf(point, sizeof point, "%lld", (long long)js_int(h, "point", 0));
        cli_time(h, "walk_start", walk);
        if (x)
            snprintf(
                why, sizeof why, "%s %s: %s", js_str(x, "id", ""), js_str(x, "object", ""), js_str(x, "message", ""));
        table_row(t, js_str(h, "host", ""), cli_word(h, "state"), cli_word(h, "stage"), job, point, walk, why);
    }
    table_print(t, "");
}

static bool over(const struct js *p) {
    const char *state = js_str(p, "state", "");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
}

/* ${p} is taken; its state is the exit code. */
static int end_with(struct cli *c, struct js *p) {
    const char *state = js_str(p, "state", "");
    int rc = !strcmp(state, "failed") ? ZB_EXIT_FAILED : !strcmp(state, "partial") ? ZB_EXIT_PARTIAL : ZB_EXIT_OK;
    if (c->json) cli_line("system_point", p);
    else show_point(p), js_free(p);
    return rc;
}

int cmd_system_point(struct cli *c, struct err *e) {
    char path[200];
    const char *reason = cli_option(c, "reason");
    CLEANUP_JS struct js *q = js_object();
    if (reason) js_set_str(q, "reason", reason);
    path_of(path, sizeof path, c->argv[0], "/points");
    struct js *p = cli_post(c, path, q, e);
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%lld", (long long)js_int(p, "id", 0));
    while (p && cli_option(c, "wait") && !over(p)) {
        js_free(p);
        sleep(1);
        p = cli_get(c, path, e);
    }
    return p ? end_with(c, p) : -1;
}

int cmd_system_points(struct cli *c, struct err *e) {
    char path[200];
    path_of(path, sizeof path, c->argv[0], "/points");
    CLEANUP_JS struct js *list = cli_pages(c, path, "system_points", e);
    if (!list) return -1;
    if (c->json) return cli_each("system_point", list), 0;
    struct table *t = table_new(_("SYSTEM POINT|STATE|FROZEN|ENDED|HOSTS AND POINTS|REASON"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *p = js_at(list, i), *hosts = js_get(p, "hosts");
        char id[100], frozen[32], ended[32], points[400] = "";
        snprintf(id, sizeof id, "%s@%lld", js_str(p, "system", ""), (long long)js_int(p, "id", 0));
        cli_time(p, "frozen", frozen), cli_time(p, "ended", ended);
        for (size_t k = 0; k < js_count(hosts); k++) {
            const struct js *h = js_at(hosts, k);
            size_t used = strlen(points);
            snprintf(points + used, sizeof points - used, "%s%s/%lld", k ? " " : "", js_str(h, "host", ""),
                (long long)js_int(h, "point", 0));
        }
        table_row(t, id, cli_word(p, "state"), frozen, ended, points, js_str(p, "reason", ""));
    }
    table_print(t, _("no system points yet; make one with: zaibei system point SYSTEM"));
    return 0;
}

int cli_system_point(const char *s, char *path, size_t cap, const char *tail) {
    const char *at = strchr(s, '@');
    char system[64];
    uint64_t id;
    if (!at) return 0;
    snprintf(system, sizeof system, "%.*s", (int)(at - s < 63 ? at - s : 63), s);
    if (!text_name_ok(system) || !text_u64(at + 1, INT64_MAX, &id) || !id) return -1;
    snprintf(path, cap, "/v1/systems/%s/points/%s%s", system, at + 1, tail);
    return 1;
}

int cmd_system_point_show(struct cli *c, const char *path, struct err *e) {
    struct js *p = cli_get(c, path, e);
    return p ? (end_with(c, p), 0) : -1;
}

int cmd_system_point_pinned(struct cli *c, const struct js *j) {
    const struct js *pins = js_get(j, "pins");
    for (size_t i = 0; i < js_count(pins); i++) {
        const struct js *p = js_at(pins, i);
        char name[100];
        snprintf(name, sizeof name, "%s/%lld", js_str(p, "host", ""), (long long)js_int(p, "point", 0));
        if (c->json) cli_line("pin", js_copy(p));
        else
            printf(js_bool(p, "extended", false) ? _("%s is pinned until %s\n") : _("%s is pinned already, until %s\n"),
                name, js_str(p, "until", "?"));
    }
    return 0;
}
