/* A vault directory by FORMAT.md, without the vault: packs, pages, one commit record; any entry can be put into it, also
 * such as no agent would write. */
#include "restore_vault.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "wire/record.h"

char dir[64], target[96], kit[96];
uint8_t generation[SEAL_ID];
struct gen_keys *keys;
struct sealer *sealer;
struct err e;
static uint8_t host_key[SEAL_KEY], vault_id[SEAL_ID], sign_pub[32], sign_sec[SEAL_SIGN_SEC];
static uint8_t kit_pub[SEAL_KEY], kit_sec[SEAL_KEY];
static struct host_ids ids;

static struct pack_writer {
    struct buf body, rows;
    uint32_t pack, n;
    uint8_t kind;
} packs[2]; /* meta, data */

struct page_writer page;
struct root root;
static uint64_t counter;

static void pack_begin(struct pack_writer *p, uint8_t kind, uint32_t number) {
    struct pack_header h = {.kind = kind, .pack = number};
    buf_init(&p->body, ZB_PACK_MAX);
    buf_init(&p->rows, ZB_PACK_MAX);
    p->pack = number, p->kind = kind, p->n = 0;
    memcpy(h.system_id, ids.system_id, SEAL_ID);
    memcpy(h.host_id, ids.host_id, SEAL_ID);
    memcpy(h.generation, generation, SEAL_ID);
    uint8_t *head = buf_reserve(&p->body, PACK_HEADER);
    pack_header_put(head, &h);
    p->body.len = PACK_HEADER;
}

struct seg_addr put_segment(uint8_t kind, const void *in, uint32_t n) {
    struct pack_writer *p = &packs[kind <= SEG_PACKED];
    struct seg_addr a = {p->pack, p->n++};
    struct pack_row row = {.slot = a.slot, .offset = (uint32_t)p->body.len};
    uint8_t *at = buf_reserve(&p->body, n + SEG_EXTRA);
    int len = segment_seal(sealer, keys, kind, a, 1, ++counter, row.identity, in, n, at, &e);
    ck_assert_msg(len > 0, "%s", e.msg);
    seal_hash(row.hash, at, (size_t)len);
    row.len = (uint32_t)len;
    p->body.len += (size_t)len;
    pack_row_put(buf_reserve(&p->rows, PACK_ROW), &row);
    p->rows.len += PACK_ROW;
    return a;
}

void write_file(const char *name, const void *p, size_t n) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ck_assert_int_ge(file_replace(AT_FDCWD, path, p, n, 0600, &e), 0);
}

static void pack_end(struct pack_writer *p) {
    struct pack_trailer t = {.index_at = p->body.len, .count = p->n};
    struct hash_state h;
    char name[128], gen[33];
    hash_init(&h, NULL);
    hash_update(&h, p->body.p, PACK_HEADER);
    hash_update(&h, p->rows.p, p->rows.len);
    hash_final(&h, t.hash);
    buf_put(&p->body, p->rows.p, p->rows.len);
    pack_trailer_put(buf_reserve(&p->body, PACK_TRAILER), &t);
    p->body.len += PACK_TRAILER;
    text_hex(gen, generation, SEAL_ID);
    snprintf(name, sizeof name, "store/hosts/web/packs/%s/%08x.00", gen, p->pack);
    write_file(name, p->body.p, p->body.len);
    buf_free(&p->body);
    buf_free(&p->rows);
}

void vault_begin(void) {
    char path[256], gen[33], text[128] = "zbk-sec-";
    struct vault_header v = {.suite = "sodium", .created = 1};
    struct buf b;
    uint8_t seed[32];
    seal_random(seed, sizeof seed);
    seal_random(host_key, sizeof host_key);
    seal_random(generation, sizeof generation);
    sign_from_seed(sign_pub, sign_sec, seed);
    box_keypair(kit_pub, kit_sec);
    memset(&ids, 3, sizeof ids);
    memset(vault_id, 4, sizeof vault_id);
    memcpy(v.id, vault_id, SEAL_ID);
    memcpy(v.pub, sign_pub, sizeof v.pub);
    keys = gen_keys_new(host_key, &ids, generation);
    text_hex(gen, generation, SEAL_ID);
    snprintf(path, sizeof path, "%s/store/hosts/web/packs/%s", dir, gen);
    ck_assert_int_eq(file_mkdirs(AT_FDCWD, path, 0700, &e), 0);
    snprintf(path, sizeof path, "%s/store/hosts/web/log", dir);
    ck_assert_int_eq(file_mkdirs(AT_FDCWD, path, 0700, &e), 0);
    buf_init(&b, 4096);
    ck_assert_int_eq(vault_header_encode(&v, sign_sec, &b, &e), 0);
    write_file("store/vault", b.p, b.len);
    buf_free(&b);
    b64_encode(text + 8, sizeof text - 8, kit_sec, sizeof kit_sec);
    char file[256];
    int n = snprintf(file, sizeof file, "Recovery kit\n\n  %s\n", text);
    write_file("kit", file, (size_t)n);
    pack_begin(&packs[0], PACK_META, 1);
    pack_begin(&packs[1], PACK_DATA, 2);
    page_writer_init(&page, 0);
    root = (struct root){.walk_start = 5};
    counter = 0;
}

void add(struct entry *en, const char *path) {
    en->path = (const uint8_t *)path;
    en->path_len = strlen(path);
    if (!en->mode) en->mode = 0640;
    if (geteuid() != 0) en->uid = geteuid(), en->gid = getegid();
    ck_assert_msg(page_add_entry(&page, en, &e) == 0, "%s: %s", path, e.msg);
    root.files += en->type == ENT_FILE;
    root.bytes += en->size;
}

void vault_end(void) {
    struct buf b, r;
    struct record rec = {.type = REC_COMMIT, .n = 7, .time = 1700000000000000000};
    buf_init(&b, ZB_SEGMENT_MAX);
    buf_init(&r, ZB_SEALED_MAX);
    if (root.top.pack == 0) { /* else a test has put pages already */
        ck_assert_int_eq(page_finish(&page, &b, &e), 0);
        root.top = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
        root.entries = page.entries;
    }
    buf_reset(&b);
    ck_assert_int_eq(root_put(&b, &root, &e), 0);
    ck_assert_int_eq(root_seal(sealer, keys, 1, 1, b.p, b.len, &r, &e), 0);
    memcpy(rec.host_id, ids.host_id, SEAL_ID);
    struct rec_commit *c = &rec.commit;
    *c = (struct rec_commit){.point = 1,
        .kind = KIND_FULL,
        .state = STATE_COMPLETE,
        .files = root.files,
        .bytes = root.bytes,
        .root = r.p,
        .root_len = r.len};
    memcpy(c->generation, generation, SEAL_ID);
    memcpy(c->system_id, ids.system_id, SEAL_ID);
    c->keys.n = 1;
    memcpy(c->keys.slot[0].recipient, kit_pub, SEAL_KEY);
    strcpy(c->keys.slot[0].label, "kit");
    box_seal(c->keys.slot[0].sealed, kit_pub, host_key, SEAL_KEY);
    key_check(c->keys.check, host_key);
    struct buf out;
    buf_init(&out, ZB_RECORD_MAX);
    ck_assert_msg(record_encode(&rec, vault_id, sign_sec, &out, &e) == 0, "%s", e.msg);
    write_file("store/hosts/web/log/0000000000000007", out.p, out.len);
    pack_end(&packs[0]);
    pack_end(&packs[1]);
    buf_free(&b);
    buf_free(&r);
    buf_free(&out);
    page_writer_free(&page);
    gen_keys_free(keys);
}

void content(uint8_t *p, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++) seed = seed * 1664525 + 1013904223, p[i] = (uint8_t)(seed >> 24);
}

/* The digest of ${n} bytes by FORMAT §6, where the blocks of ${hole} are holes. */
void digest(struct entry *en, const uint8_t *p, const struct extent *x, size_t x_n) {
    struct digest d;
    uint8_t leaf[SEAL_HASH];
    digest_init(&d, en->block_shift, en->size);
    for (uint64_t at = 0; at < en->size; at += 4096) {
        uint64_t len = en->size - at < 4096 ? en->size - at : 4096, start = 0;
        bool hole = true;
        for (size_t i = 0; i < x_n; start += x[i++].len)
            if (!x[i].hole && start < at + len && start + x[i].len > at) hole = false;
        if (!hole) seal_hash(leaf, p + at, len);
        digest_block(&d, hole ? NULL : leaf);
    }
    digest_final(&d, en->digest);
}

uint8_t small[5000], large[2621440];
struct seg_addr data_at;

void add_small(const char *path, uint8_t flags, uint32_t offset, uint32_t len) {
    struct extent x = {.len = len, .addr = data_at, .offset = offset};
    struct entry en = {.type = ENT_FILE,
        .flags = flags,
        .link_group = 9,
        .size = len,
        .block_shift = 12,
        .extents = &x,
        .extents_n = len ? 1 : 0,
        .mtime_s = 1000,
        .mtime_ns = 123456789};
    digest(&en, small + offset, &x, en.extents_n);
    add(&en, path);
}

static struct extent sparse_x[3] = {{.len = 4096}, {.len = 1 << 20, .hole = true}, {.len = 100}};
uint8_t sparse[4096 + (1 << 20) + 100];

void add_sparse(const char *path) {
    struct entry en = {.type = ENT_FILE, .size = sizeof sparse, .block_shift = 12, .extents = sparse_x, .extents_n = 3};
    memset(sparse, 0, sizeof sparse);
    memcpy(sparse, small, 4096);
    memcpy(sparse + 4096 + (1 << 20), small + 300, 100);
    sparse_x[0].addr = sparse_x[2].addr = data_at;
    sparse_x[2].offset = 300;
    digest(&en, sparse, sparse_x, 3);
    add(&en, path);
}

/* A file of 2.5 MiB with extent pages of 1 MiB; its first page begins with a hole of 8 KiB. */
void add_large(const char *path) {
    struct seg_addr pages[3];
    struct extent all[4] = {{.len = 8192, .hole = true}};
    struct buf b;
    buf_init(&b, ZB_SEGMENT_MAX);
    content(large, sizeof large, 5);
    memset(large, 0, 8192);
    for (size_t i = 0; i < 3; i++) {
        size_t from = i << 20, len = i < 2 ? 1 << 20 : 512 << 10;
        all[i + 1] = (struct extent){.len = len - (i ? 0 : 8192), .offset = i ? 0 : 8192};
        all[i + 1].addr = put_segment(SEG_FILE, large + from, (uint32_t)len);
        buf_reset(&b);
        ck_assert_int_eq(xpage_put(&b, i ? &all[i + 1] : all, i ? 1 : 2, NULL, &e), 0);
        pages[i] = put_segment(SEG_EXTENTS, b.p, (uint32_t)b.len);
    }
    struct entry en = {.type = ENT_FILE,
        .flags = EF_XPAGES,
        .size = sizeof large,
        .block_shift = 12,
        .xpage_shift = 20,
        .xpages = pages,
        .xpages_n = 3,
        .mode = 0600};
    digest(&en, large, all, 4);
    add(&en, path);
    buf_free(&b);
}

void whole_vault(void) {
    struct entry d = {.type = ENT_DIR, .mode = 0750, .mtime_s = 500, .mtime_ns = 1};
    struct entry ln = {
        .type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"d/small", .target_len = 7, .mtime_s = 77};
    struct entry pipe = {.type = ENT_FIFO, .mode = 0604, .mtime_s = 78};
    struct extent hole = {.len = 1 << 20, .hole = true};
    struct entry h = {
        .type = ENT_FILE, .size = 1 << 20, .block_shift = 12, .extents = &hole, .extents_n = 1, .mode = 0444};
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    add(&d, "d");
    add_small("d/empty", 0, 0, 0);
    digest(&h, NULL, &hole, 1);
    add(&h, "d/hole");
    add_small("d/small", 0, 100, 4500);
    add_sparse("d/sparse");
    add_small("hard1", EF_HARDLINK, 7, 20);
    add_small("hard2", EF_HARDLINK, 7, 20);
    add_large("large");
    add(&ln, "ln");
    add(&pipe, "pipe");
    add_small("sub/dir/deep", 0, 1, 1);
    vault_end();
}

/* Flip one byte of the stored pack at ${at} (from its end when negative). */
void spoil(uint32_t pack, long at) {
    char path[256], gen[33];
    uint8_t byte;
    text_hex(gen, generation, SEAL_ID);
    snprintf(path, sizeof path, "%s/store/hosts/web/packs/%s/%08x.00", dir, gen, pack);
    int fd = open(path, O_RDWR);
    off_t off = at < 0 ? lseek(fd, 0, SEEK_END) + at : at;
    ck_assert_int_eq(pread(fd, &byte, 1, off), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, off), 1);
    close(fd);
}

void spoil_segment(uint32_t pack, uint32_t slot) {
    char path[256], gen[33];
    uint8_t tail[PACK_TRAILER], row[PACK_ROW];
    struct pack_trailer t;
    struct pack_row at;
    struct stat st;
    text_hex(gen, generation, SEAL_ID);
    snprintf(path, sizeof path, "%s/store/hosts/web/packs/%s/%08x.00", dir, gen, pack);
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(pread(fd, tail, sizeof tail, st.st_size - PACK_TRAILER), PACK_TRAILER);
    ck_assert_int_eq(pack_trailer_get(&t, tail, (uint64_t)st.st_size, path, &e), 0);
    ck_assert_int_eq(pread(fd, row, sizeof row, (off_t)(t.index_at + slot * PACK_ROW)), PACK_ROW);
    pack_row_get(&at, row);
    close(fd);
    ck_assert_uint_eq(at.slot, slot);
    spoil(pack, at.offset + at.len / 2);
}

/* An entry as it would be written under an innocent name, under any name: paths, order and counts are not checked, and
 * nothing is shared with the entry before. */
void raw_entry(struct buf *page_bytes, struct entry *en, const void *path, size_t n) {
    struct page_writer w;
    page_writer_init(&w, 0);
    en->path = (const uint8_t *)"x", en->path_len = 1;
    if (!en->mode) en->mode = 0640;
    if (geteuid() != 0) en->uid = geteuid(), en->gid = getegid();
    ck_assert_int_eq(page_add_entry(&w, en, &e), 0);
    buf_vu(page_bytes, 0);
    buf_blob(page_bytes, path, n);
    buf_put(page_bytes, w.body.p + 3, w.body.len - 3); /* without its own path: 0, 1, 'x' */
    page_writer_free(&w);
}

struct seg_addr raw_page(uint8_t level, uint64_t count, const struct buf *entries) {
    struct buf b;
    buf_init(&b, ZB_SEGMENT_MAX);
    buf_u8(&b, 1);
    buf_u8(&b, level);
    buf_vu(&b, count);
    if (entries->len) buf_put(&b, entries->p, entries->len);
    struct seg_addr a = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
    buf_free(&b);
    return a;
}
