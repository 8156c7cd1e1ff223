/* The words that the API speaks (states, kinds, steps, names of members) as people read them. JSON keeps them as they are, and so do
 * options such as --state; only what is printed for people goes through here. A word that does not stand here is printed as it is:
 * names of hosts and people must never be taken for words, so nothing is looked up in the catalogue that is not in this list. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"

static const char *const words[] = {
    /* how something stands */
    N_("queued"), N_("waiting"), N_("running"), N_("ok"), N_("partial"), N_("failed"), N_("missed"), N_("skipped"),
    N_("cancelled"), N_("ended"), N_("complete"), N_("sent"), N_("enrolled"), N_("revoked"), N_("damaged"), N_("behind"),
    N_("unknown"), N_("disabled"), N_("expired"), N_("draft"), N_("submitted"), N_("reviewed"), N_("approved"), N_("active"),
    N_("suspended"), N_("superseded"), N_("rejected"), N_("withdrawn"), N_("retired"), N_("begun"), N_("ready"), N_("cutover"),
    N_("window"), N_("closing"), N_("rolling-back"), N_("rolled-back"), N_("closed"), N_("green"), N_("red"), N_("frozen"),
    N_("thawed"),
    /* what is or was done */
    N_("review"), N_("approval"), N_("execution"), N_("save"), N_("submit"), N_("approve"), N_("enact"), N_("replace"),
    N_("reject"), N_("withdraw"), N_("suspend"), N_("resume"), N_("retire"), N_("execute"), N_("begin"), N_("unready"), N_("pin"),
    N_("break"), N_("extend"), N_("verify"), N_("end"), N_("rollback"), N_("restored"), N_("close"), N_("refuse"),
    N_("fetch"), N_("restore"), N_("content"), N_("image"), N_("start"), N_("check"), N_("egress"), N_("teardown"),
    /* of what kind */
    N_("full"), N_("incremental"), N_("daily"), N_("weekly"), N_("monthly"), N_("yearly"), N_("extra"), N_("manual"),
    N_("calendar"), N_("catch-up"), N_("schedule"), N_("floor"), N_("agent"), N_("quota"), N_("kit"), N_("space"), N_("clock"),
    /* names of members */
    N_("job"), N_("plan"), N_("plan_version"), N_("plan_hash"), N_("attempts"), N_("point"), N_("points"), N_("files"), N_("bytes"),
    N_("bytes_read"), N_("bytes_sent"), N_("bytes_stored"), N_("not_read"), N_("kept"), N_("host"), N_("kind"), N_("origin"),
    N_("state"), N_("phase"), N_("ticket"), N_("due"), N_("window_end"), N_("started"), N_("retain_until"), N_("labels"),
    N_("left_out"), N_("time"), N_("walk_start"), N_("protected_until"), N_("protected_by"), N_("pinned_until"), N_("generation"),
    N_("parent"), N_("drill"), N_("level"), N_("requested_by"), N_("verdict"), N_("requested"), N_("incident"), N_("granted"),
    N_("granted_by"), N_("user"), N_("full_name"), N_("department"), N_("created"), N_("last_login"), N_("password_set"),
    N_("expires"), N_("roles"), N_("system"), N_("departments"), N_("plans"), N_("recovery"), N_("rto target"),
    N_("system point"), N_("last drill"), N_("who"), N_("reason"),
};

const char *cli_known(const char *s) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i], s)) return _(s);
    return s;
}

const char *cli_word(const struct js *j, const char *key) { return cli_known(js_str(j, key, "")); }

const char *cli_goal(const struct js *j, const char *key) {
    static const char *const goals[][2] = {{"met", N_("met")}, {"missed", N_("missed (too long)")},
        {"no-target", N_("no target")}, {"unmeasured", N_("not measured")}};
    const char *s = js_str(j, key, "");
    for (size_t i = 0; i < sizeof goals / sizeof *goals; i++)
        if (!strcmp(goals[i][0], s)) return _(goals[i][1]);
    return s;
}

void cli_labels(const struct js *array, char *out, size_t cap) {
    size_t o = 0;
    *out = 0;
    for (size_t i = 0; i < js_count(array); i++) {
        const char *w = js_text(js_at(array, i));
        int n = snprintf(out + o, cap - o, "%s%s", o ? "," : "", w ? cli_known(w) : "");
        if (n < 0 || (size_t)n >= cap - o) return;
        o += (size_t)n;
    }
}

void cli_show(const char *name, const char *value) {
    char t[4000];
    text_escape(t, sizeof t, value ? value : "", value ? strlen(value) : 0);
    int gap = 16 - (int)text_columns(name);
    printf("  %s%*s %s\n", name, gap > 0 ? gap : 0, "", t);
}

void cli_field(const struct js *j, const char *key) {
    static const char *const worded[] = {"kind", "origin", "state", "phase", "verdict", "protected_by", "waits_for"};
    const char *s = js_str(j, key, "–");
    for (size_t i = 0; i < sizeof worded / sizeof *worded; i++)
        if (!strcmp(worded[i], key)) s = cli_known(s);
    cli_show(cli_known(key), *s ? s : "–");
}

void cli_number(const struct js *j, const char *key) {
    char s[24];
    snprintf(s, sizeof s, "%lld", (long long)js_int(j, key, 0));
    cli_show(cli_known(key), s);
}

void cli_problem(const struct js *x) {
    char s[1200];
    unsigned number = 0;
    enum err_id id = sscanf(js_str(x, "id", ""), "ZB-%4u", &number) == 1 ? err_known(number) : ZE_NONE;
    bool known = id != ZE_NONE && (unsigned)id == number;
    snprintf(s, sizeof s, "%s %s: %s: %s", js_str(x, "id", ""), known ? err_text(id) : "", js_str(x, "object", ""),
        js_str(x, "message", ""));
    cli_show(_("message"), s);
    if (*js_str(x, "next", "")) cli_show(_("next step"), known ? err_next(id) : js_str(x, "next", ""));
}

int cli_state_ok(const struct cli *c, const char *noun, struct err *e) {
    static const char *const states[][2] = {
        {"plan", "draft submitted reviewed approved active suspended superseded rejected withdrawn retired"},
        {"job", "queued running ok partial failed missed skipped cancelled"},
        {"point", "complete partial"},
        {"restore", "queued waiting running ok partial failed cancelled"},
        {"migrate", "begun ready cutover window ended closing rolling-back rolled-back closed"},
        {"drill", "queued waiting running ended green red cancelled failed"},
        {"notify", "queued sent failed"},
    };
    const char *s = cli_option(c, "state");
    for (size_t i = 0; s && i < sizeof states / sizeof *states; i++) {
        char padded[200], word[100];
        if (strcmp(states[i][0], noun) != 0) continue;
        snprintf(padded, sizeof padded, " %s ", states[i][1]), snprintf(word, sizeof word, " %s ", s);
        if (!*s || strchr(s, ' ') || !strstr(padded, word))
            return err_set(e, ZE_USAGE, s, _("--state is one of: %s"), states[i][1]);
    }
    return 0;
}

const char *cli_none(const struct cli *c, const char *text) {
    return c->options_n ? _("nothing fits what was asked for") : text;
}
