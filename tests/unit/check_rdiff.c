/* Our reading and writing of librsync's formats, held against librsync's own rdiff and our own delta. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/rdiff.h"
#include "wrap/delta.h"
#include "wrap/seal.h"
#include "suite.h"

static uint8_t *noise(size_t n, unsigned seed) {
    uint8_t *p = malloc(n);
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)rand_r(&seed);
    return p;
}

static uint8_t *signature(const uint8_t *p, size_t n, uint32_t block, size_t *len) {
    size_t rows = (n + block - 1) / block;
    uint8_t *out = malloc(RDIFF_SIG_HEAD + rows * RDIFF_SIG_ROW), strong[32];
    rdiff_sig_head_put(out, block);
    for (size_t i = 0; i < rows; i++) {
        size_t at = i * block, k = n - at < block ? n - at : block;
        seal_hash(strong, p + at, k);
        rdiff_sig_row_put(out + RDIFF_SIG_HEAD + i * RDIFF_SIG_ROW, rdiff_weak(p + at, k), strong);
    }
    *len = RDIFF_SIG_HEAD + rows * RDIFF_SIG_ROW;
    return out;
}

START_TEST(a_signature_equals_what_rdiff_writes_byte_for_byte) {
    if (system("command -v rdiff >/dev/null 2>&1") != 0) ck_abort_msg("rdiff is missing: scripts/setup check installs it");
    size_t n = 4096 * 37 + 123, len;
    uint8_t *p = noise(n, 7), *sig = signature(p, n, 4096, &len);
    char dir[] = "/tmp/zbrdiffXXXXXX", name[64], cmd[256];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(name, sizeof name, "%s/f", dir);
    FILE *f = fopen(name, "w");
    fwrite(p, 1, n, f), fclose(f);
    snprintf(cmd, sizeof cmd, "cd %s && rdiff -H blake2 -R rabinkarp -b 4096 -S 32 signature f sig", dir);
    ck_assert_int_eq(system(cmd), 0);
    snprintf(name, sizeof name, "%s/sig", dir);
    f = fopen(name, "r");
    uint8_t *theirs = malloc(len + 1);
    ck_assert_uint_eq(fread(theirs, 1, len + 1, f), len);
    ck_assert_int_eq(memcmp(theirs, sig, len), 0);
    fclose(f);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    ck_assert_int_eq(system(cmd), 0);
    free(p), free(sig), free(theirs);
}
END_TEST

struct rebuilt {
    const uint8_t *old;
    uint8_t *out;
    size_t n, literal;
    struct rdiff_delta parser;
};

static int on_copy(void *arg, uint64_t at, uint64_t len, struct err *e) {
    struct rebuilt *r = arg;
    memcpy(r->out + r->n, r->old + at, len);
    r->n += len;
    return 0;
}

static int on_literal(void *arg, const uint8_t *p, size_t n, struct err *e) {
    struct rebuilt *r = arg;
    memcpy(r->out + r->n, p, n);
    r->n += n, r->literal += n;
    return 0;
}

static int on_stream(void *arg, const uint8_t *p, size_t n, struct err *e) {
    struct rebuilt *r = arg;
    while (n--) /* byte by byte: the parser keeps its place anywhere */
        if (rdiff_delta_feed(&r->parser, p++, 1, e) < 0) return -1;
    return 0;
}

/* The delta from ${old} to ${new}, applied: it must give ${new} again. Returns the bytes that were not copied. */
static size_t rebuild(const uint8_t *old, size_t old_n, const uint8_t *new, size_t n) {
    size_t len;
    struct err e = ERR_INIT;
    uint8_t *sig = signature(old, old_n, 4096, &len);
    struct delta_window *w = delta_window_new(sig, sig + RDIFF_SIG_HEAD, (len - RDIFF_SIG_HEAD) / RDIFF_SIG_ROW);
    ck_assert_ptr_nonnull(w);
    struct rebuilt r = {.old = old, .out = malloc(n)};
    r.parser.ops = (struct rdiff_ops){on_copy, on_literal, &r};
    struct delta *d = delta_begin(w, on_stream, &r);
    for (size_t at = 0; at < n; at += 10007)
        ck_assert_int_eq(delta_feed(d, new + at, n - at < 10007 ? n - at : 10007, &e), 0);
    ck_assert_int_eq(delta_end(d, &e), 0);
    ck_assert_int_eq(rdiff_delta_ended(&r.parser, &e), 0);
    ck_assert_uint_eq(r.n, n);
    ck_assert_int_eq(memcmp(r.out, new, r.n), 0);
    delta_free(d), delta_window_free(w), free(sig), free(r.out);
    return r.literal;
}

START_TEST(a_shifted_file_is_rebuilt_from_copies_and_few_literals) {
    size_t n = 1 << 20, shift = 37;
    uint8_t *old = noise(n, 3), *new = malloc(n + shift);
    memset(new, 'x', shift), memcpy(new + shift, old, n);
    ck_assert_uint_eq(rebuild(old, n, new, n + shift), shift);
    free(old), free(new);
}
END_TEST

/* All blocks alike, blocks in reverse, nothing in common: the result is right and comes within the time of a test. */
/* faults: F16 */
START_TEST(the_worst_cases_of_the_rolling_sum_come_back_right_and_in_time) {
    size_t n = 1 << 20, block = 4096;
    uint8_t *old = calloc(1, n), *new = calloc(1, n), *other = noise(n, 9);
    new[n / 2] = 1;
    ck_assert_uint_le(rebuild(old, n, new, n), 2 * block);
    memcpy(old, other, n);
    for (size_t i = 0; i < n; i += block) memcpy(new + i, old + n - block - i, block);
    ck_assert_uint_eq(rebuild(old, n, new, n), 0);
    uint8_t *none = noise(n, 10);
    ck_assert_uint_eq(rebuild(old, n, none, n), n);
    free(old), free(new), free(other), free(none);
}
END_TEST

/* faults: G4 */
START_TEST(a_delta_that_is_cut_or_has_wrong_bytes_is_refused) {
    struct rebuilt r = {.old = NULL, .out = malloc(100)};
    static const uint8_t cut[] = {0x72, 0x73, 0x02, 0x36, 0x03, 'a', 'b'}, bad[] = {0x72, 0x73, 0x02, 0x36, 0x99};
    static const uint8_t more[] = {0x72, 0x73, 0x02, 0x36, 0x00, 0x00};
    struct err e = ERR_INIT;
    r.parser.ops = (struct rdiff_ops){on_copy, on_literal, &r};
    ck_assert_int_eq(rdiff_delta_feed(&r.parser, cut, sizeof cut, &e), 0);
    ck_assert_int_lt(rdiff_delta_ended(&r.parser, &e), 0);
    ck_assert_int_eq(e.id, ZE_TRUNCATED);
    r.parser = (struct rdiff_delta){.ops = r.parser.ops};
    ck_assert_int_lt(rdiff_delta_feed(&r.parser, bad, sizeof bad, &e), 0);
    r.parser = (struct rdiff_delta){.ops = r.parser.ops};
    ck_assert_int_lt(rdiff_delta_feed(&r.parser, more, sizeof more, &e), 0);
    free(r.out);
}
END_TEST

int main(void) {
    struct err e = ERR_INIT;
    if (seal_init(&e) < 0) return 1;
    Suite *s = suite_create("rdiff");
    TCase *t = tcase_create("formats");
    tcase_add_test(t, a_signature_equals_what_rdiff_writes_byte_for_byte);
    tcase_add_test(t, the_worst_cases_of_the_rolling_sum_come_back_right_and_in_time);
    tcase_add_test(t, a_shifted_file_is_rebuilt_from_copies_and_few_literals);
    tcase_add_test(t, a_delta_that_is_cut_or_has_wrong_bytes_is_refused);
    suite_add_tcase(s, t);
    return suite_run(s);
}
