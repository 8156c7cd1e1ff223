/* Bodies of the records by which protection changes: removal, floors, approvers, confirmed time, collection. What
 * weakens protection carries the approvals it rests on, so that whoever reads the log later can judge them again. */
#include <stdlib.h>
#include <string.h>

#include "wire/approval.h"
#include "wire/record_body.h"

static void approvals_put(struct buf *b, const struct approvals *a) {
    if (a->len) buf_put(b, a->p, a->len);
    else buf_vu(b, 0);
}

/* Their bytes as they stand, once their lengths are found to be right. */
static void approvals_get(struct rd *rd, struct approvals *a) {
    const uint8_t *from = rd->p;
    uint64_t n = rd_vu(rd);
    if (n > APPROVALS_MAX) rd->bad = true;
    for (uint64_t i = 0; i < n && rd_ok(rd); i++) {
        size_t len;
        rd_blob(rd, &len, STATEMENT_MAX);
        rd_blob(rd, &len, SSHSIG_MAX);
    }
    if (!rd_ok(rd) || !n) return;
    a->p = malloc((size_t)(rd->p - from));
    if (a->p) memcpy(a->p, from, a->len = (size_t)(rd->p - from));
    else rd->bad = true;
}

void record_remove_put(struct buf *b, const struct record *r) {
    buf_u32(b, r->remove.point);
    buf_str(b, r->remove.reason);
    buf_str(b, r->remove.who);
    approvals_put(b, &r->remove.approvals);
}

void record_remove_get(struct rd *rd, struct record *r) {
    r->remove.point = rd_u32(rd);
    rd_str(rd, r->remove.reason, sizeof r->remove.reason);
    if (!rd->left) return; /* as the first version wrote it */
    rd_str(rd, r->remove.who, sizeof r->remove.who);
    approvals_get(rd, &r->remove.approvals);
}

void record_floor_put(struct buf *b, const struct record *r) {
    buf_u32(b, r->floor.days);
    buf_str(b, r->floor.reason);
    buf_str(b, r->floor.who);
    approvals_put(b, &r->floor.approvals);
}

void record_floor_get(struct rd *rd, struct record *r) {
    r->floor.days = rd_u32(rd);
    rd_str(rd, r->floor.reason, sizeof r->floor.reason);
    rd_str(rd, r->floor.who, sizeof r->floor.who);
    approvals_get(rd, &r->floor.approvals);
}

void approver_list_put(struct buf *b, const struct approver_list *l) {
    buf_vu(b, l->n);
    for (unsigned i = 0; i < l->n; i++) {
        buf_str(b, l->item[i].name);
        buf_blob(b, l->item[i].key, l->item[i].key_len);
    }
}

void record_approvers_put(struct buf *b, const struct record *r) {
    approver_list_put(b, &r->approvers.list);
    approvals_put(b, &r->approvers.approvals);
}

void record_approvers_get(struct rd *rd, struct record *r) {
    struct approver_list *l = &r->approvers.list;
    uint64_t n = rd_vu(rd);
    if (n > APPROVERS_MAX) rd->bad = true;
    for (uint64_t i = 0; i < n && rd_ok(rd); i++) {
        rd_str(rd, l->item[i].name, sizeof l->item[i].name);
        const uint8_t *key = rd_blob(rd, &l->item[i].key_len, sizeof l->item[i].key);
        if (key) memcpy(l->item[i].key, key, l->item[i].key_len);
    }
    l->n = rd_ok(rd) ? (unsigned)n : 0;
    approvals_get(rd, &r->approvers.approvals);
}

void record_confirm_put(struct buf *b, const struct record *r) {
    buf_u64(b, (uint64_t)r->confirm.time);
    buf_u64(b, r->confirm.time_n);
    approvals_put(b, &r->confirm.approvals);
}

void record_confirm_get(struct rd *rd, struct record *r) {
    r->confirm.time = (int64_t)rd_u64(rd);
    r->confirm.time_n = rd_u64(rd);
    approvals_get(rd, &r->confirm.approvals);
}

void record_key_put(struct buf *b, const struct record *r) {
    const struct rec_key *k = &r->key_change;
    buf_u8(b, k->how);
    buf_put(b, k->old, sizeof k->old);
    buf_put(b, k->pub, sizeof k->pub);
    buf_put(b, k->sig, sizeof k->sig);
    approvals_put(b, &k->approvals);
}

void record_key_get(struct rd *rd, struct record *r) {
    struct rec_key *k = &r->key_change;
    k->how = rd_u8(rd);
    if (k->how != KEY_ROTATED && k->how != KEY_REPLACED) rd->bad = true;
    rd_copy(rd, k->old, sizeof k->old);
    rd_copy(rd, k->pub, sizeof k->pub);
    rd_copy(rd, k->sig, sizeof k->sig);
    approvals_get(rd, &k->approvals);
}

void record_collect_put(struct buf *b, const struct record *r) {
    buf_put(b, r->collect.generation, SEAL_ID);
    buf_u64(b, r->collect.counter);
    buf_u32(b, r->collect.next_pack);
}

void record_collect_get(struct rd *rd, struct record *r) {
    rd_copy(rd, r->collect.generation, SEAL_ID);
    r->collect.counter = rd_u64(rd);
    r->collect.next_pack = rd_u32(rd);
}

void record_witness_put(struct buf *b, const struct record *r) {
    buf_u64(b, r->witness.n);
    buf_put(b, r->witness.hash, SEAL_HASH);
    buf_put(b, r->witness.key, SEAL_SIGN_PUB);
}

void record_witness_get(struct rd *rd, struct record *r) {
    r->witness.n = rd_u64(rd);
    rd_copy(rd, r->witness.hash, SEAL_HASH);
    rd_copy(rd, r->witness.key, SEAL_SIGN_PUB);
}
