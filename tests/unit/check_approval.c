/* Statements and SSH signatures: one spelling for one meaning; signatures of FIDO keys made here byte by byte, with and
 * without a touch; every byte of an approval flipped. (Real keys of ssh-keygen: scenario 90-retention.) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/approval.h"
#include "suite.h"

static const char text[] =
    "zaibei approval 1\nvault: 000102030405060708090a0b0c0d0e0f\naction: remove\nobjects: web/1 web/12\n"
    "detail: -\nexpires: 2026-11-22T01:02:03Z\nnonce: 00ff02030405060708090a0b0c0d0e0f\n";

START_TEST(a_statement_has_one_spelling) {
    struct err e = ERR_INIT;
    struct statement s;
    struct buf b;
    ck_assert_int_eq(statement_get(&s, text, strlen(text), &e), 0);
    ck_assert_int_eq(s.action, APPROVE_REMOVE);
    ck_assert_str_eq(s.objects, "web/1 web/12");
    ck_assert_int_eq(s.expires, 1795309323LL * 1000000000);
    buf_init(&b, 4096);
    ck_assert_int_eq(statement_put(&b, &s, &e), 0);
    ck_assert_mem_eq(b.p, text, strlen(text));
    buf_free(&b);
    statement_free(&s);
    static const char *const other[][2] = {{"zaibei approval 1", "zaibei approval 2"}, {"vault: 0", "vault:  0"},
        {"action: remove", "action: erase"}, {"0a0b", "0A0b"}, {"Z\n", ".0Z\n"}, {"Z\n", "+00:00\n"},
        {"web/1 ", "web/\033[1m"}, {"detail: -", "detail: "}, {"-22T", "-32T"}, {"nonce: 00ff", "nonce: 00f"},
        {"detail: -\n", ""}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char changed[400];
        const char *at = strstr(text, other[i][0]);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, other[i][1], at + strlen(other[i][0]));
        ck_assert_msg(statement_get(&s, changed, strlen(changed), &e) < 0, "%s", changed);
        ck_assert_int_eq(e.id, ZE_APPROVAL);
    }
    for (size_t n = 0; n < strlen(text); n++) ck_assert_int_lt(statement_get(&s, text, n, &e), 0);
    ck_assert_int_lt(statement_get(&s, text, sizeof text, &e), 0); /* with its NUL */
}
END_TEST

static void put(struct buf *b, const void *p, size_t n) {
    uint8_t len[4] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n};
    buf_put(b, len, 4);
    buf_put(b, p, n);
}

/* An SSHSIG over ${text}, made from PROTOCOL.sshsig and PROTOCOL.u2f and not from the code under test. */
static void sig_make(struct buf *out, bool touch_key, uint8_t flags, const char *space, const char *hash) {
    static const uint8_t seed[SEAL_SIGN_SEED] = {7};
    const char *type = touch_key ? "sk-ssh-ed25519@openssh.com" : "ssh-ed25519";
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], sig[SEAL_SIG], sum[64], tail[5] = {flags, 0, 0, 0, 9};
    struct buf key, m, signature;
    sign_from_seed(pub, sec, seed);
    buf_init(&key, 200), buf_init(&m, 400), buf_init(&signature, 200);
    put(&key, type, strlen(type)), put(&key, pub, sizeof pub);
    if (touch_key) put(&key, "ssh:", 4);
    bool wide = strcmp(hash, "sha512") == 0;
    if (wide) seal_sha512(sum, text, strlen(text));
    else seal_sha256(sum, text, strlen(text));
    buf_put(&m, "SSHSIG", 6), put(&m, space, strlen(space)), put(&m, "", 0), put(&m, hash, strlen(hash));
    put(&m, sum, wide ? 64 : 32);
    if (touch_key) {
        uint8_t both[32 + 5 + 32];
        seal_sha256(both, "ssh:", 4);
        memcpy(both + 32, tail, 5);
        seal_sha256(both + 37, m.p, m.len);
        sign_make(sig, sec, both, sizeof both);
    } else {
        sign_make(sig, sec, m.p, m.len);
    }
    put(&signature, type, strlen(type)), put(&signature, sig, sizeof sig);
    if (touch_key) buf_put(&signature, tail, 5);
    buf_put(out, "SSHSIG\0\0\0\1", 10);
    put(out, key.p, key.len), put(out, space, strlen(space)), put(out, "", 0), put(out, hash, strlen(hash));
    put(out, signature.p, signature.len);
    buf_free(&key), buf_free(&m), buf_free(&signature);
}

static int check(const struct buf *b, struct err *e) {
    struct sshsig s;
    return sshsig_check(&s, b->p, b->len, APPROVAL_SPACE, text, strlen(text), e);
}

START_TEST(signatures_of_both_kinds_of_key) {
    struct err e = ERR_INIT;
    for (int touch = 0; touch < 2; touch++)
        for (int wide = 0; wide < 2; wide++) {
            struct buf b;
            struct sshsig s;
            buf_init(&b, SSHSIG_MAX);
            sig_make(&b, touch, 1, APPROVAL_SPACE, wide ? "sha512" : "sha256");
            ck_assert_msg(check(&b, &e) == 0, "%s", e.msg);
            ck_assert_int_lt(sshsig_check(&s, b.p, b.len, APPROVAL_SPACE, text, strlen(text) - 1, &e), 0);
            ck_assert_int_lt(sshsig_check(&s, b.p, b.len, "file", text, strlen(text), &e), 0);
            for (size_t n = 0; n < b.len; n++)
                ck_assert_int_lt(sshsig_check(&s, b.p, n, APPROVAL_SPACE, text, strlen(text), &e), 0);
            for (size_t i = 0; i < b.len; i++) {
                b.p[i] ^= 1;
                ck_assert_msg(check(&b, &e) < 0, "byte %zu", i);
                ck_assert_int_eq(e.id, ZE_APPROVAL);
                b.p[i] ^= 1;
            }
            buf_u8(&b, 0);
            ck_assert_int_lt(check(&b, &e), 0);
            buf_free(&b);
        }
}
END_TEST

START_TEST(a_fido_key_must_have_been_touched_and_hashes_are_named) {
    struct err e = ERR_INIT;
    struct buf b;
    buf_init(&b, SSHSIG_MAX);
    sig_make(&b, true, 0, APPROVAL_SPACE, "sha512");
    ck_assert_int_lt(check(&b, &e), 0);
    ck_assert_ptr_nonnull(strstr(e.msg, "touch"));
    buf_reset(&b);
    sig_make(&b, true, 5, APPROVAL_SPACE, "sha512"); /* present and verified */
    ck_assert_int_eq(check(&b, &e), 0);
    buf_reset(&b);
    sig_make(&b, false, 0, APPROVAL_SPACE, "sha1");
    ck_assert_int_lt(check(&b, &e), 0);
    buf_free(&b);
}
END_TEST

START_TEST(approvals_go_through_json_unchanged) {
    struct err e = ERR_INIT;
    struct approvals a = {0}, back = {0};
    struct buf b;
    buf_init(&b, SSHSIG_MAX);
    sig_make(&b, false, 0, APPROVAL_SPACE, "sha512");
    for (int i = 0; i < APPROVALS_MAX; i++) ck_assert_int_eq(approvals_add(&a, text, strlen(text), b.p, b.len, &e), 0);
    ck_assert_int_lt(approvals_add(&a, text, strlen(text), b.p, b.len, &e), 0);
    ck_assert_uint_eq(approvals_count(&a), APPROVALS_MAX);
    struct js *j = approvals_json(&a);
    ck_assert_int_eq(approvals_of_json(&back, j, &e), 0);
    ck_assert_uint_eq(back.len, a.len);
    ck_assert_mem_eq(back.p, a.p, a.len);
    js_free(j);
    approvals_free(&a);
    approvals_free(&back);
    buf_free(&b);
}
END_TEST

int main(void) {
    struct err e = ERR_INIT;
    if (seal_init(&e) < 0) return 1;
    Suite *s = suite_create("approval");
    TCase *c = tcase_create("approval");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_statement_has_one_spelling);
    tcase_add_test(c, signatures_of_both_kinds_of_key);
    tcase_add_test(c, a_fido_key_must_have_been_touched_and_hashes_are_named);
    tcase_add_test(c, approvals_go_through_json_unchanged);
    suite_add_tcase(s, c);
    return suite_run(s);
}
