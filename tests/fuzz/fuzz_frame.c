/* Bytes of a hostile peer into the frame reader: over a pipe, as in real life. */
#include <stdint.h>
#include <unistd.h>

#include "wire/frame.h"

/* faults: C9 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int p[2], out[2];
    if (size > 32768 || pipe(p) < 0) return 0;
    if (pipe(out) < 0) return 0;
    if (write(p[1], FRAME_MAGIC, 8) != 8 || write(p[1], data, size) != (ssize_t)size) return 0;
    close(p[1]);
    struct frames f;
    struct err e = ERR_INIT;
    frames_init(&f, p[0], out[1], 1000, "peer");
    uint8_t type;
    struct rd r;
    while (frames_get(&f, &type, &r, &e) == 1)
        if (type == F_ERROR) (void)frames_take_error(&r, &e);
    frames_free(&f);
    close(p[0]), close(out[0]), close(out[1]);
    return 0;
}
