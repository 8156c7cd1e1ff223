/* The witness with a vault that answers what the test says: logs that grow, stand still, are put back, replaced, or gone. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hosts.h"
#include "sys/file.h"
#include "witness.h"
#include "suite.h"

static int64_t fake_now(struct clock *c) { return 20000 * 86400 * (int64_t)NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64], script[200];
static const char *argv[] = {"sh", "-c", script, NULL};
static struct config cfg = {.zone = "UTC"};
static struct daemon d;

static void setup(void) {
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/check_witness.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(script, sizeof script, "while read -r l; do echo \"$l\" >>%s/asked; cat %s/answer; done", dir, dir);
    ck_assert_int_eq(seal_init(&e), 0);
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_ptr_nonnull(d.db = catalog_open(dir, &e));
}

static void teardown(void) {
    char cmd[100];
    control_release(&d.control);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void answer(const char *hosts) {
    char path[100], new[110];
    snprintf(path, sizeof path, "%s/answer", dir);
    snprintf(new, sizeof new, "%s.new", path); /* cat may still be at the end of the last one */
    FILE *f = fopen(new, "w");
    fprintf(f, "{\"ok\":true,\"hosts\":[%s],\"log\":{\"host\":\".\",\"records\":1,\"head\":\"cc\",\"known\":\"cc\"}}\n", hosts);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(rename(new, path), 0);
}

#define HOST(name, records, head, known)                                                                            \
    "{\"host\":\"" name "\",\"system\":\"s\",\"state\":\"enrolled\",\"points\":0,\"records\":" #records            \
    ",\"head\":\"" head "\",\"known\":\"" known "\"}"

/* What is wrong with h after the vault has answered this; "" for nothing. */
static const char *seen(const char *hosts) {
    static char why[200];
    struct err e = ERR_INIT;
    answer(hosts);
    ck_assert_msg(hosts_sync(&d, false, &e) == 0, "%s", e.msg);
    db_begin(d.db);
    (void)witness_why(d.db, "h", why);
    db_abort(d.db);
    return why;
}

static int64_t count(const char *what) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT count(*) FROM audit WHERE act LIKE ?", "s", what);
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return n;
}

static bool asked(const char *what) {
    char cmd[200];
    snprintf(cmd, sizeof cmd, "grep -q '%s' %s/asked", what, dir);
    return system(cmd) == 0;
}

START_TEST(a_log_that_grows_or_stands_still_is_no_alarm) {
    ck_assert_str_eq(seen(HOST("h", 3, "aa", "")), "");
    ck_assert_str_eq(seen(HOST("h", 3, "aa", "aa")), "");
    ck_assert(asked("\"known\":{\".\":0,\"h\":2}"));
    ck_assert_str_eq(seen(HOST("h", 5, "bb", "aa")), "");
    ck_assert_str_eq(seen(HOST("h", 5, "bb", "bb")), "");
    ck_assert(asked("\"h\":4"));
    ck_assert_int_eq(count("vault.%"), 0);
}
END_TEST

/* faults: B12 */
START_TEST(a_log_that_was_put_back_is_one_alarm_until_it_is_again_what_it_was) {
    seen(HOST("h", 5, "bb", ""));
    ck_assert_ptr_nonnull(strstr(seen(HOST("h", 3, "aa", "")), "last record is 2; record 4 was seen"));
    ck_assert_ptr_nonnull(strstr(seen(HOST("h", 3, "aa", "")), "record 4"));
    ck_assert_int_eq(count("vault.behind"), 1);
    /* It is written on from the earlier state: never taken for what was seen. */
    ck_assert_str_ne(seen(HOST("h", 6, "ee", "dd")), "");
    ck_assert_str_ne(seen(HOST("h", 60, "ff", "dd")), "");
    ck_assert_str_eq(seen(HOST("h", 5, "bb", "bb")), "");
    ck_assert_int_eq(count("vault.again"), 1);
    ck_assert_str_ne(seen(HOST("h", 5, "xx", "xx")), ""); /* as long, and another */
    ck_assert_int_eq(count("vault.behind"), 2);
}
END_TEST

START_TEST(a_log_that_is_gone_is_an_alarm_and_a_damaged_one_or_an_older_vault_is_none) {
    seen(HOST("h", 5, "bb", "") "," HOST("other", 1, "aa", ""));
    ck_assert_str_eq(seen("{\"host\":\"h\",\"state\":\"damaged\",\"records\":0,\"head\":null}," HOST("other", 1, "aa", "aa")), "");
    ck_assert_str_eq(seen("{\"host\":\"h\",\"state\":\"enrolled\"}"), ""); /* it does not tell */
    ck_assert_ptr_nonnull(strstr(seen(HOST("other", 1, "aa", "aa")), "gone; record 4"));
    ck_assert_str_eq(seen(HOST("h", 6, "cc", "bb") "," HOST("other", 1, "aa", "aa")), "");
}
END_TEST

START_TEST(what_somebody_accepts_is_where_it_begins_anew) {
    struct err e = ERR_INIT;
    seen(HOST("h", 5, "bb", ""));
    ck_assert_str_ne(seen(HOST("h", 3, "aa", "")), "");
    db_begin(d.db);
    ck_assert_int_eq(witness_accept(d.db, "other", "anna", 1), 0);
    ck_assert_int_eq(witness_accept(d.db, "h", "anna", 1), 1);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_str_eq(seen(HOST("h", 3, "aa", "")), "");
    ck_assert_str_eq(seen(HOST("h", 4, "dd", "aa")), "");
    ck_assert_str_ne(seen(HOST("h", 3, "aa", "")), "");
}
END_TEST

/* Two threads have asked; the answer that comes later is the older one. */
START_TEST(an_answer_that_was_overtaken_is_not_an_alarm) {
    char why[200];
    struct err e = ERR_INIT;
    seen(HOST("h", 3, "aa", ""));
    db_begin(d.db);
    CLEANUP_JS struct js *early = witness_known(d.db);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    seen(HOST("h", 9, "bb", "aa"));
    static const char text[] = "[" HOST("h", 4, "cc", "aa") "]";
    CLEANUP_JS struct js *late = js_parse(text, sizeof text - 1, "late", &e);
    ck_assert_int_eq(witness_look(&d, early, late, &e), 0);
    db_begin(d.db);
    ck_assert(!witness_why(d.db, "h", why));
    db_abort(d.db);
    ck_assert_str_eq(seen(HOST("h", 9, "bb", "bb")), "");
}
END_TEST

int main(void) {
    Suite *s = suite_create("orchestrator_witness");
    TCase *t = tcase_create("orchestrator_witness");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_log_that_grows_or_stands_still_is_no_alarm);
    tcase_add_test(t, a_log_that_was_put_back_is_one_alarm_until_it_is_again_what_it_was);
    tcase_add_test(t, a_log_that_is_gone_is_an_alarm_and_a_damaged_one_or_an_older_vault_is_none);
    tcase_add_test(t, what_somebody_accepts_is_where_it_begins_anew);
    tcase_add_test(t, an_answer_that_was_overtaken_is_not_an_alarm);
    suite_add_tcase(s, t);
    return suite_run(s);
}
