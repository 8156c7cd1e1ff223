/* The manifest: every kind of entry there and back, the order of paths, golden bytes, and hostile pages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/manifest.h"
#include "suite.h"

static struct page_writer w;
static struct page_iter it;
static struct buf page;
static struct err e;

static void setup(void) {
    e = (struct err)ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    page_writer_init(&w, 0);
    buf_init(&page, ZB_SEGMENT_MAX);
    memset(&it, 0, sizeof it);
}

static void teardown(void) {
    page_writer_free(&w);
    page_iter_free(&it);
    buf_free(&page);
}

#define PATH(s) .path = (const uint8_t *)(s), .path_len = sizeof(s) - 1

static struct extent two[2] = {
    {.len = 4096, .addr = {.pack = 7, .slot = 9}, .offset = 100}, {.len = 6000, .hole = true}};
static struct xattr attrs[2] = {
    {(const uint8_t *)"security.capability", (const uint8_t *)"\1\0\0\2", 19, 4}, {(const uint8_t *)"user.x", NULL, 6, 0}};

static void begin_read(void) {
    ck_assert_int_eq(page_finish(&w, &page, &e), 0);
    ck_assert_msg(page_iter_init(&it, page.p, page.len, "test", &e) == 0, "%s", e.msg);
}

static void same_head(const struct entry *a, const struct entry *b) {
    ck_assert_uint_eq(a->path_len, b->path_len);
    ck_assert_mem_eq(a->path, b->path, a->path_len);
    ck_assert_uint_eq(a->type, b->type);
    ck_assert_uint_eq(a->mode, b->mode);
    ck_assert_uint_eq(a->uid, b->uid);
    ck_assert_uint_eq(a->gid, b->gid);
    ck_assert_int_eq(a->mtime_s, b->mtime_s);
    ck_assert_uint_eq(a->mtime_ns, b->mtime_ns);
    ck_assert_int_eq(a->ctime_s, b->ctime_s);
    ck_assert_uint_eq(a->ctime_ns, b->ctime_ns);
    ck_assert_uint_eq(a->ino, b->ino);
}

START_TEST(every_kind_of_entry_comes_back_as_it_was) {
    struct entry in[] = {
        {PATH(""), .type = ENT_DIR, .flags = EF_ANCESTOR, .mode = 0755},
        {PATH("dev/null"), .type = ENT_CHAR, .mode = 0666, .dev_major = 1, .dev_minor = 3, .mtime_s = -5, .mtime_ns = 999999999},
        {PATH("dev/sda"), .type = ENT_BLOCK, .mode = 0660, .uid = 0, .gid = 6, .dev_major = 8, .dev_minor = 1048575},
        {PATH("etc"), .type = ENT_DIR, .mode = 01777, .uid = UINT32_MAX, .gid = 1000, .ctime_s = INT64_MAX, .ctime_ns = 1},
        {PATH("etc/f"), .type = ENT_FILE, .flags = EF_HARDLINK | EF_CHANGED, .link_group = 77, .mode = 04755, .size = 10096,
            .block_shift = 12, .extents = two, .extents_n = 2, .xattrs = attrs, .xattrs_n = 2, .has_file_flags = true,
            .file_flags = 0x10, .ino = UINT64_MAX},
        {PATH("etc/ln"), .type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"../x", .target_len = 4},
        {PATH("etc/pipe"), .type = ENT_FIFO, .mode = 0600, .mtime_s = INT64_MIN},
    };
    size_t n = sizeof in / sizeof *in;
    struct entry en;
    memset(in[4].digest, 0xcd, SEAL_HASH);
    for (size_t i = 0; i < n; i++) ck_assert_msg(page_add_entry(&w, &in[i], &e) == 0, "%zu: %s", i, e.msg);
    begin_read();
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(page_next_entry(&it, &en, &e) == 1, "%zu: %s", i, e.msg);
        same_head(&in[i], &en);
        if (i == 1 || i == 2) ck_assert(en.dev_major == in[i].dev_major && en.dev_minor == in[i].dev_minor);
        if (i == 5) ck_assert(en.target_len == 4 && memcmp(en.target, "../x", 4) == 0);
        if (i != 4) continue;
        ck_assert_uint_eq(en.flags, EF_HARDLINK | EF_CHANGED | EF_XATTRS | EF_EXT);
        ck_assert(en.link_group == 77 && en.size == 10096 && en.block_shift == 12 && en.file_flags == 0x10);
        ck_assert_mem_eq(en.digest, in[4].digest, SEAL_HASH);
        ck_assert(en.extents_n == 2 && en.extents[0].len == 4096 && en.extents[0].addr.pack == 7);
        ck_assert(en.extents[0].addr.slot == 9 && en.extents[0].offset == 100 && !en.extents[0].hole);
        ck_assert(en.extents[1].hole && en.extents[1].len == 6000);
        ck_assert(en.xattrs_n == 2 && en.xattrs[0].value_len == 4 && memcmp(en.xattrs[0].value, "\1\0\0\2", 4) == 0);
        ck_assert(en.xattrs[1].name_len == 6 && en.xattrs[1].value_len == 0);
    }
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 0);
}
END_TEST

START_TEST(a_file_with_extent_pages_names_exactly_as_many_as_its_size_needs) {
    struct seg_addr pages[3] = {{1, 1}, {1, 2}, {2, 0}};
    struct entry in = {PATH("big"), .type = ENT_FILE, .flags = EF_XPAGES, .size = (2ull << 26) + 1, .block_shift = 13,
        .xpage_shift = 26, .xpages = pages, .xpages_n = 3};
    struct entry en;
    ck_assert_int_eq(page_add_entry(&w, &in, &e), 0);
    begin_read();
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 1);
    ck_assert(en.xpages_n == 3 && en.xpages[2].pack == 2 && en.xpages[1].slot == 2 && en.xpage_shift == 26);
    page_iter_free(&it);
    page_writer_reset(&w);
    in.xpages_n = 2;
    ck_assert_int_eq(page_add_entry(&w, &in, &e), 0);
    begin_read();
    ck_assert_int_lt(page_next_entry(&it, &en, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
}
END_TEST

START_TEST(an_inner_page_comes_back_and_counts_what_lies_below) {
    struct page_ref ref;
    struct entry en;
    page_writer_free(&w);
    page_writer_init(&w, 2);
    ck_assert_int_eq(page_add_ref(&w, (const uint8_t *)"", 0, (struct seg_addr){1, 2}, 30, &e), 0);
    ck_assert_int_eq(page_add_ref(&w, (const uint8_t *)"a/b", 3, (struct seg_addr){1, 3}, 12, &e), 0);
    ck_assert_int_lt(page_add_ref(&w, (const uint8_t *)"a", 1, (struct seg_addr){1, 4}, 12, &e), 0);
    ck_assert_uint_eq(w.entries, 42);
    begin_read();
    ck_assert_uint_eq(it.level, 2);
    ck_assert_int_eq(page_next_ref(&it, &ref, &e), 1);
    ck_assert(ref.path_len == 0 && ref.addr.slot == 2 && ref.entries == 30);
    ck_assert_int_eq(page_next_ref(&it, &ref, &e), 1);
    ck_assert(ref.path_len == 3 && memcmp(ref.path, "a/b", 3) == 0 && ref.addr.slot == 3);
    ck_assert_int_eq(page_next_ref(&it, &ref, &e), 0);
    ck_assert_int_lt(page_next_entry(&it, &en, &e), 0);
}
END_TEST

START_TEST(a_directory_is_followed_by_all_that_is_below_it) {
    static const char *sorted[] = {"", "a", "a/b", "a/b/c", "a/b!", "a\t", "a b", "a!", "a-", "a.b", "ab", "b", "\xff"};
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++)
        for (size_t j = 0; j < sizeof sorted / sizeof *sorted; j++) {
            int c = path_cmp((const uint8_t *)sorted[i], strlen(sorted[i]), (const uint8_t *)sorted[j], strlen(sorted[j]));
            ck_assert_msg(c == (i < j ? -1 : i > j), "%s %s %d", sorted[i], sorted[j], c);
        }
    ck_assert_int_lt(path_cmp((const uint8_t *)"a/b", 3, (const uint8_t *)"a\x01", 2), 0);
    ck_assert_int_lt(path_cmp((const uint8_t *)"a/b/c", 5, (const uint8_t *)"a/b!", 4), 0);
}
END_TEST

/* faults: G3 */
START_TEST(paths_that_could_leave_the_target_are_not_paths) {
    static const char *good[] = {"", "a", "a/b", "..a/.b", "a../b.", "...", " ", "a\nb"};
    static const char *bad[] = {"/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b", "./a", "a/."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) ck_assert(path_ok((const uint8_t *)good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(!path_ok((const uint8_t *)bad[i], strlen(bad[i])), "%s", bad[i]);
        struct entry en = {.path = (const uint8_t *)bad[i], .path_len = strlen(bad[i]), .type = ENT_FIFO};
        ck_assert_int_lt(page_add_entry(&w, &en, &e), 0);
        buf_reset(&page); /* the same as a reader sees it: version, level, count, shared, rest, type, flags, … */
        buf_put(&page, "\1\0\1\0", 4);
        buf_str(&page, bad[i]);
        buf_put(&page, "\4\0\0\0\0\0\0\0\0\0", 10);
        ck_assert_int_eq(page_iter_init(&it, page.p, page.len, "test", &e), 0);
        ck_assert_int_lt(page_next_entry(&it, &en, &e), 0);
        page_iter_free(&it);
    }
    ck_assert(!path_ok((const uint8_t *)"a\0b", 3));
    ck_assert(path_below((const uint8_t *)"a/b", 3, (const uint8_t *)"a", 1));
    ck_assert(path_below((const uint8_t *)"a", 1, (const uint8_t *)"a", 1));
    ck_assert(!path_below((const uint8_t *)"ab", 2, (const uint8_t *)"a", 1));
    ck_assert(path_below((const uint8_t *)"ab", 2, (const uint8_t *)"", 0));
}
END_TEST

START_TEST(the_writer_refuses_what_is_out_of_order_and_stays_usable) {
    struct entry b = {PATH("b"), .type = ENT_FIFO}, a = {PATH("a"), .type = ENT_FIFO}, c = {PATH("c"), .type = ENT_FIFO};
    struct entry en;
    ck_assert_int_eq(page_add_entry(&w, &b, &e), 0);
    ck_assert_int_lt(page_add_entry(&w, &a, &e), 0);
    ck_assert_int_lt(page_add_entry(&w, &b, &e), 0);
    ck_assert_int_eq(page_add_entry(&w, &c, &e), 0);
    begin_read();
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 1);
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 1);
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 0);
}
END_TEST

START_TEST(an_entry_too_large_for_a_page_is_refused_and_leaves_the_page_whole) {
    struct xattr huge = {(const uint8_t *)"user.h", calloc(1, ZB_SEGMENT_MAX), 6, ZB_SEGMENT_MAX};
    struct entry a = {PATH("a"), .type = ENT_FIFO};
    struct entry h = {PATH("h"), .type = ENT_FIFO, .xattrs = &huge, .xattrs_n = 1};
    struct entry en;
    ck_assert_int_eq(page_add_entry(&w, &a, &e), 0);
    ck_assert_int_lt(page_add_entry(&w, &h, &e), 0);
    begin_read();
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 1);
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 0);
    free((void *)(uintptr_t)huge.value);
}
END_TEST

/* faults: F1 */
START_TEST(whether_a_file_in_very_many_extent_pages_fits_is_known_before) {
    enum { FEW = 120 << 10, MANY = 250 << 10 };
    struct seg_addr *pages = calloc(MANY, sizeof *pages);
    struct entry h = {PATH("h"), .type = ENT_FILE, .flags = EF_XPAGES, .block_shift = 14, .xpage_shift = XPAGE_SHIFT, .xpages = pages};
    for (size_t i = 0; i < MANY; i++) pages[i] = (struct seg_addr){1u << 20, 1000};
    h.xpages_n = FEW, h.size = (uint64_t)FEW << XPAGE_SHIFT;
    ck_assert(page_takes(&h));
    ck_assert_int_eq(page_add_entry(&w, &h, &e), 0);
    page_writer_reset(&w);
    h.xpages_n = MANY, h.size = (uint64_t)MANY << XPAGE_SHIFT;
    ck_assert(!page_takes(&h));
    ck_assert_int_lt(page_add_entry(&w, &h, &e), 0);
    free(pages);
}
END_TEST

/* A page with one small file, to be spoiled by the tests below. */
static void one_file(void) {
    struct entry in = {PATH("etc/f"), .type = ENT_FILE, .flags = EF_HARDLINK, .link_group = 1, .mode = 0644, .size = 10096,
        .block_shift = 12, .extents = two, .extents_n = 2, .xattrs = attrs, .xattrs_n = 2, .has_file_flags = true};
    ck_assert_int_eq(page_add_entry(&w, &in, &e), 0);
    ck_assert_int_eq(page_finish(&w, &page, &e), 0);
}

static int read_all(const uint8_t *p, size_t n) {
    struct entry en;
    int rc = page_iter_init(&it, p, n, "test", &e);
    while (rc == 0 && (rc = page_next_entry(&it, &en, &e)) == 1) rc = 0;
    page_iter_free(&it);
    return rc;
}

/* faults: B11 G4 */
START_TEST(a_page_cut_anywhere_is_damaged) {
    one_file();
    for (size_t n = 0; n < page.len; n++) {
        uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees a byte read too far */
        memcpy(exact, page.p, n);
        ck_assert_int_lt(read_all(exact, n), 0);
        ck_assert_int_eq(e.id, ZE_DAMAGED);
        free(exact);
    }
    buf_u8(&page, 0);
    struct entry en;
    ck_assert_int_eq(page_iter_init(&it, page.p, page.len, "test", &e), 0);
    ck_assert_int_eq(page_next_entry(&it, &en, &e), 1);
    ck_assert_int_lt(page_next_entry(&it, &en, &e), 0);
}
END_TEST

/* faults: C8 */
START_TEST(a_newer_page_is_refused_by_its_number) {
    one_file();
    page.p[0] = 2;
    ck_assert_int_lt(page_iter_init(&it, page.p, page.len, "test", &e), 0);
    ck_assert_int_eq(e.id, ZE_NEWER);
    ck_assert_ptr_nonnull(strchr(e.msg, '2'));
}
END_TEST

static int with_extents(const struct extent *x, size_t n, uint64_t size) {
    struct entry in = {PATH("f"), .type = ENT_FILE, .size = size, .block_shift = 12, .extents_n = n};
    struct entry en;
    in.extents = (struct extent *)(uintptr_t)x;
    page_writer_reset(&w);
    ck_assert_int_eq(page_add_entry(&w, &in, &e), 0);
    begin_read();
    int rc = page_next_entry(&it, &en, &e);
    page_iter_free(&it);
    return rc;
}

/* faults: G3 G4 */
START_TEST(extents_that_lie_about_size_or_segment_are_damaged) {
    struct extent ok = {.len = ZB_SEGMENT_MAX - 10, .offset = 10};
    struct extent past = {.len = ZB_SEGMENT_MAX - 9, .offset = 10};
    struct extent far = {.len = 1, .offset = UINT32_MAX};
    struct extent huge[2] = {{.len = INT64_MAX, .hole = true}, {.len = INT64_MAX, .hole = true}};
    struct extent slot = {.len = 1, .addr = {1, ZB_PACK_SLOTS_MAX}};
    ck_assert_int_eq(with_extents(&ok, 1, ok.len), 1);
    ck_assert_int_lt(with_extents(&ok, 1, ok.len + 1), 0);
    ck_assert_int_lt(with_extents(&ok, 1, ok.len - 1), 0);
    ck_assert_int_lt(with_extents(&past, 1, past.len), 0);
    ck_assert_int_lt(with_extents(&far, 1, 1), 0);
    ck_assert_int_lt(with_extents(&slot, 1, 1), 0);
    ck_assert_int_lt(with_extents(huge, 2, (uint64_t)INT64_MAX * 2), 0);
    ck_assert_int_lt(with_extents(huge, 0, 5), 0);
    ck_assert_int_eq(with_extents(huge, 0, 0), 1);
}
END_TEST

/* faults: C9 G4 */
START_TEST(a_count_that_the_page_cannot_hold_takes_no_memory) {
    static const uint8_t entries[] = {1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0};
    ck_assert_int_lt(read_all(entries, sizeof entries), 0);
    static const uint8_t extents[] = {1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f};
    struct extent *x = NULL;
    size_t cap = 0, n;
    ck_assert_int_lt(xpage_get(extents, sizeof extents, 5, &x, &cap, &n, NULL, "test", &e), 0);
    ck_assert_ptr_null(x);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
}
END_TEST

START_TEST(an_extent_page_comes_back_and_must_cover_its_range) {
    struct buf b;
    struct extent *x = NULL;
    size_t cap = 0, n;
    buf_init(&b, ZB_SEGMENT_MAX);
    ck_assert_int_eq(xpage_put(&b, two, 2, NULL, &e), 0);
    ck_assert_int_eq(xpage_get(b.p, b.len, 10096, &x, &cap, &n, NULL, "test", &e), 0);
    ck_assert(n == 2 && x[0].offset == 100 && x[1].hole);
    ck_assert_int_lt(xpage_get(b.p, b.len, 10095, &x, &cap, &n, NULL, "test", &e), 0);
    ck_assert_int_lt(xpage_get(b.p, b.len, 10097, &x, &cap, &n, NULL, "test", &e), 0);
    b.p[0] = 9;
    ck_assert_int_lt(xpage_get(b.p, b.len, 10096, &x, &cap, &n, NULL, "test", &e), 0);
    ck_assert_int_eq(e.id, ZE_NEWER);
    free(x);
    buf_free(&b);
}
END_TEST

START_TEST(a_page_ends_by_its_cut_hash_or_its_size) {
    uint8_t h[SEAL_HASH] = {0x08}, no[SEAL_HASH] = {1};
    char name[8];
    for (int i = 0; i < PAGE_MIN_ENTRIES; i++) {
        ck_assert(!page_full(&w, h));
        snprintf(name, sizeof name, "f%d", i);
        struct entry en = {.path = (uint8_t *)name, .path_len = 2, .type = ENT_FIFO};
        ck_assert_int_eq(page_add_entry(&w, &en, &e), 0);
    }
    ck_assert(page_full(&w, h));
    ck_assert(!page_full(&w, no));
    struct xattr large = {(const uint8_t *)"user.h", calloc(1, PAGE_MAX_BYTES), 6, PAGE_MAX_BYTES};
    struct entry en = {PATH("g"), .type = ENT_FIFO, .xattrs = &large, .xattrs_n = 1};
    ck_assert_int_eq(page_add_entry(&w, &en, &e), 0);
    ck_assert(page_full(&w, no));
    free((void *)(uintptr_t)large.value);
}
END_TEST

/* faults: F1 */
START_TEST(an_inner_page_of_the_longest_paths_still_has_four) {
    uint8_t no[SEAL_HASH] = {1, 1}, path[60000];
    page_writer_free(&w);
    page_writer_init(&w, 1);
    memset(path, 'a', sizeof path);
    for (uint8_t i = 0; i < PAGE_MIN_REFS; i++) {
        ck_assert(!page_full(&w, no));
        path[0] = (uint8_t)('a' + i); /* nothing is shared */
        ck_assert_int_eq(page_add_ref(&w, path, sizeof path, (struct seg_addr){1, i}, 1, &e), 0);
    }
    ck_assert(page_full(&w, no));
}
END_TEST

/* faults: B11 */
START_TEST(a_root_comes_back_and_a_cut_one_is_damaged) {
    char *paths[] = {(char *)(uintptr_t) "/etc", (char *)(uintptr_t) "/home"};
    struct root in = {.level = 3, .top = {5, 6}, .entries = 100, .files = 90, .bytes = 1ull << 60, .walk_start = -7,
        .host_name = "web-1", .paths_n = 2, .paths = paths, .has_runlist = true, .runlist = {7, 8}};
    struct root out;
    ck_assert_int_eq(root_put(&page, &in, &e), 0);
    ck_assert_int_eq(root_get(&out, page.p, page.len, &e), 0);
    ck_assert(out.level == 3 && out.top.pack == 5 && out.entries == 100 && out.bytes == 1ull << 60 && out.walk_start == -7);
    ck_assert(out.paths_n == 2 && strcmp(out.paths[1], "/home") == 0 && strcmp(out.host_name, "web-1") == 0);
    ck_assert(!out.has_facts && out.has_runlist && out.runlist.slot == 8);
    root_free(&out);
    for (size_t n = 0; n < page.len; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, page.p, n);
        ck_assert_int_lt(root_get(&out, exact, n, &e), 0);
        free(exact);
    }
    page.p[0] = 2;
    ck_assert_int_lt(root_get(&out, page.p, page.len, &e), 0);
    ck_assert_int_eq(e.id, ZE_NEWER);
}
END_TEST

START_TEST(an_entry_is_written_in_exactly_the_bytes_of_the_format_page) {
    struct entry dir = {PATH("etc"), .type = ENT_DIR, .mode = 0755, .uid = 1, .gid = 200, .mtime_s = -1, .mtime_ns = 5,
        .ctime_s = 1, .ctime_ns = 6, .ino = 300};
    struct entry f = {PATH("etc/f"), .type = ENT_FILE, .mode = 0, .size = 10096, .block_shift = 12, .extents = two,
        .extents_n = 2};
    char hex[400];
    ck_assert_int_eq(page_add_entry(&w, &dir, &e), 0);
    ck_assert_int_eq(page_add_entry(&w, &f, &e), 0);
    ck_assert_int_eq(page_finish(&w, &page, &e), 0);
    text_hex(hex, page.p, page.len);
    ck_assert_str_eq(hex, "010002"
                          "0003657463" "0200" "ed0301c801" "0105" "0206" "ac02"
                          "03022f66" "0100" "000000" "0000" "0000" "00" "f04e" "0c"
                          "0000000000000000000000000000000000000000000000000000000000000000"
                          "02" "8040" "070964" "e15d");
}
END_TEST

START_TEST(the_digest_is_that_of_the_format_page) {
    struct digest d;
    uint8_t leaf[SEAL_HASH], out[SEAL_HASH];
    char hex[65];
    digest_init(&d, 12, 10000);
    memset(leaf, 1, sizeof leaf);
    digest_block(&d, leaf);
    digest_block(&d, NULL);
    memset(leaf, 2, sizeof leaf);
    digest_block(&d, leaf);
    digest_final(&d, out);
    text_hex(hex, out, sizeof out);
    ck_assert_str_eq(hex, "f1ae7ead00eaef5a4e750c17654c6493bea7bdba819d573731ec56084d2724cd");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("manifest");
    TCase *t = tcase_create("manifest");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_kind_of_entry_comes_back_as_it_was);
    tcase_add_test(t, a_file_with_extent_pages_names_exactly_as_many_as_its_size_needs);
    tcase_add_test(t, an_inner_page_comes_back_and_counts_what_lies_below);
    tcase_add_test(t, a_directory_is_followed_by_all_that_is_below_it);
    tcase_add_test(t, paths_that_could_leave_the_target_are_not_paths);
    tcase_add_test(t, the_writer_refuses_what_is_out_of_order_and_stays_usable);
    tcase_add_test(t, an_entry_too_large_for_a_page_is_refused_and_leaves_the_page_whole);
    tcase_add_test(t, whether_a_file_in_very_many_extent_pages_fits_is_known_before);
    tcase_add_test(t, a_page_cut_anywhere_is_damaged);
    tcase_add_test(t, a_newer_page_is_refused_by_its_number);
    tcase_add_test(t, extents_that_lie_about_size_or_segment_are_damaged);
    tcase_add_test(t, a_count_that_the_page_cannot_hold_takes_no_memory);
    tcase_add_test(t, an_extent_page_comes_back_and_must_cover_its_range);
    tcase_add_test(t, a_page_ends_by_its_cut_hash_or_its_size);
    tcase_add_test(t, an_inner_page_of_the_longest_paths_still_has_four);
    tcase_add_test(t, a_root_comes_back_and_a_cut_one_is_damaged);
    tcase_add_test(t, an_entry_is_written_in_exactly_the_bytes_of_the_format_page);
    tcase_add_test(t, the_digest_is_that_of_the_format_page);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
