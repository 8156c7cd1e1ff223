/* Recovery kits: what is printed can be typed in again, and every slip of the pen is noticed. */
#include <stdio.h>
#include <string.h>

#include "wire/kit.h"
#include "suite.h"

static int parse(struct kit *k, const char *text, struct err *e) { return kit_parse(k, "kit", text, strlen(text), e); }

START_TEST(a_kit_reads_back_from_its_file_and_from_either_half) {
    struct kit k, back;
    struct err e = ERR_INIT;
    char pub[KIT_TEXT], sec[KIT_TEXT], check[KIT_CHECK], other[KIT_CHECK], text[300];
    kit_new(&k);
    kit_pub_text(&k, pub), kit_sec_text(&k, sec), kit_check(&k, check);
    snprintf(text, sizeof text, "# for people\r\n\n%s\r\n  %s \t\r\n", pub, sec);
    ck_assert_int_eq(parse(&back, text, &e), 0);
    ck_assert(back.has_sec);
    ck_assert_mem_eq(back.sec, k.sec, sizeof k.sec);
    ck_assert_mem_eq(back.pub, k.pub, sizeof k.pub);
    ck_assert_int_eq(kit_try(&back, &e), 0);
    kit_check(&back, other);
    ck_assert_str_eq(check, other);
    ck_assert_int_eq(parse(&back, sec, &e), 0);
    ck_assert_mem_eq(back.pub, k.pub, sizeof k.pub);
    ck_assert_int_eq(parse(&back, pub, &e), 0);
    ck_assert(!back.has_sec);
    ck_assert_int_lt(kit_try(&back, &e), 0);
}
END_TEST

START_TEST(halves_that_do_not_belong_together_and_mistyped_ones_are_refused_without_showing_them) {
    struct kit a, b, k;
    struct err e = ERR_INIT;
    char pub[KIT_TEXT], sec[KIT_TEXT], text[300];
    kit_new(&a), kit_new(&b);
    kit_pub_text(&a, pub), kit_sec_text(&b, sec);
    snprintf(text, sizeof text, "%s\n%s\n", pub, sec);
    ck_assert_int_lt(parse(&k, text, &e), 0);
    ck_assert_str_eq(e.msg, "the two halves of this recovery kit do not belong together");
    sec[20] = '!';
    ck_assert_int_lt(parse(&k, sec, &e), 0);
    ck_assert_ptr_null(strstr(e.msg, sec + 9));
    sec[40] = 0;
    ck_assert_int_lt(parse(&k, sec, &e), 0);
    ck_assert_int_lt(parse(&k, "", &e), 0);
    ck_assert_int_lt(parse(&k, "zbk-sec", &e), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
}
END_TEST

START_TEST(another_kits_check_digits_differ) {
    struct kit a, b;
    char x[KIT_CHECK], y[KIT_CHECK];
    kit_new(&a), kit_new(&b);
    kit_check(&a, x), kit_check(&b, y);
    ck_assert_uint_eq(strlen(x), 19);
    ck_assert_str_ne(x, y);
}
END_TEST

int main(void) {
    struct err e = ERR_INIT;
    if (seal_init(&e) < 0) return 1;
    Suite *s = suite_create("kit");
    TCase *t = tcase_create("kit");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_kit_reads_back_from_its_file_and_from_either_half);
    tcase_add_test(t, halves_that_do_not_belong_together_and_mistyped_ones_are_refused_without_showing_them);
    tcase_add_test(t, another_kits_check_digits_differ);
    suite_add_tcase(s, t);
    return suite_run(s);
}
