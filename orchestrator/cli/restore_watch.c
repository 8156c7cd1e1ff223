/* How far a restore is, and the kit. Watching asks once a second; it may end and be started again at any time, and zaibeid may be
 * restarted meanwhile. An agent that is started anew shows another key, so a grant is given as often as there is a new one; one that
 * was refused is not given again. */
#include "restore_watch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "grant.h"

enum { POLL_MS = 1000, PATIENCE = 120 /* polls without zaibeid */, GRANT_S = 86400, ITEMS_MAX = 64 };

/* -1 while it has not ended. */
static int exit_of(const struct js *j) {
    const char *state = js_str(j, "state", "");
    if (!strcmp(state, "queued") || !strcmp(state, "running") || !strcmp(state, "waiting")) return -1;
    if (!strcmp(state, "ok")) return ZB_EXIT_OK;
    if (!strcmp(state, "partial")) return ZB_EXIT_PARTIAL;
    if (!strcmp(state, "cancelled")) return ZB_EXIT_CANCELLED;
    const struct js *items = js_get(j, "items");
    for (size_t i = 0; i < js_count(items); i++) {
        unsigned id = 0;
        if (sscanf(js_str(js_get(js_at(items, i), "error"), "id", ""), "ZB-%4u", &id) != 1) continue;
        struct err e = {.id = err_known(id)};
        if (err_exit(&e) != ZB_EXIT_OK) return err_exit(&e);
    }
    return ZB_EXIT_FAILED;
}

/* ---- how far it is: one line for each host, in place on a terminal, else when it changes ---- */

struct shown {
    char line[ITEMS_MAX][240];
    size_t n;
    bool tty;
};

static void line_of(const struct js *j, char out[240]) {
    char bytes[32], total[32];
    int64_t all = js_int(j, "bytes_total", 0);
    cli_bytes(j, "bytes", bytes), cli_bytes(j, "bytes_total", total);
    int n = snprintf(out, 240, _("%-20s → %-20s %-9s %s"), js_str(j, "host", ""), js_str(j, "target_host", ""),
        cli_word(j, "state"),
        !strcmp(js_str(j, "state", ""), "waiting") ? _("for a grant (--kit)") : cli_word(j, "phase"));
    if (js_int(j, "files", 0) && n > 0 && n < 160)
        snprintf(out + n, 240 - (size_t)n, _("  %lld files, %s of %s"), (long long)js_int(j, "files", 0), bytes,
            all ? total : "?");
}

static void show(struct cli *c, struct shown *s, const struct js *j) {
    const struct js *items = js_get(j, "items");
    bool again = s->n > 0, changed = false;
    char line[ITEMS_MAX][240];
    size_t n = js_count(items) < ITEMS_MAX ? js_count(items) : ITEMS_MAX;
    for (size_t i = 0; i < n; i++) {
        line_of(js_at(items, i), line[i]);
        bool differs = i >= s->n || strcmp(line[i], s->line[i]) != 0;
        changed = changed || differs;
        if (differs && !s->tty && !c->json) fprintf(stderr, "%s\n", line[i]);
    }
    if (changed && c->json) cli_line("status", js_copy(j));
    if (changed && s->tty && !c->json) {
        if (again) fprintf(stderr, "\033[%zuA", s->n);
        for (size_t i = 0; i < n; i++) fprintf(stderr, "\033[K%s\n", line[i]);
    }
    memcpy(s->line, line, sizeof line);
    s->n = n;
}

/* ---- grants ---- */

struct given {
    char key[ITEMS_MAX + 1][64]; /* by item: the key that was seen last */
    bool none[ITEMS_MAX + 1];    /* the kit has nothing for that key */
    struct err refused;          /* the first that got none, or whose agent did not take it; the others go on */
};

static int give(struct cli *c, const char *kit, int64_t id, const struct js *item, struct err *e) {
    char number[24], path[64], until[32];
    char *sealed = NULL;
    const char *host = js_str(item, "host", "");
    int64_t end = (int64_t)time(NULL) + GRANT_S;
    snprintf(number, sizeof number, "%lld", (long long)id);
    if (cli_grant(c, kit, GRANT_RESTORE, number, js_str(item, "public_key", ""), &host, 1, end, &sealed, e) < 0)
        return -1;
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    text_time(until, end * 1000000000);
    js_set_int(q, "item", js_int(item, "item", 0));
    js_set_str(q, "grant", sealed);
    js_set_str(q, "until", until);
    free(sealed);
    snprintf(path, sizeof path, "/v1/restores/%lld/grant", (long long)id);
    a = cli_post_secret(c, path, q, e);
    return a || e->id == ZE_EXISTS ? 0 : -1; /* it was given already, or the key is another one by now */
}

static bool listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (!strncmp(at, name, n) && (at[n] == ',' || !at[n])) return true;
    return false;
}

/* Whether anything can go on without what was refused: those after it cannot. */
static bool goes_on(const struct js *items, bool stuck[ITEMS_MAX + 1]) {
    size_t n = js_count(items) < ITEMS_MAX ? js_count(items) : ITEMS_MAX, open = 0;
    for (size_t round = 0; round < n; round++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                if (stuck[k] && listed(js_str(js_at(items, i), "after", ""), js_str(js_at(items, k), "host", "")))
                    stuck[i] = true;
    for (size_t i = 0; i < n; i++) open += !stuck[i] && exit_of(js_at(items, i)) < 0;
    return open;
}

/* To each that waits with a key it was not given for: one that was given and refused is not given again. */
static int give_all(struct cli *c, struct given *g, const struct js *j, struct err *e) {
    const char *kit = cli_option(c, "kit");
    const struct js *items = js_get(j, "items");
    bool stuck[ITEMS_MAX + 1] = {false};
    for (size_t i = 0; kit && i < js_count(items) && i < ITEMS_MAX; i++) {
        struct err why = ERR_INIT;
        const struct js *item = js_at(items, i), *x = js_get(item, "error");
        const char *key = js_str(item, "public_key", "");
        int64_t n = js_int(item, "item", 0);
        if (!*key || n < 1 || n > ITEMS_MAX) continue;
        bool known = !strcmp(g->key[n], key);
        if (known && x) err_set(&why, ZE_GRANT, js_str(item, "target_host", ""), "%s", js_str(x, "message", ""));
        else if (!known && give(c, kit, js_int(j, "restore", 0), item, &why) < 0 &&
            err_exit(&why) == ZB_EXIT_UNREACHABLE)
            return *e = why, -1;
        snprintf(g->key[n], sizeof g->key[n], "%s", key);
        stuck[i] = why.id || (known && !x && g->none[n]);
        g->none[n] = stuck[i];
        if (why.id && !g->refused.id) g->refused = why;
    }
    if (!g->refused.id || goes_on(items, stuck)) return 0;
    return *e = g->refused, -1;
}

int restore_watch(struct cli *c, int64_t id, struct err *e) {
    char path[64];
    static struct shown s;
    static struct given g;
    s.tty = isatty(STDERR_FILENO);
    snprintf(path, sizeof path, "/v1/restores/%lld", (long long)id);
    for (int silent = 0;;) {
        struct js *j = cli_get(c, path, e);
        if (!j && (err_exit(e) != ZB_EXIT_UNREACHABLE || ++silent > PATIENCE)) return -1;
        int code = j ? exit_of(j) : -1;
        if (j) silent = 0, show(c, &s, j);
        if (code >= 0) {
            if (c->json) cli_line("restore", j);
            else restore_print(j), js_free(j);
            return code;
        }
        int rc = j ? give_all(c, &g, j, e) : 0;
        js_free(j);
        if (rc < 0 && err_exit(e) != ZB_EXIT_UNREACHABLE) return -1;
        poll(NULL, 0, POLL_MS);
    }
}
