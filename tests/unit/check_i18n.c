/* Chinese comes out where the environment asks for it, also on a machine without a Chinese locale. */
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "suite.h"

/* No system has this locale. */
#define NOT_GENERATED "zh_CN.UTF-8@zaibei-test"

/* As if the program were started with this environment; NULL is "not set". Each check runs in a process of its own. */
static const char *message(const char *lc_all, const char *lc_messages, const char *lang, const char *language) {
    const struct {
        const char *name, *value;
    } env[] = {{"LC_ALL", lc_all}, {"LC_MESSAGES", lc_messages}, {"LANG", lang}, {"LANGUAGE", language}};
    for (size_t i = 0; i < sizeof env / sizeof *env; i++)
        env[i].value ? setenv(env[i].name, env[i].value, 1) : unsetenv(env[i].name);
    i18n_init();
    return _("not found");
}

static bool catalogue(void) {
    const char *dir = getenv("ZAIBEI_LOCALEDIR");
    return dir && chdir(dir) == 0 && access("zh_CN/LC_MESSAGES/zaibei.mo", R_OK) == 0;
}

START_TEST(chinese_needs_no_chinese_locale) {
    message(NULL, NULL, NOT_GENERATED, NULL);
    ck_assert_str_eq(getenv("LANGUAGE"), "zh_CN");
    ck_assert_str_eq(setlocale(LC_MESSAGES, NULL), "C.UTF-8");
    ck_assert_str_eq(setlocale(LC_CTYPE, NULL), "C.UTF-8");
    ck_assert_str_eq(setlocale(LC_NUMERIC, NULL), "C");
    if (catalogue()) ck_assert_str_eq(_("not found"), "未找到");
}
END_TEST

START_TEST(lc_all_counts_before_lc_messages_before_lang_and_an_empty_one_is_none) {
    ck_assert_str_eq(message("xx_XX.UTF-8", NOT_GENERATED, NOT_GENERATED, NULL), "not found");
    ck_assert_ptr_null(getenv("LANGUAGE"));
    message("", NOT_GENERATED, "xx_XX.UTF-8", NULL);
    ck_assert_str_eq(getenv("LANGUAGE"), "zh_CN");
}
END_TEST

START_TEST(a_language_that_was_chosen_stays) {
    ck_assert_str_eq(message(NULL, NULL, NOT_GENERATED, "en"), "not found");
    ck_assert_str_eq(getenv("LANGUAGE"), "en");
}
END_TEST

START_TEST(without_a_wish_it_is_english) {
    ck_assert_str_eq(message(NULL, NULL, NULL, NULL), "not found");
    ck_assert_ptr_null(getenv("LANGUAGE"));
}
END_TEST

int main(void) {
    Suite *s = suite_create("i18n");
    TCase *t = tcase_create("i18n");
    tcase_add_test(t, chinese_needs_no_chinese_locale);
    tcase_add_test(t, lc_all_counts_before_lc_messages_before_lang_and_an_empty_one_is_none);
    tcase_add_test(t, a_language_that_was_chosen_stays);
    tcase_add_test(t, without_a_wish_it_is_english);
    suite_add_tcase(s, t);
    return suite_run(s);
}
