/* The record of a drill as anybody may have written it: a verdict or an error, never more. */
#include <stdio.h>

#include "drill.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct report r;
    struct err e = ERR_INIT;
    static FILE *out;
    if (!out && !(out = fopen("/dev/null", "w"))) return 0;
    FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    if (!in) return 0;
    report_init(&r, out, size & 1, NULL);
    (void)(drill_run(&(struct drill_opts){.file = "fuzz", .in = in}, &r, &e) == 0);
    report_free(&r);
    fclose(in);
    return 0;
}
