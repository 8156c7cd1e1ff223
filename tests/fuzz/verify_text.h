/** What the fuzz targets of zaibei-verify for a file of text share: a verdict or an error, never more. */
#ifndef FUZZ_VERIFY_TEXT_H
#define FUZZ_VERIFY_TEXT_H

#include <stdio.h>

#include "report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** verify_text(data, size, judge): ${judge} reads the bytes as a file, and reports into /dev/null. */
static int verify_text(const uint8_t *data, size_t size, int (*judge)(FILE *in, struct report *r, struct err *e)) {
    struct report r;
    struct err e = ERR_INIT;
    static FILE *out;
    if (!out && !(out = fopen("/dev/null", "w"))) return 0;
    FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    if (!in) return 0;
    report_init(&r, out, size & 1, NULL);
    (void)(judge(in, &r, &e) == 0);
    report_free(&r);
    fclose(in);
    return 0;
}

#endif
