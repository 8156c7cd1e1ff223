/* Commands of the host's list: what the list may say, and one command run for real: its end, its time, its group, its
 * descriptors, its output. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook_run.h"
#include "suite.h"
#include "sys/file.h"

static struct hook_end end;

/* Run `sh -c SCRIPT`; out: for a dump's output, or -1. */
static void run(char *script, unsigned timeout_s, int out, int stop) {
    struct hook h = {.name = (char[]){"it"}, .argv = {(char[]){"/bin/sh"}, (char[]){"-c"}, script}, .timeout_s = timeout_s};
    struct hook_job job = {.hook = &h, .phase = out < 0 ? HOOK_PRE : HOOK_DUMP, .timeout_s = timeout_s, .out = out, .stop = stop,
        .clock = clock_real()};
    hook_run(&job, &end);
}

static bool said(const char *text) { return memmem(end.said, end.said_n, text, strlen(text)) != NULL; }

START_TEST(the_end_of_a_command_is_told_as_it_was) {
    run((char[]){"echo out; echo err >&2; exit 7"}, 10, -1, -1);
    ck_assert_int_eq(end.how, HOOK_EXITED);
    ck_assert_int_eq(end.status, 7);
    ck_assert(said("out\n") && said("err\n"));
    run((char[]){"kill -9 $$"}, 10, -1, -1);
    ck_assert_int_eq(end.how, HOOK_SIGNALLED);
    ck_assert_int_eq(end.status, SIGKILL);
    struct hook h = {.name = (char[]){"none"}, .argv = {(char[]){"/nonexistent/program"}}};
    struct hook_job job = {.hook = &h, .timeout_s = 10, .out = -1, .stop = -1, .clock = clock_real()};
    hook_run(&job, &end);
    ck_assert_int_eq(end.how, HOOK_EXITED);
    ck_assert_int_eq(end.status, 127);
    ck_assert(said("/nonexistent/program: No such file"));
    h.user = (char[]){"no-such-user-here"};
    hook_run(&job, &end);
    ck_assert_int_eq(end.how, HOOK_UNBEGUN);
    ck_assert_int_eq(end.status, 0);
}
END_TEST

/* It ignores SIGTERM and has a child in its group that does so too. */
/* faults: F18 */
START_TEST(a_command_that_does_not_end_is_ended_with_its_group) {
    int64_t began = clock_real()->mono_ns(clock_real());
    run((char[]){"trap '' TERM; (echo $$; sleep 100) & sleep 100; wait"}, 1, -1, -1);
    ck_assert_int_eq(end.how, HOOK_LATE);
    ck_assert_int_ge(clock_real()->mono_ns(clock_real()) - began, 1000000000ll * (1 + HOOK_GRACE_MS / 1000));
    pid_t group = (pid_t)atoi(end.said);
    ck_assert_int_gt(group, 1);
    for (int i = 0; i < 100 && kill(-group, 0) == 0; i++) usleep(50000);
    ck_assert_int_lt(kill(-group, 0), 0);
    /* The group is told first, not only its leader. */
    run((char[]){"(trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done) & trap '' TERM; wait"}, 1, -1, -1);
    ck_assert_int_eq(end.how, HOOK_LATE);
    ck_assert(said("bye\n"));
}
END_TEST

START_TEST(a_command_that_says_more_and_more_is_ended_in_time_and_its_last_words_are_kept) {
    run((char[]){"yes"}, 1, -1, -1);
    ck_assert_int_eq(end.how, HOOK_LATE);
    ck_assert_uint_eq(end.said_n, HOOK_SAID_MAX);
    run((char[]){"seq 1 30000"}, 20, -1, -1);
    ck_assert_int_eq(end.how, HOOK_EXITED);
    ck_assert_uint_eq(end.said_n, HOOK_SAID_MAX);
    ck_assert_mem_eq(end.said + end.said_n - 12, "29999\n30000\n", 12);
    ck_assert_ptr_null(memchr(end.said, 0, end.said_n));
}
END_TEST

START_TEST(what_is_left_running_does_not_hold_it_up) {
    int64_t began = clock_real()->mono_ns(clock_real());
    run((char[]){"sleep 100 & exit 0"}, 60, -1, -1);
    ck_assert_int_eq(end.how, HOOK_EXITED);
    run((char[]){"setsid sleep 5 & exit 0"}, 60, -1, -1); /* outside the group, with our pipe */
    ck_assert_int_eq(end.how, HOOK_EXITED);
    ck_assert_int_lt(clock_real()->mono_ns(clock_real()) - began, 4000000000ll);
}
END_TEST

START_TEST(it_has_three_descriptors_and_nothing_of_our_environment) {
    CLEANUP_FD int open_one = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(open_one, 0);
    ck_assert_int_eq(setenv("SECRET", "marker", 1), 0);
    run((char[]){"env; cd /proc/self/fd; for f in *; do readlink $f; done; umask; cat | wc -c; pwd"}, 10, -1, -1);
    ck_assert(said("ZAIBEI_PHASE=pre\n") && said("ZAIBEI_NAME=it\n") && said("0077\n") && said("\n0\n"));
    ck_assert(!said("marker"));
    size_t pipes = 0;
    for (const char *p = end.said; (p = memmem(p, (size_t)(end.said + end.said_n - p), "pipe:[", 6)); p++) pipes++;
    ck_assert_uint_eq(pipes, 2);
}
END_TEST

/* faults: F18 */
START_TEST(output_goes_to_its_file_and_the_rest_is_said) {
    CLEANUP_FD int out = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    char got[8] = "";
    if (out < 0) not_run("no O_TMPFILE in /tmp");
    run((char[]){"printf data; echo words >&2"}, 10, out, -1);
    ck_assert_int_eq(end.how, HOOK_EXITED);
    ck_assert_uint_eq(end.out, 4);
    ck_assert(said("words\n") && !said("data"));
    ck_assert_int_eq(file_pread_full(out, got, sizeof got, 0), 4);
    ck_assert_str_eq(got, "data");
    run((char[]){"echo data; exit 0"}, 10, full, -1); /* also where the command does not care */
    ck_assert_int_eq(end.how, HOOK_UNSTORED);
    ck_assert_int_eq(end.status, ENOSPC);
}
END_TEST

START_TEST(it_stops_when_nobody_wants_it_any_more) {
    int p[2];
    ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
    close(p[1]);
    run((char[]){"sleep 100"}, 60, -1, p[0]);
    ck_assert_int_eq(end.how, HOOK_STOPPED);
    close(p[0]);
}
END_TEST

START_TEST(another_user_has_none_of_our_rights) {
    if (geteuid() != 0) not_run("needs root");
    struct hook h = {.name = (char[]){"it"}, .user = (char[]){"nobody"}, .argv = {(char[]){"/bin/sh"}, (char[]){"-c"},
        (char[]){"id; grep -E 'Cap(Prm|Eff|Amb)|Groups|Uid' /proc/self/status; cat /etc/shadow; echo $USER"}}};
    struct hook_job job = {.hook = &h, .timeout_s = 10, .out = -1, .stop = -1, .clock = clock_real()};
    hook_run(&job, &end);
    ck_assert_int_eq(end.how, HOOK_EXITED);
    ck_assert(said("(nobody)") && !said("root") && said("shadow: Permission denied") && said("\nnobody\n"));
    ck_assert(said("CapPrm:\t0000000000000000") && said("CapEff:\t0000000000000000") && said("CapAmb:\t0000000000000000"));
}
END_TEST

/* ---- the list ---- */

static const struct {
    const char *text, *says; /* NULL: it is right */
} lists[] = {
    {"hooks: {a: {command: [/bin/true]}}\n", NULL},
    {"hooks: {a: {command: /bin/true, optional: true, user: x, timeout: 2h}}\n"
     "dumps: {b: {command: [/bin/x, '-a b'], min_size: 1 MiB}}\n",
        NULL},
    {"hooks: {a: {command: [true]}}\n", ":1:23: hooks.a.command[0]: expected an absolute path"},
    {"hooks: {a: {command: []}}\n", "expected command"},
    {"hooks: {a: {}}\n", ""},
    {"hooks: {a: {timeout: 1s}}\n", "expected command"},
    {"hooks: {a: {command: [/bin/true], timeout: 10}}\n", "expected a time such as"},
    {"hooks: {a: {command: [/bin/true], timeout: 0s}}\n", "expected a time such as"},
    {"hooks: {a: {command: [/bin/true], hold: 5}}\n", "hooks.a.hold: expected a time such as"},
    {"dumps: {a: {command: [/bin/true], hold: 5s}}\n", "unknown key"},
    {"hooks: {a: {command: [/bin/true], min_size: 1 MiB}}\n", "min_size"},
    {"dumps: {a: {command: [/bin/true], min_size: 0 B}}\n", "expected a size such as"},
    {"dumps: {a: {command: [/bin/true], optional: true}}\n", "optional"},
    {"hooks: {../a: {command: [/bin/true]}}\n", "expected a name"},
    {"hooks: [a]\n", "expected entries"},
};

/* faults: H2 */
START_TEST(the_list_is_read_strictly) {
    struct err e = ERR_INIT;
    struct hooks h;
    char dir[] = "/tmp/zb-hooks.XXXXXX", file[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/agent.yaml", dir);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(file_write_all(fd, lists[_i].text, strlen(lists[_i].text)), 0);
    int rc = hooks_load(file, &h, &e);
    ck_assert_int_eq(rc, lists[_i].says ? -1 : 0);
    if (lists[_i].says) ck_assert_int_eq(e.id, ZE_CONFIG);
    char whole[sizeof e.object + sizeof e.msg + 4];
    snprintf(whole, sizeof whole, "%s: %s", e.object, e.msg);
    if (lists[_i].says) ck_assert_msg(strstr(whole, lists[_i].says), "%s", whole);
    if (rc == 0) {
        const struct hook_asks good = {.n = 1, .ask = {{.name = "a"}}}, bad = {.n = 1, .ask = {{.name = "/bin/sh"}}};
        ck_assert_int_eq(hooks_check(&h, file, HOOK_POST, &good, &e), 0);
        ck_assert_int_lt(hooks_check(&h, file, HOOK_DUMP, &good, &e), 0);
        ck_assert_int_lt(hooks_check(&h, file, HOOK_PRE, &bad, &e), 0);
        ck_assert_int_eq(e.id, ZE_NOHOOK);
        hooks_free(&h);
        ck_assert_int_eq(fchmod(fd, 0620), 0); /* who may write to it could run anything as us */
        ck_assert_int_lt(hooks_load(file, &h, &e), 0);
        ck_assert_int_eq(e.id, ZE_CONFIG);
    }
    hooks_free(&h);
    close(fd);
    unlink(file);
    rmdir(dir);
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_hooks");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_end_of_a_command_is_told_as_it_was);
    tcase_add_test(t, a_command_that_does_not_end_is_ended_with_its_group);
    tcase_add_test(t, a_command_that_says_more_and_more_is_ended_in_time_and_its_last_words_are_kept);
    tcase_add_test(t, what_is_left_running_does_not_hold_it_up);
    tcase_add_test(t, it_has_three_descriptors_and_nothing_of_our_environment);
    tcase_add_test(t, output_goes_to_its_file_and_the_rest_is_said);
    tcase_add_test(t, it_stops_when_nobody_wants_it_any_more);
    tcase_add_test(t, another_user_has_none_of_our_rights);
    tcase_add_loop_test(t, the_list_is_read_strictly, 0, (int)(sizeof lists / sizeof *lists));
    suite_add_tcase(s, t);
    return suite_run(s);
}
