/* zaibei witness. What it lists is an anchor for zaibei-verify as it stands: the vault's key, then a line for each log. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cli.h"

int cmd_witness_list(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = cli_get(c, "/v1/witness", e);
    if (!j) return -1;
    const struct js *logs = js_get(j, "logs");
    const char *stale = js_str(j, "stale", NULL), *key = js_str(j, "vault_key", NULL);
    if (stale) fprintf(stderr, _("zaibei: the vault could not be asked (%s); this is what was known last\n"), stale);
    if (c->json) return cli_each("log", logs), 0;
    if (key) puts(key);
    for (size_t i = 0; i < js_count(logs); i++) {
        const struct js *x = js_at(logs, i);
        const char *why = js_str(x, "why", NULL);
        printf("%s %lld %s", js_str(x, "log", ""), (long long)js_int(x, "number", 0), js_str(x, "hash", ""));
        if (why) printf("  # %s: %s", js_str(x, "behind", ""), why);
        puts("");
    }
    return 0;
}

int cmd_witness_accept(struct cli *c, struct err *e) {
    char typed[16] = "";
    if (!cli_option(c, "yes")) {
        if (!isatty(STDIN_FILENO)) return err_set(e, ZE_USAGE, "--yes", _("say --yes to accept without being asked"));
        fprintf(stderr, _("What the vault has lost is not asked for any more. Type yes: "));
        if (!fgets(typed, sizeof typed, stdin)) *typed = 0;
        typed[strcspn(typed, "\n")] = 0;
        if (strcmp(typed, "yes") != 0) return err_set(e, ZE_CANCELLED, "witness", _("not accepted"));
    }
    CLEANUP_JS struct js *q = js_object();
    if (c->argc) js_set_str(q, "host", c->argv[0]);
    struct js *j = cli_post(c, "/v1/witness/accept", q, e);
    if (!j) return -1;
    if (c->json) return cli_line("witness", j), 0;
    printf(_("%lld logs are accepted as they are\n"), (long long)js_int(j, "accepted", 0));
    js_free(j);
    return 0;
}
