/* zaibei point pin, pins and remove, and zaibei approve. Approving needs neither zaibeid nor the vault: the request says in
 * plain words what it allows, and ssh-keygen signs it with a key file or a FIDO key. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "wire/approval.h"

/* HOST/1,2,3: the host into the path, the numbers into the request (${list}) or the path (no list). */
static int take_points(const char *s, char *path, size_t cap, const char *tail, struct js *list, struct err *e) {
    const char *slash = strchr(s, '/');
    char host[64], number[16] = "";
    uint64_t n = 0;
    if (!slash || slash == s || slash - s >= (int)sizeof host)
        return err_set(e, ZE_USAGE, s, _("expected HOST/NUMBER"));
    snprintf(host, sizeof host, "%.*s", (int)(slash - s), s);
    if (!text_name_ok(host)) return err_set(e, ZE_USAGE, host, _("not a host name: a-z, 0-9 and -"));
    for (const char *at = slash; at;) {
        size_t len = strcspn(++at, ",");
        snprintf(number, sizeof number, "%.*s", (int)(len < sizeof number ? len : sizeof number - 1), at);
        if (!text_u64(number, UINT32_MAX, &n) || (!list && at[len]))
            return err_set(e, ZE_USAGE, s, _("expected HOST/NUMBER"));
        if (list) js_push_int(list, (int64_t)n);
        at = at[len] ? at + len : NULL;
    }
    snprintf(path, cap, "/v1/points/%s/%s%s", host, list ? "" : number, tail);
    return 0;
}

static void common(struct cli *c, struct js *q) {
    const char *who = cli_option(c, "who"), *reason = cli_option(c, "reason");
    if (!who) who = getenv("USER");
    if (who) js_set_str(q, "who", who);
    if (reason) js_set_str(q, "reason", reason);
    js_set_bool(q, "dry_run", cli_option(c, "dry-run") != NULL);
}

int cmd_point_pin(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    const char *months = cli_option(c, "months"), *until = cli_option(c, "until");
    char path[300];
    uint64_t n = 0;
    if (months && !text_u64(months, 1200, &n)) return err_set(e, ZE_USAGE, months, _("expected a number of months"));
    if (months) js_set_int(q, "months", (int64_t)n);
    if (until) js_set_str(q, "until", until);
    common(c, q);
    int system = cli_system_point(c->argv[0], path, sizeof path, "/pin");
    if (system < 0) return err_set(e, ZE_USAGE, c->argv[0], _("expected SYSTEM@NUMBER"));
    if (!system && take_points(c->argv[0], path, sizeof path, "/pin", NULL, e) < 0) return -1;
    struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    if (system) return cmd_system_point_pinned(c, j), js_free(j), 0;
    if (c->json) return cli_line("pin", j), 0;
    printf(js_bool(j, "extended", false) ? _("%s is pinned until %s\n") : _("%s is pinned already, until %s\n"),
        c->argv[0], js_str(j, "until", "?"));
    if (js_bool(j, "dry_run", false)) puts(_("(only tried: nothing was changed)"));
    js_free(j);
    return 0;
}

int cmd_point_pins(struct cli *c, struct err *e) {
    char path[300];
    if (!text_name_ok(c->argv[0])) return err_set(e, ZE_USAGE, c->argv[0], _("not a host name: a-z, 0-9 and -"));
    snprintf(path, sizeof path, "/v1/hosts/%s/pins", c->argv[0]);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    const struct js *pins = js_get(j, "pins");
    if (c->json) return cli_each("pin", pins), 0;
    for (size_t i = 0; i < js_count(pins); i++) {
        const struct js *p = js_at(pins, i);
        char name[100], text[700];
        snprintf(name, sizeof name, "%s/%lld", c->argv[0], (long long)js_int(p, "point", 0));
        snprintf(
            text, sizeof text, "%s  %s (%s)", js_str(p, "until", ""), js_str(p, "reason", ""), js_str(p, "who", ""));
        cli_show(name, text);
    }
    return 0;
}

static int sure(struct cli *c, struct err *e) {
    char typed[300] = "";
    if (cli_option(c, "yes") || cli_option(c, "dry-run")) return 0;
    if (!isatty(STDIN_FILENO)) return err_set(e, ZE_USAGE, c->argv[0], _("say --yes to remove without being asked"));
    fprintf(stderr, _("Type %s to remove it: "), c->argv[0]);
    if (!fgets(typed, sizeof typed, stdin)) *typed = 0;
    typed[strcspn(typed, "\n")] = 0;
    return strcmp(typed, c->argv[0]) == 0 ? 0 : err_set(e, ZE_CANCELLED, c->argv[0], _("nothing was removed"));
}

int cmd_point_remove(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    const char *file = cli_option(c, "approvals");
    struct approvals a = {0};
    struct js *points = js_array();
    char path[300];
    js_set(q, "points", points);
    common(c, q);
    if (take_points(c->argv[0], path, sizeof path, "remove", points, e) < 0) return -1;
    if (file && approvals_load(&a, file, e) < 0) return approvals_free(&a), -1;
    if (file) js_set(q, "approvals", approvals_json(&a));
    approvals_free(&a);
    if (sure(c, e) < 0) return -1;
    struct js *j = cli_post(c, path, q, e);
    if (!j) return -1;
    if (c->json) return cli_line("removal", j), 0;
    const struct js *list = js_get(j, "points");
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *p = js_at(list, i);
        char name[100], text[200];
        snprintf(name, sizeof name, "%s/%lld", js_str(j, "host", ""), (long long)js_int(p, "point", 0));
        snprintf(text, sizeof text, _("protected until %s (%s)"), js_str(p, "until", "-"), js_str(p, "why", ""));
        cli_show(name, text);
    }
    if (!js_bool(j, "dry_run", false))
        puts(_("removed; their space is given back by a collection after the grace time"));
    else if (js_bool(j, "allowed", false)) puts(_("they may be removed; nothing was done"));
    else printf(_("they may not be removed: %s\n"), js_str(j, "message", ""));
    js_free(j);
    return 0;
}

/* ---- approving ---- */

static void statement_show(const struct statement *s) {
    static const char *const means[] = {
        [APPROVE_REMOVE] = N_("remove these restore points although they are protected"),
        [APPROVE_FLOOR] = N_("keep the restore points of this host for a shorter time than now"),
        [APPROVE_CLOCK] = N_("trust the vault's clock again; the true time is"),
        [APPROVE_LIST] = N_("replace the list of those who may approve by the one with this hash"),
        [APPROVE_KEY] = N_("put another signing key of the vault in the place of this one"),
    };
    char vault[2 * SEAL_ID + 1], expires[32];
    text_hex(vault, s->vault, SEAL_ID);
    text_time(expires, s->expires);
    puts(_("You are asked to allow this:"));
    cli_show(_("action"), _(means[s->action]));
    if (strcmp(s->objects, "-") != 0) cli_show(_("objects"), s->objects);
    if (strcmp(s->detail, "-") != 0) cli_show(_("detail"), s->detail);
    cli_show(_("vault"), vault);
    cli_show(_("valid until"), expires);
}

/* The key: as said, else the usual ones of OpenSSH, a FIDO key first. */
static int key_choose(struct cli *c, char *out, size_t cap, struct err *e) {
    static const char *const usual[] = {"id_ed25519_sk", "id_ed25519"};
    const char *said = cli_option(c, "key"), *home = getenv("HOME");
    if (said) return snprintf(out, cap, "%s", said), 0;
    for (size_t i = 0; home && i < sizeof usual / sizeof *usual; i++) {
        snprintf(out, cap, "%s/.ssh/%s", home, usual[i]);
        if (access(out, R_OK) == 0) return 0;
    }
    return err_set(e, ZE_USAGE, "--key", _("which key file?"));
}

/* FILE.KEY.sig, so that the signatures of two people lie side by side. */
static void out_name(struct cli *c, const char *key, char *out, size_t cap) {
    const char *said = cli_option(c, "out"), *base = strrchr(key, '/');
    if (said) snprintf(out, cap, "%s", said);
    else snprintf(out, cap, "%s.%s.sig", c->argv[0], base ? base + 1 : key);
}

/* ssh-keygen asks for passphrase or touch on the terminal. */
static int sign(const char *file, const char *key, const char *out, struct err *e) {
    const char *argv[] = {"ssh-keygen", "-q", "-Y", "sign", "-n", APPROVAL_SPACE, "-f", key, NULL};
    struct proc p = PROC_NONE;
    CLEANUP_FD int in = open(file, O_RDONLY | O_CLOEXEC);
    if (in < 0) return err_sys(e, file, _("open"));
    CLEANUP_FD int to = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (to < 0) return err_sys(e, out, _("make"));
    int fds[2] = {in, to}, rc = proc_spawn(&p, argv, fds, 2, e);
    if (rc == 0) rc = proc_wait(&p, -1, e);
    if (rc > 0) rc = err_set(e, ZE_CHILD, "ssh-keygen", _("it did not sign"));
    if (rc < 0) unlink(out);
    return rc;
}

/* What was just made must hold for what was just read: no other file, no other key type. */
static int check(const struct buf *text, const char *file, struct err *e) {
    struct buf armour, sig;
    struct sshsig s;
    buf_init(&armour, 4 * SSHSIG_MAX);
    buf_init(&sig, SSHSIG_MAX);
    int rc = file_load(AT_FDCWD, file, 4 * SSHSIG_MAX, &armour, e);
    if (rc == 0) rc = sshsig_dearmour(&sig, (const char *)armour.p, armour.len, e);
    if (rc == 0) rc = sshsig_check(&s, sig.p, sig.len, APPROVAL_SPACE, text->p, text->len, e);
    buf_free(&armour);
    buf_free(&sig);
    if (rc < 0) unlink(file);
    return rc;
}

static int ask(struct cli *c, struct err *e) {
    char typed[16] = "";
    if (cli_option(c, "yes")) return 0;
    if (!isatty(STDIN_FILENO)) return err_set(e, ZE_USAGE, c->argv[0], _("say --yes to sign without being asked"));
    fprintf(stderr, _("Type yes to sign it: "));
    if (!fgets(typed, sizeof typed, stdin) || strcmp(typed, "yes\n") != 0)
        return err_set(e, ZE_CANCELLED, c->argv[0], _("not signed"));
    return 0;
}

int cmd_approve(struct cli *c, struct err *e) {
    struct statement s = {.text = NULL};
    struct buf text;
    char key[1000], out[2000];
    buf_init(&text, STATEMENT_MAX);
    int rc = file_load(AT_FDCWD, c->argv[0], STATEMENT_MAX, &text, e);
    if (rc == 0) rc = statement_get(&s, text.p, text.len, e);
    if (rc == 0 && !c->json) statement_show(&s);
    if (rc == 0) rc = key_choose(c, key, sizeof key, e);
    if (rc == 0) rc = ask(c, e);
    if (rc == 0) out_name(c, key, out, sizeof out), rc = sign(c->argv[0], key, out, e);
    if (rc == 0) rc = check(&text, out, e);
    if (rc == 0 && c->json) {
        struct js *j = js_object();
        js_set_str(j, "signature", out);
        cli_line("approval", j);
    } else if (rc == 0) {
        printf(_("signed: %s\n"), out);
    }
    statement_free(&s);
    buf_free(&text);
    return rc;
}
