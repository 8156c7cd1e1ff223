/* SSHSIG: magic, version, key, namespace, reserved, hash name, signature; strings have a big-endian u32 length. What is
 * signed is not the message but magic, namespace, reserved, hash name and the message's hash, so that a signature for mail
 * or for git is none for us. A FIDO key signs sha256(application), flags, counter, sha256(of that). */
#include "wire/sshsig.h"

#include <string.h>

#include "base/i18n.h"

#define MAGIC "SSHSIG"
#define PLAIN "ssh-ed25519"
#define TOUCH "sk-ssh-ed25519@openssh.com"
enum { VERSION = 1, USER_PRESENT = 1, WORD_MAX = 64 };

struct text {
    const uint8_t *p;
    size_t n;
};

static uint32_t be32(struct rd *r) {
    const uint8_t *p = rd_take(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static struct text string_get(struct rd *r, size_t max) {
    uint32_t n = be32(r);
    if (n > max) r->bad = true;
    struct text t = {rd_ok(r) ? rd_take(r, n) : NULL, n};
    if (!t.p) t.n = 0;
    return t;
}

static void string_put(struct buf *b, const void *p, size_t n) {
    uint8_t len[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    buf_put(b, len, sizeof len);
    buf_put(b, p, n);
}

static bool is(struct text t, const char *s) { return t.n == strlen(s) && (!t.n || memcmp(t.p, s, t.n) == 0); }

struct key {
    bool touch;
    struct text pub, application;
};

static bool key_parse(struct key *k, const uint8_t *p, size_t n) {
    struct rd r = rd_of(p, n);
    struct text type = string_get(&r, WORD_MAX);
    *k = (struct key){.touch = is(type, TOUCH)};
    if (!k->touch && !is(type, PLAIN)) return false;
    k->pub = string_get(&r, SEAL_SIGN_PUB);
    if (k->touch) k->application = string_get(&r, WORD_MAX);
    return rd_end(&r) && k->pub.n == SEAL_SIGN_PUB;
}

/* What the key itself has signed, from what SSHSIG says is signed. */
static bool signature_check(const struct key *k, struct text sig, const struct buf *m, const char **why) {
    struct rd r = rd_of(sig.p, sig.n);
    struct text type = string_get(&r, WORD_MAX), bytes = string_get(&r, SEAL_SIG);
    const uint8_t *flags = k->touch ? rd_take(&r, 5) : NULL;
    *why = _("its signature is malformed");
    if (!rd_end(&r) || bytes.n != SEAL_SIG || !is(type, k->touch ? TOUCH : PLAIN)) return false;
    *why = _("the key's owner did not touch it");
    if (flags && !(flags[0] & USER_PRESENT)) return false;
    *why = _("its signature does not fit what was signed");
    if (!flags) return sign_check(bytes.p, k->pub.p, m->p, m->len);
    uint8_t all[SEAL_SHA256 + 5 + SEAL_SHA256];
    seal_sha256(all, k->application.p, k->application.n);
    memcpy(all + SEAL_SHA256, flags, 5);
    seal_sha256(all + SEAL_SHA256 + 5, m->p, m->len);
    return sign_check(bytes.p, k->pub.p, all, sizeof all);
}

static bool message_put(
    struct buf *m, struct text space, struct text reserved, struct text hash, const void *msg, size_t len) {
    uint8_t sum[SEAL_SHA512];
    bool wide = is(hash, "sha512");
    if (!wide && !is(hash, "sha256")) return false;
    if (wide) seal_sha512(sum, msg, len);
    else seal_sha256(sum, msg, len);
    buf_put(m, MAGIC, strlen(MAGIC));
    string_put(m, space.p, space.n);
    string_put(m, reserved.p, reserved.n);
    string_put(m, hash.p, hash.n);
    string_put(m, sum, wide ? SEAL_SHA512 : SEAL_SHA256);
    return buf_ok(m);
}

int sshsig_check(
    struct sshsig *s, const void *sig, size_t n, const char *space, const void *msg, size_t len, struct err *e) {
    const char *object = _("signature"), *why = NULL;
    struct rd r = rd_of(sig, n);
    struct key k = {0};
    struct buf m;
    const uint8_t *magic = n > SSHSIG_MAX ? NULL : rd_take(&r, strlen(MAGIC));
    uint32_t version = be32(&r);
    if (!magic || memcmp(magic, MAGIC, strlen(MAGIC)) != 0 || version != VERSION)
        return err_set(e, ZE_APPROVAL, object, _("not made by ssh-keygen -Y sign"));
    struct text key = string_get(&r, SSHSIG_MAX), name = string_get(&r, WORD_MAX),
                reserved = string_get(&r, SSHSIG_MAX), hash = string_get(&r, WORD_MAX),
                signature = string_get(&r, SSHSIG_MAX);
    if (!rd_end(&r)) return err_set(e, ZE_APPROVAL, object, _("it is cut short or malformed"));
    if (!key_parse(&k, key.p, key.n)) why = _("only ed25519 keys can approve, in a file or on a FIDO device");
    else if (!is(name, space)) why = _("it was made for another purpose");
    buf_init(&m, 2 * SSHSIG_MAX);
    if (!why && !message_put(&m, name, reserved, hash, msg, len)) why = _("only sha512 and sha256 are accepted");
    if (!why && signature_check(&k, signature, &m, &why)) why = NULL;
    buf_free(&m);
    if (why) return err_set(e, ZE_APPROVAL, object, "%s", why);
    *s = (struct sshsig){key.p, key.n};
    return 0;
}

int sshsig_dearmour(struct buf *out, const char *text, size_t n, struct err *e) {
    static const char begin[] = "-----BEGIN SSH SIGNATURE-----", end[] = "-----END SSH SIGNATURE-----";
    char packed[SSHSIG_MAX * 2];
    const char *from = memmem(text, n, begin, strlen(begin));
    const char *to = from ? memmem(from, n - (size_t)(from - text), end, strlen(end)) : NULL;
    size_t len = 0;
    int got = -1;
    for (const char *s = from ? from + strlen(begin) : NULL; to && s < to && len < sizeof packed; s++)
        if (*s != '\n' && *s != '\r') packed[len++] = *s;
    uint8_t *p = to && len < sizeof packed ? buf_reserve(out, SSHSIG_MAX) : NULL;
    if (p) got = b64_decode(p, SSHSIG_MAX, packed, len);
    if (got <= 0) return err_set(e, ZE_APPROVAL, _("signature"), _("not made by ssh-keygen -Y sign"));
    out->len += (size_t)got;
    return 0;
}

bool ssh_key_get(uint8_t *out, size_t cap, size_t *n, const char *line) {
    size_t type = strcspn(line, " \t"), gap = strspn(line + type, " \t");
    const char *text = line + type + gap;
    struct key k;
    int got = gap ? b64_decode(out, cap, text, strcspn(text, " \t\r\n")) : -1;
    if (got <= 0 || !key_parse(&k, out, (size_t)got)) return false;
    *n = (size_t)got;
    return is((struct text){(const uint8_t *)line, type}, k.touch ? TOUCH : PLAIN);
}

void ssh_key_text(char out[SSH_KEY_TEXT], const uint8_t *key, size_t n) {
    struct rd r = rd_of(key, n);
    struct text type = string_get(&r, WORD_MAX);
    *out = 0;
    if (!rd_ok(&r) || n > 200) return;
    memcpy(out, type.p, type.n);
    out[type.n] = ' ';
    b64_encode(out + type.n + 1, SSH_KEY_TEXT - type.n - 1, key, n);
}
