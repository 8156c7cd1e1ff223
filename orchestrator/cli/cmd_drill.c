/* zaibei drill: asking for drills and following them. The kit is read on this machine only (grant.c); what goes to zaibeid is the
 * sealed grant. Following asks once in a while; zaibeid may be restarted meanwhile. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd_drill.h"
#include "grant.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "wrap/http.h"

enum { POLL_FIRST_MS = 25, POLL_MS = 500, PATIENCE = 240 /* polls without zaibeid */, GRANT_S = 86400 };
enum { HOSTS_MAX = GRANT_HOSTS_MAX };

struct js *drill_ask_for(struct cli *c, const char *id, const char *tail, struct err *e) {
    char path[200];
    uint64_t n;
    if (!text_u64(id, INT64_MAX, &n)) return err_set(e, ZE_USAGE, id, _("expected the number of a drill")), NULL;
    snprintf(path, sizeof path, "/v1/drills/%llu%s", (unsigned long long)n, tail);
    return cli_get(c, path, e);
}

static struct js *act(struct cli *c, const char *id, const char *what, const struct js *body, struct err *e) {
    char path[200];
    uint64_t n;
    if (!text_u64(id, INT64_MAX, &n)) return err_set(e, ZE_USAGE, id, _("expected the number of a drill")), NULL;
    snprintf(path, sizeof path, "/v1/drills/%llu/%s", (unsigned long long)n, what);
    return strcmp(what, "grant") ? cli_post(c, path, body, e) : cli_post_secret(c, path, body, e);
}

/* ---- following ---- */

/* -1 while it has not ended. */
static int exit_of(const struct js *j) {
    const char *v = js_str(j, "verdict", "");
    if (strcmp(js_str(j, "state", ""), "ended") != 0) return -1;
    return !strcmp(v, "green") ? ZB_EXIT_OK : !strcmp(v, "cancelled") ? ZB_EXIT_CANCELLED : ZB_EXIT_FAILED;
}

static void print_where(const struct cli *c, const struct js *j, char last[300]) {
    char now[300], bytes[32];
    const struct js *p = js_get(j, "progress"), *phases = js_get(j, "phases");
    const struct js *phase = js_at(phases, js_count(phases) ? js_count(phases) - 1 : 0);
    if (p) {
        cli_bytes(p, "bytes", bytes);
        snprintf(now, sizeof now, _("drill %lld: %s, %s %s, %lld files, %s"), (long long)js_int(j, "drill", 0),
            cli_word(j, "state"), cli_word(p, "phase"), js_str(p, "host", ""), (long long)js_int(p, "files", 0), bytes);
    } else {
        snprintf(now, sizeof now, phase ? _("drill %lld: %s, %s %s %s") : _("drill %lld: %s"), (long long)js_int(j, "drill", 0),
            cli_word(j, "state"), cli_word(phase, "phase"), js_str(phase, "host", ""), js_str(phase, "name", ""));
    }
    if (!strcmp(now, last)) return;
    strcpy(last, now);
    char line[1300];
    text_escape(line, sizeof line, now, strlen(now));
    if (c->json) cli_line("status", js_copy(j));
    else fprintf(stderr, "%s\n", line);
}

/* Until ${done}(j) is not -1; that, with the drill in *out. Asked often at first: somebody waits for a grant. */
static int follow(struct cli *c, const char *id, int (*done)(const struct js *), struct js **out, struct err *e) {
    char last[300] = "";
    int ms = POLL_FIRST_MS;
    for (int silent = 0;; poll(NULL, 0, ms), ms = ms * 2 < POLL_MS ? ms * 2 : POLL_MS) {
        struct js *j = drill_ask_for(c, id, "", e);
        if (!j && (err_exit(e) != ZB_EXIT_UNREACHABLE || ++silent > PATIENCE)) return -2;
        if (!j) continue;
        silent = 0;
        print_where(c, j, last);
        int code = done(j);
        if (code >= 0) return *out = j, code;
        js_free(j);
    }
}

int drill_follow(struct cli *c, const char *id, struct err *e) {
    struct js *j = NULL;
    int code = follow(c, id, exit_of, &j, e);
    if (code < 0) return -1;
    if (c->json) cli_line("drill", j);
    else drill_print(j), js_free(j);
    return code;
}

/* ---- the grant ---- */

/* 1: it waits and has no grant; 0: it goes on or is over. */
static int waits(const struct js *j) {
    const char *state = js_str(j, "state", "");
    bool wants = !strcmp(state, "waiting") && !js_str(j, "granted", NULL);
    return !strcmp(state, "queued") ? -1 : wants;
}

/* Whether the worker took it: -1: not known yet. */
static int taken(const struct js *j) {
    if (!strcmp(js_str(j, "state", ""), "waiting")) return js_get(j, "error") ? 0 : js_str(j, "granted", NULL) ? -1 : 0;
    return 1;
}

static int give(struct cli *c, const char *id, const struct js *drill, const char *kit, struct err *e) {
    const struct js *hosts = js_get(drill, "hosts");
    const char *names[HOSTS_MAX];
    size_t n = js_count(hosts);
    char *grant = NULL, until[32];
    struct clock *clock = clock_real();
    int64_t end = clock->now_ns(clock) / 1000000000 + GRANT_S;
    if (n > HOSTS_MAX) return err_set(e, ZE_USAGE, kit, _("more than %d hosts"), HOSTS_MAX);
    CLEANUP_JS struct js *q = js_object(), *list = js_array(), *a = NULL;
    for (size_t i = 0; i < n; i++) names[i] = js_str(js_at(hosts, i), "host", ""), js_push_str(list, names[i]);
    if (cli_grant(c, kit, GRANT_DRILL, id, js_str(drill, "public_key", ""), names, n, end, &grant, e) < 0) return -1;
    text_time(until, end * 1000000000);
    js_set_str(q, "grant", grant);
    js_set_str(q, "until", until);
    js_set(q, "hosts", js_copy(list));
    free(grant);
    return (a = act(c, id, "grant", q, e)) ? 0 : -1;
}

/* Wait for the worker's key, make the grant, wait until the worker has taken it or said why not. */
static int grant(struct cli *c, const char *id, const char *kit, struct js **out, struct err *e) {
    int code = follow(c, id, waits, out, e);
    if (code < 0) return -1;
    if (code == 0)
        return err_set(e, ZE_DRILLSTATE, id, _("it does not wait for a grant: %s"), cli_word(*out, "state"));
    if (give(c, id, *out, kit, e) < 0) return -1;
    js_free(*out), *out = NULL;
    if ((code = follow(c, id, taken, out, e)) < 0) return -1;
    const struct js *x = js_get(*out, "error");
    return code ? 0 : err_set(e, ZE_GRANT, js_str(x, "object", id), "%s", js_str(x, "message", ""));
}

int cmd_drill_grant(struct cli *c, struct err *e) {
    const char *kit = cli_option(c, "kit");
    CLEANUP_JS struct js *j = NULL;
    if (!kit) return err_set(e, ZE_USAGE, "--kit", _("say which recovery kit"));
    if (grant(c, c->argv[0], kit, &j, e) < 0) return -1;
    if (c->json) cli_line("drill", js_copy(j));
    else printf(_("drill %s has the grant\n"), c->argv[0]);
    return 0;
}

/* ---- run ---- */

/* --point HOST/N,HOST/N */
static int read_points(const char *text, struct js *q, struct err *e) {
    CLEANUP_FREE char *copy = strdup(text);
    char *rest = copy, *word;
    struct js *points = js_object();
    js_set(q, "points", points);
    while ((word = strsep(&rest, ","))) {
        char *slash = strchr(word, '/');
        uint64_t n;
        if (!slash || !text_u64(slash + 1, UINT32_MAX, &n) || !n)
            return err_set(e, ZE_USAGE, text, _("expected HOST/NUMBER,HOST/NUMBER…"));
        *slash = 0;
        js_set_int(points, word, (int64_t)n);
    }
    return 0;
}

static int read_wish(struct cli *c, struct js *q, struct err *e) {
    const char *level = cli_option(c, "level"), *point = cli_option(c, "point"), *sp = cli_option(c, "system-point");
    const char *incident = cli_option(c, "incident");
    uint64_t n;
    if (level && (!text_u64(level, 4, &n) || n == 3 || !n)) return err_set(e, ZE_USAGE, level, _("expected 1, 2 or 4"));
    if (level) js_set_int(q, "level", (int64_t)n);
    if (sp && !text_u64(sp, INT64_MAX, &n)) return err_set(e, ZE_USAGE, sp, _("expected the number of a system point"));
    if (sp) js_set_int(q, "system_point", (int64_t)n);
    if (incident) js_set_str(q, "incident", incident);
    return point ? read_points(point, q, e) : 0;
}

int cmd_drill_run(struct cli *c, struct err *e) {
    char path[300], name[200], id[24];
    const char *kit = cli_option(c, "kit");
    CLEANUP_JS struct js *q = js_object(), *j = NULL, *granted = NULL;
    http_escape(name, sizeof name, c->argv[0]);
    snprintf(path, sizeof path, "/v1/systems/%s/drills", name);
    if (read_wish(c, q, e) < 0 || !(j = cli_post(c, path, q, e))) return -1;
    snprintf(id, sizeof id, "%lld", (long long)js_int(j, "drill", 0));
    if (c->json) cli_line("drill", js_copy(j));
    else printf(_("drill %s of %s is queued\n"), id, c->argv[0]);
    if (!c->json && !kit) printf(_("the department gives the grant with: zaibei drill grant %s --kit FILE\n"), id);
    if (kit && grant(c, id, kit, &granted, e) < 0) return -1;
    return cli_option(c, "wait") ? drill_follow(c, id, e) : 0;
}

int cmd_drill_cancel(struct cli *c, struct err *e) {
    struct js *j = act(c, c->argv[0], "cancel", NULL, e);
    if (!j) return -1;
    if (c->json) return cli_line("drill", j), 0;
    printf(_("drill %s is being cancelled\n"), c->argv[0]);
    js_free(j);
    return 0;
}
