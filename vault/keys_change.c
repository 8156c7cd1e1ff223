/* Changing the key, in this order: the new seed is durable (keeper/key.next), the approval is spent, the record in the vault's log
 * counts, its copy, the new seed takes the place of the old one, each host's log gets its mark. Up to the record nothing has
 * changed; from it on the new key signs, and whoever opens the vault finishes (keys.c). The old seed is gone with the
 * rename: what it has signed stays, and nothing new can be signed with it behind the marks. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "log.h"
#include "recovery.h"
#include "sys/file.h"

static int consent(struct vault *v, const struct rec_key *k, const struct approvals *a, struct err *e) {
    char old[HEX_HASH], new[HEX_HASH];
    struct act act = {APPROVE_KEY, old, new};
    text_hex(old, k->old, SEAL_SIGN_PUB);
    text_hex(new, k->pub, SEAL_SIGN_PUB);
    if (k->how == KEY_ROTATED && v->log.approvers.n < APPROVALS_NEEDED) return 0;
    if (!a->len && v->log.approvers.n >= APPROVALS_NEEDED)
        return err_set(e, ZE_APPROVAL, "key", _("two approvers must sign it: zaibei-vault request replace-key"));
    return approvals_judge(v, &act, a, vaultlog_time(v), e) < 0 ? -1 : approvals_spend(v, a, e);
}

static int mark_one(void *arg, const char *host, struct err *e) {
    struct host_log l;
    struct err why = ERR_INIT;
    int rc = log_open(&l, arg, host, &why);
    for (int i = 0; rc >= 0 && i < 64; i++)
        if ((rc = log_mark(&l, &why)) == 0) break;
    log_free(&l);
    if (rc < 0) err_print("zaibei-vault", &why); /* its next record brings the mark */
    return 0;
}

static int change(struct vault *v, struct record *r, const struct approvals *a, struct err *e) {
    struct rec_key *k = &r->key_change;
    if (vaultlog_refresh(v, e) < 0) return -1;
    if (v->keys.n == KEYS_MAX) return err_set(e, ZE_TOOMUCH, "key", _("a vault has at most %d keys"), KEYS_MAX);
    memcpy(k->old, keychain_last(&v->keys), SEAL_SIGN_PUB);
    if (keys_next(v, k->pub, e) < 0 || consent(v, k, a, e) < 0) return -1;
    if (k->how == KEY_ROTATED) key_vouch(k, v->header.id, v->sec);
    k->approvals = *a;
    v->next_sec = keys_next_seed(v, e);
    if (!v->next_sec) return -1;
    /* If interrupted here, the approval is spent and nothing has changed: the approvers are asked again. */
    int rc = vaultlog_append(v, r, e);
    secret_free(v->next_sec);
    v->next_sec = NULL;
    return rc == 1 ? err_set(e, ZE_BUSY, "log", _("the vault's log has grown; try again")) : rc;
}

int keys_change(struct vault *v, enum key_how how, const struct approvals *a, struct err *e) {
    struct record r = {.type = REC_KEY, .key_change = {.how = how}};
    CLEANUP_FD int lock = lock_file(v, ".key", e);
    if (lock < 0) return -1;
    if (change(v, &r, a, e) < 0) return -1;
    v->keyless = false;
    /* If interrupted here, the record counts, and the next to open the vault moves the seed. */
    if (keys_follow(v, e) < 0) return -1;
    if (hosts_each(v, mark_one, v, e) < 0) return -1;
    recovery_follow(v);
    return 0;
}

static int one_json(struct vault *v, unsigned i, struct js *list, struct err *e) {
    struct js *j = js_object();
    char key[HEX_HASH];
    struct record r = {.time = v->header.created};
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = i ? keys_load(v, i, &r, &raw, e) : 0;
    text_hex(key, v->keys.pub[i], SEAL_SIGN_PUB);
    js_set_str(j, "key", key);
    js_set_time(j, "since", r.time);
    js_set_str(j, "how", !i ? "first" : r.key_change.how == KEY_ROTATED ? "rotated" : "replaced");
    js_push(list, j);
    if (i && rc == 0) record_free(&r);
    buf_free(&raw);
    return rc;
}

struct js *keys_json(struct vault *v, struct err *e) {
    struct js *j = js_object(), *list = js_array();
    char key[HEX_HASH];
    int rc = vaultlog_refresh(v, e);
    text_hex(key, keychain_last(&v->keys), SEAL_SIGN_PUB);
    js_set_str(j, "current", key);
    for (unsigned i = 0; rc == 0 && i < v->keys.n; i++) rc = one_json(v, i, list, e);
    js_set(j, "keys", list);
    if (rc == 0) return j;
    js_free(j);
    return NULL;
}
