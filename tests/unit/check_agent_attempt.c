/* The journal of interrupted runs: it finds what was read and is durable, and believes nothing else. And what makes
 * going on safe at all: the same text sealed twice has different nonces, also on a machine that was rolled back. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.h"
#include "wire/segment.h"
#include "suite.h"

static char dir[] = "/tmp/zbattXXXXXX";
static int dirfd_;
static uint8_t generation[SEAL_ID] = {1}, other_generation[SEAL_ID] = {9}, key[SEAL_KEY] = {2},
    other_key[SEAL_KEY] = {3}, none[SEAL_HASH], point[SEAL_HASH] = {4};
static struct err e;

static void setup(void) {
    strcpy(dir, "/tmp/zbattXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
}

static void teardown(void) {
    unlinkat(dirfd_, "attempt", 0);
    unlinkat(dirfd_, "attempt.tmp", 0);
    close(dirfd_);
    ck_assert_int_eq(rmdir(dir), 0);
}

static struct attempt *open_it(uint32_t first_pack) {
    struct attempt *a = attempt_open(dirfd_, generation, key, none, first_pack);
    ck_assert_ptr_nonnull(a);
    return a;
}

static void name_of(unsigned i, char out[32]) { snprintf(out, 32, "d/%06u", i); }

static void sum_of(uint32_t pack, uint32_t seed, uint8_t sum[SEAL_ID]) {
    uint8_t id[SEAL_HASH], hash[SEAL_HASH];
    memset(sum, 0, SEAL_ID);
    for (uint32_t slot = 0; slot < 3; slot++) {
        seal_hash(id, &pack, sizeof pack);
        seal_hash(hash, &seed, sizeof seed);
        attempt_sum(sum, slot, id, hash);
    }
}

/* File ${i}, in ${pack}; ${version} is its inode. */
static void add(struct attempt *a, unsigned i, uint32_t pack, uint64_t version) {
    char name[32];
    struct extent x = {.len = 10, .addr = {pack, 0}};
    name_of(i, name);
    attempt_add(a, &(struct entry){.path = (const uint8_t *)name, .path_len = strlen(name), .type = ENT_FILE,
        .size = 10, .block_shift = 12, .extents = &x, .extents_n = 1, .ino = version});
}

static void sent(struct attempt *a, uint32_t pack, uint32_t seed) {
    uint8_t sum[SEAL_ID];
    sum_of(pack, seed, sum);
    attempt_pack(a, pack, sum);
}

static bool confirm(struct attempt *a, uint32_t pack, uint32_t seed) {
    uint8_t sum[SEAL_ID];
    sum_of(pack, seed, sum);
    return attempt_confirm(a, pack, sum);
}

/* The version of file ${i}, or 0 when it is not there. */
static uint64_t find(struct attempt *a, unsigned i) {
    char name[32];
    name_of(i, name);
    const struct entry *en = attempt_find(a, (const uint8_t *)name, strlen(name));
    return en ? en->ino : 0;
}

static unsigned count(struct attempt *a, unsigned from, unsigned to, uint64_t version) {
    unsigned n = 0;
    for (unsigned i = from; i < to; i++) n += find(a, i) == version;
    return n;
}

/* One run from pack ${first}: files [from, to) go to it; with ${whole} it is sent to its end. */
static void run(uint32_t first, unsigned from, unsigned to, uint64_t version, bool whole) {
    struct attempt *a = open_it(first);
    for (uint32_t p = 0; p < first; p++) confirm(a, p, p);
    attempt_begin(a);
    for (unsigned i = from; i < to; i++) add(a, i, first, version);
    if (whole) sent(a, first, first);
    attempt_close(a);
}

START_TEST(files_of_packs_that_the_vault_has_are_found_and_others_are_not) {
    struct attempt *a = open_it(5);
    attempt_begin(a);
    for (unsigned i = 0; i < 1000; i++) add(a, i, 5, 1);
    sent(a, 5, 77);
    for (unsigned i = 1000; i < 2000; i++) add(a, i, 6, 1); /* never sent whole */
    for (unsigned i = 2000; i < 2100; i++) add(a, i, 4, 1); /* older than the journal */
    attempt_close(a);
    a = open_it(6);
    ck_assert(confirm(a, 5, 77));
    ck_assert(!confirm(a, 6, 77));
    attempt_begin(a);
    ck_assert_uint_eq(count(a, 0, 2100, 1), 1100);
    ck_assert(attempt_trusts(a, 4) && attempt_trusts(a, 5) && !attempt_trusts(a, 6));
    attempt_close(a);
}
END_TEST

START_TEST(a_pack_number_that_was_used_again_for_other_content_is_not_believed) {
    run(3, 0, 100, 1, true);
    struct attempt *a = open_it(4);
    ck_assert(!confirm(a, 3, 12345)); /* the vault has a pack 3, but not this one */
    attempt_begin(a);
    ck_assert_uint_eq(count(a, 0, 100, 1), 0);
    attempt_close(a);
    a = open_it(4);
    ck_assert(!confirm(a, 3, 3)); /* and what was dropped does not come back */
    attempt_close(a);
}
END_TEST

START_TEST(interrupted_runs_add_up_and_the_later_look_at_a_file_counts) {
    run(0, 0, 500, 1, true);
    run(1, 300, 900, 2, true);
    run(2, 850, 1500, 3, true);
    run(3, 0, 50, 4, false);
    run(3, 2000, 2100, 5, true); /* the same number again; this time it was sent */
    struct attempt *a = open_it(4);
    for (uint32_t p = 0; p < 4; p++) ck_assert(confirm(a, p, p));
    attempt_begin(a);
    ck_assert_uint_eq(count(a, 0, 300, 1), 300);
    ck_assert_uint_eq(count(a, 300, 850, 2), 550);
    ck_assert_uint_eq(count(a, 850, 1500, 3), 650);
    ck_assert_uint_eq(count(a, 2000, 2100, 5), 100);
    attempt_close(a);
}
END_TEST

/* faults: E8 */
START_TEST(another_generation_parent_or_host_finds_nothing) {
    run(0, 0, 100, 1, true);
    const uint8_t *g[] = {other_generation, generation, generation};
    const uint8_t *b[] = {none, point, none}, *k[] = {key, key, other_key};
    for (int i = 0; i < 3; i++) {
        struct attempt *a = attempt_open(dirfd_, g[i], k[i], b[i], 1);
        ck_assert(!confirm(a, 0, 0));
        attempt_close(a);
    }
    struct attempt *a = open_it(1); /* it is still there for its own */
    ck_assert(confirm(a, 0, 0));
    attempt_close(a);
}
END_TEST

START_TEST(a_vault_that_has_lost_packs_ends_the_journal) {
    struct attempt *a = open_it(7);
    attempt_begin(a);
    add(a, 1, 6, 1);
    attempt_close(a);
    a = open_it(6); /* pack 6 will be used again */
    attempt_begin(a);
    ck_assert_uint_eq(find(a, 1), 0);
    ck_assert(!attempt_trusts(a, 6));
    attempt_close(a);
}
END_TEST

START_TEST(what_must_be_read_again_is_not_kept) {
    struct attempt *a = open_it(1);
    attempt_begin(a);
    struct extent x = {.len = 10, .addr = {0, 0}};
    struct entry en = {.path = (const uint8_t *)"a", .path_len = 1, .type = ENT_FILE, .size = 10, .block_shift = 12,
        .extents = &x, .extents_n = 1, .flags = EF_CHANGED};
    attempt_add(a, &en);
    en.path = (const uint8_t *)"b", en.flags = EF_RACY;
    attempt_add(a, &en);
    en.path = (const uint8_t *)"c", en.flags = 0;
    attempt_add(a, &en);
    attempt_close(a);
    a = open_it(1);
    attempt_begin(a);
    ck_assert_ptr_null(attempt_find(a, (const uint8_t *)"a", 1));
    ck_assert_ptr_null(attempt_find(a, (const uint8_t *)"b", 1));
    ck_assert_ptr_nonnull(attempt_find(a, (const uint8_t *)"c", 1));
    attempt_close(a);
}
END_TEST

static uint8_t bytes[1 << 20];
static size_t bytes_n;

static void load(void) {
    int fd = openat(dirfd_, "attempt", O_RDONLY);
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    ck_assert_int_gt(n, 1000);
    bytes_n = (size_t)n;
}

static void store(const uint8_t *p, size_t n) {
    int fd = openat(dirfd_, "attempt", O_WRONLY | O_TRUNC);
    ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
    close(fd);
}

/* What is found must be a beginning of what was written, whatever happened to the file. */
static unsigned prefix(void) {
    struct attempt *a = open_it(9);
    attempt_begin(a);
    unsigned n = 0;
    while (n < 300 && find(a, n) == 1) n++;
    ck_assert_uint_eq(count(a, n + 1, 300, 1), 0);
    attempt_close(a);
    return n;
}

/* faults: B10 B11 */
START_TEST(a_torn_tail_or_a_changed_byte_ends_it_there) {
    struct attempt *a = open_it(9);
    attempt_begin(a);
    for (unsigned i = 0; i < 300; i++) add(a, i, 8, 1);
    attempt_close(a);
    load();
    static uint8_t was[sizeof bytes];
    size_t n = bytes_n;
    memcpy(was, bytes, n);
    ck_assert_uint_eq(prefix(), 300);
    unsigned last = 0, less = 0;
    for (size_t at = 0; at < n; at += 311) {
        store(was, at);
        unsigned got = prefix();
        ck_assert_uint_ge(got, last); /* a longer file never gives less */
        last = got;
        memcpy(bytes, was, n);
        bytes[at] ^= 0x10;
        store(bytes, n);
        less += prefix() < 300;
    }
    ck_assert_uint_eq(less, (n + 310) / 311);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_costs_nothing_but_time) {
    struct attempt *a = attempt_open(-1, generation, key, none, 0);
    attempt_begin(a);
    add(a, 1, 0, 1);
    sent(a, 0, 0);
    ck_assert_uint_eq(find(a, 1), 0);
    attempt_close(a);
    a = open_it(0); /* nothing was begun: nothing is written */
    add(a, 1, 0, 1);
    attempt_close(a);
    ck_assert_int_lt(faccessat(dirfd_, "attempt", F_OK, 0), 0);
}
END_TEST

/* The same text, address, epoch and counter, as after a machine was rolled back: what is sent shares no nonce. */
/* faults: D6 */
START_TEST(the_same_text_sealed_by_a_machine_that_was_rolled_back_has_another_nonce) {
    enum { TIMES = 200 };
    static uint8_t nonce[TIMES][SEAL_NONCE], text[4096], out[4096 + SEG_EXTRA], plain[ZB_SEGMENT_MAX];
    struct host_ids ids = {{1}, {2}};
    uint8_t identity[SEAL_HASH] = {5};
    struct seg_addr addr = {7, 3};
    for (int i = 0; i < TIMES; i++) {
        struct gen_keys *k = gen_keys_new(key, &ids, generation);
        struct sealer *s = sealer_new();
        int n = segment_seal(s, k, SEG_FILE, addr, 11, 22, identity, text, sizeof text, out, &e);
        ck_assert_int_gt(n, SEAL_NONCE);
        ck_assert_int_eq(segment_open(s, k, SEG_FILE, addr, out, (size_t)n, plain, &e), (int)sizeof text);
        memcpy(nonce[i], out, SEAL_NONCE);
        for (int j = 0; j < i; j++) ck_assert_int_ne(memcmp(nonce[i], nonce[j], SEAL_NONCE), 0);
        sealer_free(s);
        gen_keys_free(k);
    }
}
END_TEST

int main(void) {
    if (seal_init(&e) < 0) return 1;
    Suite *s = suite_create("attempt");
    TCase *t = tcase_create("journal");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, files_of_packs_that_the_vault_has_are_found_and_others_are_not);
    tcase_add_test(t, a_pack_number_that_was_used_again_for_other_content_is_not_believed);
    tcase_add_test(t, interrupted_runs_add_up_and_the_later_look_at_a_file_counts);
    tcase_add_test(t, another_generation_parent_or_host_finds_nothing);
    tcase_add_test(t, a_vault_that_has_lost_packs_ends_the_journal);
    tcase_add_test(t, what_must_be_read_again_is_not_kept);
    tcase_add_test(t, a_torn_tail_or_a_changed_byte_ends_it_there);
    tcase_add_test(t, a_place_that_cannot_be_written_costs_nothing_but_time);
    tcase_add_test(t, the_same_text_sealed_by_a_machine_that_was_rolled_back_has_another_nonce);
    suite_add_tcase(s, t);
    return suite_run(s);
}
