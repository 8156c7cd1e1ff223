/**
 * librsync, and the only door to it: the delta of a piece of new data against a window of an old file's signature.
 *
 * librsync abort()s when malloc fails; so no more than one window is loaded at a time and its size is bounded by the caller
 * (36 bytes a block and about 16 of hash table). Nothing from a peer ever reaches librsync: signatures come from the
 * agent's own cache and are checked against the file's digest before.
 */
#ifndef WRAP_DELTA_H
#define WRAP_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct delta_window;
struct delta;

/** delta_window_new(head, rows, n): a window of ${n} signature rows (36 bytes each) after the 12-byte signature head; NULL
 * when librsync refuses. Neither is kept. */
struct delta_window *delta_window_new(const uint8_t *head, const uint8_t *rows, size_t n);
void delta_window_free(struct delta_window *w);

/** delta_begin(w, out, arg): start; ${out} gets the bytes of the delta stream as they are made (<0 stops). The window must
 * outlive the delta. NULL without memory. */
struct delta *delta_begin(struct delta_window *w, int (*out)(void *arg, const uint8_t *p, size_t n, struct err *e), void *arg);
/** delta_feed: more new data. delta_end: no more; all that is left comes out. Both 0, or <0 and the delta must be freed. */
int delta_feed(struct delta *d, const uint8_t *p, size_t n, struct err *e) MUST_CHECK;
int delta_end(struct delta *d, struct err *e) MUST_CHECK;
void delta_free(struct delta *d);

#endif
