/* The chain of a vault's keys: each link is vouched for by the key before it or marked as one that is not; a record is known by the
 * key that signed it; no byte of a link can be another. */
#include <string.h>

#include "suite.h"
#include "wire/keychain.h"

static uint8_t id[SEAL_ID] = {7}, pub[3][SEAL_SIGN_PUB], sec[3][SEAL_SIGN_SEC];
static struct err e;

static void setup(void) {
    ck_assert_int_eq(seal_init(&e), 0);
    for (int i = 0; i < 3; i++) sign_from_seed(pub[i], sec[i], (uint8_t[SEAL_SIGN_SEED]){(uint8_t)(i + 1)});
}

/* The record by which key ${i} follows the one before it. */
static struct buf link_make(int i, enum key_how how) {
    struct record r = {.type = REC_KEY, .key_change.how = how};
    struct buf b;
    memcpy(r.key_change.old, pub[i - 1], SEAL_SIGN_PUB);
    memcpy(r.key_change.pub, pub[i], SEAL_SIGN_PUB);
    if (how == KEY_ROTATED) key_vouch(&r.key_change, id, sec[i - 1]);
    buf_init(&b, 4096);
    ck_assert_int_eq(record_encode(&r, id, sec[i], &b, &e), 0);
    return b;
}

/* faults: A19 */
START_TEST(a_link_holds_as_it_is_and_in_no_other_way) {
    struct buf b = link_make(1, KEY_ROTATED);
    struct record r;
    uint8_t other[SEAL_ID] = {8};
    ck_assert_int_eq(key_record_decode(&r, b.p, b.len, id, &e), 0);
    ck_assert_mem_eq(r.key_change.old, pub[0], SEAL_SIGN_PUB);
    ck_assert_mem_eq(r.key_change.pub, pub[1], SEAL_SIGN_PUB);
    record_free(&r);
    ck_assert_int_lt(key_record_decode(&r, b.p, b.len, other, &e), 0);
    for (size_t i = 0; i < b.len; i++) {
        b.p[i] ^= 0x20;
        ck_assert_msg(key_record_decode(&r, b.p, b.len, id, &e) < 0, "byte %zu", i);
        b.p[i] ^= 0x20;
        ck_assert_msg(key_record_decode(&r, b.p, i, id, &e) < 0, "length %zu", i);
    }
    buf_free(&b);
}
END_TEST

START_TEST(who_has_only_the_new_key_cannot_say_that_the_old_one_vouched) {
    struct record r = {.type = REC_KEY, .key_change.how = KEY_ROTATED}, d;
    struct buf b;
    memcpy(r.key_change.old, pub[0], SEAL_SIGN_PUB);
    memcpy(r.key_change.pub, pub[1], SEAL_SIGN_PUB);
    key_vouch(&r.key_change, id, sec[1]);
    buf_init(&b, 4096);
    ck_assert_int_eq(record_encode(&r, id, sec[1], &b, &e), 0);
    ck_assert_int_lt(key_record_decode(&d, b.p, b.len, id, &e), 0);
    ck_assert_int_eq(e.id, ZE_KEYCHAIN);
    /* As a replacement it stands, for somebody else to judge. */
    r.key_change.how = KEY_REPLACED;
    ck_assert_int_eq(record_encode(&r, id, sec[1], &b, &e), 0);
    ck_assert_int_eq(key_record_decode(&d, b.p, b.len, id, &e), 0);
    record_free(&d);
    /* The old key's holder cannot record a key that he does not have. */
    r = (struct record){.type = REC_KEY, .key_change.how = KEY_ROTATED};
    memcpy(r.key_change.old, pub[0], SEAL_SIGN_PUB);
    memcpy(r.key_change.pub, pub[2], SEAL_SIGN_PUB);
    key_vouch(&r.key_change, id, sec[0]);
    ck_assert_int_eq(record_encode(&r, id, sec[0], &b, &e), 0);
    ck_assert_int_lt(key_record_decode(&d, b.p, b.len, id, &e), 0);
    buf_free(&b);
}
END_TEST

START_TEST(a_record_is_known_by_the_key_that_signed_it) {
    struct keychain c;
    struct record r = {.type = REC_REVOKE}, d;
    struct buf b;
    buf_init(&b, 4096);
    keychain_init(&c, pub[0]);
    ck_assert(keychain_add(&c, pub[1]));
    ck_assert(!keychain_add(&c, pub[0])); /* no key comes twice */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(record_encode(&r, id, sec[i], &b, &e), 0);
        ck_assert_int_eq(keychain_decode(&d, b.p, b.len, id, &c, &e), i < 2 ? 0 : -1);
        if (i < 2) ck_assert_uint_eq(d.key, i);
        else ck_assert_int_eq(e.id, ZE_VAULTKEY);
    }
    for (unsigned i = 0; c.n < KEYS_MAX; i++) ck_assert(keychain_add(&c, (uint8_t[SEAL_SIGN_PUB]){0xff, (uint8_t)i}));
    ck_assert(!keychain_add(&c, pub[2]));
    buf_free(&b);
}
END_TEST

int main(void) {
    Suite *s = suite_create("keychain");
    TCase *c = tcase_create("chain");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, a_link_holds_as_it_is_and_in_no_other_way);
    tcase_add_test(c, who_has_only_the_new_key_cannot_say_that_the_old_one_vouched);
    tcase_add_test(c, a_record_is_known_by_the_key_that_signed_it);
    suite_add_tcase(s, c);
    return suite_run(s);
}
