/* Packs and used pages: the parts agree with FORMAT.md §5 and §7, and offsets from outside are bounded. */
#include <stdlib.h>
#include <string.h>

#include "wire/pack.h"
#include "suite.h"

START_TEST(a_header_comes_back_and_other_bytes_do_not) {
    struct err e = ERR_INIT;
    struct pack_header h = {.kind = PACK_DATA,
                           .system_id = {1},
                           .host_id = {2},
                           .generation = {3},
                           .pack = 0x01020304,
                           .revision = 7},
                       g;
    uint8_t raw[PACK_HEADER], again[PACK_HEADER];
    pack_header_put(raw, &h);
    ck_assert_mem_eq(raw, "ZBPK\x01\x00\x02\x00", 8);
    ck_assert_mem_eq(raw + 56, "\x04\x03\x02\x01\x07\x00\x00\x00", 8);
    ck_assert_int_eq(pack_header_get(&g, raw, "p", &e), 0);
    ck_assert_uint_eq(g.pack, 0x01020304);
    pack_header_put(again, &g);
    ck_assert_mem_eq(again, raw, sizeof raw);
    raw[4] = 2;
    ck_assert_int_lt(pack_header_get(&g, raw, "p", &e), 0);
    ck_assert_int_eq(e.id, ZE_NEWER);
    raw[4] = 1, raw[6] = 3;
    ck_assert_int_lt(pack_header_get(&g, raw, "p", &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
}
END_TEST

START_TEST(a_trailer_must_fit_the_length_of_its_file) {
    struct err e = ERR_INIT;
    struct pack_trailer t = {.index_at = 1000, .count = 3, .hash = {9}}, u;
    uint8_t raw[PACK_TRAILER], again[PACK_TRAILER];
    uint64_t len = 1000 + 3 * PACK_ROW + PACK_TRAILER;
    pack_trailer_put(raw, &t);
    ck_assert_int_eq(pack_trailer_get(&u, raw, len, "p", &e), 0);
    ck_assert_uint_eq(u.index_at, 1000);
    pack_trailer_put(again, &u);
    ck_assert_mem_eq(again, raw, sizeof raw);
    ck_assert_int_lt(pack_trailer_get(&u, raw, len + 1, "p", &e), 0);
    ck_assert_int_lt(pack_trailer_get(&u, raw, len - 1, "p", &e), 0);
    t.index_at = UINT64_MAX - 8;
    pack_trailer_put(raw, &t);
    ck_assert_int_lt(pack_trailer_get(&u, raw, len, "p", &e), 0);
    t = (struct pack_trailer){.index_at = 1000, .count = ZB_PACK_SLOTS_MAX + 1};
    pack_trailer_put(raw, &t);
    ck_assert_int_lt(pack_trailer_get(&u, raw, 1000 + (uint64_t)t.count * PACK_ROW + PACK_TRAILER, "p", &e), 0);
    raw[PACK_TRAILER - 1] ^= 1;
    ck_assert_int_lt(pack_trailer_get(&u, raw, len, "p", &e), 0);
    ck_assert_int_eq(e.id, ZE_TRUNCATED);
}
END_TEST

START_TEST(an_index_row_stays_inside_the_segments_and_slots_rise) {
    static const struct {
        struct pack_row a, b;
        int good;
    } cases[] = {
        {{.slot = 0, .offset = 64, .len = 100}, {.slot = 5, .offset = 164, .len = 100}, 1},
        {{.slot = 5, .offset = 64, .len = 100}, {.slot = 0, .offset = 164, .len = 100}, 0},
        {{.slot = 5, .offset = 64, .len = 100}, {.slot = 5, .offset = 164, .len = 100}, 0},
        {{.slot = 0, .offset = 63, .len = 100}, {.slot = 1, .offset = 164, .len = 100}, 0},
        {{.slot = 0, .offset = 64, .len = 100}, {.slot = 1, .offset = 164, .len = 101}, 0},
        {{.slot = 0, .offset = 64, .len = 0}, {.slot = 1, .offset = 164, .len = 100}, 0},
        {{.slot = 0, .offset = 64, .len = 100}, {.slot = 1, .offset = UINT32_MAX, .len = 100}, 0},
        {{.slot = 0, .offset = 64, .len = 100}, {.slot = ZB_PACK_SLOTS_MAX, .offset = 164, .len = 100}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = ERR_INIT;
        uint8_t rows[2 * PACK_ROW];
        struct pack_trailer t = {.index_at = 264, .count = 2};
        pack_row_put(rows, &cases[i].a);
        pack_row_put(rows + PACK_ROW, &cases[i].b);
        ck_assert_msg((pack_index_check(rows, &t, "p", &e) == 0) == cases[i].good, "case %zu", i);
    }
}
END_TEST

static int collect(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    uint32_t *sum = arg;
    for (size_t i = 0; i < len * 8; i++)
        if (bitmap[i / 8] >> (i & 7) & 1) *sum += pack * 100000 + (uint32_t)i;
    return 0;
}

START_TEST(a_used_page_comes_back_and_is_canonical) {
    struct err e = ERR_INIT;
    struct buf out;
    uint8_t gen[SEAL_ID] = {8}, a[3] = {1, 0, 0}, b[2] = {0, 0x80};
    uint8_t *bitmaps[256] = {[3] = a, [255] = b, [9] = gen + 4};
    size_t lens[256] = {[3] = 3, [255] = 2, [9] = 4};
    uint32_t sum = 0;
    buf_init(&out, 1 << 20);
    used_page_put(&out, gen, 2, bitmaps, lens);
    ck_assert_int_eq(used_page_get(out.p, out.len, gen, 2, collect, &sum, &e), 0);
    ck_assert_uint_eq(sum, (512 + 3) * 100000 + 0 + (512 + 255) * 100000 + 15);
    ck_assert_int_lt(used_page_get(out.p, out.len, gen, 3, collect, &sum, &e), 0);
    ck_assert_int_lt(used_page_get(out.p, out.len - 1, gen, 2, NULL, NULL, &e), 0);
    gen[1] = 1;
    ck_assert_int_lt(used_page_get(out.p, out.len, gen, 2, NULL, NULL, &e), 0);
    gen[1] = 0;
    out.p[out.len - 1] = 0; /* a trailing zero byte: two encodings of one set */
    ck_assert_int_lt(used_page_get(out.p, out.len, gen, 2, NULL, NULL, &e), 0);
    buf_free(&out);
}
END_TEST

int main(void) {
    Suite *s = suite_create("pack");
    TCase *t = tcase_create("pack");
    tcase_add_test(t, a_header_comes_back_and_other_bytes_do_not);
    tcase_add_test(t, a_trailer_must_fit_the_length_of_its_file);
    tcase_add_test(t, an_index_row_stays_inside_the_segments_and_slots_rise);
    tcase_add_test(t, a_used_page_comes_back_and_is_canonical);
    suite_add_tcase(s, t);
    return suite_run(s);
}
