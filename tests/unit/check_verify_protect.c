/* What zaibei-verify says of protection: vaults that an independent writer made (tests/reader/make_vault.py --protect) with
 * approvers, pins, floors, a confirmed clock, collections and removals are fine; with one act that nobody allowed each, that
 * one is found. Second copies stand in for records; receipts are found again or are not. */
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify.h"
#include "suite.h"

static char top[256], *out_text;
static size_t out_len;

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...) {
    char command[1000], whole[1400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    snprintf(
        whole, sizeof whole, "T='%s'; W=\"$T/v/store/hosts/web/log\"; K=\"$T/v/store/kept/web\"; %s", top, command);
    ck_assert_msg(system(whole) == 0, "%s", command);
}

static void make(const char *name, const char *options) {
    shell("PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/reader/make_vault.py \"$T\"/%s %s", name, options);
}

/* The exit code; what was printed is in out_text, the error in ${e}. */
static int verify_with(struct verify_opts o, struct err *e) {
    char vault[300], anchor[320], receipt[320];
    snprintf(vault, sizeof vault, "%s/v", top);
    if (o.anchor) snprintf(anchor, sizeof anchor, "%s/%s", top, o.anchor), o.anchor = anchor;
    if (o.receipt) snprintf(receipt, sizeof receipt, "%s/%s", top, o.receipt), o.receipt = receipt;
    o.vault = vault;
    struct report r;
    *e = (struct err)ERR_INIT;
    free(out_text);
    FILE *f = open_memstream(&out_text, &out_len);
    report_init(&r, f, true, NULL);
    int rc = verify_run(&o, &r, e), code = rc < 0 ? err_exit(e) : report_exit(&r);
    report_free(&r);
    fclose(f);
    return code;
}

static int verify(void) {
    struct err e;
    return verify_with((struct verify_opts){0}, &e);
}

static void setup(void) {
    snprintf(top, sizeof top, "%s/protect.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(top));
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }
static void teardown(void) { nftw(top, remove_one, 8, FTW_PHYS | FTW_DEPTH); }

static void says(const char *text) {
    ck_assert_msg(strstr(out_text, text) != NULL, "no \"%s\" in\n%s", text, out_text);
}

START_TEST(what_was_allowed_is_fine_and_removed_points_are_not_missing) {
    struct err e;
    make("v", "--protect");
    ck_assert_msg(verify() == 0, "%s", out_text);
    says("\"points\":2,");
    ck_assert_int_eq(verify_with((struct verify_opts){.anchor = "v/anchor"}, &e), 0);
    says("\"host\":\".\",\"record\":3,");
    says("\"verdict\":\"authentic\",\"with_key\"");
    shell("rm -r $(dirname \"$(ls -tr \"$T\"/v/store/hosts/web/packs/*/* | head -n 1)\")");
    ck_assert_msg(verify() == 0, "%s", out_text); /* the generation of the two that were removed */
}
END_TEST

/* faults: D1 E11 */
static const struct {
    const char *how, *says, *where;
} weakened[] = {
    {"none", "there are no approvals", "hosts/web/log/000000000000000e"},
    {"one", "no two approvers signed it", "hosts/web/log/000000000000000e"},
    {"twice", "no two approvers signed it", "hosts/web/log/000000000000000e"},
    {"stranger", "no two approvers signed it", "hosts/web/log/000000000000000e"},
    {"expired", "an approval that had expired", "hosts/web/log/000000000000000e"},
    {"action", "an approval for another act", "hosts/web/log/000000000000000e"},
    {"object", "an approval for other objects", "hosts/web/log/000000000000000e"},
    {"vault", "an approval for another vault", "hosts/web/log/000000000000000e"},
    {"unspent", "whose nonce was not spent", "hosts/web/log/000000000000000e"},
    {"namespace", "made for another purpose", "hosts/web/log/000000000000000e"},
    {"untouched", "nobody had touched", "hosts/web/log/000000000000000e"},
    {"pin", "removed while protected until 2026-02-25T", "hosts/web/log/0000000000000013"},
    {"newest", "no two approvers signed it", "hosts/web/log/0000000000000014"},
    {"doubt", "removed while the clock was in doubt", "hosts/web/log/0000000000000011"},
    {"floor", "the floor was lowered to 92 days", "hosts/web/log/000000000000000d"},
    {"list", "there are no approvals", "log/0000000000000003"},
    {"confirm", "there are no approvals", "log/0000000000000002"},
};

START_TEST(what_nobody_allowed_is_found) {
    char options[64];
    snprintf(options, sizeof options, "--protect --weaken %s", weakened[_i].how);
    make("v", options);
    ck_assert_int_eq(verify(), ZB_EXIT_DAMAGE);
    says(weakened[_i].says);
    ck_assert_msg(strstr(out_text, "\"findings\":1}") || strcmp(weakened[_i].how, "confirm") == 0, "%s", out_text);
    says("ZB-1608");
    says(weakened[_i].where);
}
END_TEST

START_TEST(a_counter_of_collections_rises) {
    make("v", "--protect --weaken counter");
    ck_assert_int_eq(verify(), ZB_EXIT_DAMAGE);
    says("its counter does not rise");
}
END_TEST

/* The pin of record 11 is lost with its copy, damaged or absent: with the other of the two all else holds. */
/* faults: A17 B10 B13 */
static const char *const losses[] = {
    "rm \"$W/000000000000000b\"",
    "printf X | dd of=\"$W/000000000000000b\" bs=1 seek=90 conv=notrunc status=none",
    "truncate -s 100 \"$W/000000000000000b\"",
};

START_TEST(a_second_copy_stands_in_for_its_record) {
    make("v", "--protect --weaken pin");
    shell("%s", losses[_i]);
    ck_assert_int_eq(verify(), ZB_EXIT_DAMAGE);
    says("000000000000000b");
    says("removed while protected until 2026-02-25T"); /* the pin that only the copy tells of */
    says("\"findings\":2}");
    shell("rm \"$K/000000000000000b\"");
    ck_assert_int_eq(verify(), ZB_EXIT_DAMAGE);
    ck_assert_ptr_null(strstr(out_text, "removed while protected"));
}
END_TEST

/* faults: B12 */
START_TEST(a_copy_that_differs_is_found_and_the_record_counts) {
    make("v", "--protect");
    shell("cp \"$K/000000000000000b\" \"$K/000000000000000c\"");
    ck_assert_int_eq(verify(), ZB_EXIT_DAMAGE);
    says("it differs from the record whose copy it is");
    says("\"findings\":1}");
}
END_TEST

/* faults: D6 */
START_TEST(a_receipt_is_true_foreign_or_gone) {
    struct err e;
    make("v", "--protect");
    make("other", "--tiny --seed 9");
    ck_assert_int_eq(verify_with((struct verify_opts){.receipt = "v/receipt"}, &e), 0);
    says("\"points\":1,");
    ck_assert_int_eq(verify_with((struct verify_opts){.receipt = "other/receipt"}, &e), ZB_EXIT_DAMAGE);
    ck_assert_int_eq(e.id, ZE_RECEIPT);
    ck_assert_int_eq(verify_with((struct verify_opts){.receipt = "v/kit"}, &e), ZB_EXIT_DAMAGE);
    ck_assert_int_eq(e.id, ZE_RECEIPT);
    shell("cp \"$W/0000000000000002\" \"$T/removed\"");
    ck_assert_int_eq(verify_with((struct verify_opts){.receipt = "removed"}, &e), ZB_EXIT_NOTFOUND);
    ck_assert_int_eq(e.id, ZE_NOPOINT);
    shell("cp \"$T/v/receipt\" \"$T/last\"; N=$(cmp -s \"$W/0000000000000008\" \"$T/last\" && echo 8); [ \"$N\" ]; "
          "rm \"$W/0000000000000008\"");
    ck_assert_int_eq(verify_with((struct verify_opts){.receipt = "last"}, &e), ZB_EXIT_DAMAGE);
    ck_assert_int_eq(e.id, ZE_ROLLEDBACK);
}
END_TEST

START_TEST(a_vault_log_that_was_cut_is_found_by_the_anchor) {
    struct err e;
    make("v", "--protect");
    shell("rm \"$T/v/store/log/0000000000000003\"");
    ck_assert_int_eq(verify(), 0);
    ck_assert_int_eq(verify_with((struct verify_opts){.anchor = "v/anchor"}, &e), ZB_EXIT_DAMAGE);
    says("\"ZB-1605\"");
}
END_TEST

int main(void) {
    Suite *s = suite_create("protect");
    TCase *c = tcase_create("verify");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, what_was_allowed_is_fine_and_removed_points_are_not_missing);
    tcase_add_loop_test(c, what_nobody_allowed_is_found, 0, sizeof weakened / sizeof *weakened);
    tcase_add_test(c, a_counter_of_collections_rises);
    tcase_add_loop_test(c, a_second_copy_stands_in_for_its_record, 0, sizeof losses / sizeof *losses);
    tcase_add_test(c, a_copy_that_differs_is_found_and_the_record_counts);
    tcase_add_test(c, a_receipt_is_true_foreign_or_gone);
    tcase_add_test(c, a_vault_log_that_was_cut_is_found_by_the_anchor);
    suite_add_tcase(s, c);
    return suite_run(s);
}
