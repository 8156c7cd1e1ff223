/* Public keys and fingerprints, for the person who compares them with paper or with the platform. */
#include "key.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "config.h"
#include "recipient.h"
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

static void print_text(const struct config *c, const struct keys *k) {
    printf("%-12s %s\n%-12s %s\n%-12s %s\n%-12s %s\n", _("host"), c->host, _("ssh key"), k->ssh, _("vault key"), k->vault,
        _("key check"), k->check);
    for (unsigned i = 0; i < k->slots.n; i++) {
        char text[KIT_TEXT], print[KIT_CHECK];
        recipient_text(text, k->slots.slot[i].recipient);
        recipient_print(print, k->slots.slot[i].recipient);
        printf("%-12s %s\n%-12s %s\n", k->slots.slot[i].label, text, "", print);
    }
}

int cmd_key(int argc, char **argv, struct err *e) {
    struct config c;
    struct keys k;
    int n = command_parse(argc, argv, NULL, e);
    if (n < 0) return -1;
    if (n > 0) return err_set(e, ZE_USAGE, argv[1], _("no argument is expected"));
    if (config_load(command_config(), &c, e) < 0) return -1;
    int rc = keys_read(&c, &k, e);
    if (rc == 0) command_json() ? print_json(&c, &k) : print_text(&c, &k);
    config_free(&c);
    return rc;
}
