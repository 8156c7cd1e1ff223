/* Strings of SSH have a big-endian length; all else is libsodium. The signer's key is only read here: whether it is one that
 * may approve is for approve.c. A FIDO key signs flags and a counter too, and says by a flag that somebody touched it. */
#include "sshsig.h"

#include <string.h>

#include "base/i18n.h"
#include "wrap/seal.h"

enum { PUB = 32, SIG = 64, TOUCHED = 1, MESSAGE_MAX = 8192 };

static uint32_t be32(struct rd *r) {
    const uint8_t *p = rd_take(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static struct bytes string_get(struct rd *r) {
    size_t n = be32(r);
    const uint8_t *p = rd_take(r, n);
    return (struct bytes){p, p ? n : 0};
}

static void string_put(struct buf *b, struct bytes s) {
    uint8_t n[4] = {(uint8_t)(s.n >> 24), (uint8_t)(s.n >> 16), (uint8_t)(s.n >> 8), (uint8_t)s.n};
    buf_put(b, n, 4);
    if (s.n) buf_put(b, s.p, s.n);
}

static bool is(struct bytes s, const char *text) { return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0; }

struct signer {
    struct bytes pub, application;
    bool fido;
};

static bool signer_read(struct signer *s, struct bytes key) {
    struct rd r = rd_of(key.p, key.n);
    struct bytes type = string_get(&r);
    s->pub = string_get(&r);
    s->fido = is(type, "sk-ssh-ed25519@openssh.com");
    if (s->fido) s->application = string_get(&r);
    return rd_end(&r) && s->pub.n == PUB && (s->fido || is(type, "ssh-ed25519"));
}

static const char *signature_wrong(const struct signer *s, struct bytes signature, const struct buf *message) {
    struct rd r = rd_of(signature.p, signature.n);
    struct bytes type = string_get(&r), raw = string_get(&r);
    if (!is(type, s->fido ? "sk-ssh-ed25519@openssh.com" : "ssh-ed25519") || raw.n != SIG)
        return _("a signature of another kind than its key");
    if (!s->fido)
        return rd_end(&r) && sign_check(raw.p, s->pub.p, message->p, message->len) ? NULL
                                                                                   : _("a signature does not hold");
    uint8_t all[2 * SEAL_SHA256 + 5];
    const uint8_t *said = rd_take(&r, 5); /* flags, counter */
    if (!rd_end(&r) || !said) return _("a malformed signature");
    if (!(said[0] & TOUCHED)) return _("a FIDO key signed that nobody had touched");
    seal_sha256(all, s->application.p, s->application.n);
    memcpy(all + SEAL_SHA256, said, 5);
    seal_sha256(all + SEAL_SHA256 + 5, message->p, message->len);
    return sign_check(raw.p, s->pub.p, all, sizeof all) ? NULL : _("a signature does not hold");
}

const char *sshsig_wrong(struct bytes sig, struct bytes text, struct bytes *key) {
    uint8_t sum[SEAL_SHA512], room[MESSAGE_MAX];
    struct rd r = rd_of(sig.p, sig.n);
    struct signer s = {.fido = false};
    const uint8_t *magic = rd_take(&r, 6);
    if (!magic || memcmp(magic, "SSHSIG", 6) != 0 || be32(&r) != 1) return _("not a signature of ssh-keygen");
    *key = string_get(&r);
    struct bytes space = string_get(&r), reserved = string_get(&r), hash = string_get(&r), signature = string_get(&r);
    if (!rd_end(&r) || !key->n || !signer_read(&s, *key)) return _("a malformed signature");
    if (!is(space, "zaibei-approval")) return _("a signature that was made for another purpose");
    bool wide = is(hash, "sha512");
    if (!wide && !is(hash, "sha256")) return _("a signature over another hash");
    if (wide) seal_sha512(sum, text.p, text.n);
    else seal_sha256(sum, text.p, text.n);
    struct buf message = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_put(&message, "SSHSIG", 6);
    string_put(&message, space);
    string_put(&message, reserved);
    string_put(&message, hash);
    string_put(&message, (struct bytes){sum, wide ? SEAL_SHA512 : SEAL_SHA256});
    return buf_ok(&message) ? signature_wrong(&s, signature, &message) : _("a malformed signature");
}
