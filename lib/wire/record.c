/* Log records, the vault header and system objects: head, body, signature. A decoder looks at magic and version
 * first, then at the signature, and only then at the body, so that nothing but the vault's own words is parsed
 * further; the body's lengths are checked all the same, since a verifier may be handed any key. */
#include "wire/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "wire/record_body.h"

enum { RECORD_HEAD = 76 };

/* What is signed: the domain with its NUL, the vault id (not for the vault header itself), and the bytes. */
static int signed_bytes(struct buf *m, const char *domain, const uint8_t *vault_id, const void *p, size_t n) {
    buf_init(m, n + 128);
    buf_put(m, domain, strlen(domain) + 1);
    if (vault_id) buf_put(m, vault_id, SEAL_ID);
    buf_put(m, p, n);
    return buf_ok(m) ? 0 : -1;
}

static int sign_append(
    struct buf *out, const char *domain, const uint8_t *vault_id, const uint8_t *sec, struct err *e) {
    struct buf m;
    uint8_t sig[SEAL_SIG];
    if (!buf_ok(out)) return err_set(e, ZE_INTERNAL, domain, _("a record above the limit, or no memory"));
    if (signed_bytes(&m, domain, vault_id, out->p, out->len) == 0) {
        sign_make(sig, sec, m.p, m.len);
        buf_put(out, sig, sizeof sig);
    } else {
        out->bad = true;
    }
    buf_free(&m);
    return buf_ok(out) ? 0 : err_set(e, ZE_NOMEM, domain, _("no memory for the signature"));
}

/* The last 64 bytes of p sign those before. */
static int sign_verify(const char *domain, const uint8_t *vault_id, const uint8_t *pub, const uint8_t *p, size_t n,
    const char *object, struct err *e) {
    struct buf m;
    bool good = false;
    if (signed_bytes(&m, domain, vault_id, p, n - SEAL_SIG) == 0) good = sign_check(p + n - SEAL_SIG, pub, m.p, m.len);
    buf_free(&m);
    return good ? 0 : err_set(e, ZE_VAULTKEY, object, _("the signature does not fit the vault's key"));
}

int record_encode(struct record *r, const uint8_t vault_id[SEAL_ID], const uint8_t sec[SEAL_SIGN_SEC], struct buf *out,
    struct err *e) {
    const struct record_body *body = record_body_of(r->type);
    if (!body) return err_set(e, ZE_INTERNAL, "", _("record type %u"), r->type);
    buf_reset(out);
    buf_put(out, "ZBLR", 4);
    buf_u16(out, ZB_FORMAT_VERSION);
    buf_u8(out, r->type);
    buf_u8(out, r->flags);
    buf_u64(out, r->n);
    buf_put(out, r->prev, SEAL_HASH);
    buf_u64(out, (uint64_t)r->time);
    buf_put(out, r->host_id, SEAL_ID);
    buf_u32(out, 0);
    body->put(out, r);
    if (buf_ok(out) && out->len > ZB_RECORD_MAX - SEAL_SIG) out->bad = true;
    if (buf_ok(out)) {
        uint32_t n = (uint32_t)(out->len - RECORD_HEAD);
        for (int i = 0; i < 4; i++) out->p[RECORD_HEAD - 4 + i] = (uint8_t)(n >> (8 * i));
    }
    if (sign_append(out, "zaibei log record", vault_id, sec, e) < 0) return -1;
    seal_hash(r->hash, out->p, out->len);
    return 0;
}

static int head_get(struct record *r, struct rd *rd, size_t n, const char **why) {
    const uint8_t *magic = rd_take(rd, 4);
    uint16_t version = rd_u16(rd);
    *why = _("not a log record");
    if (!magic || memcmp(magic, "ZBLR", 4) != 0) return ZE_DAMAGED;
    if (version > ZB_FORMAT_VERSION) return ZE_NEWER;
    r->type = rd_u8(rd), r->flags = rd_u8(rd), r->n = rd_u64(rd);
    rd_copy(rd, r->prev, SEAL_HASH);
    r->time = (int64_t)rd_u64(rd);
    rd_copy(rd, r->host_id, SEAL_ID);
    uint32_t body = rd_u32(rd);
    *why = _("its length is not what its head says");
    return version == ZB_FORMAT_VERSION && (uint64_t)body + RECORD_HEAD + SEAL_SIG == n ? ZE_NONE : ZE_DAMAGED;
}

int record_decode(struct record *r, const void *p, size_t n, const uint8_t vault_id[SEAL_ID],
    const uint8_t pub[SEAL_SIGN_PUB], struct err *e) {
    memset(r, 0, sizeof *r);
    if (n < RECORD_HEAD + SEAL_SIG || n > ZB_RECORD_MAX)
        return err_set(e, ZE_DAMAGED, _("log record"), _("%zu bytes cannot be one"), n);
    struct rd rd = rd_of(p, n);
    const char *why;
    enum err_id id = (enum err_id)head_get(r, &rd, n, &why);
    if (id == ZE_NEWER) return err_set(e, id, _("log record"), _("format version %u"), ((const uint8_t *)p)[4]);
    if (id) return err_set(e, id, _("log record"), "%s", why);
    char object[48];
    snprintf(object, sizeof object, _("log record %llu"), (unsigned long long)r->n);
    if (pub && sign_verify("zaibei log record", vault_id, pub, p, n, object, e) < 0) return -1;
    seal_hash(r->hash, p, n);
    const struct record_body *body = record_body_of(r->type);
    rd.left -= SEAL_SIG;
    if (body) body->get(&rd, r);
    if (rd_ok(&rd)) return 0;
    record_free(r);
    return err_set(e, ZE_DAMAGED, object, _("its body is malformed"));
}

void record_free(struct record *r) {
    if (r->type == REC_BEGIN) free(r->begin.damaged);
    if (r->type == REC_COMMIT) free(r->commit.root), free(r->commit.used);
    if (r->type == REC_REMOVE) free(r->remove.approvals.p);
    if (r->type == REC_FLOOR) free(r->floor.approvals.p);
    if (r->type == REC_APPROVERS) free(r->approvers.approvals.p);
    if (r->type == REC_CONFIRM) free(r->confirm.approvals.p);
    if (r->type == REC_KEY) free(r->key_change.approvals.p);
    memset(r, 0, sizeof *r);
}

int vault_header_encode(
    const struct vault_header *v, const uint8_t sec[SEAL_SIGN_SEC], struct buf *out, struct err *e) {
    buf_reset(out);
    buf_put(out, "ZBVT", 4);
    buf_u16(out, ZB_FORMAT_VERSION);
    buf_u16(out, 0);
    buf_put(out, v->id, SEAL_ID);
    buf_put(out, v->pub, SEAL_SIGN_PUB);
    buf_str(out, v->suite);
    buf_u64(out, (uint64_t)v->created);
    return sign_append(out, "zaibei vault header", NULL, sec, e);
}

/* Magic and version of the small objects. */
static int object_head(struct rd *rd, const char *magic, const char *object, struct err *e) {
    const uint8_t *m = rd_take(rd, 4);
    uint16_t version = rd_u16(rd);
    rd_u16(rd);
    if (!rd_ok(rd) || memcmp(m, magic, 4) != 0)
        return err_set(e, ZE_DAMAGED, object, _("it does not begin with %s"), magic);
    if (version > ZB_FORMAT_VERSION) return err_set(e, ZE_NEWER, object, _("format version %u"), version);
    if (version != ZB_FORMAT_VERSION) return err_set(e, ZE_DAMAGED, object, _("format version %u"), version);
    return 0;
}

int vault_header_decode(struct vault_header *v, const void *p, size_t n, struct err *e) {
    const char *object = _("vault header");
    struct rd rd = rd_of(p, n);
    memset(v, 0, sizeof *v);
    if (object_head(&rd, "ZBVT", object, e) < 0) return -1;
    rd_copy(&rd, v->id, SEAL_ID);
    rd_copy(&rd, v->pub, SEAL_SIGN_PUB);
    rd_str(&rd, v->suite, sizeof v->suite);
    v->created = (int64_t)rd_u64(&rd);
    if (!rd_ok(&rd) || rd.left != SEAL_SIG) return err_set(e, ZE_DAMAGED, object, _("its length is wrong"));
    return sign_verify("zaibei vault header", NULL, v->pub, p, n, object, e);
}

int system_object_encode(const struct system_object *s, const uint8_t vault_id[SEAL_ID],
    const uint8_t sec[SEAL_SIGN_SEC], struct buf *out, struct err *e) {
    buf_reset(out);
    buf_put(out, "ZBSY", 4);
    buf_u16(out, ZB_FORMAT_VERSION);
    buf_u16(out, 0);
    buf_put(out, s->id, SEAL_ID);
    buf_str(out, s->name);
    buf_str(out, s->suite);
    return sign_append(out, "zaibei system", vault_id, sec, e);
}

int system_object_decode(struct system_object *s, const void *p, size_t n, const uint8_t vault_id[SEAL_ID],
    const uint8_t pub[SEAL_SIGN_PUB], struct err *e) {
    const char *object = _("system object");
    struct rd rd = rd_of(p, n);
    memset(s, 0, sizeof *s);
    if (object_head(&rd, "ZBSY", object, e) < 0) return -1;
    rd_copy(&rd, s->id, SEAL_ID);
    rd_str(&rd, s->name, sizeof s->name);
    rd_str(&rd, s->suite, sizeof s->suite);
    if (!rd_ok(&rd) || rd.left != SEAL_SIG) return err_set(e, ZE_DAMAGED, object, _("its length is wrong"));
    return sign_verify("zaibei system", vault_id, pub, p, n, object, e);
}

const char *kind_word(uint8_t kind) { return kind == KIND_FULL ? N_("full") : N_("incremental"); }
const char *state_word(uint8_t state) { return state == STATE_COMPLETE ? N_("complete") : N_("partial"); }
