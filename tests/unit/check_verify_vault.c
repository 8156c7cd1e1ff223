/* zaibei-verify against vaults that an independent writer made (tests/reader/make_vault.py, from docs/FORMAT.md):
 * a valid one is found valid with every byte read; each flipped byte, each truncation and each missing object of a
 * small one is found; what is validly signed and sealed but wrong inside is found with a key only. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify.h"
#include "suite.h"

static char top[256], *out_text;
static size_t out_len;

static void make(const char *name, const char *options) {
    char command[800];
    snprintf(command, sizeof command, "PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/reader/make_vault.py %s/%s %s",
        top, name, options);
    ck_assert_int_eq(system(command), 0);
}

static const char *at(const char *name) {
    static char path[4][600];
    static unsigned n;
    char *p = path[n++ & 3];
    snprintf(p, 600, "%s/%s", top, name);
    return p;
}

/* Check a vault; its exit code. What was printed is in out_text. */
static int verify(const char *vault, bool kit, bool anchor, const char *host, uint32_t point) {
    char kit_file[700], anchor_file[700];
    snprintf(kit_file, sizeof kit_file, "%s/kit", at(vault));
    snprintf(anchor_file, sizeof anchor_file, "%s/anchor", at(vault));
    struct verify_opts o = {.vault = at(vault),
        .host = host,
        .point = point,
        .kit = kit ? kit_file : NULL,
        .anchor = anchor ? anchor_file : NULL};
    struct report r;
    struct err e = ERR_INIT;
    free(out_text);
    FILE *f = open_memstream(&out_text, &out_len);
    report_init(&r, f, true, NULL);
    int rc = verify_run(&o, &r, &e), code = rc < 0 ? err_exit(&e) : report_exit(&r);
    report_free(&r);
    fclose(f);
    return code;
}

static char *names[64];
static size_t names_n;

static int name_add(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    if (flag == FTW_F && names_n < 64) names[names_n++] = strdup(path);
    return 0;
}

static int name_cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void setup(void) {
    snprintf(top, sizeof top, "%s/verify.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(top));
    make("tiny", "--tiny --seed 7");
    nftw(at("tiny/store"), name_add, 8, FTW_PHYS);
    qsort(names, names_n, sizeof *names, name_cmp);
    ck_assert_uint_ge(names_n, 8);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }

static void teardown(void) {
    nftw(top, remove_one, 8, FTW_PHYS | FTW_DEPTH);
    while (names_n) free(names[--names_n]);
}

START_TEST(a_valid_vault_is_self_consistent_and_with_an_anchor_authentic) {
    make("full", "");
    ck_assert_int_eq(verify("full", false, false, NULL, 0), 0);
    ck_assert_ptr_nonnull(strstr(out_text, "\"verdict\":\"self-consistent\",\"with_key\":false"));
    ck_assert_int_eq(verify("full", true, true, NULL, 0), 0);
    ck_assert_ptr_nonnull(strstr(out_text, "\"verdict\":\"authentic\",\"with_key\":true"));
    ck_assert_ptr_nonnull(strstr(out_text, "\"points\":4,\"files\":32"));
}
END_TEST

START_TEST(one_point_is_checked_with_only_its_packs) {
    make("full", "");
    ck_assert_int_eq(verify("full", true, false, "web", 3), 0);
    ck_assert_ptr_nonnull(strstr(out_text, "\"packs\":2,"));
    ck_assert_int_eq(verify("full", true, false, "web", 9), ZB_EXIT_NOTFOUND);
    ck_assert_int_eq(verify("full", true, false, "db", 1), ZB_EXIT_NOTFOUND);
    ck_assert_int_eq(verify("nothing-there", false, false, NULL, 0), ZB_EXIT_NOTFOUND);
}
END_TEST

START_TEST(another_kit_is_a_wrong_key_and_not_damage) {
    make("other", "--tiny --seed 8");
    ck_assert_int_eq(rename(at("other/kit"), at("tiny/kit")), 0);
    ck_assert_int_eq(verify("tiny", true, false, NULL, 0), ZB_EXIT_DENIED);
    ck_assert_ptr_nonnull(strstr(out_text, "\"points_locked\":1,\"findings\":0"));
}
END_TEST

/* Each byte of each object in turn: every one of them is covered by a signature or a hash, without a key and an anchor
 * (_i is 0) too, and whatever a decoder then meets it does not fall over. */
/* faults: B10 */
START_TEST(every_flipped_byte_is_found) {
    static const uint8_t flips[] = {0x01, 0x80};
    bool all = _i;
    long tried = 0;
    ck_assert_int_eq(verify("tiny", all, all, NULL, 0), 0);
    for (size_t i = 0; i < names_n; i++) {
        int fd = open(names[i], O_RDWR);
        ck_assert_int_ge(fd, 0);
        off_t size = lseek(fd, 0, SEEK_END);
        for (off_t k = 0; k < size; k++, tried++) {
            uint8_t byte, flipped;
            ck_assert_int_eq(pread(fd, &byte, 1, k), 1);
            flipped = byte ^ flips[k & 1];
            ck_assert_int_eq(pwrite(fd, &flipped, 1, k), 1);
            int code = verify("tiny", all, all, NULL, 0);
            ck_assert_int_eq(pwrite(fd, &byte, 1, k), 1);
            ck_assert_msg(code == ZB_EXIT_DAMAGE || (all && code == ZB_EXIT_DENIED && strstr(out_text, "ZB-1306")),
                "byte %ld of %s: %d\n%s", (long)k, names[i], code, out_text);
        }
        close(fd);
    }
    printf("figure: a small vault, each byte flipped in turn, judged %s a key: %ld\n", all ? "with" : "without", tried);
    ck_assert_int_eq(verify("tiny", all, all, NULL, 0), 0);
}
END_TEST

/* faults: B11 */
START_TEST(every_truncation_is_found) {
    long tried = 0;
    for (size_t i = 0; i < names_n; i++) {
        uint8_t bytes[4096];
        int fd = open(names[i], O_RDWR);
        ssize_t size = read(fd, bytes, sizeof bytes);
        ck_assert_int_gt(size, 0);
        ck_assert_int_lt(size, (int)sizeof bytes);
        for (ssize_t k = 0; k < size; k++, tried++) {
            ck_assert_int_eq(ftruncate(fd, k), 0);
            int code = verify("tiny", _i, _i, NULL, 0);
            ck_assert_int_eq(pwrite(fd, bytes, (size_t)size, 0), size);
            ck_assert_msg(code == ZB_EXIT_DAMAGE, "%s cut at %ld: %d\n%s", names[i], (long)k, code, out_text);
        }
        close(fd);
    }
    printf("figure: a small vault, each length of each file in turn, judged %s a key: %ld\n", _i ? "with" : "without", tried);
}
END_TEST

/* faults: B13 */
START_TEST(every_missing_object_is_found) {
    for (size_t i = 0; i < names_n; i++) {
        ck_assert_int_eq(rename(names[i], at("aside")), 0);
        int code = verify("tiny", false, true, NULL, 0);
        ck_assert_int_eq(rename(at("aside"), names[i]), 0);
        ck_assert_msg(code == ZB_EXIT_DAMAGE, "%s missing: %d\n%s", names[i], code, out_text);
    }
}
END_TEST

START_TEST(a_finding_names_the_points_it_affects_and_the_rest_is_checked) {
    make("full", "");
    char command[700];
    snprintf(
        command, sizeof command, "truncate -s -1 $(ls %s/full/store/hosts/web/packs/*/00000000.00 | head -n 1)", top);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(verify("full", false, false, NULL, 0), ZB_EXIT_DAMAGE);
    ck_assert_ptr_nonnull(strstr(out_text, "\"ZB-1602\""));
    ck_assert_ptr_nonnull(strstr(out_text, "\"points\":[1,2]") ? strstr(out_text, "\"points\":[1,2]")
                                                               : strstr(out_text, "\"points\":[3,4]"));
    ck_assert_ptr_nonnull(strstr(out_text, "\"packs\":9,"));
    ck_assert_ptr_nonnull(strstr(out_text, "\"findings\":1}"));
}
END_TEST

static const struct {
    const char *how, *says;
} broken[] = {
    {"digest", "differ from the file's digest"},
    {"order", "not in order"},
    {"unused", "not in the point's used pages"},
    {"offset", "leaves its segment"},
    {"parent", "below what is no directory"},
};

START_TEST(what_is_sealed_but_wrong_is_found_with_a_key) {
    char options[64];
    snprintf(options, sizeof options, "--tiny --break %s", broken[_i].how);
    make("broken", options);
    ck_assert_int_eq(verify("broken", false, false, NULL, 0), 0);
    ck_assert_int_eq(verify("broken", true, false, NULL, 0), ZB_EXIT_DAMAGE);
    ck_assert_msg(strstr(out_text, broken[_i].says) != NULL, "%s", out_text);
}
END_TEST

int main(void) {
    Suite *s = suite_create("verify");
    TCase *c = tcase_create("vault");
    tcase_set_timeout(c, 240);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_valid_vault_is_self_consistent_and_with_an_anchor_authentic);
    tcase_add_test(c, one_point_is_checked_with_only_its_packs);
    tcase_add_test(c, another_kit_is_a_wrong_key_and_not_damage);
    tcase_add_loop_test(c, every_flipped_byte_is_found, 0, 2);
    tcase_add_loop_test(c, every_truncation_is_found, 0, 2);
    tcase_add_test(c, every_missing_object_is_found);
    tcase_add_test(c, a_finding_names_the_points_it_affects_and_the_rest_is_checked);
    tcase_add_loop_test(c, what_is_sealed_but_wrong_is_found_with_a_key, 0, sizeof broken / sizeof *broken);
    suite_add_tcase(s, c);
    return suite_run(s);
}
