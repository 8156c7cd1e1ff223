/* A record is judged from its own bytes first: a signature over everything before it, so that what a decoder meets behind it
 * was said by the vault. */
#include "record.h"

#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "wrap/seal.h"

enum { RECORD_SIG = 64 };

/* The place of the key that has signed it, or -1. */
static int signer(const struct verify *v, const uint8_t *p, size_t n, const uint8_t *sig) {
    static const char domain[] = "zaibei log record";
    struct buf b;
    buf_init(&b, n + 64);
    buf_put(&b, domain, sizeof domain);
    buf_put(&b, v->vault_id, 16);
    buf_put(&b, p, n);
    int at = buf_ok(&b) ? keys_signer(v, sig, b.p, b.len) : -1;
    buf_free(&b);
    return at;
}

const char *record_parse(
    const struct verify *v, struct recd *rec, uint64_t n, const uint8_t *p, size_t len, enum err_id *id) {
    struct rd r = rd_of(p, len);
    const uint8_t *magic = rd_take(&r, 4);
    *id = ZE_DAMAGED;
    if (!magic || memcmp(magic, "ZBLR", 4) != 0) return _("not a log record");
    uint16_t version = rd_u16(&r);
    if (rd_ok(&r) && version > 1) return *id = ZE_NEWER, _("its version is newer than this program");
    rec->type = rd_u8(&r);
    rec->uncertain = rd_u8(&r) & 1;
    rec->n = rd_u64(&r);
    rec->prev = rd_take(&r, 32);
    rec->time = (int64_t)rd_u64(&r);
    rec->host_id = rd_take(&r, 16);
    rec->body_len = rd_u32(&r);
    rec->body = rd_take(&r, rec->body_len);
    size_t signed_len = len - r.left;
    const uint8_t *sig = rd_take(&r, RECORD_SIG);
    if (!rd_ok(&r) || !sig) return *id = ZE_TRUNCATED, _("it ends too early");
    if (!rd_end(&r) || version != 1) return _("malformed");
    int key = v->signatures ? signer(v, p, signed_len, sig) : 0;
    if (key < 0) return _("the vault's signature does not hold");
    rec->key = (unsigned)key;
    if (rec->n != n) return _("it is another record than its name says");
    return NULL;
}

bool record_number(const char *name, uint64_t *n) {
    uint8_t be[8];
    if (strlen(name) != 16 || !text_unhex(be, 8, name)) return false;
    *n = 0;
    for (int i = 0; i < 8; i++) *n = *n << 8 | be[i];
    return strspn(name, "0123456789abcdef") == 16;
}

bool times_follow(struct log_times *t, const struct recd *rec) {
    if (rec->type == REC_CONFIRM) t->flagged = 0;
    bool good = rec->time >= t->sure && rec->time >= t->flagged;
    if (rec->uncertain && rec->time > t->flagged) t->flagged = rec->time;
    if (!rec->uncertain && rec->time > t->sure) t->sure = rec->time;
    return good;
}
