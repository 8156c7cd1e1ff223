/* The database: all or nothing when the process is killed, errors that stick, versions that are refused. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wrap/db.h"
#include "suite.h"

static const char *const schema[] = {
    "CREATE TABLE t(k INTEGER PRIMARY KEY, s TEXT) STRICT;", "ALTER TABLE t ADD COLUMN b BLOB;"};
static char dir[64], path[128];

static void setup(void) {
    strcpy(dir, "/tmp/check_db.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.db", dir);
}

static void teardown(void) {
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static struct db *open_db(unsigned n) {
    struct err e = ERR_INIT;
    struct db *d = db_open(path, schema, n, &e);
    ck_assert_msg(d, "%s", e.msg);
    return d;
}

static int64_t count(struct db *d) {
    struct err e = ERR_INIT;
    db_begin(d);
    struct db_rows *r = db_query(d, "SELECT count(*) FROM t", "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    ck_assert_int_eq(db_commit(d, &e), 0);
    return n;
}

START_TEST(values_of_each_type_come_back_and_null_is_an_empty_text) {
    struct db *d = open_db(2);
    struct err e = ERR_INIT;
    size_t n;
    db_begin(d);
    db_exec(d, "INSERT INTO t(k,s,b) VALUES(?,?,?)", "isb", (int64_t)-7, "文", (const void *)"\0\1", (size_t)2);
    db_exec(
        d, "INSERT INTO t(k,s,b) VALUES(?,?,?)", "isb", (int64_t)1, (const char *)NULL, (const void *)NULL, (size_t)0);
    struct db_rows *r = db_query(d, "SELECT k,s,b FROM t ORDER BY k", "");
    ck_assert(db_next(r) && db_int(r, 0) == -7);
    ck_assert_str_eq(db_text(r, 1), "文");
    ck_assert_mem_eq(db_blob(r, 2, &n), "\0\1", 2);
    ck_assert_uint_eq(n, 2);
    ck_assert(db_next(r));
    ck_assert_str_eq(db_text(r, 1), "");
    ck_assert(!db_next(r));
    db_done(r);
    ck_assert_int_eq(db_commit(d, &e), 0);
    db_close(d);
}
END_TEST

START_TEST(the_first_error_sticks_and_nothing_of_the_transaction_happens) {
    struct db *d = open_db(1);
    struct err e = ERR_INIT;
    db_begin(d);
    db_exec(d, "INSERT INTO t(k) VALUES(?)", "i", (int64_t)1);
    db_exec(d, "INSERT INTO t(k,s) VALUES(?,'x')", "i", (int64_t)1);
    db_exec(d, "INSERT INTO t(k,s) VALUES(?,'y')", "i", (int64_t)2);
    struct db_rows *r = db_query(d, "SELECT k FROM t", "");
    ck_assert(!db_next(r));
    ck_assert_int_eq(db_int(r, 0), 0);
    db_done(r);
    ck_assert_int_lt(db_commit(d, &e), 0);
    ck_assert_int_eq(e.id, ZE_EXISTS);
    ck_assert_int_eq(count(d), 0);
    db_begin(d);
    db_exec(d, "INSERT INTO t(k) VALUES(?)", "i", (int64_t)1);
    db_abort(d);
    ck_assert_int_eq(count(d), 0);
    db_close(d);
}
END_TEST

/* A child writes ${rows} rows and is killed: before its commit, or after. */
static void child_writes(int rows, bool commit) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = ERR_INIT;
        struct db *d = db_open(path, schema, 2, &e);
        if (!d) _exit(9);
        db_begin(d);
        char big[5000];
        memset(big, 'x', sizeof big - 1), big[sizeof big - 1] = 0;
        for (int i = 0; i < rows; i++) db_exec(d, "INSERT INTO t(s) VALUES(?)", "s", big);
        if (commit && db_commit(d, &e) < 0) _exit(8);
        raise(SIGKILL);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
}

/* faults: A7 */
START_TEST(a_transaction_that_is_killed_leaves_nothing_and_a_committed_one_everything) {
    child_writes(3, true);
    child_writes(1000, false); /* 5 MB: more than the cache, so pages are in the file and must be rolled back */
    struct db *d = open_db(2);
    ck_assert_int_eq(count(d), 3);
    db_close(d);
}
END_TEST

/* faults: A20 */
START_TEST(an_older_schema_is_brought_up_to_date_and_a_newer_one_refused) {
    struct err e = ERR_INIT;
    struct db *d = open_db(1);
    db_begin(d);
    db_exec(d, "INSERT INTO t(k,s) VALUES(?,'kept')", "i", (int64_t)1);
    ck_assert_int_eq(db_commit(d, &e), 0);
    db_close(d);
    d = open_db(2);
    ck_assert_int_eq(count(d), 1);
    db_close(d);
    ck_assert_ptr_null(db_open(path, schema, 1, &e));
    ck_assert_int_eq(e.id, ZE_NEWER);
}
END_TEST

/* faults: E5 H14 */
START_TEST(a_second_process_and_a_damaged_file_are_refused) {
    struct err e = ERR_INIT;
    struct db *d = open_db(2);
    ck_assert_ptr_null(db_open(path, schema, 2, &e));
    ck_assert_int_eq(e.id, ZE_BUSY);
    db_close(d);
    FILE *f = fopen(path, "r+");
    fputs("this is no database, and has never been one", f);
    fclose(f);
    ck_assert_ptr_null(db_open(path, schema, 2, &e));
    ck_assert_int_eq(e.id, ZE_DAMAGED);
}
END_TEST

int main(void) {
    Suite *s = suite_create("db");
    TCase *t = tcase_create("db");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, values_of_each_type_come_back_and_null_is_an_empty_text);
    tcase_add_test(t, the_first_error_sticks_and_nothing_of_the_transaction_happens);
    tcase_add_test(t, a_transaction_that_is_killed_leaves_nothing_and_a_committed_one_everything);
    tcase_add_test(t, an_older_schema_is_brought_up_to_date_and_a_newer_one_refused);
    tcase_add_test(t, a_second_process_and_a_damaged_file_are_refused);
    suite_add_tcase(s, t);
    return suite_run(s);
}
