/** The clock seam: logic never asks the system for the time; it is handed a struct clock. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*now_ns)(struct clock *c);  /* since 1970, UTC */
    int64_t (*mono_ns)(struct clock *c); /* never goes back */
    int64_t (*boot_ns)(struct clock *c); /* the same, and goes on while the machine sleeps; NULL: mono_ns */
    const char *(*boot_id)(struct clock *c); /* names this run of the machine; "" or NULL: unknown */
};

static inline int64_t clock_boot_ns(struct clock *c) { return c->boot_ns ? c->boot_ns(c) : c->mono_ns(c); }
static inline const char *clock_boot_id(struct clock *c) { return c->boot_id ? c->boot_id(c) : ""; }

/** clock_real(): the machine's clocks. */
struct clock *clock_real(void);

#endif
