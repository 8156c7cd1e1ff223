/* Segments and roots: what is sealed opens again under exactly its own name and key, and under nothing else. The golden
 * values below were computed by hand-written Python from FORMAT.md §2 and §4, so they hold the format, not the code. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/segment.h"
#include "suite.h"

static uint8_t key[SEAL_KEY], generation[SEAL_ID];
static struct host_ids ids;
static struct gen_keys *k;
static struct sealer *s;
static uint8_t plain[ZB_SEGMENT_MAX + 1], sealed[ZB_SEALED_MAX], opened[ZB_SEGMENT_MAX], identity[SEAL_HASH];

static void setup(void) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    memset(key, 7, sizeof key);
    memset(&ids, 1, sizeof ids);
    memset(generation, 2, sizeof generation);
    k = gen_keys_new(key, &ids, generation);
    s = sealer_new();
    ck_assert(k && s);
    seal_random(plain, sizeof plain);
    memset(identity, 9, sizeof identity);
}

static void teardown(void) {
    gen_keys_free(k);
    sealer_free(s);
}

static const struct seg_addr at = {.pack = 3, .slot = 5};

static int seal_it(uint8_t kind, uint32_t n) {
    struct err e = ERR_INIT;
    int len = segment_seal(s, k, kind, at, 1, 2, identity, plain, n, sealed, &e);
    ck_assert_msg(len > 0, "%s", e.msg);
    return len;
}

static void round_trip(uint8_t kind, uint32_t n) {
    struct err e = ERR_INIT;
    int len = seal_it(kind, n);
    ck_assert_int_le(len, (int)(n + SEG_EXTRA));
    ck_assert_int_eq(segment_open(s, k, kind, at, sealed, (size_t)len, opened, &e), (int)n);
    ck_assert(n == 0 || memcmp(opened, plain, n) == 0);
}

START_TEST(what_is_sealed_opens_to_the_same_bytes_at_every_size) {
    static const uint32_t sizes[] = {0, 1, 63, 64, 65, 4096, 100000, ZB_SEGMENT_MAX - 1, ZB_SEGMENT_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) round_trip(SEG_FILE, sizes[i]);
    round_trip(SEG_PAGE, 5000);
}
END_TEST

START_TEST(text_is_compressed_and_random_bytes_are_stored_plain) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_it(SEG_FILE, 100000), 100000 + SEG_EXTRA);
    memset(plain, 'x', 100000);
    int len = seal_it(SEG_FILE, 100000);
    ck_assert_int_lt(len, 1000);
    ck_assert_int_eq(segment_open(s, k, SEG_FILE, at, sealed, (size_t)len, opened, &e), 100000);
    ck_assert(memcmp(opened, plain, 100000) == 0);
}
END_TEST

START_TEST(a_segment_above_the_limit_is_refused) {
    struct err e = ERR_INIT;
    ck_assert_int_lt(segment_seal(s, k, SEG_FILE, at, 1, 2, identity, plain, ZB_SEGMENT_MAX + 1, sealed, &e), 0);
    ck_assert_int_eq(e.id, ZE_INTERNAL);
}
END_TEST

static void must_fail(const struct gen_keys *keys, uint8_t kind, struct seg_addr a, const uint8_t *p, size_t n) {
    struct err e = ERR_INIT;
    ck_assert_int_lt(segment_open(s, keys, kind, a, p, n, opened, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(e.object, "slot"));
}

/* faults: B12 E8 */
START_TEST(a_segment_opens_under_no_other_address_kind_host_or_key) {
    size_t len = (size_t)seal_it(SEG_FILE, 1000);
    must_fail(k, SEG_FILE, (struct seg_addr){.pack = 3, .slot = 6}, sealed, len);
    must_fail(k, SEG_FILE, (struct seg_addr){.pack = 4, .slot = 5}, sealed, len);
    must_fail(k, SEG_PACKED, at, sealed, len);
    must_fail(k, SEG_PAGE, at, sealed, len);
    struct host_ids other = ids;
    other.host_id[0] ^= 1;
    struct gen_keys *k2 = gen_keys_new(key, &other, generation);
    must_fail(k2, SEG_FILE, at, sealed, len);
    gen_keys_free(k2);
    generation[15] ^= 1;
    k2 = gen_keys_new(key, &ids, generation);
    must_fail(k2, SEG_FILE, at, sealed, len);
    gen_keys_free(k2);
    generation[15] ^= 1;
    key[0] ^= 1;
    k2 = gen_keys_new(key, &ids, generation);
    must_fail(k2, SEG_FILE, at, sealed, len);
    gen_keys_free(k2);
}
END_TEST

/* faults: B10 B11 */
START_TEST(every_flipped_bit_and_every_cut_is_noticed) {
    size_t len = (size_t)seal_it(SEG_PACKED, 200);
    for (size_t bit = 0; bit < len * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        must_fail(k, SEG_PACKED, at, sealed, len);
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t n = 0; n < len; n++) must_fail(k, SEG_PACKED, at, sealed, n);
    struct err e = ERR_INIT;
    ck_assert_int_eq(segment_open(s, k, SEG_PACKED, at, sealed, len, opened, &e), 200);
}
END_TEST

START_TEST(two_seals_of_the_same_bytes_differ) {
    static uint8_t before[ZB_SEALED_MAX];
    size_t len = (size_t)seal_it(SEG_FILE, 500);
    memcpy(before, sealed, len);
    seal_it(SEG_FILE, 500);
    ck_assert(memcmp(before, sealed, SEAL_NONCE) != 0);
    ck_assert(memcmp(before, sealed, len) != 0);
}
END_TEST

START_TEST(a_root_is_bound_to_its_point) {
    struct err e = ERR_INIT;
    struct buf b, back;
    buf_init(&b, ZB_SEALED_MAX);
    buf_init(&back, ZB_SEGMENT_MAX);
    ck_assert_int_eq(root_seal(s, k, 12, 4, plain, 300, &b, &e), 0);
    ck_assert_int_eq(root_open(s, k, 12, b.p, b.len, &back, &e), 0);
    ck_assert_uint_eq(back.len, 300);
    ck_assert(memcmp(back.p, plain, 300) == 0);
    ck_assert_int_lt(root_open(s, k, 13, b.p, b.len, &back, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    b.p[30] ^= 1;
    ck_assert_int_lt(root_open(s, k, 12, b.p, b.len, &back, &e), 0);
    buf_free(&b);
    buf_free(&back);
}
END_TEST

static void is_hex(const uint8_t *p, size_t n, const char *want) {
    char hex[65];
    text_hex(hex, p, n);
    ck_assert_str_eq(hex, want);
}

START_TEST(derived_keys_and_identities_are_those_of_the_format_page) {
    uint8_t check[SEAL_ID], out[SEAL_HASH];
    struct leaf leaves[2] = {{.len = 4096}, {.len = 904}};
    memset(leaves[0].hash, 0xaa, SEAL_HASH);
    memset(leaves[1].hash, 0xbb, SEAL_HASH);
    key_check(check, key);
    is_hex(check, sizeof check, "f223cc0d22470287c8ca01a7410dfb2c");
    segment_identity(k, out, SEG_FILE, 5000, leaves, 2);
    is_hex(out, sizeof out, "733236f5993b360b12fbe1460e9758b322ee2481ec79a8bb2b8d48ac868cbb49");
    page_cut_hash(k, out, "etc/passwd", 10);
    is_hex(out, sizeof out, "9918a5dc381a2cbc1c803aa3af2f0200c33e220b4989c7a6531e09a952b3e5a1");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("segment");
    TCase *t = tcase_create("segment");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_sealed_opens_to_the_same_bytes_at_every_size);
    tcase_add_test(t, text_is_compressed_and_random_bytes_are_stored_plain);
    tcase_add_test(t, a_segment_above_the_limit_is_refused);
    tcase_add_test(t, a_segment_opens_under_no_other_address_kind_host_or_key);
    tcase_add_test(t, every_flipped_bit_and_every_cut_is_noticed);
    tcase_add_test(t, two_seals_of_the_same_bytes_differ);
    tcase_add_test(t, a_root_is_bound_to_its_point);
    tcase_add_test(t, derived_keys_and_identities_are_those_of_the_format_page);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
