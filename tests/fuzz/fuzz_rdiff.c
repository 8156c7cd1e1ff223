/* Signature heads and delta streams, whole and cut into pieces: the parser must say the same either way. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/rdiff.h"

/* faults: G4 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_copy(void *arg, uint64_t at, uint64_t len, struct err *e) {
    (void)e;
    uint64_t *sum = arg;
    if (at + len < at) abort();
    *sum = *sum * 31 + at * 7 + len;
    return 0;
}

static int on_literal(void *arg, const uint8_t *p, size_t n, struct err *e) {
    (void)e;
    uint64_t *sum = arg;
    while (n--) *sum = *sum * 31 + *p++;
    return 0;
}

static int parse(const uint8_t *p, size_t n, size_t step, uint64_t *sum) {
    struct err e = ERR_INIT;
    struct rdiff_delta d = {.ops = {on_copy, on_literal, sum}};
    while (n) {
        size_t k = n < step ? n : step;
        if (rdiff_delta_feed(&d, p, k, &e) < 0) return -1;
        p += k, n -= k;
    }
    return rdiff_delta_ended(&d, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t whole = 0, pieces = 0;
    uint32_t block;
    struct err e = ERR_INIT;
    if (size >= RDIFF_SIG_HEAD && rdiff_sig_head_get(data, &block, "sig", &e) == 0 && block < 4096) abort();
    int a = parse(data, size, size ? size : 1, &whole), b = parse(data, size, 1, &pieces);
    if (a != b || (a == 0 && whole != pieces)) abort();
    return 0;
}
