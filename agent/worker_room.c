/* The disk limit while services and machines write: what is in the upper layers and images, counted every few seconds in blocks.
 * Restored trees were counted while they were written and do not grow. Past the limit this process ends, and with it whatever
 * wrote. */
#include <ftw.h>
#include <unistd.h>

#include "base/i18n.h"
#include "worker.h"

static const int64_t EVERY_NS = 5000000000;
static uint64_t counted;

static int count(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)path, (void)type, (void)at;
    counted += (uint64_t)st->st_blocks * 512;
    return 0;
}

void room_watch(const struct worker *w) {
    static int64_t next_ns;
    int64_t now = w->clock->mono_ns(w->clock);
    if (!w->q->disk || now < next_ns) return;
    next_ns = now + EVERY_NS;
    counted = 0;
    (void)nftw("/work", count, 16, FTW_PHYS | FTW_MOUNT); /* what vanishes meanwhile is not counted */
    if (counted <= w->q->disk) return;
    struct err e = ERR_INIT;
    err_set(&e, ZE_DRILLROOM, w->q->id, _("%llu bytes, in use: %llu"), (unsigned long long)w->q->disk,
        (unsigned long long)counted);
    journal_failed(w, &e);
    _exit(1);
}
