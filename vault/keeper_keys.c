/* Recipients that are added later, for a recovery kit that was lost on paper. Only adding: whoever holds the host's SSH
 * key can make nobody lose what he can open today, and the key check keeps a foreign host key out. The new host record is
 * what counts, made by put-new like every other; the same request again finds its recipients there and changes nothing. */
#include <string.h>

#include "base/i18n.h"
#include "keeper.h"

enum { TRIES = 16 };

static bool has(const struct key_slots *keys, const struct key_slot *slot) {
    for (unsigned i = 0; i < keys->n; i++)
        if (memcmp(keys->slot[i].recipient, slot->recipient, SEAL_KEY) == 0) return true;
    return false;
}

/* The latest host record with the new slots: 0 and k->raw, 1 when the log has grown meanwhile, <0 on error. */
static int keys_try(struct keeper *k, const struct key_slots *more, struct err *e) {
    struct record r = {0};
    if (log_load(&k->log, k->log.host_n, &r, &k->raw, e) < 0) return -1;
    struct key_slots *keys = &r.host.keys;
    unsigned had = keys->n;
    int rc = 0;
    if (memcmp(keys->check, more->check, SEAL_ID) != 0) rc = err_set(e, ZE_WRONGKEY, k->host, _("host key"));
    for (unsigned i = 0; rc == 0 && i < more->n; i++) {
        if (has(keys, &more->slot[i])) continue;
        if (keys->n == SLOTS_MAX)
            rc = err_set(e, ZE_REFUSED, k->host, _("it has %d recipients, and no more are possible"), SLOTS_MAX);
        else
            keys->slot[keys->n++] = more->slot[i];
    }
    if (rc == 0 && keys->n > had) rc = log_append(&k->log, &r, &k->raw, e);
    record_free(&r);
    return rc;
}

int keeper_keys(struct keeper *k, struct rd *r, struct err *e) {
    struct key_slots more;
    key_slots_get(r, &more);
    if (!rd_end(r) || !more.n) return keeper_malformed(k, e);
    int rc = log_refresh(&k->log, e) < 0 ? -1 : 1;
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) rc = keys_try(k, &more, e);
    if (rc == 1) rc = err_set(e, ZE_BUSY, k->host, _("others write to its log all the time"));
    if (rc < 0 || log_settle(&k->log, e) < 0) return -1;
    buf_blob(&k->out, k->raw.p, k->raw.len);
    return F_KEYS_DONE;
}
