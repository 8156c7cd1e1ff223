/* The index on disk: it finds what was put, forgets what was never acknowledged, and believes nothing that was changed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ids.h"
#include "wrap/seal.h"
#include "suite.h"

static char dir[] = "/tmp/zbidsXXXXXX";
static int dirfd_;
static uint8_t generation[SEAL_ID] = {1}, key[SEAL_KEY] = {2}, none[SEAL_HASH], commit[SEAL_HASH] = {3}, other[SEAL_HASH] = {4};
static struct err e;

static void setup(void) {
    strcpy(dir, "/tmp/zbidsXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
}

static void teardown(void) {
    char cmd[64];
    close(dirfd_);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void id_of(uint32_t i, uint8_t id[SEAL_HASH]) { seal_hash(id, &i, sizeof i); }

static struct ids *open_ids(const uint8_t *binding, uint32_t first_pack, uint32_t expect_known) {
    struct ids *x = NULL;
    uint32_t known = 99;
    ck_assert_int_eq(ids_open(dirfd_, generation, key, binding, first_pack, &x, &known, &e), 0);
    ck_assert_uint_eq(known, expect_known);
    return x;
}

static unsigned count(struct ids *x, uint32_t from, uint32_t to) {
    unsigned found = 0;
    for (uint32_t i = from; i < to; i++) {
        uint8_t id[SEAL_HASH];
        struct seg_addr a;
        id_of(i, id);
        int rc = ids_find(x, id, &a, &e);
        ck_assert_int_ge(rc, 0);
        if (rc == 1) {
            ck_assert_uint_eq(a.slot, i);
            found++;
        }
    }
    return found;
}

static void put(struct ids *x, uint32_t from, uint32_t to, uint32_t pack) {
    for (uint32_t i = from; i < to; i++) {
        uint8_t id[SEAL_HASH];
        id_of(i, id);
        ck_assert_int_eq(ids_put(x, id, (struct seg_addr){pack, i}, &e), 0);
    }
}

START_TEST(it_finds_everything_while_it_grows_and_after_it_was_closed) {
    struct ids *x = open_ids(none, 0, 0);
    put(x, 0, 30000, 0);
    ck_assert_uint_eq(count(x, 0, 30100), 30000);
    ck_assert_int_eq(ids_commit(x, commit, 1, &e), 0);
    ids_close(x);
    x = open_ids(commit, 1, 1);
    ck_assert_uint_eq(count(x, 0, 30000), 30000);
    ids_close(x);
}
END_TEST

/* faults: E6 */
START_TEST(what_was_never_committed_is_dropped_and_what_was_stays) {
    struct ids *x = open_ids(none, 0, 0);
    put(x, 0, 100, 0);
    ck_assert_int_eq(ids_commit(x, commit, 1, &e), 0);
    put(x, 100, 200, 1); /* interrupted here: pack 1 was never acknowledged */
    ids_close(x);
    x = open_ids(commit, 1, 1);
    ck_assert_uint_eq(count(x, 0, 200), 100);
    ids_close(x);
}
END_TEST

/* faults: E6 E8 */
START_TEST(an_index_of_another_parent_is_thrown_away) {
    struct ids *x = open_ids(none, 0, 0);
    put(x, 0, 100, 0);
    ck_assert_int_eq(ids_commit(x, commit, 1, &e), 0);
    ids_close(x);
    x = open_ids(other, 5, 0);
    ck_assert_uint_eq(count(x, 0, 100), 0);
    ids_close(x);
}
END_TEST

/* faults: B10 */
START_TEST(changed_bytes_are_not_believed) {
    struct ids *x = open_ids(none, 0, 0);
    put(x, 0, 1000, 0);
    ck_assert_int_eq(ids_commit(x, commit, 1, &e), 0);
    ids_close(x);
    char cmd[256];
    snprintf(cmd, sizeof cmd, "f=$(ls %s/ids-*) && printf X | dd of=$f bs=1 seek=%d conv=notrunc status=none", dir, 4096 * 9 + 50);
    ck_assert_int_eq(system(cmd), 0);
    x = open_ids(commit, 1, 1);
    unsigned n = count(x, 0, 1000); /* one bucket less, and no wrong address in the others */
    ck_assert_uint_lt(n, 1000);
    ck_assert_uint_gt(n, 900);
    ids_close(x);
}
END_TEST

int main(void) {
    if (seal_init(&e) < 0) return 1;
    Suite *s = suite_create("ids");
    TCase *t = tcase_create("index");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, it_finds_everything_while_it_grows_and_after_it_was_closed);
    tcase_add_test(t, what_was_never_committed_is_dropped_and_what_was_stays);
    tcase_add_test(t, an_index_of_another_parent_is_thrown_away);
    tcase_add_test(t, changed_bytes_are_not_believed);
    suite_add_tcase(s, t);
    return suite_run(s);
}
