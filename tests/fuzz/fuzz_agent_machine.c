/* What a drill's machine says on its serial line, in pieces: the report stays within its bounds and is printable
 * text. */
#include <string.h>

#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_check(const char *s, size_t cap) {
    size_t n = strnlen(s, cap);
    if (n == cap) __builtin_trap();
    for (size_t i = 0; i < n; i++)
        if (s[i] < ' ' || s[i] > '~') __builtin_trap();
}

static void report_check(const struct machine_report *r, uint32_t targets) {
    text_check(r->fail, sizeof r->fail), text_check(r->state, sizeof r->state);
    text_check(r->kernel, sizeof r->kernel), text_check(r->address, sizeof r->address);
    if (r->adapted_n > MACHINE_ADAPTED_MAX || r->failed_n > MACHINE_FAILED_MAX) __builtin_trap();
    for (size_t i = 0; i < r->adapted_n; i++) text_check(r->adapted[i], MACHINE_TEXT);
    for (size_t i = 0; i < r->failed_n; i++) text_check(r->failed[i], MACHINE_TEXT);
    if ((r->denied | r->reached) & ~targets) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct machine_reader r = {.egress_n = data[0] % (MACHINE_EGRESS_MAX + 1)};
    size_t piece = data[1] ? data[1] : 256;
    uint32_t reached = 0, targets = (1u << r.egress_n) - 1;
    for (size_t at = 2; at < size; at += piece) {
        machine_report_feed(&r, data + at, piece < size - at ? piece : size - at);
        report_check(&r.report, targets);
        if (reached & ~r.report.reached) __builtin_trap(); /* never taken back */
        reached = r.report.reached;
    }
    return 0;
}
