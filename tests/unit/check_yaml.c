/* YAML: places in errors to the letter, and everything that a configuration must not contain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wrap/yaml.h"
#include "suite.h"

static struct yaml *parse(const char *s, struct err *e) { return yaml_parse("plans/oa.yaml", s, strlen(s), e); }

static void refused(const char *s, const char *object, const char *msg) {
    struct err e = ERR_INIT;
    struct yaml *y = parse(s, &e);
    ck_assert_msg(!y, "accepted: %s", s);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert_str_eq(e.object, object);
    ck_assert_msg(strstr(e.msg, msg), "%s: %s", e.object, e.msg);
}

START_TEST(an_unknown_word_names_line_column_field_expected_and_found) {
    struct err e = ERR_INIT;
    struct yaml *y = parse("name: oa\n\nstrategy:\n    weekly: ful\n", &e);
    ck_assert_ptr_nonnull(y);
    int kind;
    ck_assert_int_lt(yaml_choice(yaml_get(yaml_root(y), "strategy"), "weekly", "full incremental", -1, &kind, &e), 0);
    ck_assert_str_eq(e.object, "plans/oa.yaml:4:13");
    ck_assert_str_eq(e.msg, "strategy.weekly: expected full or incremental, found \"ful\"; did you mean \"full\"?");
    yaml_free(y);
}
END_TEST

/* faults: H1 */
START_TEST(an_unknown_key_is_refused_where_it_stands_with_the_nearest_known_one) {
    struct err e = ERR_INIT;
    struct yaml *y = parse("a:\n  retenton: 3\n  zzzzzzzz: 1\n", &e);
    ck_assert_ptr_nonnull(y);
    const struct yaml_node *a = yaml_get(yaml_root(y), "a");
    ck_assert_int_lt(yaml_keys(a, "content retention quota", &e), 0);
    ck_assert_str_eq(e.object, "plans/oa.yaml:2:3");
    ck_assert_str_eq(e.msg, "a.retenton: unknown key; did you mean \"retention\"?");
    ck_assert_int_lt(yaml_keys(a, "retenton quota", &e), 0);
    ck_assert_str_eq(e.msg, "a.zzzzzzzz: unknown key; known here: retenton quota");
    ck_assert_int_eq(yaml_keys(a, "zzzzzzzz retenton", &e), 0);
    yaml_free(y);
}
END_TEST

START_TEST(getters_read_texts_numbers_booleans_and_lists) {
    struct err e = ERR_INIT;
    struct yaml *y =
        parse("n: -12\ns: '007'\nb: true\nl: [x, \"y z\"]\none: x\nempty:\nbad: [a, {b: c}]\nyes: yes\n", &e);
    ck_assert_ptr_nonnull(y);
    const struct yaml_node *r = yaml_root(y), *l;
    const char *s;
    int64_t n;
    bool b;
    ck_assert(yaml_int(r, "n", -20, 20, 0, &n, &e) == 0 && n == -12);
    ck_assert(yaml_int(r, "none", 0, 20, 7, &n, &e) == 0 && n == 7);
    ck_assert_int_lt(yaml_int(r, "n", 0, 20, 0, &n, &e), 0);
    ck_assert_str_eq(e.msg, "n: expected a number from 0 to 20, found \"-12\"");
    ck_assert_int_lt(yaml_int(r, "s", 0, 20, 0, &n, &e), 0);
    ck_assert(yaml_str(r, "s", &s, &e) == 0 && !strcmp(s, "007"));
    ck_assert(yaml_bool(r, "b", false, &b, &e) == 0 && b);
    ck_assert_int_lt(yaml_bool(r, "yes", false, &b, &e), 0);
    ck_assert_str_eq(e.msg, "yes: expected false or true, found \"yes\"");
    ck_assert(yaml_list(r, "l", &l, &e) == 0);
    ck_assert_str_eq(yaml_first(l)->text, "x");
    ck_assert_str_eq(yaml_next(l, yaml_first(l))->text, "y z");
    ck_assert(yaml_list(r, "one", &l, &e) == 0);
    ck_assert(yaml_first(l) == l && !yaml_next(l, l));
    ck_assert_int_lt(yaml_list(r, "bad", &l, &e), 0);
    ck_assert_str_eq(e.msg, "bad[1]: expected a text, found \"key: value\" lines");
    ck_assert_int_lt(yaml_str(r, "empty", &s, &e), 0);
    ck_assert_str_eq(e.msg, "the key \"empty\" is missing");
    yaml_free(y);
}
END_TEST

/* faults: H1 */
START_TEST(what_a_configuration_must_not_contain_is_refused_with_its_place) {
    refused("", "plans/oa.yaml:1:1", "the file is empty");
    refused("# only this\n", "plans/oa.yaml:1:1", "the file is empty");
    refused("- a\n", "plans/oa.yaml:1:1", "expected a list of \"key: value\" lines");
    refused("just words\n", "plans/oa.yaml:1:1", "expected a list of");
    refused("a: 1\nb: 2\na: 3\n", "plans/oa.yaml:3:1", "the key \"a\" stands here twice (first in line 1)");
    refused("a: &x 1\nb: *x\n", "plans/oa.yaml:1:7", "anchors (&), aliases (*)");
    refused("a: !!int 1\n", "plans/oa.yaml:1:10", "tags (!)");
    refused("a: 1\n---\nb: 2\n", "plans/oa.yaml:2:1", "a second document");
    refused("? [a]\n: 1\n", "plans/oa.yaml:1:3", "a key must be a word");
    refused("a: \"x\\0y\"\n", "plans/oa.yaml:1:1", "NUL");
    refused("a: 1\nb: \xff\n", "plans/oa.yaml:2:1", "not UTF-8");
    refused("a: 1\nb: \x07\n", "plans/oa.yaml:2:1", "control character");
    refused("a: [1, 2\n", "plans/oa.yaml:2:1", "not YAML");
}
END_TEST

/* faults: H1 */
START_TEST(depth_size_and_number_of_values_are_limited) {
    struct err e = ERR_INIT;
    char deep[200] = "a: ";
    memset(deep + 3, '[', 80), memset(deep + 83, ']', 80);
    refused(deep, "plans/oa.yaml:1:35", "nested too deeply");
    size_t n = YAML_BYTES_MAX + 1;
    char *big = malloc(n);
    memset(big, ' ', n);
    ck_assert_ptr_null(yaml_parse("big", big, n, &e));
    ck_assert_str_eq(e.msg, "larger than 1 MiB");
    memcpy(big, "a: [", 4);
    for (size_t i = 4; i + 2 < n; i += 2) memcpy(big + i, "1,", 2);
    ck_assert_ptr_null(yaml_parse("big", big, n - 2, &e));
    ck_assert_str_eq(e.msg, "too many values");
    free(big);
}
END_TEST

START_TEST(line_ends_of_windows_and_chinese_text_are_read) {
    struct err e = ERR_INIT;
    struct yaml *y = parse("\xEF\xBB\xBF"
                           "department: 市政务服务局\r\nb: 2\r\n",
        &e);
    ck_assert_msg(y, "%s %s", e.object, e.msg);
    const char *s;
    ck_assert(yaml_str(yaml_root(y), "department", &s, &e) == 0);
    ck_assert_str_eq(s, "市政务服务局");
    ck_assert(yaml_str(yaml_root(y), "b", &s, &e) == 0);
    ck_assert_str_eq(s, "2");
    yaml_free(y);
}
END_TEST

int main(void) {
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_unknown_word_names_line_column_field_expected_and_found);
    tcase_add_test(t, an_unknown_key_is_refused_where_it_stands_with_the_nearest_known_one);
    tcase_add_test(t, getters_read_texts_numbers_booleans_and_lists);
    tcase_add_test(t, what_a_configuration_must_not_contain_is_refused_with_its_place);
    tcase_add_test(t, depth_size_and_number_of_values_are_limited);
    tcase_add_test(t, line_ends_of_windows_and_chinese_text_are_read);
    suite_add_tcase(s, t);
    return suite_run(s);
}
