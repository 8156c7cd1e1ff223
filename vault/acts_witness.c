/* A witness of the orchestrator's audit: its head, signed into the vault's own log, so that an audit which was cut, rolled back
 * or rewritten later contradicts a record that the orchestrator cannot change. Six hours between two records bound what a
 * flood of them can cost; what lies between is compared with the record before all the same. */
#include <string.h>

#include "acts.h"
#include "base/i18n.h"
#include "base/text.h"

enum { WITNESS_S = 6 * 3600 };

/* Whether ${w} can be what became of the audit that was seen last. */
static int follows(const struct vault_log *l, const struct rec_witness *w, struct err *e) {
    const struct rec_witness *last = &l->witness;
    if (!last->n || memcmp(last->key, w->key, SEAL_SIGN_PUB) != 0) return 0;
    if (w->n < last->n)
        return err_set(e, ZE_AUDITFORK, "audit", _("record %llu was seen; now it ends with %llu"),
            (unsigned long long)last->n, (unsigned long long)w->n);
    if (w->n == last->n && memcmp(last->hash, w->hash, SEAL_HASH) != 0)
        return err_set(
            e, ZE_AUDITFORK, "audit", _("record %llu has another hash than before"), (unsigned long long)w->n);
    return 0;
}

int act_witness(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct record r = {.type = REC_WITNESS};
    char head[HEX_HASH];
    int64_t n = js_int(q, "n", 0);
    if (n < 1) return err_set(e, ZE_USAGE, "n", _("the number of a record"));
    r.witness.n = (uint64_t)n;
    if (!text_unhex(r.witness.hash, SEAL_HASH, js_str(q, "hash", "")))
        return err_set(e, ZE_USAGE, "hash", _("64 hex digits"));
    if (!text_unhex(r.witness.key, SEAL_SIGN_PUB, js_str(q, "key", "")))
        return err_set(e, ZE_USAGE, "key", _("64 hex digits"));
    struct rec_witness said = r.witness;
    int rc = 1;
    bool kept = false, other = false;
    for (unsigned i = 0; rc == 1 && i < ACT_TRIES; i++) {
        if (vaultlog_refresh(v, e) < 0 || follows(&v->log, &said, e) < 0) return -1;
        const struct rec_witness *last = &v->log.witness;
        other = last->n && memcmp(last->key, said.key, SEAL_SIGN_PUB) != 0;
        kept = !last->n || vaultlog_time(v) - v->log.witnessed >= WITNESS_S * NS_PER_S;
        r.witness = said;
        rc = kept ? vaultlog_append(v, &r, e) : 0;
    }
    if (rc == 1) return err_set(e, ZE_BUSY, "log", _("others write to the vault's log all the time"));
    if (rc < 0) return rc;
    text_hex(head, v->log.head, SEAL_HASH);
    js_set_bool(a, "kept", kept);
    js_set_bool(a, "other", other);
    js_set_int(a, "log", (int64_t)v->log.next - 1);
    js_set_str(a, "head", head);
    return 0;
}
