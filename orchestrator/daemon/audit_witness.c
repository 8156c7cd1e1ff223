/* When zaibeid checks, signs and shows its audit. Everything is a record itself, so a stop of any length can be seen later:
 * the audit says when zaibeid ran. */
#include "audit_witness.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

static int record(
    struct daemon *d, const char *act, const char *object, struct js *detail, bool checkpoint, struct err *e) {
    int64_t now = daemon_now(d);
    db_begin(d->db);
    audit_add(d->db, now, "zaibeid", act, object, detail);
    if (checkpoint) audit_checkpoint(d->db, now, &d->audit_key, true);
    return db_commit(d->db, e);
}

static void alarm_about(struct daemon *d, const char *what) {
    pthread_mutex_lock(&d->audit_lock);
    snprintf(d->audit_alarm, sizeof d->audit_alarm, "%s", what);
    pthread_mutex_unlock(&d->audit_lock);
    daemon_log(d, _("ALARM: %s"), what);
}

void daemon_audit_alarm(struct daemon *d, char out[256]) {
    pthread_mutex_lock(&d->audit_lock);
    snprintf(out, 256, "%s", d->audit_alarm);
    pthread_mutex_unlock(&d->audit_lock);
}

int audit_begin(struct daemon *d, struct err *e) {
    struct audit_verdict v;
    char what[256], pub[2 * SEAL_SIGN_PUB + 1];
    pthread_mutex_init(&d->audit_lock, NULL);
    if (audit_key_open(&d->audit_key, d->cfg->state, e) < 0 || audit_verify(d->db, d->audit_key.pub, &v, e) < 0)
        return -1;
    struct js *detail = js_object();
    text_hex(pub, d->audit_key.pub, SEAL_SIGN_PUB);
    js_set_str(detail, "version", ZB_VERSION);
    js_set_str(detail, "config", d->cfg->file);
    js_set_str(detail, "key", pub);
    js_set_int(detail, "records", v.records);
    if (v.first_bad) {
        js_set_int(detail, "first_bad", v.first_bad);
        js_set_str(detail, "why", v.why);
        snprintf(what, sizeof what, _("record %lld of the audit was changed: %s"), (long long)v.first_bad, v.why);
        alarm_about(d, what);
    }
    return record(d, "zaibeid.start", "", detail, false, e);
}

void audit_end(struct daemon *d) {
    struct err e = ERR_INIT;
    if (!d->audit_key.sec) return;
    if (record(d, "zaibeid.stop", "", NULL, true, &e) < 0)
        daemon_log(d, "ZB-%u %s: %s", (unsigned)e.id, e.object, e.msg);
    audit_key_close(&d->audit_key);
}

int audit_tick(struct daemon *d, struct err *e) {
    db_begin(d->db);
    audit_checkpoint(d->db, daemon_now(d), &d->audit_key, false);
    return db_commit(d->db, e);
}

int audit_show(struct daemon *d, struct err *e) {
    int64_t n;
    uint8_t hash[SEAL_HASH];
    char hex[2 * SEAL_HASH + 1], key[2 * SEAL_SIGN_PUB + 1];
    db_begin(d->db);
    audit_head(d->db, &n, hash);
    if (db_commit(d->db, e) < 0 || !n) return n ? -1 : 0;
    text_hex(hex, hash, sizeof hash);
    text_hex(key, d->audit_key.pub, SEAL_SIGN_PUB);
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "witness");
    js_set_int(q, "n", n);
    js_set_str(q, "hash", hex);
    js_set_str(q, "key", key);
    struct js *detail = js_object();
    js_set_int(detail, "n", n);
    if (control_call(&d->control, q, &a, e) < 0) {
        if (e->id != ZE_AUDITFORK) return js_free(detail), -1;
        js_set_str(detail, "why", e->msg);
        alarm_about(d, e->msg);
        struct err why = ERR_INIT;
        return record(d, "audit.fork", "vault", detail, false, &why) < 0 ? (*e = why, -1) : -1;
    }
    js_set_int(detail, "vault_log", js_int(a, "log", 0));
    js_set_str(detail, "vault_head", js_str(a, "head", ""));
    js_set_bool(detail, "kept", js_bool(a, "kept", false));
    if (js_bool(a, "other", false)) js_set_bool(detail, "other", true);
    return record(d, "audit.witness", "vault", detail, false, e);
}
