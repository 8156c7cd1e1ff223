/* zaibei restore. Over agents: zaibeid does the work, and this command watches it (restore_watch.c). To a directory of this machine:
 * zaibei-agent reads the vault itself, with the kit, and nothing runs over zaibeid but the question what there is, which it keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "config.h"
#include "restore_watch.h"
#include "sys/proc.h"
#include "wrap/http.h"
#include "wrap/table.h"

static const char *after_text(const struct js *j, char out[200]) {
    snprintf(out, 200, "%s", js_str(j, "after", ""));
    if (js_get(j, "after_hosts")) cli_words(js_get(j, "after_hosts"), out, 200);
    return out;
}

static void print_items(const struct js *items) {
    struct table *t = table_new(_("HOST|>POINT|TO|DIRECTORY|AFTER|STATE|>FILES|>BYTES|MESSAGE"));
    for (size_t i = 0; i < js_count(items); i++) {
        const struct js *j = js_at(items, i), *x = js_get(j, "error");
        char point[24], files[24], bytes[32], after[200], why[800] = "";
        snprintf(point, sizeof point, "%lld", (long long)js_int(j, "point", 0));
        snprintf(files, sizeof files, "%lld", (long long)js_int(j, "files", 0));
        cli_bytes(j, "bytes", bytes);
        if (x)
            snprintf(
                why, sizeof why, "%s %s: %s", js_str(x, "id", ""), js_str(x, "object", ""), js_str(x, "message", ""));
        table_row(t, js_str(j, "host", ""), point, js_str(j, "target_host", ""),
            *js_str(j, "dir", "") ? js_str(j, "dir", "") : _("in place"), after_text(j, after), cli_word(j, "state"),
            files, bytes, why);
    }
    table_print(t, _("nothing to restore"));
}

/* A grant is waited for in silence: whoever asked for the restore must know how to look, and how to give it. */
static void followed(const struct js *j) {
    long long n = (long long)js_int(j, "restore", 0);
    printf(_("follow it with: zaibei restore show %lld --wait\nif it waits for a grant: zaibei restore show %lld --kit FILE\n"), n, n);
}

void restore_print(const struct js *j) {
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)js_int(j, "restore", 0));
    cli_show(_("restore"), number);
    cli_show(_("system"), *js_str(j, "system", "") ? js_str(j, "system", "") : "–");
    cli_field(j, "state");
    cli_show(_("asked for by"), js_str(j, "who", ""));
    cli_show(_("reason"), js_str(j, "reason", ""));
    cli_show(_("queued"), js_str(j, "queued", "–"));
    cli_show(_("ended"), js_str(j, "ended", "–"));
    print_items(js_get(j, "items"));
    if (!strcmp(js_str(j, "state", ""), "waiting")) followed(j);
}

/* ---- to a directory of this machine ---- */

/* The vault, where it is on this machine: said, or the one that zaibeid.yaml administers. */
static int vault_dir(struct cli *c, char out[4096], struct err *e) {
    struct config cfg;
    const char *said = cli_option(c, "vault");
    *out = 0;
    if (said) return snprintf(out, 4096, "%s", said), 0;
    if (config_load(c->config, &cfg, e) < 0) return -1;
    if (cfg.control[1] && !strcmp(cfg.control[1], "control") && cfg.control[2])
        snprintf(out, 4096, "%s", cfg.control[2]);
    config_free(&cfg);
    return *out ? 0 : err_set(e, ZE_USAGE, "--vault", _("where is the vault on this machine?"));
}

static int agent_run(struct cli *c, const struct js *item, const char *vault, const char *dir, struct err *e) {
    char point[24];
    const char *argv[20] = {"zaibei-agent", "restore", point, "--vault", vault, "--host", js_str(item, "host", ""),
        "--kit", cli_option(c, "kit"), "--target", dir};
    size_t n = 11;
    struct proc p = PROC_NONE;
    snprintf(point, sizeof point, "%lld", (long long)js_int(item, "point", 0));
    if (cli_option(c, "existing")) argv[n++] = "--existing", argv[n++] = cli_option(c, "existing");
    if (cli_option(c, "dry-run")) argv[n++] = "--dry-run";
    if (c->json) argv[n++] = "--json";
    const int fds[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    fflush(stdout);
    return proc_spawn(&p, argv, fds, 3, e) < 0 ? -1 : proc_wait(&p, -1, e);
}

/* A system's hosts each below a directory of its own name; one that fails does not stop the others. */
static int to_dir(struct cli *c, const struct js *plan, const char *dir, struct err *e) {
    char vault[4096], below[4200];
    const struct js *items = js_get(plan, "items");
    int worst = ZB_EXIT_OK;
    if (!cli_option(c, "kit"))
        return err_set(e, ZE_USAGE, "--kit", _("a restore to a directory of this machine needs it"));
    if (vault_dir(c, vault, e) < 0) return -1;
    for (size_t i = 0; i < js_count(items); i++) {
        const struct js *item = js_at(items, i);
        bool system = *js_str(plan, "system", "");
        snprintf(below, sizeof below, "%s%s%.64s", dir, system ? "/" : "", system ? js_str(item, "host", "") : "");
        int rc = agent_run(c, item, vault, below, e);
        if (rc < 0) return -1;
        if (rc && worst != ZB_EXIT_FAILED) worst = rc;
    }
    return worst;
}

/* ---- what is asked for ---- */

/* "A=B,C=D" as {"A":"B","C":"D"}. */
static int map_put(struct js *q, const char *host, const char *name, const char *map, struct err *e) {
    struct js *m = js_object();
    char copy[4096], *rest = copy, *pair;
    if (name) js_set_str(m, host, name);
    snprintf(copy, sizeof copy, "%s", map ? map : "");
    while ((pair = strsep(&rest, ","))) {
        char *equals = strchr(pair, '=');
        if (!*pair) continue;
        if (!equals) return js_free(m), err_set(e, ZE_USAGE, pair, _("expected HOST=HOST"));
        *equals = 0;
        js_set_str(m, pair, equals + 1);
    }
    js_set(q, "map", m);
    return 0;
}

static int wish(struct cli *c, struct js *q, const char **dir, struct err *e) {
    const char *to = cli_option(c, "to"), *name = NULL, *into = cli_option(c, "into");
    const char *existing = cli_option(c, "existing");
    uint64_t point = 0;
    *dir = NULL;
    if (!to) return err_set(e, ZE_USAGE, "--to", _("host, host:NAME or dir:PATH"));
    if (!strncmp(to, "dir:", 4)) *dir = to + 4;
    else if (!strncmp(to, "host:", 5)) name = to + 5;
    else if (strcmp(to, "host") != 0) return err_set(e, ZE_USAGE, to, _("host, host:NAME or dir:PATH"));
    if (*dir && **dir != '/') return err_set(e, ZE_USAGE, *dir, _("expected an absolute path"));
    if (c->argc > 1 && strcmp(c->argv[1], "latest") != 0 && (!text_u64(c->argv[1], UINT32_MAX, &point) || !point))
        return err_set(e, ZE_USAGE, c->argv[1], _("expected the number of a restore point, or latest"));
    js_set_str(q, "target", c->argv[0]);
    if (point) js_set_int(q, "point", (int64_t)point);
    if (into && !*dir) js_set_str(q, "dir", into);
    js_set_str(q, "existing", existing ? existing : into || *dir ? "refuse" : "if-different");
    js_set_str(q, "reason", cli_option(c, "reason"));
    if (*dir && !cli_option(c, "dry-run")) js_set_str(q, "local", *dir);
    js_set_bool(q, "dry_run", *dir || cli_option(c, "dry-run"));
    return map_put(q, c->argv[0], name, cli_option(c, "map"), e);
}

int cmd_restore_run(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    const char *dir;
    if (wish(c, q, &dir, e) < 0) return -1;
    CLEANUP_JS struct js *j = cli_post(c, "/v1/restores", q, e);
    if (!j) return -1;
    if (dir) return to_dir(c, j, dir, e);
    bool watched = !cli_option(c, "dry-run") && (cli_option(c, "wait") || cli_option(c, "kit"));
    if (c->json) cli_line("restore", js_copy(j));
    else if (cli_option(c, "dry-run")) print_items(js_get(j, "items"));
    else printf(_("restore %lld is queued\n"), (long long)js_int(j, "restore", 0)), followed(j);
    return watched ? restore_watch(c, js_int(j, "restore", 0), e) : 0;
}

static int path_of(struct cli *c, const char *verb, char path[80], int64_t *id, struct err *e) {
    uint64_t n;
    if (!text_u64(c->argv[0], INT64_MAX, &n))
        return err_set(e, ZE_USAGE, c->argv[0], _("expected the number of a restore"));
    snprintf(path, 80, "/v1/restores/%llu%s", (unsigned long long)n, verb);
    *id = (int64_t)n;
    return 0;
}

int cmd_restore_show(struct cli *c, struct err *e) {
    char path[80];
    int64_t id;
    if (path_of(c, "", path, &id, e) < 0) return -1;
    if (cli_option(c, "wait") || cli_option(c, "kit")) return restore_watch(c, id, e);
    struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    if (c->json) cli_line("restore", j);
    else restore_print(j), js_free(j);
    return 0;
}

int cmd_restore_cancel(struct cli *c, struct err *e) {
    char path[80];
    int64_t id;
    if (path_of(c, "/cancel", path, &id, e) < 0) return -1;
    struct js *j = cli_post(c, path, NULL, e);
    if (!j) return -1;
    if (c->json) cli_line("restore", j);
    else restore_print(j), js_free(j);
    return 0;
}

int cmd_restore_list(struct cli *c, struct err *e) {
    static const char *const names[] = {"state", NULL};
    char path[200] = "/v1/restores";
    cli_filters(c, names, path, sizeof path);
    CLEANUP_JS struct js *list = cli_pages(c, path, "restores", e);
    if (!list) return -1;
    if (c->json) return cli_each("restore", list), 0;
    struct table *t = table_new(_(">RESTORE|OF|STATE|QUEUED|ENDED|>HOSTS|BY|REASON"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *j = js_at(list, i), *items = js_get(j, "items");
        char id[24], hosts[24], queued[32], ended[32];
        const char *system = js_str(j, "system", "");
        snprintf(id, sizeof id, "%lld", (long long)js_int(j, "restore", 0));
        snprintf(hosts, sizeof hosts, "%zu", js_count(items));
        cli_time(j, "queued", queued), cli_time(j, "ended", ended);
        table_row(t, id, *system ? system : js_str(js_at(items, 0), "host", ""), cli_word(j, "state"), queued, ended,
            hosts, js_str(j, "who", ""), js_str(j, "reason", ""));
    }
    table_print(t, cli_none(c, _("no restores yet; zaibei restore SYSTEM|HOST --to host begins one")));
    return 0;
}
