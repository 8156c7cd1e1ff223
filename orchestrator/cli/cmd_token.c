/* zaibei token: for programs, which cannot type a code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "wrap/table.h"

int cmd_token_new(struct cli *c, struct err *e) {
    const char *expires = cli_option(c, "expires"), *roles = cli_option(c, "roles");
    if (!expires || !cli_seconds(expires))
        return err_set(e, ZE_USAGE, "--expires", _("expected a time such as 30m, 24h or 90d"));
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "name", c->argv[0]);
    js_set_int(q, "expires_s", cli_seconds(expires));
    if (roles) {
        struct js *list = js_array();
        char copy[400], *rest = copy, *word;
        snprintf(copy, sizeof copy, "%s", roles);
        while ((word = strsep(&rest, ",")))
            if (*word) js_push_str(list, word);
        js_set(q, "roles", list);
    }
    struct js *j = cli_post_secret(c, "/v1/tokens", q, e);
    if (!j) return -1;
    if (c->json) return cli_line("token", j), 0;
    puts(js_str(j, "token", "")); /* nothing else on standard output: it is piped into a file */
    if (isatty(STDOUT_FILENO)) fputs(_("It is kept nowhere. Put it into a file of mode 0600: --token-file.\n"), stderr);
    js_free(j);
    return 0;
}

int cmd_token_list(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *tokens = cli_pages(c, cli_option(c, "all") ? "/v1/tokens?all=1" : "/v1/tokens", "tokens", e);
    if (!tokens) return -1;
    if (c->json) return cli_each("token", tokens), 0;
    struct table *t = table_new(_(">TOKEN|USER|NAME|ROLES|EXPIRES|LAST USED"));
    for (size_t i = 0; i < js_count(tokens); i++) {
        const struct js *k = js_at(tokens, i);
        char id[32], roles[200], expires[32], used[32];
        snprintf(id, sizeof id, "%lld", (long long)js_int(k, "token_id", 0));
        cli_words(js_get(k, "roles"), roles, sizeof roles);
        cli_time(k, "expires", expires), cli_time(k, "used", used);
        table_row(t, id, js_str(k, "user", ""), js_str(k, "name", ""), roles, expires, used);
    }
    table_print(t, _("no tokens; make one with: zaibei token new NAME --expires 90d"));
    return 0;
}

int cmd_token_revoke(struct cli *c, struct err *e) {
    char path[64];
    uint64_t id;
    if (!text_u64(c->argv[0], INT64_MAX, &id))
        return err_set(e, ZE_USAGE, c->argv[0], _("expected the number of a token"));
    snprintf(path, sizeof path, "/v1/tokens/%lld/revoke", (long long)id);
    CLEANUP_JS struct js *j = cli_post(c, path, NULL, e);
    if (!j) return -1;
    if (c->json) return cli_line("token", js_copy(j)), 0;
    printf(_("token %lld is revoked\n"), (long long)id);
    return 0;
}
