/* The one place where the machine's clocks are read. */
#include "sys/clock.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t real_now(struct clock *c) {
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

static int64_t real_mono(struct clock *c) {
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t real_boot(struct clock *c) {
    (void)c;
    return read_clock(CLOCK_BOOTTIME);
}

/* The kernel's own name for this boot; it cannot change while we run. */
static const char *real_boot_id(struct clock *c) {
    static _Thread_local char id[64];
    (void)c;
    if (*id) return id;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof id - 1);
    if (fd >= 0) close(fd);
    id[n > 0 ? n : 0] = 0;
    id[strcspn(id, "\n ")] = 0;
    return id;
}

struct clock *clock_real(void) {
    static struct clock c = {real_now, real_mono, real_boot, real_boot_id};
    return &c;
}
