/* Progress: who reads it decides how often a line comes; a signal brings one at once; nothing else does. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "wrap/json.h"
#include "suite.h"

static struct clock fake;
static int64_t now_ns;
static int saved, file;

static int64_t mono(struct clock *c) {
    (void)c;
    return now_ns;
}

/* Standard output (1) or error (2) goes to a file from here on. */
static void catch(int fd) {
    char name[] = "/tmp/zbprogressXXXXXX";
    fake = (struct clock){.mono_ns = mono, .now_ns = mono};
    now_ns = 1;
    file = mkstemp(name);
    ck_assert_int_ge(file, 0);
    unlink(name);
    fflush(NULL);
    saved = dup(fd);
    ck_assert_int_eq(dup2(file, fd), fd);
}

/* What was printed since the last time. */
static const char *caught(int fd) {
    static char text[4096];
    fflush(NULL);
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    ck_assert_int_ge(n, 0);
    text[n] = 0;
    ck_assert_int_eq(ftruncate(file, 0), 0);
    lseek(fd, 0, SEEK_SET);
    return text;
}

static void release(int fd) {
    fflush(NULL);
    dup2(saved, fd);
    close(saved);
    close(file);
}

static void after(struct progress *p, double seconds) {
    now_ns += (int64_t)(seconds * 1e9);
    progress_step(p);
}

START_TEST(what_is_not_a_terminal_gets_one_line_a_minute) {
    struct progress p;
    catch(2);
    progress_init(&p, &fake, false);
    for (int s = 0; s < 59; s++) after(&p, 1);
    ck_assert_str_eq(caught(2), "");
    p.files += 7;
    p.bytes += 3 << 20;
    p.errors += 2;
    after(&p, 1);
    const char *text = caught(2);
    ck_assert_msg(strstr(text, "7 files") && strstr(text, "3.0 MiB") && strstr(text, "2 errors"), "%s", text);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    after(&p, 59);
    ck_assert_str_eq(caught(2), "");
    release(2);
}
END_TEST

START_TEST(a_signal_brings_one_line_and_only_one) {
    struct progress p;
    catch(2);
    progress_init(&p, &fake, false);
    after(&p, 1);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_str_eq(caught(2), "");
    after(&p, 0);
    ck_assert_ptr_nonnull(strstr(caught(2), "starting"));
    after(&p, 1);
    ck_assert_str_eq(caught(2), "");
    release(2);
}
END_TEST

START_TEST(programs_get_a_status_line_each_second) {
    struct progress p;
    struct err e = ERR_INIT;
    catch(1);
    progress_init(&p, &fake, true);
    p.bytes_total += 100 << 20;
    p.bytes += 10 << 20;
    after(&p, 0.9);
    ck_assert_str_eq(caught(1), "");
    after(&p, 0.1);
    const char *text = caught(1);
    struct js *j = js_parse(text, strcspn(text, "\n"), "status", &e);
    ck_assert_msg(j != NULL, "%s: %s", e.msg, text);
    ck_assert_str_eq(js_str(j, "message_type", ""), "status");
    ck_assert_str_eq(js_str(j, "phase", ""), "starting");
    ck_assert_int_eq(js_int(j, "schema_version", 0), 1);
    ck_assert_int_eq(js_int(j, "bytes", 0), 10 << 20);
    ck_assert_int_eq(js_int(j, "rate", 0), 10 << 20);
    ck_assert_int_eq(js_int(j, "left_s", 0), 9);
    js_free(j);
    release(1);
}
END_TEST

START_TEST(a_new_phase_begins_its_rate_anew_and_nobody_to_tell_is_no_error) {
    struct progress p;
    catch(1);
    progress_init(&p, &fake, true);
    p.bytes += 50 << 20;
    after(&p, 10);
    caught(1);
    progress_phase(&p, "reading");
    p.bytes += 2 << 20;
    after(&p, 2);
    const char *text = caught(1);
    ck_assert_msg(strstr(text, "\"rate\":1048576,") && strstr(text, "\"phase\":\"reading\""), "%s", text);
    progress_step(NULL);
    progress_phase(NULL, "none");
    progress_end(NULL);
    ck_assert_str_eq(caught(1), "");
    release(1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("progress");
    TCase *t = tcase_create("progress");
    tcase_add_test(t, what_is_not_a_terminal_gets_one_line_a_minute);
    tcase_add_test(t, a_signal_brings_one_line_and_only_one);
    tcase_add_test(t, programs_get_a_status_line_each_second);
    tcase_add_test(t, a_new_phase_begins_its_rate_anew_and_nobody_to_tell_is_no_error);
    suite_add_tcase(s, t);
    return suite_run(s);
}
