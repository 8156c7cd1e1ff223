/** What each unit test's main ends with. */
#ifndef UNIT_SUITE_H
#define UNIT_SUITE_H

#include <check.h>
#include <stdio.h>

/** suite_run(s): run the suite, print what failed, release it; the exit code of main. */
int suite_run(Suite *s);

/** suite_done(teardown): the end of a test that may take longer than 35 minutes at length: libcheck counts its microseconds in an
 * int, and fails one that takes longer. Such a test is added by tcase_add_exit_test(t, test, 0), or its loop, ends here, and
 * has its teardown done here. */
_Noreturn void suite_done(void (*teardown)(void));

/** not_run(why): within a check: what it needs is not on this machine. It ends, and tests/run does not count it as passed. */
#define not_run(why)                                              \
    do {                                                          \
        printf("not run: %s (%s)\n", __func__, why);              \
        fflush(stdout);                                           \
        return;                                                   \
    } while (0)

#endif
