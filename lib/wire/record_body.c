/* The bodies of log records as bytes. Each pair of functions reads and writes the same fields in the same order;
 * readers ignore what follows the fields they know, so a body may grow. Counts are checked against the bytes that are
 * left before memory is taken for them. */
#include "wire/record_body.h"

#include <stdlib.h>
#include <string.h>

enum { USED_REF_BYTES = 36, DAMAGED_MAX = 1 << 20 };

void key_slots_put(struct buf *b, const struct key_slots *k) {
    buf_vu(b, k->n);
    for (unsigned i = 0; i < k->n; i++) {
        buf_put(b, k->slot[i].recipient, SEAL_KEY);
        buf_str(b, k->slot[i].label);
        buf_blob(b, k->slot[i].sealed, sizeof k->slot[i].sealed);
    }
    buf_put(b, k->check, sizeof k->check);
}

void key_slots_get(struct rd *r, struct key_slots *k) {
    memset(k, 0, sizeof *k);
    uint64_t n = rd_vu(r);
    if (n > SLOTS_MAX) r->bad = true;
    for (uint64_t i = 0; i < n && rd_ok(r); i++) {
        struct key_slot *s = &k->slot[i];
        size_t len;
        rd_copy(r, s->recipient, sizeof s->recipient);
        rd_str(r, s->label, sizeof s->label);
        const uint8_t *sealed = rd_blob(r, &len, sizeof s->sealed);
        if (!sealed || len != sizeof s->sealed) r->bad = true;
        else memcpy(s->sealed, sealed, len);
    }
    rd_copy(r, k->check, sizeof k->check);
    k->n = rd_ok(r) ? (unsigned)n : 0;
}

static void labels_put(struct buf *b, const struct labels *l) {
    buf_vu(b, l->n);
    for (unsigned i = 0; i < l->n; i++) buf_str(b, l->label[i]);
}

static void labels_get(struct rd *r, struct labels *l) {
    uint64_t n = rd_vu(r);
    if (n > LABELS_MAX) r->bad = true;
    for (uint64_t i = 0; i < n && rd_ok(r); i++) rd_str(r, l->label[i], sizeof l->label[i]);
    l->n = rd_ok(r) ? (unsigned)n : 0;
}

static uint8_t kind_get(struct rd *r) {
    uint8_t kind = rd_u8(r);
    if (kind != KIND_FULL && kind != KIND_INCREMENTAL) r->bad = true;
    return kind;
}

static void host_put(struct buf *b, const struct record *r) {
    buf_str(b, r->host.host);
    buf_put(b, r->host.system_id, SEAL_ID);
    buf_str(b, r->host.system);
    buf_str(b, r->host.suite);
    buf_put(b, r->host.ssh_pub, SEAL_SIGN_PUB);
    key_slots_put(b, &r->host.keys);
}

static void host_get(struct rd *rd, struct record *r) {
    rd_str(rd, r->host.host, sizeof r->host.host);
    rd_copy(rd, r->host.system_id, SEAL_ID);
    rd_str(rd, r->host.system, sizeof r->host.system);
    rd_str(rd, r->host.suite, sizeof r->host.suite);
    rd_copy(rd, r->host.ssh_pub, SEAL_SIGN_PUB);
    key_slots_get(rd, &r->host.keys);
}

static void begin_put(struct buf *b, const struct record *r) {
    const struct rec_begin *g = &r->begin;
    buf_u32(b, g->point);
    buf_put(b, g->generation, SEAL_ID);
    buf_u8(b, g->kind);
    buf_u32(b, g->parent);
    buf_u64(b, g->epoch);
    buf_put(b, g->upload, SEAL_ID);
    buf_u64(b, (uint64_t)g->lease_until);
    buf_str(b, g->ticket);
    labels_put(b, &g->labels);
    buf_put(b, g->plan_hash, SEAL_HASH);
    buf_u64(b, (uint64_t)g->retain_until);
    buf_u32(b, g->first_pack);
    buf_vu(b, g->damaged_n);
    for (size_t i = 0; i < g->damaged_n; i++) buf_vu(b, g->damaged[i].pack), buf_vu(b, g->damaged[i].slot);
}

static void damaged_get(struct rd *rd, struct rec_begin *g) {
    uint64_t n = rd_vu(rd);
    if (n > DAMAGED_MAX || n > rd->left / 2) rd->bad = true;
    if (rd->bad || !n) return;
    g->damaged = calloc(n, sizeof *g->damaged);
    if (!g->damaged) rd->bad = true;
    for (uint64_t i = 0; i < n && rd_ok(rd); i++) {
        uint64_t pack = rd_vu(rd), slot = rd_vu(rd);
        if (pack > UINT32_MAX || slot >= ZB_PACK_SLOTS_MAX) rd->bad = true;
        g->damaged[i] = (struct slot_ref){(uint32_t)pack, (uint32_t)slot};
    }
    g->damaged_n = n;
}

static void begin_get(struct rd *rd, struct record *r) {
    struct rec_begin *g = &r->begin;
    g->point = rd_u32(rd);
    rd_copy(rd, g->generation, SEAL_ID);
    g->kind = kind_get(rd);
    g->parent = rd_u32(rd);
    g->epoch = rd_u64(rd);
    rd_copy(rd, g->upload, SEAL_ID);
    g->lease_until = (int64_t)rd_u64(rd);
    rd_str(rd, g->ticket, sizeof g->ticket);
    labels_get(rd, &g->labels);
    rd_copy(rd, g->plan_hash, SEAL_HASH);
    g->retain_until = (int64_t)rd_u64(rd);
    g->first_pack = rd_u32(rd);
    damaged_get(rd, g);
}

static void commit_put(struct buf *b, const struct record *r) {
    const struct rec_commit *c = &r->commit;
    buf_u64(b, c->begin_n);
    buf_u32(b, c->point);
    buf_put(b, c->generation, SEAL_ID);
    buf_u8(b, c->kind);
    buf_u32(b, c->parent);
    buf_u64(b, c->epoch);
    buf_put(b, c->upload, SEAL_ID);
    buf_put(b, c->system_id, SEAL_ID);
    buf_str(b, c->ticket);
    labels_put(b, &c->labels);
    buf_put(b, c->plan_hash, SEAL_HASH);
    buf_u8(b, c->state);
    buf_u64(b, (uint64_t)c->walk_start);
    buf_u64(b, (uint64_t)c->retain_until);
    buf_u64(b, c->files);
    buf_u64(b, c->bytes);
    buf_u64(b, c->bytes_read);
    buf_u64(b, c->bytes_sent);
    buf_u64(b, c->bytes_stored);
    buf_blob(b, c->root, c->root_len);
    buf_vu(b, c->used_n);
    for (size_t i = 0; i < c->used_n; i++) {
        buf_u32(b, c->used[i].page);
        buf_put(b, c->used[i].hash, SEAL_HASH);
    }
    key_slots_put(b, &c->keys);
}

static void used_refs_get(struct rd *rd, struct rec_commit *c) {
    uint64_t n = rd_vu(rd);
    if (rd->bad || n > rd->left / USED_REF_BYTES) {
        rd->bad = true;
        return;
    }
    c->used = n ? calloc(n, sizeof *c->used) : NULL;
    if (n && !c->used) rd->bad = true;
    for (uint64_t i = 0; i < n && rd_ok(rd); i++) {
        c->used[i].page = rd_u32(rd);
        rd_copy(rd, c->used[i].hash, SEAL_HASH);
        if (i && c->used[i].page <= c->used[i - 1].page) rd->bad = true;
    }
    c->used_n = n;
}

static void commit_get(struct rd *rd, struct record *r) {
    struct rec_commit *c = &r->commit;
    c->begin_n = rd_u64(rd);
    c->point = rd_u32(rd);
    rd_copy(rd, c->generation, SEAL_ID);
    c->kind = kind_get(rd);
    c->parent = rd_u32(rd);
    c->epoch = rd_u64(rd);
    rd_copy(rd, c->upload, SEAL_ID);
    rd_copy(rd, c->system_id, SEAL_ID);
    rd_str(rd, c->ticket, sizeof c->ticket);
    labels_get(rd, &c->labels);
    rd_copy(rd, c->plan_hash, SEAL_HASH);
    c->state = rd_u8(rd);
    if (c->state != STATE_COMPLETE && c->state != STATE_PARTIAL) rd->bad = true;
    c->walk_start = (int64_t)rd_u64(rd);
    c->retain_until = (int64_t)rd_u64(rd);
    c->files = rd_u64(rd), c->bytes = rd_u64(rd), c->bytes_read = rd_u64(rd);
    c->bytes_sent = rd_u64(rd), c->bytes_stored = rd_u64(rd);
    size_t n;
    const uint8_t *root = rd_blob(rd, &n, ZB_SEALED_MAX);
    if (root && n) {
        c->root = malloc(n);
        if (c->root) memcpy(c->root, root, c->root_len = n);
        else rd->bad = true;
    }
    used_refs_get(rd, c);
    key_slots_get(rd, &c->keys);
}

static void abandon_put(struct buf *b, const struct record *r) {
    buf_u64(b, r->abandon.begin_n);
    buf_str(b, r->abandon.reason);
}

static void abandon_get(struct rd *rd, struct record *r) {
    r->abandon.begin_n = rd_u64(rd);
    rd_str(rd, r->abandon.reason, sizeof r->abandon.reason);
}

static void lease_put(struct buf *b, const struct record *r) {
    buf_u64(b, r->lease.epoch);
    buf_put(b, r->lease.upload, SEAL_ID);
    buf_u64(b, (uint64_t)r->lease.until);
}

static void lease_get(struct rd *rd, struct record *r) {
    r->lease.epoch = rd_u64(rd);
    rd_copy(rd, r->lease.upload, SEAL_ID);
    r->lease.until = (int64_t)rd_u64(rd);
}

static void pin_put(struct buf *b, const struct record *r) {
    buf_u32(b, r->pin.point);
    buf_u64(b, (uint64_t)r->pin.until);
    buf_str(b, r->pin.reason);
    buf_str(b, r->pin.who);
}

static void pin_get(struct rd *rd, struct record *r) {
    r->pin.point = rd_u32(rd);
    r->pin.until = (int64_t)rd_u64(rd);
    rd_str(rd, r->pin.reason, sizeof r->pin.reason);
    rd_str(rd, r->pin.who, sizeof r->pin.who);
}

static void time_put(struct buf *b, const struct record *r) {
    buf_u64(b, (uint64_t)r->time_mark.clock);
    buf_str(b, r->time_mark.why);
}

static void time_get(struct rd *rd, struct record *r) {
    r->time_mark.clock = (int64_t)rd_u64(rd);
    rd_str(rd, r->time_mark.why, sizeof r->time_mark.why);
}

static void revoke_put(struct buf *b, const struct record *r) { buf_str(b, r->revoke.reason); }
static void revoke_get(struct rd *rd, struct record *r) { rd_str(rd, r->revoke.reason, sizeof r->revoke.reason); }

const struct record_body *record_body_of(uint8_t type) {
    static const struct record_body body[] = {
        [REC_HOST] = {host_put, host_get},
        [REC_BEGIN] = {begin_put, begin_get},
        [REC_COMMIT] = {commit_put, commit_get},
        [REC_ABANDON] = {abandon_put, abandon_get},
        [REC_LEASE] = {lease_put, lease_get},
        [REC_PIN] = {pin_put, pin_get},
        [REC_REMOVE] = {record_remove_put, record_remove_get},
        [REC_TIME] = {time_put, time_get},
        [REC_REVOKE] = {revoke_put, revoke_get},
        [REC_FLOOR] = {record_floor_put, record_floor_get},
        [REC_APPROVERS] = {record_approvers_put, record_approvers_get},
        [REC_CONFIRM] = {record_confirm_put, record_confirm_get},
        [REC_KEY] = {record_key_put, record_key_get},
        [REC_COLLECT] = {record_collect_put, record_collect_get},
        [REC_WITNESS] = {record_witness_put, record_witness_get},
    };
    return type < sizeof body / sizeof *body && body[type].put ? &body[type] : NULL;
}

bool record_known(uint8_t type) { return record_body_of(type) != NULL; }
