/* Enrolment in an order that can be interrupted anywhere and started again:
 *
 *   1. the state directory, then the keys: written once, kept by a second start;
 *   2. the vault takes the host (its log record 0 decides). If interrupted here, the token is used up; the second start
 *      finds that the vault knows this host's ssh key already and takes its ids from the greeting;
 *   3. pins, agent.yaml, and last `ids`: only with it the host is enrolled.
 *
 * The vault's key comes from the token, carried by a person, and is checked before anything is sent. */
#include "enroll.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "enroll_internal.h"
#include "recipient.h"
#include "state.h"
#include "sys/file.h"
#include "wire/token.h"
#include "wrap/json.h"

enum { YAML_MAX = 16384 };

/* ---- what was asked for ---- */

static int token_take(struct enrol *x, const char *text, struct err *e) {
    struct token t;
    int rc = token_get(&t, text, e);
    if (rc == 0) {
        bool v6 = strchr(t.host, ':');
        snprintf(x->c.vault, sizeof x->c.vault, "ssh://%s@%s%s%s:%u", t.user, v6 ? "[" : "", t.host, v6 ? "]" : "", t.port);
        memcpy(x->c.ssh_host_pub, t.host_key, SEAL_SIGN_PUB);
        memcpy(x->c.vault_pub, t.vault_key, SEAL_SIGN_PUB);
        x->pinned = true;
        x->token_seed = secret_alloc(SEAL_SIGN_SEED);
        if (!x->token_seed)
            rc = err_set(e, ZE_NOMEM, "", "secret memory");
        else
            memcpy(x->token_seed, t.seed, SEAL_SIGN_SEED);
    }
    seal_wipe(&t, sizeof t);
    if (rc == 0 && address_parse(&x->c, x->c.vault) < 0) rc = err_set(e, ZE_TOKEN, x->c.vault, _("not an address"));
    return rc;
}

static int target_take(struct enrol *x, const char *what, const char *host, const char *system, struct err *e) {
    if (host && !text_name_ok(host)) return err_set(e, ZE_USAGE, host, _("a host name consists of a-z, 0-9 and -"));
    snprintf(x->c.host, sizeof x->c.host, "%s", host ? host : "");
    if (!strncmp(what, "dir://", 6)) {
        snprintf(x->c.vault, sizeof x->c.vault, "%s", what);
        if (address_parse(&x->c, what) < 0) return err_set(e, ZE_USAGE, what, _("expected dir:///path"));
        if (!host || !system || !text_name_ok(system))
            return err_set(e, ZE_USAGE, what, _("a dir:// vault needs --host NAME and --system NAME"));
        snprintf(x->c.system, sizeof x->c.system, "%s", system);
        return 0;
    }
    if (strcmp(what, "-") != 0) return token_take(x, what, e);
    char line[2048] = "";
    ssize_t n = file_read_full(STDIN_FILENO, line, sizeof line - 1);
    int rc = n < 0 ? err_sys(e, _("standard input"), "read") : token_take(x, line, e);
    seal_wipe(line, sizeof line);
    return rc;
}

/* Where the state goes: --state, else below /var/lib for the system's own configuration, else beside the configuration. */
static int places_take(struct enrol *x, const char *state, struct err *e) {
    struct config *c = &x->c;
    if (config_path(command_config(), c->file, sizeof c->file, e) < 0) return -1;
    bool own = !strcmp(c->file, "/etc/zaibei/agent.yaml");
    if (state) return config_path(state, c->state, sizeof c->state, e);
    int n = own ? snprintf(c->state, sizeof c->state, "/var/lib/zaibei/agent")
                : snprintf(c->state, sizeof c->state, "%.*s/state", (int)(strrchr(c->file, '/') - c->file), c->file);
    return (size_t)n < sizeof c->state ? 0 : err_set(e, ZE_CONFIG, c->file, _("the path is too long"));
}

static int keys_make(struct enrol *x, struct err *e) {
    struct config *c = &x->c;
    if (state_open(c, true, e) < 0) return -1;
    if (state_enrolled(c))
        return err_set(e, ZE_EXISTS, c->state, _("this host is enrolled already; another enrolment needs another --state"));
    x->repeated = faccessat(c->statefd, "ssh.seed", F_OK, 0) == 0;
    if (!x->repeated && access(c->file, F_OK) == 0) /* before the token is used up */
        return err_set(e, ZE_EXISTS, c->file, _("it stays as it is; move it away and start again"));
    if (state_secret(c, "host.key", true, &c->host_key, e) < 0) return -1;
    if (state_secret(c, "ssh.seed", true, &c->ssh_seed, e) < 0) return -1;
    recipients_seal(&x->slots, c->host_key);
    return 0;
}

/* ---- what stays ---- */

static int yaml_write(const struct enrol *x, struct err *e) {
    const struct config *c = &x->c;
    struct buf b, old;
    char dir[4096];
    buf_init(&b, YAML_MAX);
    buf_init(&old, YAML_MAX);
    const char *lines[] = {"# Written by zaibei-agent enroll. What is pinned stands in the state directory.\n", "vault: \"",
        c->vault, "\"\nhost: ", c->host, "\nstate: \"", c->state, "\"\n",
        c->transport == TRANSPORT_DIR ? "" : "transport: libssh2   # or openssh\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) buf_put(&b, lines[i], strlen(lines[i]));
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(c->file, '/') - c->file), c->file);
    int rc = buf_ok(&b) ? 0 : err_set(e, ZE_NOMEM, c->file, "%zu", b.len);
    if (rc == 0 && *dir) rc = file_mkdirs(AT_FDCWD, dir, 0755, e);
    if (rc == 0) rc = file_put_new(AT_FDCWD, c->file, b.p, b.len, 0644, e);
    if (rc > 0) { /* ours from an interrupted start is fine, anybody else's is not */
        rc = file_load(AT_FDCWD, c->file, YAML_MAX, &old, e);
        if (rc == 0 && (old.len != b.len || memcmp(old.p, b.p, b.len) != 0))
            rc = err_set(e, ZE_EXISTS, c->file, _("it stays as it is; move it away and start again"));
    }
    buf_free(&b);
    buf_free(&old);
    return rc;
}

static void tell(const struct enrol *x) {
    const struct config *c = &x->c;
    char print[KIT_CHECK], hex[65];
    text_hex(hex, c->vault_pub, SEAL_SIGN_PUB);
    if (command_json()) {
        CLEANUP_JS struct js *j = js_object();
        js_set_int(j, "schema_version", 1);
        js_set_str(j, "message_type", "enrolled");
        js_set_str(j, "host", c->host);
        js_set_str(j, "system", c->system);
        js_set_str(j, "vault", c->vault);
        js_set_str(j, "vault_key", hex);
        js_set_str(j, "config", c->file);
        struct js *list = js_array();
        for (unsigned i = 0; i < x->slots.n; i++) {
            recipient_print(print, x->slots.slot[i].recipient);
            js_push_str(list, print);
        }
        js_set(j, "recipients", list);
        CLEANUP_FREE char *line = js_dump(j);
        puts(line);
        return;
    }
    printf(_("Host %s of system %s is enrolled at %s.\nConfiguration: %s\n"), c->host, c->system, c->vault, c->file);
    printf(_("Compare with the recovery kit on paper before the first backup; only its holder can restore without this "
             "machine:\n"));
    for (unsigned i = 0; i < x->slots.n; i++) {
        recipient_print(print, x->slots.slot[i].recipient);
        printf("  %s: %s\n", x->slots.slot[i].label, print);
    }
}

int cmd_enroll(int argc, char **argv, struct err *e) {
    const char *state = NULL, *host = NULL, *system = NULL;
    const char *typed = NULL;
    bool go_on = false, yes = false;
    struct command_list recipients = {0};
    const struct command_option options[] = {{"--recipient", OPT_LIST, &recipients}, {"--state", OPT_TEXT, &state},
        {"--host", OPT_TEXT, &host}, {"--system", OPT_TEXT, &system}, {"--continue", OPT_FLAG, &go_on},
        {"--yes", OPT_FLAG, &yes}, {"--vault-key", OPT_TEXT, &typed}, {0}};
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (go_on && (n || state || host || system || recipients.n))
        return err_set(e, ZE_USAGE, "--continue", _("nothing else goes with it but --yes"));
    if (typed && !go_on) return err_set(e, ZE_USAGE, "--vault-key", _("it goes with --continue"));
    if (typed) return enroll_vault_key(typed, e);
    if (go_on) return enroll_continue(yes, e);
    if (n != 1) return err_set(e, ZE_USAGE, "enroll", _("expected one enrol token (- reads it) or dir:///path"));
    struct enrol *x = calloc(1, sizeof *x);
    if (!x) return err_set(e, ZE_NOMEM, "enroll", "%zu", sizeof *x);
    x->c.statefd = -1;
    int rc = -1;
    if (recipients_take(&x->slots, &recipients, e) == 0 && target_take(x, argv[1], host, system, e) == 0 &&
        places_take(x, state, e) == 0 && keys_make(x, e) == 0 && enroll_at_vault(x, e) == 0 && state_pin(&x->c, e) == 0 &&
        recipients_save(&x->c, &x->slots, e) == 0 &&
        yaml_write(x, e) == 0 && state_enrol(&x->c, e) >= 0) {
        tell(x);
        rc = ZB_EXIT_OK;
    }
    secret_free(x->token_seed);
    config_free(&x->c);
    free(x);
    return rc;
}
