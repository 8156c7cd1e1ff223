/* Plans: whatever is accepted has hosts and a calendar that goes forward; whatever is refused has a reason. */
#include "plan/plan.h"

/* faults: H1 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 itself forgets a buffer on some syntax errors. */
const char *__lsan_default_suppressions(void) { return "leak:libfyaml"; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct plan p;
    struct run run;
    if (plan_parse("fuzz", data, size, "UTC", &p, &e) < 0) {
        if (!e.id) __builtin_trap();
        return 0;
    }
    if (p.hosts_n < 1 || p.hosts_n > PLAN_HOSTS_MAX) __builtin_trap();
    for (int64_t at = 1700000000, i = 0; i < 3 && plan_next(&p, NULL, at, &run); i++, at = run.start_s)
        if (run.start_s <= at || run.end_s <= run.start_s || run.kind == RUN_NONE) __builtin_trap();
    plan_free(&p);
    return 0;
}
