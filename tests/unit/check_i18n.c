/* Chinese comes out where the environment asks for it, also on a machine without a Chinese locale. */
#include <inttypes.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/catalogue.h"
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
    if (!catalogue()) ck_abort_msg("no catalogue");
    ck_assert_str_eq(message(NULL, NULL, NOT_GENERATED, NULL), "未找到");
    const char *one = P_("%" PRIu64 " finding\n", "%" PRIu64 " findings\n", 1);
    ck_assert_str_ne(one, "%" PRIu64 " finding\n");
    ck_assert_str_eq(one, P_("%" PRIu64 " finding\n", "%" PRIu64 " findings\n", 2));
    ck_assert_str_eq(_("no message of the catalogue"), "no message of the catalogue");
    ck_assert_str_eq(setlocale(LC_CTYPE, NULL), "C.UTF-8");
    ck_assert_str_eq(setlocale(LC_NUMERIC, NULL), "C");
    ck_assert_ptr_null(getenv("LANGUAGE"));
}
END_TEST

START_TEST(lc_all_counts_before_lc_messages_before_lang_and_an_empty_one_is_none) {
    ck_assert_str_eq(message("xx_XX.UTF-8", NOT_GENERATED, NOT_GENERATED, NULL), "not found");
    ck_assert_str_eq(message("", NOT_GENERATED, "xx_XX.UTF-8", NULL), "未找到");
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

START_TEST(a_thread_answers_in_the_language_of_who_asks) {
    if (!catalogue()) ck_abort_msg("no catalogue");
    ck_assert_str_eq(message(NULL, NULL, NULL, NULL), "not found");
    i18n_thread("zh-CN,zh;q=0.9");
    ck_assert_str_eq(_("not found"), "not found"); /* nobody has opened it */
    i18n_threads();
    ck_assert_str_eq(_("not found"), "未找到");
    ck_assert_str_eq(_("no message of the catalogue"), "no message of the catalogue");
    i18n_thread("fr, zh");
    ck_assert_str_eq(_("not found"), "not found");
    ck_assert_str_eq(message(NULL, NULL, NOT_GENERATED, NULL), "未找到");
    i18n_thread("en");
    ck_assert_str_eq(_("not found"), "not found");
    ck_assert_str_eq(P_("%" PRIu64 " finding\n", "%" PRIu64 " findings\n", 2), "%" PRIu64 " findings\n");
    i18n_thread(NULL);
    ck_assert_str_eq(_("not found"), "未找到");
}
END_TEST

/* Each byte of a catalogue changed, each length of it: no byte is read that is not the file's. */
START_TEST(a_catalogue_of_other_bytes_is_never_believed) {
    static const unsigned char good[] = "\xde\x12\x04\x95\0\0\0\0\2\0\0\0\x1c\0\0\0\x2c\0\0\0\0\0\0\0\x3c\0\0\0"
                                        "\1\0\0\0\x3c\0\0\0\1\0\0\0\x3e\0\0\0" "\2\0\0\0\x40\0\0\0\2\0\0\0\x43\0\0\0"
                                        "a\0b\0AA\0BB";
    struct catalogue c = {0};
    ck_assert(catalogue_read(&c, good, sizeof good));
    ck_assert_str_eq(catalogue_find(&c, "a"), "AA");
    ck_assert_str_eq(catalogue_find(&c, "b"), "BB");
    ck_assert_ptr_null(catalogue_find(&c, "c"));
    for (size_t n = 0; n < sizeof good; n++) {
        unsigned char *p = malloc(n + !n);
        memcpy(p, good, n);
        struct catalogue cut = {0};
        if (catalogue_read(&cut, p, n)) catalogue_find(&cut, "b");
        free(p);
    }
    for (size_t at = 0; at < sizeof good; at++)
        for (unsigned v = 0; v < 256; v++) {
            unsigned char *p = malloc(sizeof good);
            memcpy(p, good, sizeof good);
            p[at] = (unsigned char)v;
            struct catalogue bad = {0};
            const char *found = catalogue_read(&bad, p, sizeof good) ? catalogue_find(&bad, "b") : NULL;
            if (found) ck_assert_uint_lt(strlen(found), sizeof good);
            free(p);
        }
}
END_TEST

int main(void) {
    Suite *s = suite_create("i18n");
    TCase *t = tcase_create("i18n");
    tcase_add_test(t, chinese_needs_no_chinese_locale);
    tcase_add_test(t, lc_all_counts_before_lc_messages_before_lang_and_an_empty_one_is_none);
    tcase_add_test(t, a_language_that_was_chosen_stays);
    tcase_add_test(t, without_a_wish_it_is_english);
    tcase_add_test(t, a_thread_answers_in_the_language_of_who_asks);
    tcase_add_test(t, a_catalogue_of_other_bytes_is_never_believed);
    suite_add_tcase(s, t);
    return suite_run(s);
}
