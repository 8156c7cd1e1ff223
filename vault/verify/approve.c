/* The statement is compared with what it must say, line by line, and never interpreted. Who held the list of approvers at a
 * time is told by the vault's log; two logs have no common order, so a list counts that held within minutes of the act, and
 * one whose own time was in doubt at any time. The vault was stricter when it judged; this finds acts that nobody allowed. */
#include "approve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sshsig.h"

enum { APPROVALS_MAX = 8, STATEMENT_MAX = 65536, SIGNATURE_MAX = 4096, NEAR_S = 300 };

/* The rest of the line after ${key}, which must come next; the reader stands behind it then. */
static bool line_get(struct rd *r, const char *key, struct bytes *value) {
    size_t n = strlen(key);
    const uint8_t *at = rd_take(r, n), *end = at && memcmp(at, key, n) == 0 ? memchr(r->p, '\n', r->left) : NULL;
    if (!end) return false;
    *value = (struct bytes){r->p, (size_t)(end - r->p)};
    rd_take(r, value->n + 1);
    return true;
}

static bool is(struct bytes s, const char *text) { return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0; }

static bool names(struct bytes objects, const char *one) {
    for (size_t i = 0, len; i < objects.n; i += len + 1) {
        const uint8_t *space = memchr(objects.p + i, ' ', objects.n - i);
        len = space ? (size_t)(space - objects.p) - i : objects.n - i;
        if (is((struct bytes){objects.p + i, len}, one)) return true;
    }
    return false;
}

static bool time_read(struct bytes s, int64_t *ns) {
    char text[32];
    struct tm tm = {0};
    if (s.n >= sizeof text) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end) return false;
    *ns = (int64_t)timegm(&tm) * 1000000000;
    return true;
}

/* The nonce was spent on this very statement, before the act. */
static const char *nonce_wrong(struct verify *v, struct bytes nonce, struct bytes statement) {
    char name[OBJECT_NAME_MAX];
    struct err why;
    struct buf b;
    if (nonce.n != 32 || strspn((const char *)nonce.p, "0123456789abcdef") != 32)
        return _("an approval with a malformed nonce");
    snprintf(name, sizeof name, "nonces/%.32s", (const char *)nonce.p);
    buf_init(&b, STATEMENT_MAX);
    bool loaded = store_load(&v->store, name, STATEMENT_MAX, &b, &why) == 0;
    bool same = loaded && b.len == statement.n && memcmp(b.p, statement.p, statement.n) == 0;
    buf_free(&b);
    return same  ? NULL
        : loaded ? _("an approval whose nonce was spent on another act")
                 : _("an approval whose nonce was not spent");
}

static const char *statement_wrong(struct verify *v, struct bytes s, const struct consent *c) {
    struct rd r = rd_of(s.p, s.n);
    struct bytes version, vault, action, objects, detail, expires, nonce;
    char id[33];
    int64_t until;
    if (!line_get(&r, "zaibei approval ", &version) || !line_get(&r, "vault: ", &vault) ||
        !line_get(&r, "action: ", &action) || !line_get(&r, "objects: ", &objects) ||
        !line_get(&r, "detail: ", &detail) || !line_get(&r, "expires: ", &expires) ||
        !line_get(&r, "nonce: ", &nonce) || !rd_end(&r) || !is(version, "1") || !time_read(expires, &until))
        return _("a malformed approval");
    text_hex(id, v->vault_id, 16);
    if (!is(vault, id)) return _("an approval for another vault");
    if (!is(action, c->action)) return _("an approval for another act");
    if (c->one_of ? !names(objects, c->objects) : !is(objects, c->objects)) return _("an approval for other objects");
    if (!is(detail, c->detail)) return _("an approval for another value");
    if (c->time > until) return _("an approval that had expired");
    return nonce_wrong(v, nonce, s);
}

/* The position of a key in the list, or -1. */
static int key_find(const struct approver_list *l, struct bytes key) {
    struct rd r = rd_of(l->body, l->len);
    uint64_t n = rd_vu(&r);
    for (uint64_t i = 0; i < n && i < 64; i++) {
        size_t name, len;
        rd_blob(&r, &name, l->len);
        const uint8_t *p = rd_blob(&r, &len, l->len);
        if (p && len == key.n && memcmp(p, key.p, len) == 0) return (int)i;
    }
    return -1;
}

static unsigned signers(const struct approver_list *l, const struct bytes *key, unsigned n) {
    uint64_t seen = 0;
    for (unsigned i = 0; i < n; i++) {
        int at = key_find(l, key[i]);
        if (at >= 0) seen |= UINT64_C(1) << at;
    }
    return (unsigned)__builtin_popcountll(seen);
}

static bool held(const struct vault_log *l, size_t i, int64_t at) {
    const int64_t near_ns = NEAR_S * INT64_C(1000000000);
    if (l->list[i].uncertain) return true;
    bool begun = l->list[i].time <= at + near_ns;
    return begun && (i + 1 == l->n || l->list[i + 1].uncertain || l->list[i + 1].time >= at - near_ns);
}

static const char *signers_wrong(struct verify *v, const struct bytes *key, unsigned n, const struct consent *c) {
    const struct vault_log *l = &v->vlog;
    if (c->by) return signers(c->by, key, n) >= 2 ? NULL : _("no two approvers signed it");
    for (size_t i = 0; i < l->n; i++)
        if (held(l, i, c->time) && signers(&l->list[i], key, n) >= 2) return NULL;
    return l->broken ? NULL : _("no two approvers signed it"); /* a lost list is a finding of its own */
}

const char *approvals_wrong(struct verify *v, struct rd *r, const struct consent *c) {
    struct bytes first = {NULL, 0}, key[APPROVALS_MAX];
    uint64_t n = r->left ? rd_vu(r) : 0;
    if (n > APPROVALS_MAX) return _("malformed approvals");
    if (!n) return _("there are no approvals");
    for (uint64_t i = 0; i < n; i++) {
        struct bytes text, sig;
        text.p = rd_blob(r, &text.n, STATEMENT_MAX);
        sig.p = rd_blob(r, &sig.n, SIGNATURE_MAX);
        if (!rd_ok(r) || !text.p || !sig.p) return _("malformed approvals");
        if (!i) first = text;
        else if (text.n != first.n || memcmp(text.p, first.p, text.n) != 0) return _("approvals of different acts");
        const char *what = sshsig_wrong(sig, text, &key[i]);
        if (what) return what;
    }
    const char *what = statement_wrong(v, first, c);
    return what ? what : signers_wrong(v, key, (unsigned)n, c);
}
