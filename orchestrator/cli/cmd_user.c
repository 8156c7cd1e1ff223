/* zaibei login, logout, user. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cli.h"
#include "session.h"
#include "wrap/http.h"
#include "wrap/seal.h"
#include "wrap/table.h"

static void user_path(char out[300], const char *name, const char *tail) {
    char escaped[200];
    http_escape(escaped, sizeof escaped, name);
    snprintf(out, 300, "/v1/users/%s%s", escaped, tail);
}

/* Set ${key} to a secret that is asked for, and forget it here. */
static int put_secret(struct js *q, const char *key, const char *file, const char *prompt, bool is_new, struct err *e) {
    char secret[SECRET_MAX];
    int rc = is_new ? secret_new(file, prompt, secret, e) : secret_read(file, prompt, secret, e);
    if (rc == 0) js_set_str(q, key, secret);
    seal_wipe(secret, sizeof secret);
    return rc;
}

static void print_user(const struct js *j) {
    static const char *const texts[] = {
        "user", "full_name", "department", "state", "created", "last_login", "password_set", "expires"};
    char roles[200];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cli_field(j, texts[i]);
    cli_words(js_get(j, "roles"), roles, sizeof roles);
    cli_show(_("roles"), roles);
    cli_show(_("one-time codes"), js_bool(j, "codes", false) ? _("yes") : _("no"));
    if (js_bool(j, "must_change", false)) cli_show(_("password"), _("must be changed at the next login"));
}

static int show(struct cli *c, struct js *j) {
    if (!j) return -1;
    if (c->json) return cli_line("user", j), 0;
    print_user(j);
    js_free(j);
    return 0;
}

/* ---- sessions ---- */

static bool lacks(const struct js *j, const char *what) {
    const struct js *setup = js_get(j, "setup");
    for (size_t i = 0; i < js_count(setup); i++)
        if (!strcmp(js_text(js_at(setup, i)), what)) return true;
    return false;
}

/* Log in with a code only where it is needed: zaibeid does not tell beforehand, so whoever has a terminal is asked and may
 * leave it empty. */
int cmd_login(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *j = NULL;
    const char *code = cli_option(c, "code-file"), *password = cli_option(c, "password-file");
    js_set_str(q, "user", c->argv[0]);
    if (put_secret(q, "password", password, _("Password"), false, e) < 0) return -1;
    if (code || !password) {
        struct err none = ERR_INIT;
        if (put_secret(q, "code", code, _("One-time code (empty: none)"), false, &none) < 0 && code)
            return *e = none, -1;
    }
    session_drop(c);
    if (!(j = cli_post_secret(c, "/v1/login", q, e)) || session_keep(c, js_str(j, "token", ""), e) < 0) return -1;
    js_set_str(j, "token", NULL);
    if (lacks(j, "password"))
        fputs(_("The password has to be changed before anything else: zaibei user passwd\n"), stderr);
    if (lacks(j, "code")) fputs(_("One-time codes have to be set up before anything else: zaibei user totp\n"), stderr);
    if (c->json) return cli_line("login", js_copy(j)), 0;
    printf(_("logged in as %s until %s\n"), js_str(j, "user", ""), js_str(j, "expires", ""));
    return 0;
}

int cmd_logout(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = cli_post_secret(c, "/v1/logout", NULL, e);
    if (!j && e->id != ZE_NOLOGIN) return -1;
    session_drop(c);
    return 0;
}

/* ---- users ---- */

int cmd_user_first(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "user", c->argv[0]);
    js_set_str(q, "full_name", cli_option(c, "full-name") ? cli_option(c, "full-name") : "");
    if (put_secret(q, "code", cli_option(c, "code-file"), _("Code of zaibeid first-user"), false, e) < 0 ||
        put_secret(q, "password", cli_option(c, "password-file"), _("New password"), true, e) < 0)
        return -1;
    int rc = show(c, cli_post_secret(c, "/v1/first-user", q, e));
    if (rc == 0)
        fprintf(stderr, _("Now log in (zaibei login %s) and set up one-time codes (zaibei user totp).\n"), c->argv[0]);
    return rc;
}

static void put_words(struct js *q, const char *key, const char *words) {
    struct js *list = js_array();
    char copy[400], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", words);
    while ((word = strsep(&rest, ",")))
        if (*word) js_push_str(list, word);
    js_set(q, key, list);
}

static void put_account(const struct cli *c, struct js *q) {
    static const char *const names[][2] = {
        {"full-name", "full_name"}, {"department", "department"}, {"expires", "expires"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cli_option(c, names[i][0])) js_set_str(q, names[i][1], cli_option(c, names[i][0]));
    if (cli_option(c, "roles")) put_words(q, "roles", cli_option(c, "roles"));
}

int cmd_user_add(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "user", c->argv[0]);
    put_account(c, q);
    if (put_secret(q, "password", cli_option(c, "password-file"), _("First password"), true, e) < 0) return -1;
    return show(c, cli_post_secret(c, "/v1/users", q, e));
}

int cmd_user_set(struct cli *c, struct err *e) {
    char path[300];
    CLEANUP_JS struct js *q = js_object();
    put_account(c, q);
    if (!js_count(q)) return err_set(e, ZE_USAGE, c->argv[0], _("say what to set"));
    user_path(path, c->argv[0], "");
    return show(c, cli_post(c, path, q, e));
}

int cmd_user_list(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *users = cli_pages(c, "/v1/users", "users", e);
    if (!users) return -1;
    if (c->json) return cli_each("user", users), 0;
    struct table *t = table_new(_("USER|NAME|DEPARTMENT|ROLES|STATE|CODES|LAST LOGIN"));
    for (size_t i = 0; i < js_count(users); i++) {
        const struct js *u = js_at(users, i);
        char roles[200], last[32];
        cli_words(js_get(u, "roles"), roles, sizeof roles);
        cli_time(u, "last_login", last);
        table_row(t, js_str(u, "user", ""), js_str(u, "full_name", ""), js_str(u, "department", "–"), roles,
            cli_word(u, "state"), js_bool(u, "codes", false) ? _("yes") : _("no"), last);
    }
    table_print(t, _("no users yet; make the first one with: zaibeid first-user"));
    return 0;
}

int cmd_user_show(struct cli *c, struct err *e) {
    char path[300];
    if (c->argc) user_path(path, c->argv[0], "");
    struct js *j = c->argc ? cli_get(c, path, e) : cli_get(c, "/v1/self", e);
    if (!j || c->argc) return show(c, j);
    if (c->json) return cli_line("self", j), 0;
    char roles[200];
    cli_words(js_get(j, "roles"), roles, sizeof roles);
    cli_show(_("user"), js_str(j, "user", ""));
    cli_show(_("department"), js_str(j, "department", "–"));
    cli_show(_("roles"), roles);
    js_free(j);
    return 0;
}

static int act(struct cli *c, const char *tail, struct err *e) {
    char path[300];
    user_path(path, c->argv[0], tail);
    return show(c, cli_post(c, path, NULL, e));
}

int cmd_user_disable(struct cli *c, struct err *e) { return act(c, "/disable", e); }
int cmd_user_enable(struct cli *c, struct err *e) { return act(c, "/enable", e); }
int cmd_user_unlock(struct cli *c, struct err *e) { return act(c, "/unlock", e); }

int cmd_user_passwd(struct cli *c, struct err *e) {
    char path[300];
    const char *file = cli_option(c, "password-file");
    CLEANUP_JS struct js *q = js_object();
    if (c->argc) {
        user_path(path, c->argv[0], "/password");
        if (put_secret(q, "password", file, _("First password"), true, e) < 0) return -1;
        return show(c, cli_post_secret(c, path, q, e));
    }
    if (put_secret(q, "old", cli_option(c, "old-file"), _("Present password"), false, e) < 0 ||
        put_secret(q, "new", file, _("New password"), true, e) < 0)
        return -1;
    return show(c, cli_post_secret(c, "/v1/self/password", q, e));
}

/* Without a terminal and without --code-file the secret is printed and the next call, with --code-file, confirms it. */
int cmd_user_totp(struct cli *c, struct err *e) {
    const char *file = cli_option(c, "code-file");
    if (c->argc) return act(c, "/totp-reset", e);
    if (!file) {
        CLEANUP_JS struct js *j = cli_post_secret(c, "/v1/self/totp", NULL, e);
        if (!j) return -1;
        if (c->json) return cli_line("totp", js_copy(j)), 0;
        printf("%s\n%s\n", js_str(j, "secret", ""), js_str(j, "uri", ""));
        if (!isatty(STDIN_FILENO)) return 0;
        fputs(_("Put this into the program that makes your codes, then type a code of it.\n"), stderr);
    }
    CLEANUP_JS struct js *q = js_object();
    if (put_secret(q, "code", file, _("One-time code"), false, e) < 0) return -1;
    return show(c, cli_post_secret(c, "/v1/self/totp/confirm", q, e));
}
