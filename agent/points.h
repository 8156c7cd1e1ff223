/**
 * Restore points: listing them, choosing one by what a person writes, opening the chosen one. And `zaibei-agent
 * points`.
 */
#ifndef AGENT_POINTS_H
#define AGENT_POINTS_H

#include "source.h"

struct point {
    uint32_t number;
    uint8_t kind, state; /* enum point_kind, point_state */
    int64_t time;
    struct labels labels;
    uint64_t files, bytes, bytes_read, bytes_sent, bytes_stored;
};

struct points {
    struct point *p; /* oldest first, owned */
    size_t n, cap;
};

int points_load(struct source *s, struct points *out, struct err *e) MUST_CHECK;
void points_free(struct points *p);

/** points_select(p, selector, e): "latest", "latest~N", a number, or the beginning of a time in UTC as `points` shows
 * it (2026-11-22, 2026-11-22T03) that fits one point. NULL with ZE_NOPOINT, or ZE_USAGE when it fits several. */
const struct point *points_select(const struct points *p, const char *selector, struct err *e) MUST_CHECK;

/** A point that was opened: its root is decoded, its keys are at hand. */
struct opened {
    struct point point;
    struct root root;
    struct gen_keys *keys;
};

/**
 * point_open(s, selector, out, e):
 * Choose a point, check the key, open its root. ZE_NOPOINT, ZE_WRONGKEY, ZE_DAMAGED (naming the point). point_close
 * releases it; harmless on a zeroed struct.
 */
int point_open(struct source *s, const char *selector, struct opened *out, struct err *e) MUST_CHECK;
void point_close(struct opened *o);

/** `points [--json]`; see command.h. */
int cmd_points(int argc, char **argv, struct err *e);

#endif
