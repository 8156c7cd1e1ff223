/* See mini_vault.h. */
#include "mini_vault.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/civil.h"
#include "sys/file.h"

enum { SEG_LEN = 700, PACKS = 256, SLOTS = 64 };

/* What a slot holds, for ever: another attempt at the same pack sends the same. */
static void fill(uint8_t seg[SEG_LEN], uint32_t pack, uint32_t slot) {
    for (uint32_t i = 0; i < SEG_LEN; i++) seg[i] = (uint8_t)(pack * 31 + slot * 7 + i + i / 256 + 1);
}

static int64_t clock_now(struct clock *c) { return ((struct mini_clock *)c)->now + ((struct mini_clock *)c)->moved; }
static int64_t clock_mono(struct clock *c) { return ((struct mini_clock *)c)->now; }

static const char *clock_boot(struct clock *c) { return "one"; }

void mini_clock_init(struct mini_clock *c, int64_t now) {
    *c = (struct mini_clock){.clock = {clock_now, clock_mono, clock_mono, clock_boot}, .now = now};
}

static int ask(struct mini *m, int (*handler)(struct keeper *k, struct rd *r, struct err *e), struct buf *b, int want,
    struct err *e) {
    struct rd r = {.p = b->p, .left = b->len};
    buf_reset(&m->k.out);
    int got = buf_ok(b) ? handler(&m->k, &r, e) : err_set(e, ZE_NOMEM, "", "no memory");
    buf_free(b);
    return got < 0 ? -1 : got == want ? 0 : err_set(e, ZE_INTERNAL, m->k.host, "answer %d", got);
}

static int open_as(struct mini *m, struct vault *v, const char *host, enum bind_mode mode, struct err *e) {
    struct buf b;
    *m = (struct mini){.k = {.v = v, .role = ROLE_LOCAL, .lease = -1, .presence = -1, .opened = -1, .signals = -1,
                           .spool = {{-1, -1}, {-1, -1}}}};
    frames_init(&m->k.f, -1, -1, 0, "mini");
    buf_init(&m->k.raw, ZB_RECORD_MAX);
    buf_init(&m->k.out, FRAME_MAX);
    buf_init(&b, 4096);
    buf_u8(&b, (uint8_t)mode);
    buf_str(&b, host);
    buf_str(&b, "oa");
    if (ask(m, keeper_bind, &b, F_OKAY, e) < 0) return -1;
    buf_init(&b, 4096);
    buf_u16(&b, 1);
    buf_str(&b, "mini");
    buf_u8(&b, 0);
    return ask(m, keeper_hello, &b, F_WELCOME, e);
}

int mini_open(struct mini *m, struct vault *v, const char *host, struct err *e) {
    return open_as(m, v, host, BIND_HOST, e);
}

void mini_close(struct mini *m) {
    const int fds[] = {m->k.opened, m->k.lease, m->k.presence};
    frames_free(&m->k.f);
    buf_free(&m->k.raw);
    buf_free(&m->k.out);
    log_free(&m->k.log);
    pack_list_free(&m->k.packs);
    spool_drop(&m->k);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0) close(fds[i]);
}

int mini_enrol(struct vault *v, const char *host, struct err *e) {
    struct mini m;
    struct buf b;
    struct key_slots k = {.n = 1};
    uint8_t pub[SEAL_SIGN_PUB] = {1};
    memset(k.slot[0].recipient, 3, SEAL_KEY);
    strcpy(k.slot[0].label, "kit");
    int rc = open_as(&m, v, host, BIND_LOCAL, e);
    buf_init(&b, 4096);
    buf_str(&b, host);
    buf_put(&b, pub, sizeof pub);
    key_slots_put(&b, &k);
    if (rc == 0) rc = ask(&m, keeper_enrol, &b, F_ENROLLED, e);
    else buf_free(&b);
    mini_close(&m);
    return rc;
}

static void upload_id(uint8_t id[SEAL_ID], uint16_t upload) {
    memset(id, (uint8_t)upload, SEAL_ID);
    id[1] = (uint8_t)(upload >> 8);
}

int mini_begin(struct mini *m, uint8_t kind, uint16_t upload, struct err *e) {
    struct buf b;
    uint8_t id[SEAL_ID];
    upload_id(id, upload);
    buf_init(&b, 256);
    buf_u8(&b, kind);
    buf_put(&b, id, sizeof id);
    buf_str(&b, m->ticket ? m->ticket : "");
    if (ask(m, keeper_begin, &b, F_BEGUN, e) < 0) return -1;
    m->has_parent = m->k.begin.kind == KIND_INCREMENTAL;
    return 0;
}

/* The file of a pack, as serve writes it. */
static int pack_write(struct mini *m, int fd, uint32_t pack, uint8_t kind, uint32_t slots) {
    struct pack_header h = {.kind = kind, .pack = pack};
    struct pack_trailer t = {.index_at = PACK_HEADER + (uint64_t)slots * SEG_LEN, .count = slots};
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER], rows[SLOTS * PACK_ROW], seg[SEG_LEN];
    struct hash_state s;
    memcpy(h.system_id, m->k.log.system_id, SEAL_ID);
    memcpy(h.host_id, m->k.log.host_id, SEAL_ID);
    memcpy(h.generation, m->k.begin.generation, SEAL_ID);
    pack_header_put(head, &h);
    int rc = file_write_all(fd, head, sizeof head);
    for (uint32_t i = 0; i < slots && rc == 0; i++) {
        struct pack_row row = {.slot = i, .offset = PACK_HEADER + i * SEG_LEN, .len = SEG_LEN};
        fill(seg, pack, i);
        seal_hash(row.hash, seg, SEG_LEN);
        memcpy(row.identity, row.hash, SEAL_HASH);
        pack_row_put(rows + i * PACK_ROW, &row);
        rc = file_write_all(fd, seg, SEG_LEN);
    }
    hash_init(&s, NULL);
    hash_update(&s, head, sizeof head);
    hash_update(&s, rows, slots * PACK_ROW);
    hash_final(&s, t.hash);
    pack_trailer_put(tail, &t);
    if (rc == 0) rc = file_write_all(fd, rows, slots * PACK_ROW);
    return rc < 0 ? rc : file_write_all(fd, tail, sizeof tail);
}

static int pack_send(struct mini *m, uint32_t pack, uint8_t kind, uint32_t slots, struct err *e) {
    struct buf b;
    buf_init(&b, 16);
    buf_u8(&b, kind);
    if (ask(m, keeper_spool, &b, F_OKAY, e) < 0) return -1;
    int rc = pack_write(m, m->k.opened, pack, kind, slots);
    if (rc < 0) err_sys(e, "spool", "write");
    close(m->k.opened);
    m->k.opened = -1;
    buf_init(&b, 16);
    buf_u32(&b, pack);
    buf_u8(&b, kind);
    if (rc == 0) return ask(m, keeper_place, &b, F_PACK_DONE, e);
    buf_free(&b);
    return -1;
}

int mini_packs(struct mini *m, const struct mini_shape *s, struct err *e) {
    uint32_t first = m->k.begin.first_pack;
    if (pack_send(m, first, PACK_META, s->meta_slots, e) < 0) return -1;
    return pack_send(m, first + 1, PACK_DATA, s->data_slots, e);
}

struct maps {
    uint8_t map[PACKS][SLOTS / 8], *at[PACKS];
    size_t len[PACKS];
};

static int map_copy(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct maps *m = arg;
    if (pack >= PACKS || len > SLOTS / 8) return err_set(e, ZE_INTERNAL, "", "pack %u", pack);
    memcpy(m->map[pack], bitmap, len);
    m->at[pack] = m->map[pack], m->len[pack] = SLOTS / 8;
    return 0;
}

/* All that the last point uses. */
static int maps_inherit(struct mini *m, const uint8_t *keep, struct maps *maps, struct err *e) {
    const struct log_commit *last = log_last_point(&m->k.log);
    struct record r;
    struct buf page;
    if (!m->has_parent || !last) return 0;
    if (log_load(&m->k.log, last->n, &r, NULL, e) < 0) return -1;
    buf_init(&page, 1 << 20);
    int rc = used_load(&m->k, r.commit.generation, &r.commit.used[0], &page, e);
    if (rc == 0) rc = used_page_get(page.p, page.len, r.commit.generation, 0, map_copy, maps, e);
    for (uint32_t p = 0; rc == 0 && keep && p < m->k.begin.first_pack; p++) {
        maps->map[p][0] &= keep[p];
        if (!maps->map[p][0]) maps->at[p] = NULL;
    }
    buf_free(&page);
    record_free(&r);
    return rc;
}

static int page_make(struct mini *m, const struct mini_shape *s, struct buf *page, struct err *e) {
    struct maps maps = {.len = {0}};
    uint32_t first = m->k.begin.first_pack, slots[] = {s->meta_slots, s->data_slots};
    if (maps_inherit(m, s->keep, &maps, e) < 0) return -1;
    for (uint32_t i = 0; i < 2; i++) {
        maps.at[first + i] = maps.map[first + i], maps.len[first + i] = SLOTS / 8;
        for (uint32_t j = 0; j < slots[i]; j++) maps.map[first + i][j / 8] |= (uint8_t)(1 << (j & 7));
    }
    used_page_put(page, m->k.begin.generation, 0, maps.at, maps.len);
    return 0;
}

int mini_used(struct mini *m, const struct mini_shape *s, uint8_t page[SEAL_HASH], struct err *e) {
    struct buf b;
    buf_init(&b, FRAME_MAX);
    buf_u32(&b, 0);
    if (page_make(m, s, &b, e) < 0) {
        buf_free(&b);
        return -1;
    }
    if (buf_ok(&b)) seal_hash(page, b.p + 4, b.len - 4);
    return ask(m, keeper_used, &b, F_OKAY, e);
}

int mini_commit(struct mini *m, uint16_t upload, const uint8_t page[SEAL_HASH], struct mini_point *done,
    struct err *e) {
    struct buf b;
    struct record r;
    struct rd rd;
    size_t n;
    uint8_t id[SEAL_ID];
    upload_id(id, upload);
    buf_init(&b, 4096);
    buf_put(&b, id, sizeof id);
    buf_u8(&b, STATE_COMPLETE);
    for (uint64_t i = 1; i <= 5; i++) buf_u64(&b, i);
    buf_blob(&b, "sealed root", 11);
    buf_vu(&b, 1);
    buf_u32(&b, 0);
    buf_put(&b, page, SEAL_HASH);
    if (ask(m, keeper_commit, &b, F_COMMITTED, e) < 0) return -1;
    rd = (struct rd){.p = m->k.out.p, .left = m->k.out.len};
    const uint8_t *raw = rd_blob(&rd, &n, FRAME_MAX);
    if (!raw || keychain_decode(&r, raw, n, m->k.v->header.id, &m->k.v->keys, e) < 0) return -1;
    *done = (struct mini_point){.upload = upload, .point = r.commit.point, .n = r.n};
    memcpy(done->hash, r.hash, SEAL_HASH);
    record_free(&r);
    return 0;
}

int mini_backup(struct vault *v, const char *host, uint8_t kind, uint16_t upload, const struct mini_shape *s,
    struct mini_point *done, struct err *e) {
    struct mini m;
    uint8_t page[SEAL_HASH];
    int rc = mini_open(&m, v, host, e);
    if (rc == 0) rc = mini_begin(&m, kind, upload, e);
    if (rc == 0) rc = mini_packs(&m, s, e);
    if (rc == 0) rc = mini_used(&m, s, page, e);
    if (rc == 0) rc = mini_commit(&m, upload, page, done, e);
    mini_close(&m);
    return rc;
}

int mini_act(struct vault *v, act_run *run, struct js *q, struct err *e) {
    struct js *a = js_object();
    js_set_str(q, "reason", "inspection");
    js_set_str(q, "who", "li");
    int rc = run(v, q, a, e);
    js_free(a);
    js_free(q);
    return rc;
}

int mini_pin(struct vault *v, const char *host, uint32_t point, const char *until, struct mini_point *done,
    struct err *e) {
    struct js *q = js_object();
    *done = (struct mini_point){.what = TOLD_PIN, .point = point};
    js_set_str(q, "host", host);
    js_set_int(q, "point", point);
    js_set_str(q, "until", until);
    if (!civil_time_get(until, &done->until)) return err_set(e, ZE_USAGE, until, "no time");
    return mini_act(v, act_pin, q, e);
}

int mini_remove(struct vault *v, const char *host, uint32_t point, struct mini_point *done, struct err *e) {
    struct js *q = js_object(), *points = js_array();
    *done = (struct mini_point){.what = TOLD_REMOVED, .point = point};
    js_push_int(points, point);
    js_set_str(q, "host", host);
    js_set(q, "points", points);
    return mini_act(v, act_remove, q, e);
}

/* ---- the oracle ---- */

struct judge {
    struct keeper *k;
    const uint8_t *generation;
    struct maps sound; /* of this generation, found right for another point just now */
};

static int slot_judge(int fd, const struct pack_index *x, uint32_t pack, uint32_t slot, const char *name, struct err *e) {
    uint8_t got[SEG_LEN], want[SEG_LEN], hash[SEAL_HASH];
    struct pack_row row;
    if (!pack_index_find(x, slot, &row)) return err_set(e, ZE_MISSING, name, "slot %u is not in it", slot);
    if (row.len != SEG_LEN || file_pread_full(fd, got, SEG_LEN, row.offset) != SEG_LEN)
        return err_set(e, ZE_TRUNCATED, name, "slot %u cannot be read", slot);
    fill(want, pack, slot);
    seal_hash(hash, got, SEG_LEN);
    if (memcmp(hash, row.hash, SEAL_HASH) != 0) return err_set(e, ZE_DAMAGED, name, "slot %u is damaged", slot);
    return memcmp(got, want, SEG_LEN) == 0
        ? 0 : err_set(e, ZE_INTERNAL, name, "slot %u has other bytes than were sent", slot);
}

static int pack_judge(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct judge *j = arg;
    struct pack_index x;
    char name[STORE_NAME_MAX];
    uint8_t *sound = pack < PACKS && len <= SLOTS / 8 ? j->sound.map[pack] : NULL;
    bool news = !sound;
    for (size_t i = 0; i < len && !news; i++) news = bitmap[i] & ~sound[i];
    if (!news) return 0;
    CLEANUP_FD int fd = keeper_pack(j->k, j->generation, pack, name, e);
    if (fd < 0 || pack_index_read(fd, name, &x, e) < 0) return -1;
    int rc = 0;
    for (uint32_t s = 0; s < len * 8 && rc == 0; s++)
        if (bitmap[s / 8] >> (s & 7) & 1) rc = slot_judge(fd, &x, pack, s, name, e);
    pack_index_free(&x);
    for (size_t i = 0; i < len && rc == 0 && sound; i++) sound[i] |= bitmap[i];
    return rc;
}

static int point_judge(struct judge *j, const struct log_commit *c, struct err *e) {
    struct keeper *k = j->k;
    struct record r;
    struct buf page;
    if (!j->generation || memcmp(j->generation, c->generation, SEAL_ID) != 0) *j = (struct judge){k, c->generation, {{{0}}}};
    if (log_load(&k->log, c->n, &r, NULL, e) < 0) return -1;
    buf_init(&page, 1 << 20);
    int rc = 0;
    for (size_t i = 0; i < r.commit.used_n && rc == 0; i++) {
        rc = used_load(k, c->generation, &r.commit.used[i], &page, e);
        if (rc == 0) rc = used_page_get(page.p, page.len, c->generation, r.commit.used[i].page, pack_judge, j, e);
    }
    buf_free(&page);
    record_free(&r);
    return rc;
}

static int told_judge(struct keeper *k, const struct mini_point *p, struct err *e) {
    struct record r;
    const struct log_commit *c = log_point(&k->log, p->point);
    if (p->what == TOLD_DONE) return 0;
    if (!c) return err_set(e, ZE_MISSING, k->host, "point %u was acknowledged and is not there", p->point);
    if (p->what == TOLD_REMOVED)
        return c->removed ? 0 : err_set(e, ZE_DAMAGED, k->host, "point %u was removed and is back", p->point);
    if (p->what == TOLD_PIN && c->pinned < p->until)
        return err_set(e, ZE_DAMAGED, k->host, "point %u was pinned for longer", p->point);
    if (c->removed) return p->going ? 0 : err_set(e, ZE_MISSING, k->host, "point %u is gone", p->point);
    if (p->what == TOLD_PIN) return 0;
    if (log_load(&k->log, c->n, &r, NULL, e) < 0) return -1;
    uint8_t id[SEAL_ID];
    upload_id(id, p->upload);
    bool same = r.n == p->n && memcmp(r.commit.upload, id, SEAL_ID) == 0 && memcmp(r.hash, p->hash, SEAL_HASH) == 0;
    record_free(&r);
    return same ? 0 : err_set(e, ZE_DAMAGED, k->host, "point %u is not what was acknowledged", p->point);
}

int mini_judge(struct vault *v, const char *host, const struct mini_point *told, size_t n, size_t *points,
    struct err *e) {
    struct mini m;
    int rc = mini_open(&m, v, host, e);
    struct judge j = {.k = &m.k};
    for (size_t i = 0; i < n && rc == 0; i++) rc = told_judge(&m.k, &told[i], e);
    *points = 0;
    for (size_t i = 0; i < m.k.log.commits_n && rc == 0; i++) {
        if (m.k.log.commits[i].removed) continue;
        rc = point_judge(&j, &m.k.log.commits[i], e);
        ++*points;
    }
    mini_close(&m);
    return rc;
}
