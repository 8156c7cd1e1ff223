/* The first word of a connection: which host it is for. The host's name comes from serve's command line, which the forced
 * command fixed; what it may do comes from the vault's own files. The connection is for that host for good: serve says
 * this word before it reads what the host sends, and whatever takes serve over afterwards is too late. Then HELLO: what
 * the vault tells the host about itself. */
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keeper.h"
#include "keys.h"

enum { RECEIPT_NONE = 0, RECEIPT_KNOWN = 1, RECEIPT_UNKNOWN = 2 };

struct hello {
    bool shown;
    uint64_t n;
    uint8_t hash[SEAL_HASH];
};

static int hello_get(struct keeper *k, struct rd *r, struct hello *h, struct err *e) {
    char version[128];
    uint16_t protocol = rd_u16(r);
    rd_str(r, version, sizeof version);
    uint8_t shown = rd_u8(r);
    if (shown == 1) {
        h->n = rd_u64(r);
        rd_copy(r, h->hash, sizeof h->hash);
    }
    h->shown = shown == 1;
    if (!rd_end(r) || shown > 1) return keeper_malformed(k, e);
    if (protocol != 1) return err_set(e, ZE_PROTO, k->host, _("protocol %u; this vault speaks 1"), protocol);
    return 0;
}

/* A receipt that the vault does not know means that the vault, or the host, is not what it was. */
static uint8_t receipt_judge(struct keeper *k, const struct hello *h) {
    struct record r;
    struct err ignored = ERR_INIT;
    if (!h->shown) return RECEIPT_NONE;
    if (log_load(&k->log, h->n, &r, NULL, &ignored) < 0) return RECEIPT_UNKNOWN;
    bool same = r.type == REC_COMMIT && memcmp(r.hash, h->hash, SEAL_HASH) == 0;
    record_free(&r);
    return same ? RECEIPT_KNOWN : RECEIPT_UNKNOWN;
}

/* What leads from the header's key to the one that signs now; nothing where they are one, as older agents expect it. */
static int keys_tell(struct keeper *k, struct err *e) {
    struct record r;
    if (k->v->keys.n == 1) return 0;
    buf_vu(&k->out, k->v->keys.n - 1);
    for (unsigned i = 1; i < k->v->keys.n; i++) {
        if (keys_load(k->v, i, &r, &k->raw, e) < 0) return -1;
        record_free(&r);
        buf_blob(&k->out, k->raw.p, k->raw.len);
    }
    return 0;
}

static int welcome(struct keeper *k, const struct hello *h, struct err *e) {
    struct buf *b = &k->out;
    bool uncertain;
    uint8_t rights = k->mode == BIND_HOST ? ADD | READ_OWN_META | (k->rights.read_all ? READ_ALL : 0) : 0;
    buf_u16(b, 1);
    buf_str(b, ZB_VERSION);
    buf_blob(b, k->v->header_raw.p, k->v->header_raw.len);
    buf_str(b, k->host);
    buf_put(b, k->log.host_id, SEAL_ID);
    buf_str(b, k->system);
    buf_put(b, k->system_id, SEAL_ID);
    buf_u8(b, rights);
    buf_u64(b, (uint64_t)log_time(&k->log, &uncertain));
    buf_u8(b, receipt_judge(k, h));
    const struct log_commit *last = log_last_point(&k->log);
    struct record r = {0};
    if (last && log_load(&k->log, last->n, &r, NULL, e) < 0) return -1;
    buf_u8(b, last != NULL);
    buf_u64(b, last ? last->n : 0);
    buf_put(b, r.hash, SEAL_HASH);
    record_free(&r);
    return keys_tell(k, e) < 0 ? -1 : F_WELCOME;
}

/* The host has come with its own key: the token by which it was enrolled has done its work. */
static int token_spent(struct keeper *k, struct err *e) {
    int rc = enrolment_drop(k->v, k->host, e);
    return rc == 1 ? authkeys_write(k->v, e) : rc;
}

static int bind_host(struct keeper *k, struct err *e) {
    if (!k->log.next || k->log.revoked)
        return err_set(
            e, ZE_AUTH, k->host, k->log.next ? _("this host was revoked") : _("no such host is enrolled here"));
    if (rights_load(k->v, k->host, &k->rights, e) < 0) {
        /* If enrolment was interrupted after its record, its files are made now. */
        if (e->id != ZE_NOTFOUND || rights_save(k->v, k->host, &k->rights, e) < 0) return -1;
    }
    if (k->rights.revoked) return err_set(e, ZE_AUTH, k->host, _("this host was revoked"));
    memcpy(k->system, k->log.system, sizeof k->system);
    memcpy(k->system_id, k->log.system_id, SEAL_ID);
    return 0;
}

static int bind_token(struct keeper *k, struct err *e) {
    struct enrolment t;
    struct system_object s;
    if (enrolment_load(k->v, k->host, &t, e) < 0)
        return e->id == ZE_NOTFOUND ? err_set(e, ZE_TOKEN, k->host, _("it was used or withdrawn")) : -1;
    if (system_load(k->v, t.system, &s, e) < 0) return -1;
    memcpy(k->system, t.system, sizeof k->system);
    memcpy(k->system_id, s.id, SEAL_ID);
    return 0;
}

int keeper_bind(struct keeper *k, struct rd *r, struct err *e) {
    char host[64], system[64];
    uint8_t mode = rd_u8(r);
    rd_str(r, host, sizeof host);
    rd_str(r, system, sizeof system);
    bool again = k->bind_tried;
    k->bind_tried = true;
    if (again || !rd_end(r) || !text_name_ok(host)) return keeper_malformed(k, e);
    if (mode == BIND_LOCAL && (k->role != ROLE_LOCAL || !text_name_ok(system))) return keeper_malformed(k, e);
    memcpy(k->host, host, sizeof k->host);
    if (presence_hold(k, e) < 0 || log_open(&k->log, k->v, host, e) < 0) return -1;
    int rc = 0;
    if (mode == BIND_HOST) rc = bind_host(k, e);
    else if (mode == BIND_TOKEN) rc = bind_token(k, e);
    else if (mode == BIND_LOCAL) memcpy(k->system, system, sizeof k->system);
    else rc = keeper_malformed(k, e);
    if (rc < 0) return rc;
    if (mode == BIND_HOST) memcpy(k->reader, host, sizeof k->reader);
    k->mode = mode;
    return F_OKAY;
}

int keeper_hello(struct keeper *k, struct rd *r, struct err *e) {
    struct hello h = {0};
    if (hello_get(k, r, &h, e) < 0) return -1;
    if (k->mode == BIND_HOST && token_spent(k, e) < 0) return -1;
    return log_settle(&k->log, e) < 0 ? -1 : welcome(k, &h, e);
}
