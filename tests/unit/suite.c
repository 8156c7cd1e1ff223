/* Running one suite. */
#include "suite.h"

#include <stdlib.h>

int suite_run(Suite *s) {
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

_Noreturn void suite_done(void (*teardown)(void)) {
    teardown();
    fflush(stdout);
    exit(0);
}
