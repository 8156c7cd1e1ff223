/* Pauses are owed, not slept in advance: what was done is noted, and the run sleeps until it is paid for. So a pause
 * that is cut short by a signal costs nothing, a rate holds over any time longer than the burst, and idle time is not
 * saved up.
 *
 * Memory: RLIMIT_DATA counts what is private and writable, used or not, so it is a ceiling over what is resident. The
 * agent's own need is bounded (docs/ARCHITECTURE.md); what can grow beyond are the names of one directory, and there it
 * ends with ZE_NOMEM. */
#include "limiter.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"

enum { BURST_NS = 100000000, PIECE_NS = 100000000, NICE = 10 };
#define NS_PER_S 1000000000
/* What link gets of the memory, and the least for both: measured, with room for a directory of some 100,000 names. */
#define LINK_MEMORY (16ull << 20)
#define LEAST_MEMORY (96ull << 20)

int64_t meter_wait(struct meter *m, int64_t now_ns, uint64_t amount) {
    if (!m->per_s) return 0;
    if (m->paid_ns < now_ns - BURST_NS) m->paid_ns = now_ns - BURST_NS;
    m->paid_ns += (int64_t)((double)amount * NS_PER_S / (double)m->per_s);
    return m->paid_ns > now_ns ? m->paid_ns - now_ns : 0;
}

static int64_t clock_of(clockid_t id) {
    struct timespec t;
    return clock_gettime(id, &t) == 0 ? (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec : 0;
}

static int64_t cpu_used(const struct limiter *l) {
    clockid_t child;
    int64_t own = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    return l->child > 0 && clock_getcpuclockid(l->child, &child) == 0 ? own + clock_of(child) : own;
}

/* In pieces, so that a cancelled run ends soon. */
static void sleep_for(struct limiter *l, int64_t ns) {
    int64_t until = l->clock->mono_ns(l->clock) + ns;
    for (int64_t left = ns; left > 0; left = until - l->clock->mono_ns(l->clock)) {
        if (l->cancelled && l->cancelled(l->cancelled_arg)) return;
        if (left > PIECE_NS) left = PIECE_NS;
        poll(NULL, 0, (int)((left + 999999) / 1000000));
    }
}

static int io_set(int value) { return (int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value); }

/* The soft limit only, so that it can be taken off again. */
static int data_set(uint64_t bytes, uint64_t *before) {
    struct rlimit old;
    if (getrlimit(RLIMIT_DATA, &old) < 0) return -1;
    if (before) *before = old.rlim_cur;
    old.rlim_cur = bytes < old.rlim_max ? bytes : old.rlim_max;
    return setrlimit(RLIMIT_DATA, &old);
}

/* What the kernel keeps for us. */
static int apply(struct limiter *l, struct err *e) {
    const int io[] = {
        [IO_BEST_EFFORT] = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7), [IO_IDLE] = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)};
    const struct limits *m = &l->limits;
    l->nice_before = getpriority(PRIO_PROCESS, 0);
    l->io_before = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
    if (m->memory && data_set(m->memory - LINK_MEMORY, &l->data_before) < 0) return err_sys(e, "memory", "RLIMIT_DATA");
    l->begun = true;
    if (m->cpu && l->nice_before < NICE && setpriority(PRIO_PROCESS, 0, NICE) < 0)
        return err_sys(e, "cpu", "setpriority");
    if (m->io != IO_NORMAL && io_set(io[m->io]) < 0) return err_sys(e, "io", "ioprio_set");
    return 0;
}

int limiter_begin(struct limiter *l, const struct limits *ceiling, struct err *e) {
    if (ceiling) limits_lower(&l->limits, ceiling);
    const struct limits *m = &l->limits;
    if (m->memory && m->memory < LEAST_MEMORY)
        return err_set(e, ZE_LIMIT, "memory", _("%llu MiB; a run needs %llu MiB"), (unsigned long long)m->memory >> 20,
            LEAST_MEMORY >> 20);
    l->cpu_ns = cpu_used, l->pause = sleep_for, l->child = 0;
    l->bytes = (struct meter){.per_s = m->bandwidth};
    l->cpu = (struct meter){.per_s = (uint64_t)m->cpu * (NS_PER_S / 100)};
    l->cpu_seen_ns = cpu_used(l);
    if (apply(l, e) == 0) return 0;
    limiter_end(l);
    return -1;
}

void limiter_end(struct limiter *l) {
    if (!l->begun) return;
    l->begun = false;
    if (l->limits.cpu) (void)setpriority(PRIO_PROCESS, 0, l->nice_before);
    if (l->limits.io != IO_NORMAL && l->io_before >= 0) (void)io_set(l->io_before);
    if (l->limits.memory) (void)data_set(l->data_before, NULL);
}

void limiter_link_starts(struct limiter *l) {
    if (l && l->limits.memory) (void)data_set(LINK_MEMORY, NULL);
}

void limiter_link_runs(struct limiter *l, int pid) {
    if (!l) return;
    l->child = pid;
    l->cpu_seen_ns = l->cpu_ns(l); /* what connecting cost is not owed */
    if (l->limits.memory) (void)data_set(l->limits.memory - LINK_MEMORY, NULL);
}

void limiter_pace(struct limiter *l, uint64_t n) {
    int64_t wait = l ? meter_wait(&l->bytes, l->clock->mono_ns(l->clock), n) : 0;
    if (wait) l->pause(l, wait);
}

bool limiter_step(void *arg) {
    struct limiter *l = arg;
    if (l->cpu.per_s) {
        int64_t used = l->cpu_ns(l), more = used - l->cpu_seen_ns;
        l->cpu_seen_ns = used;
        int64_t wait = meter_wait(&l->cpu, l->clock->mono_ns(l->clock), more > 0 ? (uint64_t)more : 0);
        if (wait) l->pause(l, wait);
    }
    return l->cancelled && l->cancelled(l->cancelled_arg);
}

int limiter_words(struct limiter *l, const struct limit_words *w, struct err *e) {
    static const char *const keys[] = {"bandwidth", "cpu", "io", "memory"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char option[32];
        snprintf(option, sizeof option, "--limit-%s", keys[i]);
        if (w->word[i] && !limits_word(&l->limits, keys[i], w->word[i]))
            return err_set(
                e, ZE_USAGE, option, _("expected %s, found \"%.80s\""), limits_expected(keys[i]), w->word[i]);
    }
    return 0;
}
