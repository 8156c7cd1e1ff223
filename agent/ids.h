/**
 * The local index of what a generation has stored already: a hash table on disk from a 16-byte key (the start of a
 * segment's identity, or of a keyed hash of something else that is looked up) to an address. Memory does not depend on its
 * size. Buckets of 4 KiB carry a MAC under the host's cache key: bytes placed there by somebody else are discarded.
 *
 * What it says is only ever about packs that the vault has acknowledged or that this run has sent: after an interrupted run
 * the entries of later packs are dropped at open, and the vault's pack indexes fill what is missing. Losing the file costs
 * one reading of those indexes.
 */
#ifndef AGENT_IDS_H
#define AGENT_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/segment.h"

struct ids;

/**
 * ids_open(dirfd, generation, host_key, binding, first_pack, known, e):
 * Open or make the index of ${generation} below ${dirfd}. ${binding} says of which parent and of which state of the vault
 * (run_binding): an index written for another one is thrown away (a cloned or rolled-back machine, a collection). Entries of packs from
 * ${first_pack} on are dropped. ${known} gets the number of the first pack whose segments the index does not know: the caller
 * adds [known, first_pack) from the vault's pack indexes.
 */
int ids_open(int dirfd, const uint8_t generation[SEAL_ID], const uint8_t host_key[SEAL_KEY],
    const uint8_t binding[SEAL_HASH], uint32_t first_pack, struct ids **out, uint32_t *known, struct err *e) MUST_CHECK;

/** ids_find(x, key, addr, e): 1 and the address, 0 unknown. A damaged bucket counts as empty. <0 on I/O errors. */
int ids_find(struct ids *x, const uint8_t key[SEAL_ID], struct seg_addr *addr, struct err *e) MUST_CHECK;

/** ids_put(x, key, addr, e): add, or replace the address of a key that is there. */
int ids_put(struct ids *x, const uint8_t key[SEAL_ID], struct seg_addr addr, struct err *e) MUST_CHECK;

/** ids_commit(x, binding, next_pack, e): the run is committed: make it durable and bind it to the new commit record. */
int ids_commit(struct ids *x, const uint8_t binding[SEAL_HASH], uint32_t next_pack, struct err *e) MUST_CHECK;
/** ids_forget(x): the vault has lost something that the index still names: it is made anew by the next run. */
void ids_forget(struct ids *x);
void ids_close(struct ids *x);

#endif
