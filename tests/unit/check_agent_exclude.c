/* Exclude patterns: a table of pattern, path, and whether it is left out; and that no pattern is slow. */
#include <string.h>
#include <time.h>

#include "exclude.h"
#include "suite.h"

static const struct row {
    const char *pattern, *path;
    bool is_dir, out;
} rows[] = {
    {"*.tmp", "a/b/x.tmp", false, true},
    {"*.tmp", "a/b.tmp/c", false, false}, /* the directory is left out before its content is looked at */
    {"core", "var/core", false, true},
    {"core", "var/core2", false, false},
    {"core", "core", true, true},
    {"/var/cache", "var/cache", true, true},
    {"/var/cache", "srv/var/cache", true, false},
    {"var/cache", "var/cache", true, true},
    {"cache/", "var/cache", true, true},
    {"cache/", "var/cache", false, false},
    {"/srv/**/logs", "srv/logs", true, true},
    {"/srv/**/logs", "srv/a/logs", true, true},
    {"/srv/**/logs", "srv/a/b/c/logs", true, true},
    {"/srv/**/logs", "srv/a/xlogs", true, false},
    {"/srv/**/logs", "usr/a/logs", true, false},
    {"/data/**", "data/a", false, true},
    {"/data/**", "data/a/b/c", false, true},
    {"/data/**", "data", true, false},
    {"**/node_modules", "a/b/node_modules", true, true},
    {"**/node_modules", "node_modules", true, true},
    {"/home/*/tmp", "home/li/tmp", true, true},
    {"/home/*/tmp", "home/li/x/tmp", true, false},
    {"/home/?i", "home/li", true, true},
    {"file[0-9]", "x/file7", false, true},
    {"file[!0-9]", "x/file7", false, false},
    {"file[!0-9]", "x/filea", false, true},
    {"[]]", "]", false, true},
    {"a[/]b", "a/b", false, false},
    {"\\!x", "!x", false, true},
    {"a\\*", "a*", false, true},
    {"a\\*", "ab", false, false},
    {"日志", "var/日志", true, true},
    {"/", "x", true, false},
};

START_TEST(each_pattern_fits_what_it_says) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        const char *one[] = {rows[i].pattern};
        struct exclude *x = exclude_new(one, 1, &e);
        if (!x) {
            ck_assert_str_eq(rows[i].pattern, "/");
            continue;
        }
        bool out = exclude_match(x, (const uint8_t *)rows[i].path, strlen(rows[i].path), rows[i].is_dir) != NULL;
        ck_assert_msg(out == rows[i].out, "%s on %s gave %d", rows[i].pattern, rows[i].path, out);
        exclude_free(x);
    }
}
END_TEST

START_TEST(the_last_pattern_that_fits_decides) {
    struct err e = ERR_INIT;
    const char *list[] = {"# logs", "*.log", "!important.log", ""};
    struct exclude *x = exclude_new(list, 4, &e);
    ck_assert_ptr_nonnull(x);
    ck_assert_str_eq(exclude_match(x, (const uint8_t *)"a/b.log", 7, false), "*.log");
    ck_assert_ptr_null(exclude_match(x, (const uint8_t *)"a/important.log", 15, false));
    exclude_free(x);
}
END_TEST

START_TEST(an_open_bracket_is_refused_and_named) {
    struct err e = ERR_INIT;
    const char *list[] = {"a[bc"};
    ck_assert_ptr_null(exclude_new(list, 1, &e));
    ck_assert_int_eq(e.id, ZE_USAGE);
    ck_assert_str_eq(e.object, "a[bc");
}
END_TEST

START_TEST(no_pattern_is_slow) {
    struct err e = ERR_INIT;
    char pattern[1000], path[4096];
    for (size_t i = 0; i + 1 < sizeof pattern; i++) pattern[i] = i % 2 ? '*' : 'a';
    pattern[sizeof pattern - 1] = 0;
    memset(path, 'a', sizeof path);
    const char *list[] = {pattern};
    struct exclude *x = exclude_new(list, 1, &e);
    ck_assert_ptr_nonnull(x);
    clock_t t = clock();
    path[sizeof path - 1] = 'b';
    (void)exclude_match(x, (const uint8_t *)path, sizeof path, false);
    ck_assert_int_lt((clock() - t) / CLOCKS_PER_SEC, 5);
    exclude_free(x);
}
END_TEST

int main(void) {
    Suite *s = suite_create("exclude");
    TCase *t = tcase_create("patterns");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, each_pattern_fits_what_it_says);
    tcase_add_test(t, the_last_pattern_that_fits_decides);
    tcase_add_test(t, an_open_bracket_is_refused_and_named);
    tcase_add_test(t, no_pattern_is_slow);
    suite_add_tcase(s, t);
    return suite_run(s);
}
