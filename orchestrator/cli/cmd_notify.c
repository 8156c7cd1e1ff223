/* zaibei notify: who is told, what was told, and whether it arrives. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "cli.h"
#include "wrap/http.h"
#include "wrap/table.h"

int cmd_notify_channels(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = cli_get(c, "/v1/notify/channels", e);
    if (!j) return -1;
    const struct js *list = js_get(j, "channels");
    if (c->json) return cli_each("channel", list), 0;
    struct table *t = table_new(_("CHANNEL|KIND|SERVER|TO"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *ch = js_at(list, i);
        char to[600];
        cli_words(js_get(ch, "to"), to, sizeof to);
        table_row(t, js_str(ch, "channel", ""), js_str(ch, "kind", ""), js_str(ch, "server", ""), to);
    }
    table_print(t, _("nobody is told of anything; name channels under \"notify\" in zaibeid.yaml"));
    return 0;
}

int cmd_notify_list(struct cli *c, struct err *e) {
    static const char *const names[] = {"state", "limit", "after", NULL};
    char path[400] = "/v1/notify/deliveries";
    cli_filters(c, names, path, sizeof path);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    const struct js *list = js_get(j, "deliveries");
    if (c->json) return cli_each("delivery", list), 0;
    struct table *t = table_new(_(">N|TIME|KIND|OBJECT|CHANNEL|STATE|>TRIES|WHY"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *d = js_at(list, i);
        char n[24], when[32], tries[24], kind[80];
        snprintf(n, sizeof n, "%lld", (long long)js_int(d, "delivery", 0));
        snprintf(tries, sizeof tries, "%lld", (long long)js_int(d, "tries", 0));
        snprintf(kind, sizeof kind, js_bool(d, "resolved", false) ? _("%s, resolved") : "%s", js_str(d, "kind", ""));
        cli_time(d, "time", when);
        table_row(t, n, when, kind, js_str(d, "object", ""), js_str(d, "channel", ""), cli_word(d, "state"), tries,
            js_str(d, "why", ""));
    }
    table_print(t, _("nobody was told of anything yet"));
    const char *next = js_str(j, "next", NULL);
    if (next) printf(_("older ones: --after %s\n"), next);
    return 0;
}

int cmd_notify_test(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    js_set_str(q, "channel", c->argv[0]);
    struct js *j = cli_post(c, "/v1/notify/test", q, e);
    if (!j) return -1;
    if (c->json) return cli_line("channel", j), 0;
    printf(_("the server of channel %s has taken a test message; look whether it arrives\n"), c->argv[0]);
    js_free(j);
    return 0;
}

int cmd_notify_retry(struct cli *c, struct err *e) {
    char path[300], number[64];
    http_escape(number, sizeof number, c->argv[0]);
    snprintf(path, sizeof path, "/v1/notify/deliveries/%s/retry", number);
    struct js *j = cli_post(c, path, NULL, e);
    if (!j) return -1;
    if (c->json) return cli_line("delivery", j), 0;
    printf(_("delivery %s is tried again now\n"), c->argv[0]);
    js_free(j);
    return 0;
}
