/* The record of a drill as anybody may have written it. */
#include "drill.h"
#include "verify_text.h"

static int judge(FILE *in, struct report *r, struct err *e) { return drill_run(&(struct drill_opts){.file = "fuzz", .in = in}, r, e); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return verify_text(data, size, judge); }
