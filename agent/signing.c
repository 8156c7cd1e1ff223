/* Link, and ssh, meet the network and may be taken over by it. What they can get signed is built here again from what this
 * host knows, and compared whole: only the session id (which the server and the key exchange make) is theirs to choose. */
#include "signing.h"

#include <string.h>

#include "base/i18n.h"

enum { USERAUTH_REQUEST = 50, SESSION_ID_MAX = 64 };

/* SSH numbers are big-endian. */
static void put_string(struct buf *b, const void *p, size_t n) {
    uint8_t len[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    buf_put(b, len, 4);
    buf_put(b, p, n);
}

static void put_text(struct buf *b, const char *s) { put_string(b, s, strlen(s)); }

void signing_blob(uint8_t out[SIGNING_BLOB], const uint8_t pub[SEAL_SIGN_PUB]) {
    static const uint8_t head[19] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9', 0, 0, 0, 32};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, pub, SEAL_SIGN_PUB);
}

static void put_request(struct buf *b, const struct config *c, const uint8_t pub[SEAL_SIGN_PUB], bool bound) {
    uint8_t blob[SIGNING_BLOB];
    buf_u8(b, USERAUTH_REQUEST);
    put_text(b, c->ssh_user);
    put_text(b, "ssh-connection");
    put_text(b, bound ? "publickey-hostbound-v00@openssh.com" : "publickey");
    buf_u8(b, 1);
    put_text(b, "ssh-ed25519");
    signing_blob(blob, pub);
    put_string(b, blob, sizeof blob);
    if (!bound) return;
    signing_blob(blob, c->ssh_host_pub);
    put_string(b, blob, sizeof blob);
}

int signing_sign(const struct config *c, const uint8_t *p, size_t n, uint8_t sig[SEAL_SIG], struct err *e) {
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
    sign_from_seed(pub, sec, c->ssh_seed);
    size_t id = n >= 4 && !p[0] && !p[1] && !p[2] ? p[3] : 0;
    bool good = id > 0 && id <= SESSION_ID_MAX && n > 4 + id;
    if (good) {
        good = false;
        for (int bound = 0; bound < 2; bound++) {
            struct buf b;
            buf_init(&b, 4096);
            put_request(&b, c, pub, bound);
            if (buf_ok(&b) && b.len == n - 4 - id && memcmp(b.p, p + 4 + id, b.len) == 0) good = true;
            buf_free(&b);
        }
    }
    if (good) sign_make(sig, sec, p, n);
    seal_wipe(sec, sizeof sec);
    return good ? 0 : err_set(e, ZE_REFUSED, c->vault, _("the connection asked this host's key to sign something else"));
}
