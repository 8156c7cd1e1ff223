/* HELLO and WELCOME as bytes. The version is looked at before anything else, so that a newer vault is told from a broken
 * one. */
#include "greet.h"

#include <string.h>

#include "base/i18n.h"

enum { PROTOCOL = 1, HEADER_MAX = 4096 };

int greet_hello(struct frames *f, const uint8_t *receipt, uint64_t n, struct err *e) {
    struct buf b;
    buf_init(&b, 256);
    buf_u16(&b, PROTOCOL);
    buf_str(&b, ZB_VERSION);
    buf_u8(&b, receipt ? 1 : 0);
    if (receipt) buf_u64(&b, n), buf_put(&b, receipt, SEAL_HASH);
    int rc = frames_put_buf(f, F_HELLO, &b, e);
    buf_free(&b);
    return rc;
}

/* The key records that follow, where there are any: each names the key before it. */
static int keys_get(struct rd *r, struct welcome *w, const char *peer, struct err *e) {
    keychain_init(&w->keys, w->vault.pub);
    if (!r->left) return 0;
    uint64_t n = rd_vu(r);
    for (uint64_t i = 0; i < n && n < KEYS_MAX; i++) {
        struct record rec;
        size_t len = 0;
        const uint8_t *p = rd_blob(r, &len, ZB_RECORD_MAX);
        if (!p) break;
        if (key_record_decode(&rec, p, len, w->vault.id, e) < 0) return err_wrap(e, "%s", peer);
        bool follows = seal_equal(rec.key_change.old, keychain_last(&w->keys), SEAL_SIGN_PUB) &&
            keychain_add(&w->keys, rec.key_change.pub);
        w->vouched[w->keys.n - 1] = rec.key_change.how == KEY_ROTATED;
        record_free(&rec);
        if (!follows) return err_set(e, ZE_KEYCHAIN, peer, _("a key record that does not follow the one before it"));
    }
    return rd_end(r) && n && n < KEYS_MAX ? 0 : err_set(e, ZE_PROTO, peer, _("a greeting that cannot be read"));
}

int greet_welcome(struct rd *r, struct welcome *w, const char *peer, struct err *e) {
    memset(w, 0, sizeof *w);
    uint16_t protocol = rd_u16(r);
    if (rd_ok(r) && protocol != PROTOCOL)
        return err_set(e, ZE_NEWER, peer, _("it speaks protocol %u, this program %d"), protocol, PROTOCOL);
    char version[64];
    size_t n = 0;
    rd_str(r, version, sizeof version);
    const uint8_t *header = rd_blob(r, &n, HEADER_MAX);
    rd_str(r, w->host, sizeof w->host);
    rd_copy(r, w->host_id, SEAL_ID);
    rd_str(r, w->system, sizeof w->system);
    rd_copy(r, w->system_id, SEAL_ID);
    w->rights = rd_u8(r);
    w->time = (int64_t)rd_u64(r);
    w->receipt = rd_u8(r);
    w->has_last = rd_u8(r) != 0;
    w->last_n = rd_u64(r);
    rd_copy(r, w->last_hash, SEAL_HASH);
    if (!rd_ok(r) || !header) return err_set(e, ZE_PROTO, peer, _("a greeting that cannot be read"));
    return vault_header_decode(&w->vault, header, n, e) < 0 ? -1 : keys_get(r, w, peer, e);
}
