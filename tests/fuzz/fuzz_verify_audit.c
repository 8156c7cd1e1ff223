/* An export of an audit as anybody may have written it. */
#include "audit.h"
#include "verify_text.h"

static int judge(FILE *in, struct report *r, struct err *e) { return audit_run(&(struct audit_opts){.file = "fuzz", .in = in}, r, e); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return verify_text(data, size, judge); }
