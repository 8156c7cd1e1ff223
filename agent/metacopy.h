/**
 * The local copy of a meta pack (FORMAT.md §5), written while the pack is sent: cache/meta/<generation>/<pack>. It is only
 * a cache: a failure to write it is no error, the pack is then simply not kept.
 */
#ifndef AGENT_METACOPY_H
#define AGENT_METACOPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/pack.h"

struct metacopy;

/** metacopy_open(dirfd, h): begin a copy under a temporary name; NULL when that is not possible. */
struct metacopy *metacopy_open(int dirfd, const struct pack_header *h);
void metacopy_add(struct metacopy *m, uint32_t slot, const uint8_t identity[SEAL_HASH], const uint8_t hash[SEAL_HASH],
    const uint8_t *sealed, size_t len);
/** metacopy_close writes index and trailer (still the temporary name); metacopy_drop removes it. Both release. */
void metacopy_close(struct metacopy *m);
void metacopy_drop(struct metacopy *m);

/** metacopy_keep(dirfd, pack, e): the vault has acknowledged the pack: its copy gets its name. A missing copy is fine. */
int metacopy_keep(int dirfd, uint32_t pack, struct err *e) MUST_CHECK;

#endif
