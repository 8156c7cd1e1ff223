/* The sealed form: a key of its own, sealed to each recipient, and one AEAD over everything, with the head as associated data.
 * Anybody can seal to a public half; that the file comes from this vault shows in its content, the seed of the vault's key. */
#include <string.h>

#include "base/i18n.h"
#include "recovery.h"
#include "wire/kit.h"

#define MAGIC "ZBRV"
enum { VERSION = 1, BOX = SEAL_KEY + SEAL_BOX_EXTRA };

int recovery_seal(const struct vault_header *h, const struct recovery_conf *c, int64_t now, const struct buf *plain,
    struct buf *out, struct err *e) {
    uint8_t key[SEAL_KEY], nonce[SEAL_NONCE], box[BOX];
    seal_random(key, sizeof key);
    seal_random(nonce, sizeof nonce);
    buf_reset(out);
    buf_put(out, MAGIC, 4);
    buf_u16(out, VERSION);
    buf_u16(out, 0);
    buf_put(out, h->id, SEAL_ID);
    buf_put(out, h->pub, SEAL_SIGN_PUB);
    buf_u64(out, (uint64_t)now);
    buf_vu(out, c->n);
    for (unsigned i = 0; i < c->n; i++) {
        box_seal(box, c->recipient[i], key, sizeof key);
        buf_put(out, c->recipient[i], SEAL_KEY);
        buf_put(out, box, sizeof box);
    }
    size_t head = out->len;
    buf_put(out, nonce, sizeof nonce);
    uint8_t *sealed = buf_reserve(out, plain->len + SEAL_TAG);
    if (sealed) aead_seal(sealed, key, nonce, out->p, head, plain->p, plain->len), out->len += plain->len + SEAL_TAG;
    seal_wipe(key, sizeof key);
    return buf_ok(out) ? 0 : err_set(e, ZE_NOMEM, "keeper/recovery", _("no memory"));
}

/* The file's key by the kit; the reader stands behind the recipients then. */
static int key_find(const char *name, struct rd *r, const struct kit *k, uint8_t key[SEAL_KEY], struct err *e) {
    uint64_t n = rd_vu(r);
    bool mine = false, opened = false;
    for (uint64_t i = 0; i < n && rd_ok(r); i++) {
        const uint8_t *who = rd_take(r, SEAL_KEY), *box = rd_take(r, BOX);
        if (!box || memcmp(who, k->pub, SEAL_KEY) != 0) continue;
        mine = true;
        opened = opened || box_open(key, k->pub, k->sec, box, BOX);
    }
    if (!rd_ok(r) || n > RECOVERY_RECIPIENTS || (mine && !opened)) return err_set(e, ZE_DAMAGED, name, _("malformed"));
    return mine ? 0 : err_set(e, ZE_WRONGKEY, name, _("it is sealed to another recovery kit"));
}

static int open_with(
    const char *name, const struct buf *file, const struct kit *k, uint8_t *pub, struct buf *plain, struct err *e) {
    struct rd r = rd_of(file->p, file->len);
    const uint8_t *magic = rd_take(&r, 4);
    uint8_t key[SEAL_KEY] = {0};
    if (!magic || memcmp(magic, MAGIC, 4) != 0) return err_set(e, ZE_DAMAGED, name, _("not a recovery file"));
    uint16_t version = rd_u16(&r);
    if (version > VERSION) return err_set(e, ZE_NEWER, name, _("version %u"), version);
    rd_take(&r, 2 + SEAL_ID);
    rd_copy(&r, pub, SEAL_SIGN_PUB);
    rd_u64(&r);
    if (key_find(name, &r, k, key, e) < 0) return -1;
    size_t head = file->len - r.left;
    const uint8_t *nonce = rd_take(&r, SEAL_NONCE);
    size_t n = r.left >= SEAL_TAG ? r.left - SEAL_TAG : 0;
    uint8_t *p = nonce && n ? buf_reserve(plain, n) : NULL;
    bool good = p && aead_open(p, key, nonce, file->p, head, r.p, r.left);
    seal_wipe(key, sizeof key);
    if (!good) return err_set(e, ZE_DAMAGED, name, _("it was changed or cut"));
    plain->len += n;
    return 0;
}

int recovery_unseal(const char *name, const struct buf *file, const char *kit, uint8_t pub[SEAL_SIGN_PUB],
    struct buf *plain, struct err *e) {
    struct kit k;
    if (kit_load(&k, kit, e) < 0) return -1;
    int rc = k.has_sec ? open_with(name, file, &k, pub, plain, e)
                       : err_set(e, ZE_WRONGKEY, kit, _("only the public half is here"));
    kit_wipe(&k);
    return rc;
}
