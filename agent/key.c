/* Public keys and fingerprints, for the person who compares them with paper or with the platform; and a recovery kit that is
 * added when one was lost. The vault takes it first: if interrupted before it is pinned here, the same command again finds
 * it there and pins it. */
#include "key.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "config.h"
#include "recipient.h"
#include "session.h"
#include "signing.h"
#include "sys/file.h"
#include "wrap/json.h"

struct keys {
    struct key_slots slots;
    char ssh[96], vault[2 * SEAL_SIGN_PUB + 1], check[2 * SEAL_ID + 1];
};

static int keys_read(const struct config *c, struct keys *k, struct err *e) {
    uint8_t check[SEAL_ID];
    key_check(check, c->host_key);
    text_hex(k->check, check, SEAL_ID);
    text_hex(k->vault, c->vault_pub, SEAL_SIGN_PUB);
    strcpy(k->ssh, "-");
    if (c->ssh_seed) {
        uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], blob[SIGNING_BLOB];
        char text[80];
        sign_from_seed(pub, sec, c->ssh_seed);
        seal_wipe(sec, sizeof sec);
        signing_blob(blob, pub);
        b64_encode(text, sizeof text, blob, sizeof blob);
        snprintf(k->ssh, sizeof k->ssh, "ssh-ed25519 %s", text);
    }
    return recipients_load(c, &k->slots, e);
}

static void print_json(const struct config *c, const struct keys *k) {
    CLEANUP_JS struct js *j = js_object();
    struct js *list = js_array();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "key");
    js_set_str(j, "host", c->host);
    js_set_str(j, "ssh_key", k->ssh);
    js_set_str(j, "vault_key", k->vault);
    js_set_str(j, "key_check", k->check);
    for (unsigned i = 0; i < k->slots.n; i++) {
        struct js *one = js_object();
        char text[KIT_TEXT], print[KIT_CHECK];
        recipient_text(text, k->slots.slot[i].recipient);
        recipient_print(print, k->slots.slot[i].recipient);
        js_set_str(one, "label", k->slots.slot[i].label);
        js_set_str(one, "recipient", text);
        js_set_str(one, "check", print);
        js_push(list, one);
    }
    js_set(j, "recipients", list);
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

static void line(const char *name, const char *value) {
    int gap = 12 - (int)text_columns(name);
    printf("%s%*s %s\n", name, gap > 0 ? gap : 0, "", value);
}

static void print_text(const struct config *c, const struct keys *k) {
    line(_("host"), c->host), line(_("ssh key"), k->ssh), line(_("vault key"), k->vault), line(_("key check"), k->check);
    for (unsigned i = 0; i < k->slots.n; i++) {
        char text[KIT_TEXT], print[KIT_CHECK];
        recipient_text(text, k->slots.slot[i].recipient);
        recipient_print(print, k->slots.slot[i].recipient);
        line(k->slots.slot[i].label, text), line("", print);
    }
}

static bool pinned(const struct key_slots *keys, const uint8_t recipient[SEAL_KEY]) {
    for (unsigned i = 0; i < keys->n; i++)
        if (seal_equal(keys->slot[i].recipient, recipient, SEAL_KEY)) return true;
    return false;
}

/* The record that the vault answers with must be of this host and hold what was asked for. */
static int record_check(const struct config *c, const uint8_t *vault_pub, struct rd *r, const struct key_slots *more, struct err *e) {
    struct record rec;
    size_t n;
    const uint8_t *p = rd_blob(r, &n, ZB_RECORD_MAX);
    if (!p || !rd_end(r)) return err_set(e, ZE_PROTO, c->vault, _("an answer that cannot be read"));
    if (record_decode(&rec, p, n, c->vault_id, vault_pub, e) < 0) return -1;
    bool good = rec.type == REC_HOST && seal_equal(rec.host_id, c->ids.host_id, SEAL_ID) &&
        seal_equal(rec.host.keys.check, more->check, SEAL_ID);
    for (unsigned i = 0; good && i < more->n; i++) good = pinned(&rec.host.keys, more->slot[i].recipient);
    record_free(&rec);
    return good ? 0 : err_set(e, ZE_PROTO, c->vault, _("the record it made is not of this host"));
}

static int vault_add(const struct config *c, const struct key_slots *more, struct err *e) {
    struct session s;
    struct buf b;
    struct rd r;
    buf_init(&b, FRAME_MAX);
    key_slots_put(&b, more);
    int rc = session_open(c, &s, e);
    if (rc == 0) rc = frames_put_buf(&s.f, F_KEYS, &b, e);
    if (rc == 0) rc = session_expect(&s, F_KEYS_DONE, &r, e);
    if (rc == 0) rc = record_check(c, keychain_last(&s.keys), &r, more, e);
    session_close(&s);
    buf_free(&b);
    return rc;
}

/* Only what is not pinned yet goes to the vault, under labels that follow those that are. */
static int recipients_add(const struct config *c, const struct command_list *list, struct err *e) {
    struct key_slots more, have;
    if (recipients_take(&more, list, e) < 0 || recipients_load(c, &have, e) < 0) return -1;
    for (unsigned i = 0; i < more.n; i++) snprintf(more.slot[i].label, sizeof more.slot[i].label, "kit-%u", have.n + i + 1);
    recipients_seal(&more, c->host_key);
    if (vault_add(c, &more, e) < 0) return -1;
    for (unsigned i = 0; i < more.n; i++)
        if (!pinned(&have, more.slot[i].recipient) && have.n < SLOTS_MAX) have.slot[have.n++] = more.slot[i];
    return recipients_save(c, &have, e);
}

int cmd_key(int argc, char **argv, struct err *e) {
    struct config c;
    struct keys k;
    struct command_list more = {0};
    const struct command_option options[] = {{"--recipient", OPT_LIST, &more}, {0}};
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n > 0) return err_set(e, ZE_USAGE, argv[1], _("no argument is expected"));
    if (config_load(command_config(), &c, e) < 0) return -1;
    int rc = more.n ? recipients_add(&c, &more, e) : 0;
    if (rc == 0) rc = keys_read(&c, &k, e);
    if (rc == 0) command_json() ? print_json(&c, &k) : print_text(&c, &k);
    config_free(&c);
    return rc;
}
