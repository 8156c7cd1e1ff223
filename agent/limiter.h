/**
 * Keeping the limits of a run (wire/limits.h): bytes on the stream, processor time, order at the disk, memory.
 *
 * Rates are kept by sleeping: at the stream after each segment, for the processor wherever a run asks whether it was
 * cancelled (after each MiB or some files; the sealing threads then have nothing to do and wait too). Order and memory
 * are the kernel's: set once, inherited by threads and children that start later.
 */
#ifndef AGENT_LIMITER_H
#define AGENT_LIMITER_H

#include "sys/clock.h"
#include "wire/limits.h"

/** A rate with a short burst, as a point in time up to which everything is paid. */
struct meter {
    uint64_t per_s;
    int64_t paid_ns;
};

/** meter_wait(m, now_ns, amount): take note of ${amount}; for how many nanoseconds to pause then. A rate of 0 has no
 * limit. */
int64_t meter_wait(struct meter *m, int64_t now_ns, uint64_t amount);

struct limiter {
    struct limits limits; /* what is asked for; after limiter_begin what holds */
    struct clock *clock;
    bool (*cancelled)(void *arg); /* ends a pause; may be NULL */
    void *cancelled_arg;
    int64_t (*cpu_ns)(const struct limiter *l);      /* processor time used so far by this process and its child */
    void (*pause)(struct limiter *l, int64_t ns);    /* both may be exchanged by tests after limiter_begin */
    struct meter bytes, cpu;
    int64_t cpu_seen_ns;
    int child; /* link */
    int nice_before, io_before;
    uint64_t data_before;
    bool begun;
};

/**
 * limiter_begin(l, ceiling, e): lower l->limits by ${ceiling} (the host's own; may be NULL) and put them into force for
 * this process and all it starts from now on. ZE_LIMIT when there is less memory than a run needs. limiter_end gives
 * back what the system lets this user give back; harmless when nothing was begun.
 */
int limiter_begin(struct limiter *l, const struct limits *ceiling, struct err *e) MUST_CHECK;
void limiter_end(struct limiter *l);

/** limiter_link_starts(l): the next child is link: it inherits its part of the memory, since what has changed its user
 * cannot be given a limit. limiter_link_runs(l, pid): it runs, or ssh in its place: its processor time counts, and the rest
 * of the memory is ours. limiter_pace(l, n): ${n} bytes have passed the stream. All take NULL. */
void limiter_link_starts(struct limiter *l);
void limiter_link_runs(struct limiter *l, int pid);
void limiter_pace(struct limiter *l, uint64_t n);

/** limiter_step(l): pause as long as the processor share wants, then ask l->cancelled. Fits backup_request.cancelled. */
bool limiter_step(void *l);

/** The options --limit-bandwidth, --limit-cpu, --limit-io and, for backups, --limit-memory; limiter_words puts what they
 * say into ${l}, or ZE_USAGE. */
struct limit_words {
    const char *word[4]; /* as LIMITS_KEYS */
};
#define LIMIT_OPTIONS(w)                                                                    \
    {"--limit-bandwidth", OPT_TEXT, &(w).word[0]}, {"--limit-cpu", OPT_TEXT, &(w).word[1]}, \
        {"--limit-io", OPT_TEXT, &(w).word[2]}
#define LIMIT_MEMORY_OPTION(w) {"--limit-memory", OPT_TEXT, &(w).word[3]}
#define LIMIT_USAGE "[--limit-bandwidth RATE] [--limit-cpu SHARE] [--limit-io CLASS]"
int limiter_words(struct limiter *l, const struct limit_words *w, struct err *e) MUST_CHECK;

#endif
