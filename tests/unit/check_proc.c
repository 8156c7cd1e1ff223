/* Children: exit codes, pipes, descriptors that do not leak, and a child that does not end. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/proc.h"
#include "suite.h"

START_TEST(a_pipe_in_and_a_pipe_out_carry_bytes_and_the_exit_code_comes_back) {
    struct proc p;
    struct err e = ERR_INIT;
    char got[8] = "";
    ck_assert_int_eq(proc_open(&p, (const char *[]){"sh", "-c", "cat; exit 7", NULL}, &e), 0);
    ck_assert_int_eq(file_write_all(p.in, "hello", 5), 0);
    close(p.in), p.in = -1;
    ck_assert_int_eq(file_read_full(p.out, got, sizeof got), 5);
    ck_assert_str_eq(got, "hello");
    ck_assert_int_eq(proc_wait(&p, -1, &e), 7);
    ck_assert_int_eq(p.pid, 0);
    ck_assert_int_eq(proc_wait(&p, -1, &e), 0);
}
END_TEST

START_TEST(a_program_that_does_not_exist_is_named_at_once) {
    struct proc p;
    struct err e = ERR_INIT;
    ck_assert_int_lt(proc_open(&p, (const char *[]){"/nonexistent/zaibei", NULL}, &e), 0);
    ck_assert_int_eq(e.id, ZE_CHILD);
    ck_assert_str_eq(e.object, "/nonexistent/zaibei");
    ck_assert_int_eq(p.pid, 0);
}
END_TEST

START_TEST(the_child_has_the_descriptors_it_was_given_and_no_other) {
    struct proc p;
    struct err e = ERR_INIT;
    int pipefd[2];
    char got[64] = "";
    ck_assert_int_eq(pipe(pipefd), 0); /* not close-on-exec */
    int extra = open("/dev/zero", O_RDONLY);
    /* Crossed on purpose: what becomes 3 is low, what becomes 0 may be 3 here. */
    int fds[] = {extra, pipefd[1], 2, pipefd[1]};
    ck_assert_int_eq(
        proc_spawn(
            &p, (const char *[]){"sh", "-c", "echo three >&3; ls /proc/self/fd | tr '\\n' ' '", NULL}, fds, 4, &e),
        0);
    close(pipefd[1]);
    ck_assert_int_gt(file_read_full(pipefd[0], got, sizeof got - 1), 0);
    ck_assert_int_eq(proc_wait(&p, -1, &e), 0);
    ck_assert_str_eq(got, "three\n0 1 2 3 4 "); /* 4 is the directory that ls reads */
    close(pipefd[0]), close(extra);
}
END_TEST

START_TEST(a_child_that_does_not_end_is_ended_and_reported) {
    struct proc p;
    struct err e = ERR_INIT;
    ck_assert_int_eq(proc_open(&p, (const char *[]){"sleep", "100", NULL}, &e), 0);
    ck_assert_int_lt(proc_wait(&p, 50, &e), 0);
    ck_assert_str_eq(e.msg, "did not end in time");
    ck_assert_int_eq(proc_open(&p, (const char *[]){"sh", "-c", "kill -9 $$", NULL}, &e), 0);
    ck_assert_int_lt(proc_wait(&p, -1, &e), 0);
    ck_assert_ptr_nonnull(strstr(e.msg, "died of signal 9"));
}
END_TEST

int main(void) {
    Suite *s = suite_create("proc");
    TCase *t = tcase_create("proc");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_pipe_in_and_a_pipe_out_carry_bytes_and_the_exit_code_comes_back);
    tcase_add_test(t, a_program_that_does_not_exist_is_named_at_once);
    tcase_add_test(t, the_child_has_the_descriptors_it_was_given_and_no_other);
    tcase_add_test(t, a_child_that_does_not_end_is_ended_and_reported);
    suite_add_tcase(s, t);
    return suite_run(s);
}
