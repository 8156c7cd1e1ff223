/** What each unit test's main ends with. */
#ifndef UNIT_SUITE_H
#define UNIT_SUITE_H

#include <check.h>

/** suite_run(s): run the suite, print what failed, release it; the exit code of main. */
int suite_run(Suite *s);

#endif
