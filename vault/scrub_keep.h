/** Scrubbing without anybody asking: slices in a child of the keeper, and what the platform may see of it. */
#ifndef VAULT_SCRUB_KEEP_H
#define VAULT_SCRUB_KEEP_H

#include "vault.h"
#include "wrap/json.h"

/** scrub_tick(v, children, close_too, n, e): now and then a slice in a child that ends by itself: once a minute while
 * no other child is at work, every ten minutes else. Return the number of children started (0 or 1). In the child the
 * descriptors ${close_too} are closed. */
unsigned scrub_tick(struct vault *v, unsigned children, const int *close_too, size_t n);

/** scrub_json(v, e): round, where it is, and the findings, as a new JSON object; NULL with ${e}. */
struct js *scrub_json(struct vault *v, struct err *e) MUST_CHECK;

/** scrub_rate(v): bytes a second by keeper/settings (`scrub_mib_s N`, 0: keep does not scrub). */
uint64_t scrub_rate(struct vault *v);

#endif
