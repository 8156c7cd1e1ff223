/** The clock seam: logic never asks the system for the time; it is handed a struct clock. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*now_ns)(struct clock *c);  /* since 1970, UTC */
    int64_t (*mono_ns)(struct clock *c); /* never goes back */
};

/** clock_real(): the machine's clocks. */
struct clock *clock_real(void);

#endif
