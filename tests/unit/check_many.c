/* The two fast ways beside libsodium's: hashes of many messages at once, and segments by OpenSSL. Bit for bit the same. */
#include <string.h>

#include "wrap/bulk.h"
#include "wrap/many.h"
#include "suite.h"

enum { MOST = 1 << 20, MANY = 67 };
static uint8_t bytes[MOST + 256], out[MOST + 64], other[MOST + 64], back[MOST + 64];

static void setup(void) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    seal_random(bytes, sizeof bytes);
}

static void same_as_one_by_one(unsigned lanes, const size_t *lengths, size_t n) {
    struct message m[MANY] = {{NULL}};
    uint8_t hash[MANY][SEAL_HASH], one[SEAL_HASH];
    memset(hash, 0, sizeof hash);
    for (size_t i = 0; i < n; i++) m[i] = (struct message){.p = bytes + i, .n = lengths[i], .hash = hash[i]};
    hash_many_in(lanes, m, n);
    for (size_t i = 0; i < n; i++) {
        seal_hash(one, m[i].p, m[i].n);
        ck_assert_msg(memcmp(one, hash[i], SEAL_HASH) == 0, "%u lanes: message %zu of %zu, %zu bytes", lanes, i, n, m[i].n);
    }
}

static void all_lengths(unsigned lanes) {
    static const size_t uneven[] = {1000, 0, 128, 129, 127, 1024, 256, 1025};
    size_t lengths[MANY];
    for (size_t len = 0; len < 520; len++) {
        for (size_t i = 0; i < MANY; i++) lengths[i] = len;
        same_as_one_by_one(lanes, lengths, lanes);
    }
    same_as_one_by_one(lanes, uneven, 8);
    for (size_t n = 0; n <= MANY; n++) {
        uint16_t chance[MANY];
        seal_random(chance, sizeof chance);
        for (size_t i = 0; i < n; i++) lengths[i] = chance[i] % 4 ? 4096 : chance[i] / 4;
        same_as_one_by_one(lanes, lengths, n);
        for (size_t i = 0; i < n; i++) lengths[i] = i % 8 ? 0 : MOST; /* a long one beside empty ones */
        if (n < 10) same_as_one_by_one(lanes, lengths, n);
    }
}

START_TEST(any_messages_in_8_lanes) {
    if (hash_lanes() < 8) not_run("no AVX-512");
    all_lengths(8);
}
END_TEST

START_TEST(any_messages_in_4_lanes) {
    if (hash_lanes() < 4) not_run("no AVX2");
    all_lengths(4);
}
END_TEST

START_TEST(any_messages_one_by_one) { all_lengths(1); }
END_TEST

START_TEST(openssl_seals_and_opens_what_libsodium_does) {
    static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 4095, 4096, 100000, MOST};
    uint8_t key[SEAL_KEY], nonce[SEAL_NONCE];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t ad = 0; ad < 80; ad += 13) {
            size_t n = sizes[i];
            seal_random(key, sizeof key);
            seal_random(nonce, sizeof nonce);
            bulk_seal(out, key, nonce, bytes, ad, bytes, n);
            aead_seal(other, key, nonce, bytes, ad, bytes, n);
            ck_assert(memcmp(out, other, n + SEAL_TAG) == 0);
            ck_assert(bulk_open(back, key, nonce, bytes, ad, out, n + SEAL_TAG) && memcmp(back, bytes, n) == 0);
            ck_assert(aead_open(back, key, nonce, bytes, ad, out, n + SEAL_TAG) && memcmp(back, bytes, n) == 0);
        }
}
END_TEST

START_TEST(openssl_opens_nothing_that_was_touched) {
    uint8_t key[SEAL_KEY] = {1}, nonce[SEAL_NONCE] = {2}, ad[40] = {3}, zeros[200] = {0};
    enum { N = 200 };
    bulk_seal(out, key, nonce, ad, sizeof ad, bytes, N);
    for (size_t i = 0; i < N + SEAL_TAG; i++) {
        out[i] ^= 1;
        memset(back, 9, N);
        ck_assert(!bulk_open(back, key, nonce, ad, sizeof ad, out, N + SEAL_TAG));
        ck_assert(memcmp(back, zeros, N) == 0);
        out[i] ^= 1;
    }
    for (size_t i = 0; i < SEAL_KEY; i++) key[i] ^= 4, ck_assert(!bulk_open(back, key, nonce, ad, sizeof ad, out, N + SEAL_TAG)), key[i] ^= 4;
    for (size_t i = 0; i < SEAL_NONCE; i++)
        nonce[i] ^= 4, ck_assert(!bulk_open(back, key, nonce, ad, sizeof ad, out, N + SEAL_TAG)), nonce[i] ^= 4;
    for (size_t i = 0; i < sizeof ad; i++)
        ad[i] ^= 4, ck_assert(!bulk_open(back, key, nonce, ad, sizeof ad, out, N + SEAL_TAG)), ad[i] ^= 4;
    for (size_t n = 0; n < N + SEAL_TAG; n++) ck_assert(!bulk_open(back, key, nonce, ad, sizeof ad, out, n));
    ck_assert(bulk_open(back, key, nonce, ad, sizeof ad, out, N + SEAL_TAG) && memcmp(back, bytes, N) == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("many");
    TCase *t = tcase_create("many");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, any_messages_in_8_lanes);
    tcase_add_test(t, any_messages_in_4_lanes);
    tcase_add_test(t, any_messages_one_by_one);
    tcase_add_test(t, openssl_seals_and_opens_what_libsodium_does);
    tcase_add_test(t, openssl_opens_nothing_that_was_touched);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
