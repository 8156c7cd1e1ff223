/* Restoring from a vault directory that this test writes itself, by FORMAT.md: what comes back is what went in, damage
 * is an error that names path and segment, nothing outside the target is touched, and a wrong kit is told as such. */
#include "restore.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "wire/pack.h"

static char dir[64], target[96], kit[96];
static uint8_t host_key[SEAL_KEY], generation[SEAL_ID], vault_id[SEAL_ID], sign_pub[32], sign_sec[SEAL_SIGN_SEC];
static uint8_t kit_pub[SEAL_KEY], kit_sec[SEAL_KEY];
static struct host_ids ids;
static struct gen_keys *keys;
static struct sealer *sealer;
static struct err e;

/* ---- a tiny vault ---- */

static struct pack_writer {
    struct buf body, rows;
    uint32_t pack, n;
    uint8_t kind;
} packs[2]; /* meta, data */

static struct page_writer page;
static struct root root;
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

static struct seg_addr put_segment(uint8_t kind, const void *in, uint32_t n) {
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

static void write_file(const char *name, const void *p, size_t n) {
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

static void vault_begin(void) {
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

static void add(struct entry *en, const char *path) {
    en->path = (const uint8_t *)path;
    en->path_len = strlen(path);
    if (!en->mode) en->mode = 0640;
    if (geteuid() != 0) en->uid = geteuid(), en->gid = getegid();
    ck_assert_msg(page_add_entry(&page, en, &e) == 0, "%s: %s", path, e.msg);
    root.files += en->type == ENT_FILE;
    root.bytes += en->size;
}

static void vault_end(void) {
    struct buf b, r;
    struct record rec = {.type = REC_COMMIT, .n = 7, .time = 1700000000000000000};
    buf_init(&b, ZB_SEGMENT_MAX);
    buf_init(&r, ZB_SEALED_MAX);
    if (root.level == 0) { /* else a test has put a tree already */
        ck_assert_int_eq(page_finish(&page, &b, &e), 0);
        root.top = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
        root.entries = page.entries;
    }
    buf_reset(&b);
    ck_assert_int_eq(root_put(&b, &root, &e), 0);
    ck_assert_int_eq(root_seal(sealer, keys, 1, 1, b.p, b.len, &r, &e), 0);
    memcpy(rec.host_id, ids.host_id, SEAL_ID);
    struct rec_commit *c = &rec.commit;
    *c = (struct rec_commit){.point = 1, .kind = KIND_FULL, .state = STATE_COMPLETE, .files = root.files, .bytes = root.bytes,
        .root = r.p, .root_len = r.len};
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

/* ---- contents ---- */

static void content(uint8_t *p, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++) seed = seed * 1664525 + 1013904223, p[i] = (uint8_t)(seed >> 24);
}

/* The digest of ${n} bytes by FORMAT §6, where the blocks of ${hole} are holes. */
static void digest(struct entry *en, const uint8_t *p, const struct extent *x, size_t x_n) {
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

static uint8_t small[5000], large[2621440];
static struct seg_addr data_at;

static void add_small(const char *path, uint8_t flags, uint32_t offset, uint32_t len) {
    struct extent x = {.len = len, .addr = data_at, .offset = offset};
    struct entry en = {.type = ENT_FILE, .flags = flags, .link_group = 9, .size = len, .block_shift = 12, .extents = &x,
        .extents_n = len ? 1 : 0, .mtime_s = 1000, .mtime_ns = 123456789};
    digest(&en, small + offset, &x, en.extents_n);
    add(&en, path);
}

static struct extent sparse_x[3] = {{.len = 4096}, {.len = 1 << 20, .hole = true}, {.len = 100}};
static uint8_t sparse[4096 + (1 << 20) + 100];

static void add_sparse(const char *path) {
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
static void add_large(const char *path) {
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
    struct entry en = {.type = ENT_FILE, .flags = EF_XPAGES, .size = sizeof large, .block_shift = 12, .xpage_shift = 20,
        .xpages = pages, .xpages_n = 3, .mode = 0600};
    digest(&en, large, all, 4);
    add(&en, path);
    buf_free(&b);
}

static void whole_vault(void) {
    struct entry d = {.type = ENT_DIR, .mode = 0750, .mtime_s = 500, .mtime_ns = 1};
    struct entry ln = {.type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"d/small", .target_len = 7, .mtime_s = 77};
    struct entry pipe = {.type = ENT_FIFO, .mode = 0604, .mtime_s = 78};
    struct extent hole = {.len = 1 << 20, .hole = true};
    struct entry h = {.type = ENT_FILE, .size = 1 << 20, .block_shift = 12, .extents = &hole, .extents_n = 1, .mode = 0444};
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

/* ---- restoring ---- */

static struct restore_result res;
static char told[4096];

static void tell(void *arg, const char *path, size_t n, bool attribute, const struct err *why) {
    size_t at = strlen(told);
    (void)arg;
    snprintf(told + at, sizeof told - at, "%s%.*s: %s\n", attribute ? "attribute " : "", (int)n, path, why->msg);
}

static int restore(enum restore_existing existing, char *const *paths, size_t n, unsigned strip) {
    struct source_options from = {.dir = dir, .host = "web", .kit = kit};
    struct restore_request q = {.target = target, .paths = paths, .paths_n = n, .strip = strip, .existing = existing, .tell = tell};
    static struct source s;
    struct opened o;
    e = (struct err)ERR_INIT;
    told[0] = 0;
    if (source_open(&s, &from, &e) < 0) return -1;
    int rc = point_open(&s, "latest", &o, &e);
    if (rc == 0) {
        rc = restore_run(&s, &o, &q, &res, &e);
        point_close(&o);
    }
    source_close(&s);
    return rc;
}

static struct stat stat_of(const char *name) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", target, name);
    ck_assert_msg(lstat(path, &st) == 0, "%s: %s", path, strerror(errno));
    return st;
}

static bool exists(const char *name) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", target, name);
    return lstat(path, &st) == 0;
}

static void is_content(const char *name, const uint8_t *want, size_t n) {
    char path[256];
    struct buf b;
    snprintf(path, sizeof path, "%s/%s", target, name);
    buf_init(&b, 16 << 20);
    ck_assert_msg(file_load(AT_FDCWD, path, 16 << 20, &b, &e) == 0, "%s: %s", name, e.msg);
    ck_assert_uint_eq(b.len, n);
    ck_assert_msg(n == 0 || memcmp(b.p, want, n) == 0, "%s", name);
    buf_free(&b);
}

static void put_target(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", target, name);
    ck_assert_int_ge(file_mkdirs(AT_FDCWD, target, 0700, &e), 0);
    ck_assert_int_ge(file_replace(AT_FDCWD, path, text, strlen(text), 0600, &e), 0);
}

static void no_leftovers(void) {
    char command[256];
    snprintf(command, sizeof command, "! find %s -name '.zaibei-restore-*' | grep -q .", dir);
    ck_assert_int_eq(system(command), 0);
}

static void setup(void) {
    e = (struct err)ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    strcpy(dir, "/tmp/zb-restore-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(target, sizeof target, "%s/out", dir);
    snprintf(kit, sizeof kit, "%s/kit", dir);
    sealer = sealer_new();
}

static void teardown(void) {
    char command[128];
    sealer_free(sealer);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static void check_all(void) {
    is_content("d/empty", small, 0);
    is_content("d/small", small + 100, 4500);
    is_content("d/sparse", sparse, sizeof sparse);
    is_content("hard1", small + 7, 20);
    is_content("large", large, sizeof large);
    is_content("sub/dir/deep", small + 1, 1);
    ck_assert_uint_eq(stat_of("hard1").st_ino, stat_of("hard2").st_ino);
    ck_assert_uint_eq(stat_of("hard1").st_nlink, 2);
    ck_assert_int_eq(stat_of("d/hole").st_blocks, 0);
    ck_assert_int_lt(stat_of("d/sparse").st_blocks * 512, 64 << 10);
    ck_assert(S_ISFIFO(stat_of("pipe").st_mode) && S_ISLNK(stat_of("ln").st_mode));
}

START_TEST(everything_comes_back_as_it_was) {
    whole_vault();
    ck_assert_msg(restore(EXISTING_REFUSE, NULL, 0, 0) == 0, "%s: %s", e.object, e.msg);
    ck_assert_str_eq(told, "");
    check_all();
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    ck_assert(stat_of("d").st_mtim.tv_sec == 500 && stat_of("d").st_mtim.tv_nsec == 1);
    ck_assert(stat_of("d/small").st_mtim.tv_sec == 1000 && stat_of("d/small").st_mtim.tv_nsec == 123456789);
    ck_assert_uint_eq(stat_of("d/small").st_mode, S_IFREG | 0640);
    ck_assert_uint_eq(stat_of("pipe").st_mode, S_IFIFO | 0604);
    ck_assert_int_eq(stat_of("ln").st_mtim.tv_sec, 77);
    ck_assert_uint_eq(stat_of("sub").st_mode, S_IFDIR | 0700); /* no entry: made for what is in it */
    ck_assert(res.files == 8 && res.dirs == 1 && res.others == 2 && res.missed == 0 && res.attributes == 0);
    no_leftovers();
}
END_TEST

START_TEST(a_target_with_something_in_it_is_refused) {
    whole_vault();
    put_target("x", "x");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_TARGET);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_USAGE);
    ck_assert(!exists("d"));
}
END_TEST

START_TEST(never_leaves_what_is_there) {
    whole_vault();
    put_target("large", "mine");
    ck_assert_int_eq(restore(EXISTING_NEVER, NULL, 0, 0), 0);
    is_content("large", (const uint8_t *)"mine", 4);
    is_content("d/small", small + 100, 4500);
    ck_assert_uint_eq(res.skipped, 1);
}
END_TEST

START_TEST(always_and_if_different_replace_what_differs) {
    whole_vault();
    for (int existing = EXISTING_IF_DIFFERENT; existing <= EXISTING_ALWAYS; existing++) {
        put_target("large", "mine");
        put_target("d", "a file where a directory belongs");
        ck_assert_msg(restore((enum restore_existing)existing, NULL, 0, 0) == 0, "%s: %s", e.object, e.msg);
        ck_assert_str_eq(told, "");
        check_all();
        ck_assert_int_eq(restore((enum restore_existing)existing, NULL, 0, 0), 0);
        check_all();
        if (existing == EXISTING_IF_DIFFERENT) ck_assert_uint_ge(res.skipped, 6);
        char command[256];
        snprintf(command, sizeof command, "rm -r %s", target);
        ck_assert_int_eq(system(command), 0);
    }
    no_leftovers();
}
END_TEST

START_TEST(chosen_paths_come_with_the_directories_above_them_and_no_others) {
    char *paths[] = {(char *)(uintptr_t) "/d/small", (char *)(uintptr_t) "sub/"};
    whole_vault();
    ck_assert_msg(restore(EXISTING_REFUSE, paths, 2, 0) == 0, "%s: %s", e.object, e.msg);
    is_content("d/small", small + 100, 4500);
    is_content("sub/dir/deep", small + 1, 1);
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    ck_assert(!exists("d/sparse") && !exists("large") && !exists("hard1"));
}
END_TEST

START_TEST(a_path_that_is_not_there_is_told_before_anything_is_made) {
    char *paths[] = {(char *)(uintptr_t) "/d/small", (char *)(uintptr_t) "/d/nothing"};
    whole_vault();
    ck_assert_int_lt(restore(EXISTING_REFUSE, paths, 2, 0), 0);
    ck_assert_int_eq(e.id, ZE_NOPATH);
    ck_assert(!exists("d"));
}
END_TEST

START_TEST(strip_leaves_out_leading_components) {
    char *paths[] = {(char *)(uintptr_t) "/sub"};
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, paths, 1, 2), 0);
    is_content("deep", small + 1, 1);
    ck_assert(!exists("sub"));
}
END_TEST

/* Flip one byte of the stored pack at ${at} (from its end when negative). */
static void spoil(uint32_t pack, long at) {
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

START_TEST(a_flipped_bit_costs_the_files_it_is_in_and_names_them) {
    whole_vault();
    spoil(2, 2000); /* in the first segment of the data pack: the small files */
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    ck_assert_str_eq(e.object, "d/small");
    ck_assert_ptr_nonnull(strstr(e.msg, "00000002"));
    ck_assert_ptr_nonnull(strstr(told, "d/small: "));
    ck_assert_ptr_nonnull(strstr(told, "hard2: "));
    ck_assert(!exists("d/small") && !exists("hard1") && !exists("hard2"));
    is_content("large", large, sizeof large); /* everything else is there */
    ck_assert(exists("ln") && exists("d/hole"));
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    no_leftovers();
}
END_TEST

START_TEST(a_spoiled_or_missing_pack_is_an_error_that_names_it) {
    char path[256], gen[33];
    whole_vault();
    spoil(2, -60); /* its index */
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(e.msg, "00000002.00"));
    text_hex(gen, generation, SEAL_ID);
    snprintf(path, sizeof path, "%s/store/hosts/web/packs/%s/00000002.00", dir, gen);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_lt(restore(EXISTING_ALWAYS, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.msg, "pack 00000002"));
    no_leftovers();
}
END_TEST

START_TEST(content_that_does_not_match_its_digest_never_gets_its_name) {
    struct extent x = {.len = 10};
    struct entry en = {.type = ENT_FILE, .size = 10, .block_shift = 12, .extents = &x, .extents_n = 1};
    vault_begin();
    x.addr = put_segment(SEG_PACKED, "0123456789", 10);
    digest(&en, (const uint8_t *)"012345678X", &x, 1);
    add(&en, "f");
    vault_end();
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert(!exists("f"));
    no_leftovers();
}
END_TEST

START_TEST(an_extent_past_the_end_of_its_segment_is_damage) {
    struct extent x = {.len = 11};
    struct entry en = {.type = ENT_FILE, .size = 11, .block_shift = 12, .extents = &x, .extents_n = 1};
    vault_begin();
    x.addr = put_segment(SEG_PACKED, "0123456789", 10);
    digest(&en, (const uint8_t *)"0123456789\0", &x, 1);
    add(&en, "f");
    vault_end();
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert(!exists("f"));
}
END_TEST

START_TEST(a_link_in_the_place_of_a_directory_leads_nowhere) {
    struct entry ln = {.type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"..", .target_len = 2};
    char outside[128];
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    add(&ln, "a");
    add_small("a/evil", 0, 0, 10);
    add_small("z", 0, 0, 10);
    vault_end();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.missed, 1);
    ck_assert_ptr_nonnull(strstr(told, "a/evil: "));
    snprintf(outside, sizeof outside, "%s/evil", dir);
    ck_assert_int_ne(access(outside, F_OK), 0);
    is_content("z", small, 10);
    no_leftovers();
}
END_TEST

START_TEST(a_wrong_kit_is_told_as_such) {
    char text[128] = "zbk-sec-";
    uint8_t other[SEAL_KEY];
    whole_vault();
    seal_random(other, sizeof other);
    b64_encode(text + 8, sizeof text - 8, other, sizeof other);
    write_file("kit", text, strlen(text));
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_WRONGKEY);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DENIED);
    write_file("kit", "nothing\n", 8);
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert(!exists("d"));
}
END_TEST

START_TEST(records_that_cannot_be_read_cost_only_themselves) {
    whole_vault();
    write_file("store/hosts/web/log/0000000000000003", "rubbish", 7);
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    check_all();
}
END_TEST

/* ---- walking a tree of pages ---- */

enum { TREE_ENTRIES = 3000, PER_PAGE = 9, LEVELS = 4 };

static char tree_path[TREE_ENTRIES][16];
static struct page_writer tree_page[LEVELS];

static void tree_name(char out[16], unsigned i) { snprintf(out, 16, "d%02u/%02u/f%u", i / 250, i / 10 % 25, i % 10); }

/* Store the page of this level and note it in the one above. */
static void page_close(unsigned level, bool last) {
    struct page_writer *w = &tree_page[level];
    struct buf b;
    buf_init(&b, ZB_SEGMENT_MAX);
    if (w->count == 0) return;
    ck_assert_int_eq(page_finish(w, &b, &e), 0);
    struct seg_addr a = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
    buf_free(&b);
    if (last && level == LEVELS - 1) {
        root.top = a, root.level = LEVELS - 1;
        return;
    }
    ck_assert_int_eq(page_add_ref(&tree_page[level + 1], w->first.p, w->first.len, a, w->entries, &e), 0);
    page_writer_reset(w);
    if (!last && tree_page[level + 1].count == PER_PAGE && level + 1 < LEVELS - 1) page_close(level + 1, false);
}

static void tree_vault(void) {
    vault_begin();
    for (unsigned level = 0; level < LEVELS; level++) page_writer_init(&tree_page[level], (uint8_t)level);
    for (unsigned i = 0; i < TREE_ENTRIES; i++) {
        tree_name(tree_path[i], i);
        struct entry en = {.path = (const uint8_t *)tree_path[i], .path_len = strlen(tree_path[i]), .type = ENT_FIFO};
        ck_assert_int_eq(page_add_entry(&tree_page[0], &en, &e), 0);
        if (tree_page[0].count == PER_PAGE) page_close(0, false);
    }
    for (unsigned level = 0; level < LEVELS; level++) page_close(level, true);
    for (unsigned level = 0; level < LEVELS; level++) page_writer_free(&tree_page[level]);
}

/* Walk from ${first} (NULL: the beginning): exactly the entries from number ${from} on must come. */
static void walk_from(struct source *s, const struct opened *o, const char *first, unsigned from) {
    struct manifest_walk *w = manifest_walk_new(s->fetch, o->keys, &o->root, first, first ? strlen(first) : 0);
    struct entry en;
    for (unsigned i = from; i < TREE_ENTRIES; i++) {
        ck_assert_msg(manifest_walk_next(w, &en, &e) == 1, "%u: %s", i, e.msg);
        ck_assert_msg(en.path_len == strlen(tree_path[i]) && memcmp(en.path, tree_path[i], en.path_len) == 0, "%u", i);
    }
    ck_assert_int_eq(manifest_walk_next(w, &en, &e), 0);
    manifest_walk_free(w);
}

START_TEST(a_walk_gives_every_entry_in_order_from_any_place) {
    struct source_options from = {.dir = dir, .host = "web", .kit = kit};
    static struct source s;
    struct opened o;
    char name[32];
    tree_vault();
    vault_end();
    ck_assert_int_eq(source_open(&s, &from, &e), 0);
    ck_assert_int_eq(point_open(&s, "1", &o, &e), 0);
    walk_from(&s, &o, NULL, 0);
    walk_from(&s, &o, "", 0);
    walk_from(&s, &o, "z", TREE_ENTRIES);
    for (unsigned i = 0; i < TREE_ENTRIES; i += 97) {
        walk_from(&s, &o, tree_path[i], i);
        strcat(strcpy(name, tree_path[i]), "!"); /* between this one and the next */
        walk_from(&s, &o, name, i + 1);
    }
    point_close(&o);
    source_close(&s);
}
END_TEST

START_TEST(a_page_that_stands_twice_in_a_tree_is_damage) {
    struct source_options from = {.dir = dir, .host = "web", .kit = kit};
    static struct source s;
    struct opened o;
    struct entry en;
    struct page_writer top;
    struct buf b;
    vault_begin();
    add(&(struct entry){.type = ENT_FIFO}, "a");
    buf_init(&b, ZB_SEGMENT_MAX);
    page_writer_init(&top, 1);
    ck_assert_int_eq(page_finish(&page, &b, &e), 0);
    struct seg_addr leaf = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
    ck_assert_int_eq(page_add_ref(&top, (const uint8_t *)"a", 1, leaf, 1, &e), 0);
    ck_assert_int_eq(page_add_ref(&top, (const uint8_t *)"b", 1, leaf, 1, &e), 0);
    ck_assert_int_eq(page_finish(&top, &b, &e), 0);
    root.top = put_segment(SEG_PAGE, b.p, (uint32_t)b.len), root.level = 1;
    page_writer_free(&top);
    buf_free(&b);
    vault_end();
    ck_assert_int_eq(source_open(&s, &from, &e), 0);
    ck_assert_int_eq(point_open(&s, "1", &o, &e), 0);
    struct manifest_walk *w = manifest_walk_new(s.fetch, o.keys, &o.root, NULL, 0);
    ck_assert_int_eq(manifest_walk_next(w, &en, &e), 1);
    ck_assert_int_lt(manifest_walk_next(w, &en, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    manifest_walk_free(w);
    point_close(&o);
    source_close(&s);
}
END_TEST

START_TEST(points_are_chosen_by_number_age_and_time) {
    struct point p[3] = {{.number = 4, .time = 1700000000000000000}, {.number = 5, .time = 1700000100000000000},
        {.number = 9, .time = 1800000000000000000}}; /* 2023-11-14T22:13:20Z, T22:15:00Z, 2027-01-15T08:00:00Z */
    struct points all = {.p = p, .n = 3};
    ck_assert_ptr_eq(points_select(&all, "latest", &e), &p[2]);
    ck_assert_ptr_eq(points_select(&all, "latest~2", &e), &p[0]);
    ck_assert_ptr_eq(points_select(&all, "5", &e), &p[1]);
    ck_assert_ptr_eq(points_select(&all, "2027", &e), &p[2]);
    ck_assert_ptr_eq(points_select(&all, "2023-11-14T22:13", &e), &p[0]);
    ck_assert_ptr_null(points_select(&all, "2023-11-14", &e));
    ck_assert_int_eq(e.id, ZE_USAGE);
    ck_assert_ptr_null(points_select(&all, "latest~3", &e));
    ck_assert_int_eq(e.id, ZE_NOPOINT);
    ck_assert_ptr_null(points_select(&all, "6", &e));
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_NOTFOUND);
    ck_assert_ptr_null(points_select(&all, "", &e));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("restore");
    TCase *t = tcase_create("restore");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, everything_comes_back_as_it_was);
    tcase_add_test(t, a_target_with_something_in_it_is_refused);
    tcase_add_test(t, never_leaves_what_is_there);
    tcase_add_test(t, always_and_if_different_replace_what_differs);
    tcase_add_test(t, chosen_paths_come_with_the_directories_above_them_and_no_others);
    tcase_add_test(t, a_path_that_is_not_there_is_told_before_anything_is_made);
    tcase_add_test(t, strip_leaves_out_leading_components);
    tcase_add_test(t, a_flipped_bit_costs_the_files_it_is_in_and_names_them);
    tcase_add_test(t, a_spoiled_or_missing_pack_is_an_error_that_names_it);
    tcase_add_test(t, content_that_does_not_match_its_digest_never_gets_its_name);
    tcase_add_test(t, an_extent_past_the_end_of_its_segment_is_damage);
    tcase_add_test(t, a_link_in_the_place_of_a_directory_leads_nowhere);
    tcase_add_test(t, a_wrong_kit_is_told_as_such);
    tcase_add_test(t, records_that_cannot_be_read_cost_only_themselves);
    tcase_add_test(t, a_walk_gives_every_entry_in_order_from_any_place);
    tcase_add_test(t, a_page_that_stands_twice_in_a_tree_is_damage);
    tcase_add_test(t, points_are_chosen_by_number_age_and_time);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
