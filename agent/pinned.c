/* The pin moves only along signatures of what was pinned, or by a person's hand. The old keys stay in `vault.old`, since this host's
 * receipts and points were signed by them; in the list of points their order is looked at (session.c), so that one who
 * holds an old key adds nothing behind what a newer one has signed.
 *
 * If interrupted between the two files: `vault.old` has a key that is still the pinned one; it counts once. */
#include "pinned.h"

#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "state.h"
#include "sys/file.h"

#define OLD "vault.old"

int pinned_load(const struct config *c, struct keychain *keys, struct err *e) {
    struct buf b;
    struct err why = ERR_INIT;
    *keys = (struct keychain){.n = 0};
    buf_init(&b, KEYS_MAX * SEAL_SIGN_PUB);
    int rc = file_load(c->statefd, OLD, KEYS_MAX * SEAL_SIGN_PUB, &b, &why);
    bool none = rc < 0 && why.id == ZE_NOTFOUND;
    if ((rc < 0 && !none) || b.len % SEAL_SIGN_PUB)
        rc = err_set(e, ZE_DAMAGED, c->state, _("%s is not what was written there"), OLD);
    else rc = 0;
    for (size_t at = 0; rc == 0 && at < b.len; at += SEAL_SIGN_PUB)
        if (memcmp(b.p + at, c->vault_pub, SEAL_SIGN_PUB) != 0) (void)keychain_add(keys, b.p + at);
    buf_free(&b);
    if (rc == 0 && !keychain_add(keys, c->vault_pub)) rc = err_set(e, ZE_DAMAGED, c->state, "%s", OLD);
    return rc;
}

static int person_asked(const struct config *c, const uint8_t *old, const uint8_t *now, struct err *e) {
    char was[2 * SEAL_SIGN_PUB + 1], is[2 * SEAL_SIGN_PUB + 1];
    text_hex(was, old, SEAL_SIGN_PUB);
    text_hex(is, now, SEAL_SIGN_PUB);
    return err_set(e, ZE_KEYREPLACED, c->vault, _("from %s to %s"), was, is);
}

int pinned_follow(const struct config *c, const struct welcome *w, struct keychain *keys, struct err *e) {
    const uint8_t *last = keychain_last(&w->keys);
    int at = keychain_find(&w->keys, c->vault_pub), added = 0;
    if (at < 0) return err_set(e, ZE_VAULTKEY, c->vault, _("its key is not the one pinned in %s/vault.pub"), c->state);
    bool typed = c->typed_pub && seal_equal(c->typed_pub, last, SEAL_SIGN_PUB);
    for (unsigned i = (unsigned)at + 1; i < w->keys.n; i++, added++) {
        if (!w->vouched[i] && !typed) return person_asked(c, c->vault_pub, last, e);
        if (!keychain_add(keys, w->keys.pub[i]))
            return err_set(e, ZE_KEYCHAIN, c->vault, _("a key that was replaced before has come back"));
    }
    return added;
}

int pinned_save(const struct config *c, const struct keychain *keys, struct err *e) {
    struct config next = *c;
    if (keys->n > 1 && file_replace(c->statefd, OLD, keys->pub, (keys->n - 1u) * SEAL_SIGN_PUB, 0600, e) < 0) return -1;
    /* If interrupted here, the same greeting brings the same keys. */
    memcpy(next.vault_pub, keychain_last(keys), SEAL_SIGN_PUB);
    return state_pin_vault(&next, e);
}
