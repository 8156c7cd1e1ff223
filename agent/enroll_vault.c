/* The session of an enrolment. Whose key the vault has is checked before this host's keys are sent; what it answers must be
 * a record, signed by that key, of exactly what was sent. */
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "enroll_internal.h"
#include "greet.h"
#include "pinned.h"
#include "transport.h"

enum { ENROL_MS = 60000 };

/* The key of the token, or one that it has vouched for since. */
static int take_vault(struct enrol *x, const struct welcome *w, struct err *e) {
    struct keychain keys;
    keychain_init(&keys, x->c.vault_pub);
    if (x->pinned && keychain_find(&w->keys, x->c.vault_pub) < 0)
        return err_set(e, ZE_VAULTKEY, x->c.vault, _("its key is not the one in the token"));
    if (x->pinned && pinned_follow(&x->c, w, &keys, e) < 0) return -1;
    memcpy(x->c.vault_pub, keychain_last(&w->keys), SEAL_SIGN_PUB);
    memcpy(x->c.vault_id, w->vault.id, SEAL_ID);
    return 0;
}

static int take_host(struct enrol *x, const char *host, const uint8_t *host_id, const char *system,
    const uint8_t *system_id, struct err *e) {
    if (!text_name_ok(host) || !text_name_ok(system) || (*x->c.host && strcmp(x->c.host, host) != 0))
        return err_set(e, ZE_REFUSED, x->c.vault, _("it enrols host \"%s\" in system \"%s\""), host, system);
    strcpy(x->c.host, host);
    strcpy(x->c.system, system);
    memcpy(x->c.ids.host_id, host_id, SEAL_ID);
    memcpy(x->c.ids.system_id, system_id, SEAL_ID);
    return 0;
}

static int answer_take(struct enrol *x, struct rd *r, struct err *e) {
    char host[64], system[64];
    uint8_t host_id[SEAL_ID], system_id[SEAL_ID];
    size_t header_n = 0, record_n = 0;
    rd_str(r, host, sizeof host);
    rd_copy(r, host_id, SEAL_ID);
    rd_str(r, system, sizeof system);
    rd_copy(r, system_id, SEAL_ID);
    const uint8_t *header = rd_blob(r, &header_n, 4096), *record = rd_blob(r, &record_n, ZB_RECORD_MAX);
    if (!rd_end(r) || !header || !record) return err_set(e, ZE_PROTO, x->c.vault, _("an answer that cannot be read"));
    struct vault_header v;
    struct record rec;
    if (vault_header_decode(&v, header, header_n, e) < 0) return -1;
    if (!seal_equal(v.id, x->c.vault_id, SEAL_ID))
        return err_set(e, ZE_PROTO, x->c.vault, _("it has become another vault"));
    if (record_decode(&rec, record, record_n, x->c.vault_id, x->c.vault_pub, e) < 0) return -1;
    bool good = rec.type == REC_HOST && !strcmp(rec.host.host, host) && seal_equal(rec.host_id, host_id, SEAL_ID) &&
                seal_equal(rec.host.keys.check, x->slots.check, SEAL_ID) && rec.host.keys.n == x->slots.n;
    record_free(&rec);
    if (!good) return err_set(e, ZE_PROTO, x->c.vault, _("the record it made is not of this host"));
    return take_host(x, host, host_id, system, system_id, e);
}

static int ask(struct enrol *x, struct frames *f, struct err *e) {
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], type = 0;
    sign_from_seed(pub, sec, x->c.ssh_seed);
    seal_wipe(sec, sizeof sec);
    struct buf b;
    buf_init(&b, FRAME_MAX);
    buf_str(&b, x->c.host);
    buf_put(&b, pub, sizeof pub);
    key_slots_put(&b, &x->slots);
    int rc = frames_put_buf(f, F_ENROL, &b, e);
    buf_free(&b);
    struct rd r;
    if (rc == 0) rc = frames_get(f, &type, &r, e);
    if (rc == 0) return err_set(e, ZE_CUT, x->c.vault, _("it closed the connection"));
    if (rc < 0) return -1;
    if (type == F_ERROR) return frames_take_error(&r, e);
    if (type != F_ENROLLED) return err_set(e, ZE_PROTO, x->c.vault, _("answer %02x where %02x was due"), type, F_ENROLLED);
    return answer_take(x, &r, e);
}

/* One session: with ${known} as the host that an earlier start has enrolled, else as the newcomer. */
static int talk(struct enrol *x, bool known, struct err *e) {
    struct config as = x->c; /* the newcomer signs with the token's key */
    if (!known && x->token_seed) as.ssh_seed = x->token_seed;
    struct transport t;
    struct frames f;
    struct rd r;
    struct welcome w;
    uint8_t type = 0;
    if (transport_open(&as, !known, &t, e) < 0) return -1;
    frames_init(&f, t.rfd, t.wfd, ENROL_MS, x->c.vault);
    int rc = greet_hello(&f, NULL, 0, e);
    if (rc == 0) rc = frames_get(&f, &type, &r, e);
    if (rc == 0) rc = err_set(e, ZE_CUT, x->c.vault, _("it closed the connection"));
    if (rc > 0 && type == F_ERROR)
        rc = frames_take_error(&r, e);
    else if (rc > 0 && type != F_WELCOME)
        rc = err_set(e, ZE_PROTO, x->c.vault, _("answer %02x where %02x was due"), type, F_WELCOME);
    if (rc > 0) rc = greet_welcome(&r, &w, x->c.vault, e);
    if (rc == 0) rc = take_vault(x, &w, e);
    if (rc == 0) rc = known ? take_host(x, w.host, w.host_id, w.system, w.system_id, e) : ask(x, &f, e);
    if (rc < 0) transport_explain(&t, e);
    frames_free(&f);
    transport_close(&t);
    return rc;
}

int enroll_at_vault(struct enrol *x, struct err *e) {
    struct err why = ERR_INIT;
    if (x->repeated && talk(x, true, &why) == 0) return 0;
    if (talk(x, false, e) == 0) return 0;
    if (e->id == ZE_AUTH)
        return err_set(e, ZE_TOKEN, x->c.vault, _("it refuses the token: expired, revoked, or used up"));
    return -1;
}
