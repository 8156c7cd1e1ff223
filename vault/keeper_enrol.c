/* Enrolment. The decision is put-new of the host's record 0: of two that come with one token, one becomes the host.
 * The token's file stays until the host comes with its own key, so that a host whose connection was cut here may ask
 * again and, showing the same key, gets the same answer. */
#include <string.h>

#include "base/i18n.h"
#include "keeper.h"

static int enrol_allowed(struct keeper *k, struct err *e) {
    struct enrolment t;
    if (k->mode == BIND_LOCAL) return 0;
    if (enrolment_load(k->v, k->host, &t, e) < 0)
        return e->id == ZE_NOTFOUND ? err_set(e, ZE_TOKEN, k->host, _("it was used or withdrawn")) : -1;
    if (k->v->clock->now_ns(k->v->clock) > t.expires) return err_set(e, ZE_TOKEN, k->host, _("it has expired"));
    return 0;
}

/* The host is there already: the same one asking again, or another. */
static int enrol_again(struct keeper *k, const struct rec_host *want, struct err *e) {
    struct record r;
    if (log_load(&k->log, 0, &r, &k->raw, e) < 0) return -1;
    bool same = r.type == REC_HOST && memcmp(r.host.ssh_pub, want->ssh_pub, SEAL_SIGN_PUB) == 0 &&
        memcmp(r.host.keys.check, want->keys.check, SEAL_ID) == 0 && !k->log.revoked;
    record_free(&r);
    if (same) return 0;
    return k->mode == BIND_LOCAL ? err_set(e, ZE_EXISTS, k->host, _("a host of this name is enrolled"))
                                 : err_set(e, ZE_TOKEN, k->host, _("it was used by another host"));
}

static int enrol_record(struct keeper *k, struct rec_host *host, struct err *e) {
    struct record r = {.type = REC_HOST};
    seal_random(r.host_id, sizeof r.host_id);
    r.host = *host;
    int rc = log_refresh(&k->log, e);
    if (rc == 0 && k->log.next == 0) {
        rc = log_append(&k->log, &r, &k->raw, e);
        /* If interrupted here, the host exists; its rights and its line in authorized_keys are made when it asks
         * again. */
        if (rc == 0) return 0;
    }
    return rc < 0 ? rc : enrol_again(k, host, e);
}

static int enrol_files(struct keeper *k, struct err *e) {
    struct rights r;
    if (rights_load(k->v, k->host, &r, e) < 0) {
        if (e->id != ZE_NOTFOUND) return -1;
        r = (struct rights){.read_all = k->mode == BIND_LOCAL, .floor_days = DEFAULT_FLOOR_DAYS};
        if (rights_save(k->v, k->host, &r, e) < 0) return -1;
    }
    return authkeys_write(k->v, e);
}

int keeper_enrol(struct keeper *k, struct rd *r, struct err *e) {
    char name[64];
    struct rec_host h = {.suite = "sodium"};
    struct system_object s;
    rd_str(r, name, sizeof name);
    rd_copy(r, h.ssh_pub, sizeof h.ssh_pub);
    key_slots_get(r, &h.keys);
    if (!rd_end(r) || !h.keys.n) return keeper_malformed(k, e);
    if (*name && strcmp(name, k->host) != 0) return err_set(e, ZE_TOKEN, name, _("the token is for host %s"), k->host);
    if (enrol_allowed(k, e) < 0 || system_make(k->v, k->system, &s, e) < 0) return -1;
    memcpy(h.host, k->host, sizeof h.host);
    memcpy(h.system, k->system, sizeof h.system);
    memcpy(h.system_id, s.id, SEAL_ID);
    if (enrol_record(k, &h, e) < 0 || log_settle(&k->log, e) < 0 || enrol_files(k, e) < 0) return -1;
    buf_str(&k->out, k->host);
    buf_put(&k->out, k->log.host_id, SEAL_ID);
    buf_str(&k->out, k->log.system);
    buf_put(&k->out, k->log.system_id, SEAL_ID);
    buf_blob(&k->out, k->v->header_raw.p, k->v->header_raw.len);
    buf_blob(&k->out, k->raw.p, k->raw.len);
    return F_ENROLLED;
}
