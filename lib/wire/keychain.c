/* A record says nothing of the key that signed it, so the keys are tried, the newest first: logs are mostly read where they
 * grow. What a stolen old key could still sign is bounded by order: in one log the places of the keys never fall, and the
 * vault puts a mark into each log when its key changes. */
#include "wire/keychain.h"

#include <string.h>

#include "base/i18n.h"

/* Of a record: where its type and, in a key record, the new key stand. */
enum { TYPE_AT = 6, HEAD = 76, NEW_AT = HEAD + 1 + SEAL_SIGN_PUB };

void keychain_init(struct keychain *c, const uint8_t pub[SEAL_SIGN_PUB]) {
    c->n = 1;
    memcpy(c->pub[0], pub, SEAL_SIGN_PUB);
}

const uint8_t *keychain_last(const struct keychain *c) { return c->pub[c->n - 1]; }

int keychain_find(const struct keychain *c, const uint8_t pub[SEAL_SIGN_PUB]) {
    for (unsigned i = 0; i < c->n; i++)
        if (memcmp(c->pub[i], pub, SEAL_SIGN_PUB) == 0) return (int)i;
    return -1;
}

bool keychain_add(struct keychain *c, const uint8_t pub[SEAL_SIGN_PUB]) {
    if (c->n == KEYS_MAX || keychain_find(c, pub) >= 0) return false;
    memcpy(c->pub[c->n++], pub, SEAL_SIGN_PUB);
    return true;
}

int keychain_decode(
    struct record *r, const void *p, size_t n, const uint8_t vault_id[SEAL_ID], const struct keychain *c, struct err *e) {
    for (unsigned i = c->n; i-- > 0;) {
        if (record_decode(r, p, n, vault_id, c->pub[i], e) == 0) {
            *e = (struct err)ERR_INIT;
            r->key = (uint8_t)i;
            return 0;
        }
        if (e->id != ZE_VAULTKEY) return -1;
    }
    return -1;
}

int keychain_system(struct system_object *s, const void *p, size_t n, const uint8_t vault_id[SEAL_ID],
    const struct keychain *c, struct err *e) {
    for (unsigned i = c->n; i-- > 0;) {
        if (system_object_decode(s, p, n, vault_id, c->pub[i], e) == 0) return *e = (struct err)ERR_INIT, 0;
        if (e->id != ZE_VAULTKEY) return -1;
    }
    return -1;
}

/* What the old key signs: vault, old, new. */
enum { VOUCH_MAX = 16 + SEAL_ID + 2 * SEAL_SIGN_PUB };
static size_t vouch_text(uint8_t out[VOUCH_MAX], const struct rec_key *k, const uint8_t vault_id[SEAL_ID]) {
    static const char domain[] = "zaibei next key"; /* with its NUL: 16 */
    memcpy(out, domain, sizeof domain);
    memcpy(out + sizeof domain, vault_id, SEAL_ID);
    memcpy(out + sizeof domain + SEAL_ID, k->old, SEAL_SIGN_PUB);
    memcpy(out + sizeof domain + SEAL_ID + SEAL_SIGN_PUB, k->pub, SEAL_SIGN_PUB);
    return sizeof domain + SEAL_ID + 2 * SEAL_SIGN_PUB;
}

void key_vouch(struct rec_key *k, const uint8_t vault_id[SEAL_ID], const uint8_t old_sec[SEAL_SIGN_SEC]) {
    uint8_t text[VOUCH_MAX];
    size_t n = vouch_text(text, k, vault_id);
    sign_make(k->sig, old_sec, text, n);
}

bool key_vouched(const struct rec_key *k, const uint8_t vault_id[SEAL_ID]) {
    uint8_t text[VOUCH_MAX];
    size_t n = vouch_text(text, k, vault_id);
    return sign_check(k->sig, k->old, text, n);
}

int key_record_decode(struct record *r, const void *p, size_t n, const uint8_t vault_id[SEAL_ID], struct err *e) {
    const uint8_t *b = p;
    uint8_t pub[SEAL_SIGN_PUB];
    if (n < NEW_AT + sizeof pub || b[TYPE_AT] != REC_KEY) return err_set(e, ZE_KEYCHAIN, _("key record"), _("it is none"));
    memcpy(pub, b + NEW_AT, sizeof pub);
    if (record_decode(r, p, n, vault_id, pub, e) < 0) return -1;
    bool good = r->type == REC_KEY && (r->key_change.how == KEY_REPLACED || key_vouched(&r->key_change, vault_id));
    if (good) return 0;
    record_free(r);
    return err_set(e, ZE_KEYCHAIN, _("key record"), _("the key before it has not signed it"));
}
