/* JSON: what is refused, what getters give for what is absent, and that nothing written can break a line. */
#include <stdlib.h>
#include <string.h>

#include "wrap/json.h"
#include "suite.h"

static struct js *parse(const char *s, struct err *e) { return js_parse(s, strlen(s), "peer", e); }

START_TEST(what_was_built_reads_back_the_same_on_one_sorted_line) {
    struct js *j = js_object(), *a = js_array();
    js_set_str(j, "b", "line\nbreak \"quoted\"");
    js_set_int(j, "a", -5);
    js_push_str(a, "x");
    js_set(j, "list", a);
    js_set_time(j, "t", 1000000000LL * 1790000000);
    js_set_time(j, "never", 0);
    char *s = js_dump(j);
    ck_assert_str_eq(s,
        "{\"a\":-5,\"b\":\"line\\nbreak \\\"quoted\\\"\",\"list\":[\"x\"],\"never\":null,"
        "\"t\":\"2026-09-21T14:13:20Z\"}");
    struct err e = ERR_INIT;
    struct js *k = parse(s, &e);
    ck_assert_ptr_nonnull(k);
    ck_assert_str_eq(js_str(k, "b", ""), "line\nbreak \"quoted\"");
    ck_assert_int_eq(js_int(k, "a", 0), -5);
    ck_assert_str_eq(js_text(js_at(js_get(k, "list"), 0)), "x");
    js_free(j), js_free(k), free(s);
}
END_TEST

START_TEST(a_member_that_is_absent_or_of_another_type_gives_the_default) {
    struct err e = ERR_INIT;
    struct js *j = parse("{\"n\":1.5,\"s\":7,\"b\":\"true\",\"z\":null}", &e);
    ck_assert_ptr_nonnull(j);
    ck_assert_int_eq(js_int(j, "n", 9), 9);
    ck_assert_ptr_null(js_str(j, "s", NULL));
    ck_assert(!js_bool(j, "b", false));
    ck_assert(!js_has(j, "z"));
    ck_assert_ptr_null(js_get(j, "s"));
    ck_assert_ptr_null(js_str(NULL, "s", NULL));
    ck_assert_uint_eq(js_count(NULL), 0);
    js_free(j);
}
END_TEST

/* faults: H4 */
START_TEST(malformed_json_is_refused_with_its_place) {
    static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "[1,]", "\"\\u0000\"", "\"\xff\"", "{} {}", "nul",
        "{\"a\":99999999999999999999}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        ck_assert_msg(!parse(bad[i], &e), "%s", bad[i]);
        ck_assert_int_eq(e.id, ZE_PROTO);
        ck_assert_ptr_nonnull(strstr(e.msg, "line 1"));
    }
}
END_TEST

/* faults: H4 */
START_TEST(depth_is_limited_and_brackets_in_strings_do_not_count) {
    char deep[200];
    struct err e = ERR_INIT;
    memset(deep, '[', 100), memset(deep + 100, ']', 100);
    ck_assert_ptr_null(js_parse(deep, 200, "peer", &e));
    ck_assert_ptr_null(js_parse(deep + 67, 66, "peer", &e));
    struct js *j = js_parse(deep + 68, 64, "peer", &e);
    ck_assert_ptr_nonnull(j);
    js_free(j);
    j = parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"", &e);
    ck_assert_ptr_nonnull(j);
    js_free(j);
}
END_TEST

START_TEST(a_name_that_is_not_utf8_is_escaped_and_kept_in_base64) {
    struct js *j = js_object();
    js_set_name(j, "path", "a\\b\xff\n", 5);
    js_set_name(j, "plain", "ok", 2);
    ck_assert_str_eq(js_str(j, "path", ""), "a\\\\b\\xFF\\x0A");
    ck_assert_str_eq(js_str(j, "path_b64", ""), "YVxi/wo=");
    ck_assert_str_eq(js_str(j, "plain", ""), "ok");
    ck_assert(!js_has(j, "plain_b64"));
    js_set_str(j, "s", "\xff");
    ck_assert_str_eq(js_str(j, "s", ""), "\\xFF");
    js_free(j);
}
END_TEST

int main(void) {
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_was_built_reads_back_the_same_on_one_sorted_line);
    tcase_add_test(t, a_member_that_is_absent_or_of_another_type_gives_the_default);
    tcase_add_test(t, malformed_json_is_refused_with_its_place);
    tcase_add_test(t, depth_is_limited_and_brackets_in_strings_do_not_count);
    tcase_add_test(t, a_name_that_is_not_utf8_is_escaped_and_kept_in_base64);
    suite_add_tcase(s, t);
    return suite_run(s);
}
