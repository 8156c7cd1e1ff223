/* The journal as bytes: blocks with a MAC each (over the file's own random id, so that no block of an older file is
 * taken for one of this), its head, the packs that were sent, and what an earlier run has left of it all. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt_internal.h"
#include "sys/file.h"

#define MAGIC "ZBAT1\0\0"

enum { BLOCK_HEAD = 4 + 1 + SEAL_ID, MAGIC_LEN = 8 };

/* ---- blocks ---- */

static void block_mac(const struct attempt *a, off_t at, uint8_t type, const uint8_t *p, size_t n,
    uint8_t mac[SEAL_ID]) {
    uint64_t head[3] = {(uint64_t)at, type, n};
    struct hash_state h;
    uint8_t full[SEAL_HASH];
    hash_init(&h, a->key);
    if (type != B_HEAD) hash_update(&h, a->file_id, SEAL_ID);
    hash_update(&h, head, sizeof head);
    hash_update(&h, p, n);
    hash_final(&h, full);
    memcpy(mac, full, SEAL_ID);
}

/* The block at ${*at} into ${out}; false at the end of what is good. */
bool attempt_block_read(const struct attempt *a, int fd, off_t *at, uint8_t *type, struct buf *out) {
    uint8_t head[BLOCK_HEAD], mac[SEAL_ID];
    if (file_pread_full(fd, head, sizeof head, *at) != (ssize_t)sizeof head) return false;
    struct rd r = rd_of(head, sizeof head);
    uint32_t n = rd_u32(&r);
    *type = rd_u8(&r);
    buf_reset(out);
    uint8_t *p = n <= ATTEMPT_BLOCK_MAX ? buf_reserve(out, n) : NULL;
    if (!p || file_pread_full(fd, p, n, *at + BLOCK_HEAD) != (ssize_t)n) return false;
    block_mac(a, *at, *type, p, n, mac);
    if (!seal_equal(mac, r.p, SEAL_ID)) return false;
    out->len = n;
    *at += BLOCK_HEAD + (off_t)n;
    return true;
}

void attempt_give_up(struct attempt *a) {
    if (a->fd >= 0) close(a->fd);
    a->fd = -1;
}

void attempt_block_write(struct attempt *a, uint8_t type, const void *p, size_t n) {
    uint8_t mac[SEAL_ID];
    struct buf b;
    if (a->fd < 0) return;
    buf_init(&b, BLOCK_HEAD + ATTEMPT_BLOCK_MAX);
    block_mac(a, a->end, type, p, n, mac);
    buf_u32(&b, (uint32_t)n);
    buf_u8(&b, type);
    buf_put(&b, mac, sizeof mac);
    buf_put(&b, p, n);
    if (!buf_ok(&b) || file_pwrite_all(a->fd, b.p, b.len, a->end) < 0) attempt_give_up(a);
    a->end += (off_t)b.len;
    buf_free(&b);
}

void attempt_pack_write(struct attempt *a, uint32_t pack, const uint8_t sum[SEAL_ID]) {
    uint8_t p[4 + SEAL_ID] = {(uint8_t)pack, (uint8_t)(pack >> 8), (uint8_t)(pack >> 16), (uint8_t)(pack >> 24)};
    memcpy(p + 4, sum, SEAL_ID);
    attempt_block_write(a, B_PACK, p, sizeof p);
}

/* ---- what was left ---- */

static bool head_read(struct attempt *a, int fd, off_t *at, uint32_t first_pack) {
    uint8_t type, magic[MAGIC_LEN], generation[SEAL_ID], binding[SEAL_HASH];
    if (!attempt_block_read(a, fd, at, &type, &a->out) || type != B_HEAD) return false;
    struct rd r = rd_of(a->out.p, a->out.len);
    rd_copy(&r, magic, sizeof magic);
    rd_copy(&r, a->file_id, SEAL_ID);
    rd_copy(&r, generation, SEAL_ID);
    rd_copy(&r, binding, SEAL_HASH);
    a->base = rd_u32(&r);
    return rd_end(&r) && memcmp(magic, MAGIC, MAGIC_LEN) == 0 && memcmp(generation, a->generation, SEAL_ID) == 0 &&
           memcmp(binding, a->binding, SEAL_HASH) == 0 && a->base <= first_pack;
}

void attempt_head_write(struct attempt *a) {
    struct buf b;
    buf_init(&b, 256);
    seal_random(a->file_id, SEAL_ID);
    buf_put(&b, MAGIC, MAGIC_LEN);
    buf_put(&b, a->file_id, SEAL_ID);
    buf_put(&b, a->generation, SEAL_ID);
    buf_put(&b, a->binding, SEAL_HASH);
    buf_u32(&b, a->base);
    if (buf_ok(&b)) attempt_block_write(a, B_HEAD, b.p, b.len);
    else attempt_give_up(a);
    buf_free(&b);
}

/* Rising by number; false for a number that is there already (then two attempts disagree), or without memory. */
static bool pack_note(struct attempt *a, const uint8_t *p, size_t n) {
    struct rd r = rd_of(p, n);
    struct sent_pack one = {.pack = rd_u32(&r)};
    rd_copy(&r, one.sum, SEAL_ID);
    if (!rd_end(&r)) return false;
    if (a->packs_n == a->packs_cap) {
        size_t cap = a->packs_cap ? a->packs_cap * 2 : 64;
        struct sent_pack *more = reallocarray(a->packs, cap, sizeof *more);
        if (!more) return false;
        a->packs = more, a->packs_cap = cap;
    }
    size_t i = a->packs_n;
    while (i && a->packs[i - 1].pack > one.pack) i--;
    if (i && a->packs[i - 1].pack == one.pack) return false;
    memmove(a->packs + i + 1, a->packs + i, (a->packs_n++ - i) * sizeof one);
    a->packs[i] = one;
    return true;
}

/* Find the parts, the packs and the last good block. */
bool attempt_scan(struct attempt *a, int fd, uint32_t first_pack) {
    off_t at = 0;
    uint8_t type;
    if (!head_read(a, fd, &at, first_pack)) return false;
    a->first = at;
    while (attempt_block_read(a, fd, &at, &type, &a->out)) {
        if (type == B_MARK) a->second = at;
        if (type == B_PACK && !pack_note(a, a->out.p, a->out.len)) return false;
    }
    a->end = at;
    return true;
}

static struct sent_pack *pack_find(const struct attempt *a, uint32_t pack) {
    size_t lo = 0, hi = a->packs_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (a->packs[mid].pack == pack) return &a->packs[mid];
        if (a->packs[mid].pack < pack) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

bool attempt_trusts(const struct attempt *a, uint32_t pack) {
    const struct sent_pack *p = pack_find(a, pack);
    return pack < a->base || (p && p->here);
}

void attempt_sum(uint8_t sum[SEAL_ID], uint32_t slot, const uint8_t identity[SEAL_HASH],
    const uint8_t hash[SEAL_HASH]) {
    uint8_t h[SEAL_HASH], row[4 + 2 * SEAL_HASH];
    for (int i = 0; i < 4; i++) row[i] = (uint8_t)(slot >> (8 * i));
    memcpy(row + 4, identity, SEAL_HASH);
    memcpy(row + 4 + SEAL_HASH, hash, SEAL_HASH);
    seal_hash(h, row, sizeof row);
    for (int i = 0; i < SEAL_ID; i++) sum[i] ^= h[i];
}

bool attempt_confirm(struct attempt *a, uint32_t pack, const uint8_t sum[SEAL_ID]) {
    struct sent_pack *p = pack_find(a, pack);
    if (p && memcmp(p->sum, sum, SEAL_ID) == 0) p->here = true;
    return p && p->here;
}
