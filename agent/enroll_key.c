/* `enroll --continue --vault-key`: after an emergency replacement of the vault's key. The approvers who allowed it are unknown to
 * this host, so a person is the one who says that the new key is the vault's: by typing what the administrator of the
 * vault reads out. Everything else is checked as ever. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "enroll_internal.h"
#include "session.h"
#include "state.h"
#include "sys/file.h"
#include "wrap/json.h"

static void tell(const struct config *c, const char *key) {
    if (!command_json()) {
        printf(_("Host %s believes the vault's key %s from now on.\n"), c->host, key);
        return;
    }
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "vault_key");
    js_set_str(j, "host", c->host);
    js_set_str(j, "vault_key", key);
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

static int greet(struct config *c, const uint8_t *pub, struct err *e) {
    struct session s;
    c->typed_pub = pub;
    if (session_open(c, &s, e) < 0) return -1;
    bool same = seal_equal(keychain_last(&s.keys), pub, SEAL_SIGN_PUB);
    session_close(&s);
    return same ? 0 : err_set(e, ZE_VAULTKEY, c->vault, _("it signs with another key than the one that was typed"));
}

int enroll_vault_key(const char *typed, struct err *e) {
    struct config c;
    uint8_t pub[SEAL_SIGN_PUB];
    if (strlen(typed) != 2 * sizeof pub || !text_unhex(pub, sizeof pub, typed))
        return err_set(e, ZE_USAGE, "--vault-key", _("expected 64 hex digits, as zaibei-vault key show prints them"));
    if (config_load(command_config(), &c, e) < 0) return -1;
    CLEANUP_FD int lock = state_lock(&c, e);
    int rc = lock < 0 ? -1 : greet(&c, pub, e);
    if (rc == 0) tell(&c, typed);
    config_free(&c);
    return rc;
}
