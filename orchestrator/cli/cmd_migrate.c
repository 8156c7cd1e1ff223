/* zaibei migrate: the acts. The kit stays here: `ready --kit` opens each original's key slots with it and tells
 * zaibeid the names of the hosts that it opened, nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "grant.h"
#include "migrate.h"
#include "sys/file.h"
#include "wrap/http.h"

static void path_of(const struct cli *c, const char *tail, char out[300]) {
    char name[200];
    http_escape(name, sizeof name, c->argv[0]);
    snprintf(out, 300, "/v1/migrations/%s%s", name, tail);
}

static struct js *words_of(const char *list) {
    struct js *out = js_array();
    for (const char *at = list; at && *at;) {
        char word[300];
        size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), at);
        if (n) js_push_str(out, word);
        at += n + (at[n] == ',');
    }
    return out;
}

static int number(const struct cli *c, const char *option, struct js *q, struct err *e) {
    uint64_t n;
    const char *s = cli_option(c, option);
    if (!s) return 0;
    if (!text_u64(s, 1200, &n)) return err_set(e, ZE_USAGE, s, _("expected a number of months"));
    js_set_int(q, option, (int64_t)n);
    return 0;
}

static void word(const struct cli *c, const char *option, struct js *q) {
    if (cli_option(c, option)) js_set_str(q, option, cli_option(c, option));
}

/* Post the act, and print what the migration is now. */
static int act(struct cli *c, const char *verb, const struct js *q, struct err *e) {
    char path[300], tail[32];
    snprintf(tail, sizeof tail, "/%s", verb);
    path_of(c, tail, path);
    struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    if (c->json) return cli_line("migration", j), 0;
    migrate_print(j);
    js_free(j);
    return 0;
}

int cmd_migrate_begin(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *j = NULL;
    js_set_str(q, "migration", c->argv[0]);
    word(c, "system", q), word(c, "zone", q);
    js_set(q, "originals", words_of(cli_option(c, "original")));
    js_set(q, "targets", words_of(cli_option(c, "target")));
    if (number(c, "months", q, e) < 0 || !(j = cli_post(c, "/v1/migrations", q, e))) return -1;
    if (c->json) return cli_line("migration", js_copy(j)), 0;
    migrate_print(j);
    return 0;
}

/* The names of the originals whose keys the kit opens; the first that it does not ends it. */
static int try_kit(struct cli *c, const char *kit, struct js *opens, struct err *e) {
    char path[300];
    path_of(c, "", path);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    const struct js *list = js_get(j, "originals");
    for (size_t i = 0; i < js_count(list); i++) {
        const char *host = js_str(js_at(list, i), "host", "");
        if (cli_kit_opens(c, kit, host, e) < 0) return -1;
        js_push_str(opens, host);
    }
    return 0;
}

int cmd_migrate_ready(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    const char *kit = cli_option(c, "kit");
    struct js *opens = js_array();
    js_set(q, "kit_opens", opens);
    if (kit && try_kit(c, kit, opens, e) < 0) return -1;
    char path[300];
    path_of(c, "/ready", path);
    CLEANUP_JS struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    if (c->json) cli_line("migration", js_copy(j));
    else migrate_print_checks(j), migrate_print(j);
    if (!strcmp(js_str(j, "state", ""), "ready")) return 0;
    return err_set(e, ZE_NOTREADY, c->argv[0], _("see what was found"));
}

/* Until the state is none of those in which zaibeid works. */
static int wait_for(struct cli *c, const char *state, enum err_id failed, struct err *e) {
    char path[300];
    path_of(c, "", path);
    for (;;) {
        CLEANUP_JS struct js *j = cli_get(c, path, e);
        if (!j) return -1;
        if (!strcmp(js_str(j, "state", ""), state)) {
            sleep(1);
            continue;
        }
        if (c->json) cli_line("migration", js_copy(j));
        else migrate_print(j);
        const char *why = js_str(j, "failed", NULL);
        return why ? err_set(e, failed, c->argv[0], "%s", why) : 0;
    }
}

int cmd_migrate_cutover(struct cli *c, struct err *e) {
    char what[300];
    CLEANUP_JS struct js *q = js_object();
    snprintf(what, sizeof what, _("Type %s to cut over: its last points will be pinned for months:"), c->argv[0]);
    if (cli_sure(c, what, c->argv[0], e) < 0 || act(c, "cutover", q, e) < 0) return -1;
    return cli_option(c, "wait") ? wait_for(c, "cutover", ZE_LASTPOINT, e) : 0;
}

int cmd_migrate_verify(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    return act(c, "verify", q, e);
}

int cmd_migrate_extend(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    word(c, "until", q);
    return number(c, "months", q, e) < 0 ? -1 : act(c, "extend", q, e);
}

/* same, or a=b,c=d. */
static int take_to(const struct cli *c, struct js *q, struct err *e) {
    const char *to = cli_option(c, "to");
    struct js *map = js_object();
    js_set(q, "to", map);
    if (!to || !strcmp(to, "same")) return 0;
    CLEANUP_JS struct js *pairs = words_of(to);
    for (size_t i = 0; i < js_count(pairs); i++) {
        char host[300];
        snprintf(host, sizeof host, "%s", js_text(js_at(pairs, i)));
        char *equals = strchr(host, '=');
        if (!equals) return err_set(e, ZE_USAGE, host, _("expected same, or ORIGINAL=HOST,…"));
        *equals = 0;
        js_set_str(map, host, equals + 1);
    }
    return 0;
}

int cmd_migrate_rollback(struct cli *c, struct err *e) {
    char what[300];
    CLEANUP_JS struct js *q = js_object();
    word(c, "dir", q), word(c, "reason", q);
    js_set_bool(q, "unsaved", cli_option(c, "unsaved") != NULL);
    snprintf(what, sizeof what, _("Type %s to bring its originals back:"), c->argv[0]);
    if (take_to(c, q, e) < 0 || cli_sure(c, what, c->argv[0], e) < 0 || act(c, "rollback", q, e) < 0) return -1;
    return cli_option(c, "wait") ? wait_for(c, "rolling-back", ZE_ROLLBACKFAILED, e) : 0;
}

int cmd_migrate_close(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    word(c, "reason", q);
    return act(c, "close", q, e);
}

int cmd_migrate_approve(struct cli *c, struct err *e) {
    char what[300];
    CLEANUP_JS struct js *q = js_object();
    word(c, "opinion", q);
    snprintf(what, sizeof what, _("Type %s to consent to its close:"), c->argv[0]);
    return cli_sure(c, what, c->argv[0], e) < 0 ? -1 : act(c, "approve", q, e);
}

int cmd_migrate_refuse(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    word(c, "reason", q);
    return act(c, "refuse", q, e);
}
