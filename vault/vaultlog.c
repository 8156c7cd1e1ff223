/* The same scheme as a host's log: put-new of the next number decides, the chain begins at zeros, the host id is the
 * vault's. If interrupted anywhere, a record is there whole or not at all, and whoever wanted it asks again. */
#include "vaultlog.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "kept.h"
#include "keys.h"
#include "recovery.h"
#include "vault.h"

static void record_name(uint64_t n, char out[STORE_NAME_MAX]) {
    snprintf(out, STORE_NAME_MAX, "log/%016llx", (unsigned long long)n);
}

bool vaultlog_doubtful(const struct vault_log *l) {
    return l->broken || (l->jumped && !(l->confirmed && l->answered >= l->time_n));
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t vaultlog_time(const struct vault *v) {
    return later(v->clock->now_ns(v->clock), later(v->log.last_sure, v->log.last_flagged));
}

static void note(struct vault_log *l, const struct record *r) {
    if (r->type == REC_APPROVERS) l->approvers = r->approvers.list;
    if (r->type == REC_WITNESS) l->witness = r->witness, l->witnessed = r->time;
    if (r->type == REC_TIME) {
        l->jumped = true, l->time_n = r->n, l->jumped_at = r->time;
        memcpy(l->why, r->time_mark.why, sizeof l->why);
    }
    if (r->type == REC_CONFIRM) {
        l->confirmed = true, l->confirm_n = r->n, l->answered = r->confirm.time_n, l->confirmed_time = r->confirm.time;
        l->last_flagged = 0;
    }
    if (r->flags & 1) l->last_flagged = later(l->last_flagged, r->time);
    else l->last_sure = later(l->last_sure, r->time);
    memcpy(l->head, r->hash, SEAL_HASH);
    l->key = r->key;
    l->next = r->n + 1;
}

/* A key record is signed by the key that it names, which may be new to us. */
static int decode(struct vault *v, struct record *r, const struct buf *raw, struct err *e) {
    if (keychain_decode(r, raw->p, raw->len, v->header.id, &v->keys, e) == 0) return 0;
    if (e->id != ZE_VAULTKEY) return -1;
    return key_record_decode(r, raw->p, raw->len, v->header.id, e) < 0 ? err_set(e, ZE_VAULTKEY, "log", _("the signature is by none of the vault's keys")) : 0;
}

static int load(struct vault *v, uint64_t n, struct record *r, struct buf *raw, struct err *e) {
    char name[STORE_NAME_MAX];
    record_name(n, name);
    buf_reset(raw);
    int rc = store_load(&v->store, name, ZB_RECORD_MAX, raw, e);
    if (rc < 0 && e->id == ZE_NOTFOUND) err_set(e, ZE_MISSING, name, _("no such record"));
    if (rc == 0) rc = decode(v, r, raw, e);
    if (rc < 0) return rc;
    if (r->n == n && memcmp(r->host_id, v->header.id, SEAL_ID) == 0) return 0;
    record_free(r);
    return err_set(e, ZE_DAMAGED, name, _("it is a record of another log"));
}

int vaultlog_load(struct vault *v, uint64_t n, struct record *r, struct err *e) {
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = load(v, n, r, &raw, e);
    buf_free(&raw);
    return rc;
}

/* Take the next record in. */
static int follow(struct vault *v, struct record *r, const struct buf *raw, struct err *e) {
    struct vault_log *l = &v->log;
    if (memcmp(r->prev, l->head, SEAL_HASH) != 0)
        return err_set(e, ZE_DAMAGED, "log", _("a record does not continue the vault's log"));
    if (r->type == REC_KEY) {
        if (keys_note(v, r, raw, e) < 0) return -1;
        r->key = (uint8_t)keychain_find(&v->keys, r->key_change.pub);
    }
    if (r->key < l->key)
        return err_set(e, ZE_OLDKEY, "log", _("record %llu"), (unsigned long long)r->n);
    note(l, r);
    return 0;
}

/* Up to the first number that has no record. */
static int read_on(struct vault *v, struct err *e) {
    struct buf raw;
    int rc;
    buf_init(&raw, ZB_RECORD_MAX);
    do {
        struct record r = {0};
        rc = load(v, v->log.next, &r, &raw, e);
        if (rc < 0) break;
        rc = follow(v, &r, &raw, e);
        record_free(&r);
    } while (rc == 0);
    buf_free(&raw);
    return e->id == ZE_MISSING ? 0 : -1;
}

/* A number without a record is the end only where none comes after it: what a lost record says of approvers or of time must
 * not be forgotten, and nobody may take its number. */
static int end_look(struct vault *v, struct err *e) {
    struct vault_log *l = &v->log;
    uint64_t had, n;
    do {
        had = l->next;
        int more = l->ends_at == had + 1 ? 0 : records_above(&v->store, "log", had, &n, e);
        if (more < 0) return -1;
        if (!more) return l->ends_at = had + 1, 0;
        if (read_on(v, e) < 0) return -1; /* somebody may have added it meanwhile */
    } while (l->next != had);
    return err_set(e, ZE_LOGGAP, "log", _("record %llu of the vault's log"), (unsigned long long)had);
}

int vaultlog_refresh(struct vault *v, struct err *e) {
    v->log.broken = true;
    if (read_on(v, e) < 0 || end_look(v, e) < 0) return -1;
    v->log.broken = false;
    return keys_follow(v, e);
}

int vaultlog_append(struct vault *v, struct record *r, struct err *e) {
    struct vault_log *l = &v->log;
    char name[STORE_NAME_MAX];
    struct buf raw;
    bool confirm = r->type == REC_CONFIRM;
    r->n = l->next;
    memcpy(r->prev, l->head, SEAL_HASH);
    memcpy(r->host_id, v->header.id, SEAL_ID);
    r->flags = !confirm && (vaultlog_doubtful(l) || r->type == REC_TIME);
    /* A confirm ends the doubt: what was logged in doubt no longer counts, for itself neither. */
    r->time = confirm ? later(v->clock->now_ns(v->clock), l->last_sure) : vaultlog_time(v);
    record_name(r->n, name);
    buf_init(&raw, ZB_RECORD_MAX);
    const uint8_t *sec = r->type == REC_KEY ? v->next_sec : v->sec;
    int rc = sec ? record_encode(r, v->header.id, sec, &raw, e) : keys_signing(v, e);
    if (rc == 0) rc = store_put_new(&v->store, name, raw.p, raw.len, e);
    /* If interrupted here, the record counts; every reader finds it at its next refresh. */
    r->key = l->key;
    if (rc == 0) rc = follow(v, r, &raw, e);
    buf_free(&raw);
    if (rc == 0 && r->type != REC_KEY) recovery_follow(v);
    if (rc == 1 && vaultlog_refresh(v, e) < 0) return -1;
    return rc;
}
