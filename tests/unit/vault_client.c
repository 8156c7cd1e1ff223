/* See vault_client.h. */
#include "vault_client.h"

#include <string.h>
#include <unistd.h>

enum { SEG_LEN = 5000 };

static void fill(uint8_t seg[SEG_LEN], uint32_t pack, uint32_t slot) {
    for (int i = 0; i < SEG_LEN; i++) seg[i] = (uint8_t)(pack * 31 + slot * 7 + (uint32_t)i);
}

void client_open(struct client *c, int fd) {
    *c = (struct client){.fd = fd};
    frames_init(&c->f, fd, fd, 20000, "vault");
}

void client_close(struct client *c) {
    frames_free(&c->f);
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

int client_ask(struct client *c, uint8_t type, const void *p, size_t n, uint8_t want, struct rd *r) {
    uint8_t got;
    if (frames_put(&c->f, type, p, n, NULL, 0, &c->err) < 0) return -1;
    if (!want) return 0;
    do
        if (frames_get(&c->f, &got, r, &c->err) <= 0) return -1;
    while ((got == F_PACK_DONE && want != F_PACK_DONE) || (got == F_PONG && want != F_PONG));
    if (got == F_ERROR) return frames_take_error(r, &c->err), (int)c->err.id;
    return got == want ? 0 : -2;
}

static int hello(struct client *c, const struct buf *b) {
    struct rd r;
    size_t n;
    char text[128];
    uint8_t id[SEAL_ID];
    int rc = client_ask(c, F_HELLO, b->p, b->len, F_WELCOME, &r);
    if (rc) return rc;
    rd_u16(&r);
    rd_str(&r, text, sizeof text);
    const uint8_t *header = rd_blob(&r, &n, 4096);
    if (!header || vault_header_decode(&c->vault, header, n, &c->err) < 0) return -3;
    for (int i = 0; i < 2; i++) rd_str(&r, text, sizeof text), rd_copy(&r, id, sizeof id);
    c->rights = rd_u8(&r);
    rd_u64(&r);
    c->receipt = rd_u8(&r);
    rd_take(&r, 1 + 8 + SEAL_HASH);
    return rd_end(&r) ? 0 : -4;
}

int client_hello(struct client *c) {
    struct buf b;
    buf_init(&b, 256);
    buf_u16(&b, 1);
    buf_str(&b, "test");
    buf_u8(&b, 0);
    int rc = hello(c, &b);
    buf_free(&b);
    return rc;
}

int client_hello_receipt(struct client *c, uint64_t n, const uint8_t hash[SEAL_HASH]) {
    struct buf b;
    buf_init(&b, 256);
    buf_u16(&b, 1);
    buf_str(&b, "test");
    buf_u8(&b, 1);
    buf_u64(&b, n);
    buf_put(&b, hash, SEAL_HASH);
    int rc = hello(c, &b);
    buf_free(&b);
    return rc;
}

int client_enrol(struct client *c, const char *host, uint8_t key) {
    struct buf b;
    struct rd r;
    struct key_slots k = {.n = 1};
    uint8_t pub[SEAL_SIGN_PUB];
    memset(pub, key, sizeof pub);
    memset(k.slot[0].recipient, 3, SEAL_KEY);
    strcpy(k.slot[0].label, "kit");
    memset(k.check, key, sizeof k.check);
    buf_init(&b, 4096);
    buf_str(&b, host);
    buf_put(&b, pub, sizeof pub);
    key_slots_put(&b, &k);
    int rc = client_ask(c, F_ENROL, b.p, b.len, F_ENROLLED, &r);
    buf_free(&b);
    return rc;
}

int client_begin(struct client *c, uint8_t kind, uint8_t upload, const char *ticket) {
    struct buf b;
    struct rd r;
    uint8_t id[SEAL_ID];
    size_t n;
    memset(id, upload, sizeof id);
    buf_init(&b, 256);
    buf_u8(&b, kind);
    buf_put(&b, id, sizeof id);
    buf_str(&b, ticket);
    int rc = client_ask(c, F_BEGIN, b.p, b.len, F_BEGUN, &r);
    buf_free(&b);
    if (rc) return rc;
    const uint8_t *raw = rd_blob(&r, &n, FRAME_MAX);
    if (!raw || record_decode(&c->begin, raw, n, c->vault.id, c->vault.pub, &c->err) < 0) return -3;
    c->has_parent = rd_u8(&r);
    if (c->has_parent) rd_blob(&r, &n, FRAME_MAX);
    c->collected = rd_u64(&r);
    size_t damaged = c->begin.begin.damaged_n;
    struct record keep = c->begin;
    record_free(&c->begin);
    c->begin = keep, c->begin.begin.damaged = NULL, c->begin.begin.damaged_n = damaged;
    memcpy(c->generation, keep.begin.generation, SEAL_ID);
    c->first_pack = keep.begin.first_pack, c->point = keep.begin.point;
    return rd_end(&r) ? 0 : -4;
}

static void seg_send(struct client *c, uint32_t pack, uint32_t slot, bool lie) {
    struct buf b;
    uint8_t seg[SEG_LEN], hash[SEAL_HASH];
    fill(seg, pack, slot);
    seal_hash(hash, seg, sizeof seg);
    hash[0] ^= lie && !slot;
    buf_init(&b, FRAME_MAX);
    buf_u32(&b, pack);
    buf_u32(&b, slot);
    buf_put(&b, hash, SEAL_HASH); /* the identity: any 32 bytes */
    buf_put(&b, hash, SEAL_HASH);
    buf_put(&b, seg, sizeof seg);
    client_ask(c, F_SEG, b.p, b.len, 0, NULL);
    buf_free(&b);
}

void client_pack_send(struct client *c, uint32_t pack, uint8_t kind, uint32_t slots, bool lie) {
    uint8_t open[5] = {(uint8_t)pack, (uint8_t)(pack >> 8), 0, 0, kind};
    client_ask(c, F_PACK_OPEN, open, 5, 0, NULL);
    for (uint32_t s = 0; s < slots; s++) seg_send(c, pack, s, lie);
}

int client_pack(struct client *c, uint32_t pack, uint8_t kind, uint32_t slots, bool lie) {
    struct rd r;
    uint8_t number[4] = {(uint8_t)pack, (uint8_t)(pack >> 8)};
    client_pack_send(c, pack, kind, slots, lie);
    int rc = client_ask(c, F_PACK_CLOSE, number, 4, F_PACK_DONE, &r);
    return rc ? rc : rd_u32(&r) == pack && rd_u64(&r) > slots * SEG_LEN && rd_end(&r) ? 0 : -5;
}

/* One used page (packs below 256) in the frame, its hash in ${hash}. */
static void used_send(struct client *c, uint32_t first, const uint32_t *slots, size_t n, uint8_t hash[SEAL_HASH]) {
    uint8_t maps[8][64] = {{0}}, *bitmaps[256] = {0};
    size_t lens[256] = {0};
    struct buf b;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t s = 0; s < slots[i]; s++) maps[i][s / 8] |= (uint8_t)(1 << (s & 7));
        bitmaps[first + i] = maps[i], lens[first + i] = sizeof maps[i];
    }
    buf_init(&b, FRAME_MAX);
    buf_u32(&b, 0);
    used_page_put(&b, c->generation, 0, bitmaps, lens);
    seal_hash(hash, b.p + 4, b.len - 4);
    client_ask(c, F_USED, b.p, b.len, 0, NULL);
    buf_free(&b);
}

int client_commit(
    struct client *c, uint8_t upload, uint32_t first, const uint32_t *slots, size_t n, struct record *record) {
    struct buf b;
    struct rd r;
    uint8_t id[SEAL_ID], hash[SEAL_HASH];
    size_t len;
    memset(id, upload, sizeof id);
    if (slots) used_send(c, first, slots, n, hash);
    else memset(hash, 1, sizeof hash);
    buf_init(&b, 4096);
    buf_put(&b, id, sizeof id);
    buf_u8(&b, STATE_COMPLETE);
    for (uint64_t v = 1; v <= 5; v++) buf_u64(&b, v);
    buf_blob(&b, "sealed root", 11);
    buf_vu(&b, 1);
    buf_u32(&b, 0);
    buf_put(&b, hash, SEAL_HASH);
    int rc = client_ask(c, F_COMMIT, b.p, b.len, F_COMMITTED, &r);
    buf_free(&b);
    if (rc) return rc;
    const uint8_t *raw = rd_blob(&r, &len, FRAME_MAX);
    return raw && record_decode(record, raw, len, c->vault.id, c->vault.pub, &c->err) == 0 ? 0 : -3;
}

int client_get(struct client *c, const uint8_t generation[SEAL_ID], uint32_t pack, uint32_t slot) {
    struct buf b;
    struct rd r;
    uint8_t type, seg[SEG_LEN];
    buf_init(&b, 64);
    buf_put(&b, generation, SEAL_ID);
    buf_vu(&b, 1);
    buf_vu(&b, pack);
    buf_vu(&b, slot);
    client_ask(c, F_GET, b.p, b.len, 0, NULL);
    buf_free(&b);
    if (frames_get(&c->f, &type, &r, &c->err) <= 0) return -1;
    if (type == F_ERROR) return frames_take_error(&r, &c->err), (int)c->err.id;
    if (rd_u32(&r) != pack || rd_u32(&r) != slot) return -2;
    if (type == F_SEGERR) return (int)rd_u32(&r);
    fill(seg, pack, slot);
    return type == F_SEGMENT && r.left == SEG_LEN && memcmp(r.p, seg, SEG_LEN) == 0 ? 0 : -3;
}

int client_list(struct client *c, unsigned *points) {
    struct rd r;
    uint8_t type;
    *points = 0;
    client_ask(c, F_LIST, NULL, 0, 0, NULL);
    for (;;) {
        if (frames_get(&c->f, &type, &r, &c->err) <= 0) return -1;
        if (type == F_ERROR) return frames_take_error(&r, &c->err), (int)c->err.id;
        if (type == F_LIST_END) return 0;
        *points += type == F_POINT;
    }
}
