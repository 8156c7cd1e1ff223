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
#include "greet.h"
#include "recipient.h"
#include "state.h"
#include "sys/file.h"
#include "transport.h"
#include "wire/token.h"
#include "wrap/json.h"

enum { ENROL_MS = 60000, YAML_MAX = 16384 };

struct enrol {
    struct config c;
    struct key_slots slots;
    uint8_t *token_seed; /* secret; NULL for dir:// */
    bool pinned;         /* c.vault_pub is known before the session */
    bool repeated;       /* an earlier start got as far as the keys */
};

/* ---- what was asked for ---- */

static int recipients_take(struct enrol *x, const struct command_list *list, struct err *e) {
    if (list->n == 0)
        return err_set(e, ZE_USAGE, "--recipient", _("at least one recovery kit is needed, or nobody could restore once "
                                                     "this machine is lost"));
    if (list->n > SLOTS_MAX) return err_set(e, ZE_USAGE, "--recipient", _("at most %d"), SLOTS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        struct key_slot *k = &x->slots.slot[i];
        if (!recipient_get(k->recipient, list->item[i]))
            return err_set(e, ZE_USAGE, list->item[i], _("expected %s and base64"), "zbk-pub-");
        for (size_t j = 0; j < i; j++)
            if (seal_equal(x->slots.slot[j].recipient, k->recipient, SEAL_KEY))
                return err_set(e, ZE_USAGE, list->item[i], _("named twice"));
        snprintf(k->label, sizeof k->label, i ? "kit-%zu" : "kit", i + 1);
    }
    x->slots.n = (unsigned)list->n;
    return 0;
}

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
    key_check(x->slots.check, c->host_key);
    for (unsigned i = 0; i < x->slots.n; i++)
        box_seal(x->slots.slot[i].sealed, x->slots.slot[i].recipient, c->host_key, SEAL_KEY);
    return 0;
}

/* ---- talking to the vault ---- */

static int take_vault(struct enrol *x, const struct vault_header *v, struct err *e) {
    if (x->pinned && !seal_equal(v->pub, x->c.vault_pub, SEAL_SIGN_PUB))
        return err_set(e, ZE_VAULTKEY, x->c.vault, _("its key is not the one in the token"));
    memcpy(x->c.vault_pub, v->pub, SEAL_SIGN_PUB);
    memcpy(x->c.vault_id, v->id, SEAL_ID);
    return 0;
}

static int take_host(struct enrol *x, const char *host, const uint8_t *host_id, const char *system,
    const uint8_t *system_id, struct err *e) {
    if (!text_name_ok(host) || !text_name_ok(system) || (*x->c.host && strcmp(x->c.host, host) != 0))
        return err_set(e, ZE_REFUSED, x->c.vault, _("it enrols host \"%s\" in system \"%s\""), host, system);
    strcpy(x->c.host, host);
    strcpy(x->c.system, system);
    memcpy(x->c.ids.host_id, host_id, SEAL_ID);
    memcpy(x->c.ids.system_id, system_id, SEAL_ID);
    return 0;
}

static int answer_take(struct enrol *x, struct rd *r, struct err *e) {
    char host[64], system[64];
    uint8_t host_id[SEAL_ID], system_id[SEAL_ID];
    size_t header_n = 0, record_n = 0;
    rd_str(r, host, sizeof host);
    rd_copy(r, host_id, SEAL_ID);
    rd_str(r, system, sizeof system);
    rd_copy(r, system_id, SEAL_ID);
    const uint8_t *header = rd_blob(r, &header_n, 4096), *record = rd_blob(r, &record_n, ZB_RECORD_MAX);
    if (!rd_end(r) || !header || !record) return err_set(e, ZE_PROTO, x->c.vault, _("an answer that cannot be read"));
    struct vault_header v;
    struct record rec;
    if (vault_header_decode(&v, header, header_n, e) < 0 || take_vault(x, &v, e) < 0) return -1;
    if (record_decode(&rec, record, record_n, v.id, v.pub, e) < 0) return -1;
    bool good = rec.type == REC_HOST && !strcmp(rec.host.host, host) && seal_equal(rec.host_id, host_id, SEAL_ID) &&
                seal_equal(rec.host.keys.check, x->slots.check, SEAL_ID) && rec.host.keys.n == x->slots.n;
    record_free(&rec);
    if (!good) return err_set(e, ZE_PROTO, x->c.vault, _("the record it made is not of this host"));
    return take_host(x, host, host_id, system, system_id, e);
}

static int ask(struct enrol *x, struct frames *f, struct err *e) {
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], type;
    sign_from_seed(pub, sec, x->c.ssh_seed);
    seal_wipe(sec, sizeof sec);
    struct buf b;
    buf_init(&b, FRAME_MAX);
    buf_str(&b, x->c.host);
    buf_put(&b, pub, sizeof pub);
    key_slots_put(&b, &x->slots);
    int rc = frames_put_buf(f, F_ENROL, &b, e);
    buf_free(&b);
    struct rd r;
    if (rc == 0) rc = frames_get(f, &type, &r, e);
    if (rc == 0) return err_set(e, ZE_CUT, x->c.vault, _("it closed the connection"));
    if (rc < 0) return -1;
    if (type == F_ERROR) return frames_take_error(&r, e);
    if (type != F_ENROLLED) return err_set(e, ZE_PROTO, x->c.vault, _("answer %02x where %02x was due"), type, F_ENROLLED);
    return answer_take(x, &r, e);
}

/* One session: with ${known} as the host that an earlier start has enrolled, else as the newcomer. */
static int talk(struct enrol *x, bool known, struct err *e) {
    struct config as = x->c; /* the newcomer signs with the token's key */
    if (!known && x->token_seed) as.ssh_seed = x->token_seed;
    struct transport t;
    struct frames f;
    struct rd r;
    struct welcome w;
    uint8_t type;
    if (transport_open(&as, !known, &t, e) < 0) return -1;
    frames_init(&f, t.rfd, t.wfd, ENROL_MS, x->c.vault);
    int rc = greet_hello(&f, NULL, 0, e);
    if (rc == 0) rc = frames_get(&f, &type, &r, e);
    if (rc == 0) rc = err_set(e, ZE_CUT, x->c.vault, _("it closed the connection"));
    if (rc > 0 && type == F_ERROR)
        rc = frames_take_error(&r, e);
    else if (rc > 0 && type != F_WELCOME)
        rc = err_set(e, ZE_PROTO, x->c.vault, _("answer %02x where %02x was due"), type, F_WELCOME);
    if (rc > 0) rc = greet_welcome(&r, &w, x->c.vault, e);
    if (rc == 0) rc = take_vault(x, &w.vault, e);
    if (rc == 0) rc = known ? take_host(x, w.host, w.host_id, w.system, w.system_id, e) : ask(x, &f, e);
    if (rc < 0) transport_explain(&t, e);
    frames_free(&f);
    transport_close(&t);
    return rc;
}

static int enrol(struct enrol *x, struct err *e) {
    struct err why = ERR_INIT;
    if (x->repeated && talk(x, true, &why) == 0) return 0;
    if (talk(x, false, e) == 0) return 0;
    if (e->id == ZE_AUTH)
        return err_set(e, ZE_TOKEN, x->c.vault, _("it refuses the token: expired, revoked, or used up"));
    return -1;
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
    int rc = *dir ? file_mkdirs(AT_FDCWD, dir, 0755, e) : 0;
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
    struct command_list recipients = {0};
    const struct command_option options[] = {{"--recipient", OPT_LIST, &recipients}, {"--state", OPT_TEXT, &state},
        {"--host", OPT_TEXT, &host}, {"--system", OPT_TEXT, &system}, {0}};
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n != 1) return err_set(e, ZE_USAGE, "enroll", _("expected one enrol token (- reads it) or dir:///path"));
    struct enrol *x = calloc(1, sizeof *x);
    if (!x) return err_set(e, ZE_NOMEM, "enroll", "%zu", sizeof *x);
    x->c.statefd = -1;
    int rc = -1;
    if (recipients_take(x, &recipients, e) == 0 && target_take(x, argv[1], host, system, e) == 0 &&
        places_take(x, state, e) == 0 && keys_make(x, e) == 0 && enrol(x, e) == 0 && state_pin(&x->c, e) == 0 &&
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
