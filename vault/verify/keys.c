/* Learning the keys needs no order but that of the chain: a key record is signed by the key that it names, and names the one
 * before it. So whatever lies in log/, keys/ or a host's log is tried until nothing more is added. */
#include "keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "approve.h"
#include "base/i18n.h"
#include "base/text.h"
#include "wrap/seal.h"

enum { HEAD = 76, HOW_MAX = 2, LATE_S = 300 };

void keys_begin(struct verify *v, const uint8_t *pub) {
    v->keys.n = 0;
    if (!pub) return;
    memcpy(v->keys.key[0].pub, pub, 32);
    v->keys.key[0].until = 0;
    v->keys.n = 1;
}

int keys_signer(const struct verify *v, const uint8_t *sig, const uint8_t *p, size_t n) {
    for (unsigned i = v->keys.n; i-- > 0;)
        if (sign_check(sig, v->keys.key[i].pub, p, n)) return (int)i;
    return -1;
}

int keys_known(const struct verify *v, const uint8_t *pub) {
    for (unsigned i = 0; i < v->keys.n; i++)
        if (memcmp(v->keys.key[i].pub, pub, 32) == 0) return (int)i;
    return -1;
}

const uint8_t *keys_now(const struct verify *v) {
    static const uint8_t none[32];
    return v->keys.n ? v->keys.key[v->keys.n - 1].pub : none;
}

bool key_read(struct key_change *k, const uint8_t *body, size_t n) {
    struct rd r = rd_of(body, n);
    k->how = rd_u8(&r);
    k->old = rd_take(&r, 32);
    k->pub = rd_take(&r, 32);
    k->sig = rd_take(&r, 64);
    k->approvals = r;
    return rd_ok(&r) && k->how >= 1 && k->how <= HOW_MAX;
}

bool key_vouched(const struct verify *v, const struct key_change *k) {
    static const char domain[] = "zaibei next key";
    uint8_t text[sizeof domain + 16 + 64];
    memcpy(text, domain, sizeof domain);
    memcpy(text + sizeof domain, v->vault_id, 16);
    memcpy(text + sizeof domain + 16, k->old, 32);
    memcpy(text + sizeof domain + 48, k->pub, 32);
    return k->how == 1 && sign_check(k->sig, k->old, text, sizeof text);
}

/* Whether the whole record is signed by the key that it names. */
static bool signed_by(const struct verify *v, const struct buf *b, const uint8_t *pub) {
    static const char domain[] = "zaibei log record";
    struct buf text;
    buf_init(&text, b->len + 64);
    buf_put(&text, domain, sizeof domain);
    buf_put(&text, v->vault_id, 16);
    buf_put(&text, b->p, b->len - SEAL_SIG);
    bool good = buf_ok(&text) && sign_check(b->p + b->len - SEAL_SIG, pub, text.p, text.len);
    buf_free(&text);
    return good;
}

/* Take the record in if it follows the last key that is known. */
static bool learn(struct verify *v, const struct buf *b, bool approved_too) {
    struct key_change k;
    struct rd time = rd_of(b->p, b->len);
    if (b->len < HEAD + SEAL_SIG || memcmp(b->p, "ZBLR", 4) != 0 || b->p[6] != REC_KEY) return false;
    rd_take(&time, 48);
    if (!key_read(&k, b->p + HEAD, b->len - HEAD - SEAL_SIG) || memcmp(k.old, keys_now(v), 32) != 0) return false;
    bool good = k.how == 1 ? key_vouched(v, &k) : approved_too;
    if (!good || !signed_by(v, b, k.pub) || v->keys.n == KEYS_MAX || keys_known(v, k.pub) >= 0) return false;
    if (!(b->p[7] & 1)) v->keys.key[v->keys.n - 1].until = (int64_t)rd_u64(&time); /* a time in doubt ends nothing */
    memcpy(v->keys.key[v->keys.n].pub, k.pub, 32);
    v->keys.key[v->keys.n++].until = 0;
    return true;
}

/* One pass over a directory of records; whether anything was added. */
static bool pass(struct verify *v, const char *dir, bool approved_too) {
    struct names names;
    struct err ignored;
    struct buf b;
    bool more = false;
    if (store_list(&v->store, dir, &names, &ignored) < 0) return false;
    buf_init(&b, ZB_RECORD_MAX);
    for (size_t i = 0; i < names.n; i++) {
        char name[OBJECT_NAME_MAX];
        uint64_t n;
        if (!record_number(names.name[i], &n)) continue;
        snprintf(name, sizeof name, "%s/%016" PRIx64, dir, n);
        buf_reset(&b);
        if (store_load(&v->store, name, ZB_RECORD_MAX, &b, &ignored) == 0) more |= learn(v, &b, approved_too);
    }
    buf_free(&b);
    names_free(&names);
    return more;
}

void keys_learn(struct verify *v) {
    while (v->signatures && (pass(v, "log", true) || pass(v, "keys", true))) continue;
}

void keys_of_host(struct verify *v, const char *host) {
    char dir[OBJECT_NAME_MAX];
    snprintf(dir, sizeof dir, "hosts/%s/log", host);
    if (!v->signatures || (!v->vlog.broken && v->vlog.records)) return;
    while (pass(v, dir, false)) continue;
}

const char *keys_late(const struct verify *v, const struct recd *rec, unsigned *last) {
    const int64_t near_ns = LATE_S * INT64_C(1000000000);
    int64_t until = v->keys.n > rec->key ? v->keys.key[rec->key].until : 0;
    bool fell = rec->key < *last;
    if (!fell) *last = rec->key;
    if (fell) return _("it is signed by a key that had been replaced before it");
    return until && !rec->uncertain && rec->time > until + near_ns ? _("it is signed by a key after that was replaced") : NULL;
}

const char *keys_mark_wrong(const struct verify *v, const struct recd *rec) {
    struct key_change k;
    if (!key_read(&k, rec->body, rec->body_len)) return _("malformed");
    int was = keys_known(v, k.old), is = keys_known(v, k.pub);
    return was >= 0 && is == was + 1 && (unsigned)is <= rec->key ? NULL
                                                                 : _("it puts a key in a place where it does not belong");
}

const char *keys_change_wrong(struct verify *v, const struct recd *rec, const struct approver_list *by) {
    struct key_change k;
    char old[65], new[65];
    if (!key_read(&k, rec->body, rec->body_len)) return _("malformed");
    int was = keys_known(v, k.old), is = keys_known(v, k.pub);
    if (was < 0 || is != was + 1 || rec->key != (unsigned)is) return _("it puts a key in a place where it does not belong");
    if (k.how == 1 && !key_vouched(v, &k)) return _("the key before it has not signed it");
    v->keys.key[is].logged = true;
    if (k.how == 1 && (!by || by->approvers < 2)) return NULL;
    text_hex(old, k.old, 32);
    text_hex(new, k.pub, 32);
    return approvals_wrong(v, &k.approvals,
        &(struct consent){.action = "replace-key", .objects = old, .detail = new, .time = rec->time, .by = by});
}
