/**
 * What an interrupted run had done: the second parent of the next attempt. A journal in the local cache holds the
 * entry of each file that was read, in the order of the walk, and for each pack that was sent whole a sum of its
 * segments. The next run in the same generation and on the same parent walks it in step: a file that is still the
 * same, and whose segments are in packs that the vault shows to be the ones sent, is taken over unread. Interrupted
 * runs add up; a commit removes it.
 *
 * It is a cache: where it is absent, foreign, damaged or cannot be written there is simply nothing, and files are read
 * again. So nothing here fails, except that attempt_open may find no memory.
 */
#ifndef AGENT_ATTEMPT_H
#define AGENT_ATTEMPT_H

#include <stdbool.h>

#include "wire/manifest.h"
#include "wire/pack.h"

struct attempt;

/** attempt_open(dirfd, generation, host_key, binding, first_pack): read what the runs since the point with record hash
 * ${binding} (zeros: none) have left below ${dirfd}, which must outlive it. ${first_pack} is that of this run. NULL
 * without memory. attempt_close writes what is buffered. */
struct attempt *attempt_open(int dirfd, const uint8_t generation[SEAL_ID], const uint8_t host_key[SEAL_KEY],
    const uint8_t binding[SEAL_HASH], uint32_t first_pack);
void attempt_close(struct attempt *a);
void attempt_remove(int dirfd);

/** attempt_sum(sum, slot, identity, hash): add one segment of a pack to its sum (zeros at first), in any order; ${hash}
 * is that of the sealed bytes, which no other sealing repeats. */
void attempt_sum(uint8_t sum[SEAL_ID], uint32_t slot, const uint8_t identity[SEAL_HASH],
    const uint8_t hash[SEAL_HASH]);

/** First attempt_confirm for each pack that the vault has: true when it is the one an earlier attempt sent. Then
 * attempt_begin: the journal is made anew of what is confirmed. Without it nothing is found and nothing written. */
bool attempt_confirm(struct attempt *a, uint32_t pack, const uint8_t sum[SEAL_ID]);
void attempt_begin(struct attempt *a);

/** attempt_find(a, path, n): the entry of this path, or NULL; paths must rise from call to call. Valid until the next
 * one. attempt_trusts(a, pack): whether what an entry found refers to in this pack is there (for what extent pages
 * refer to). */
const struct entry *attempt_find(struct attempt *a, const uint8_t *path, size_t n);
bool attempt_trusts(const struct attempt *a, uint32_t pack);

/** attempt_add(a, en): a file was read and its segments are on their way; what must be read again anyhow is left out.
 * attempt_pack(a, pack, sum): all segments of this pack are sent; called before PACK_CLOSE, so that no pack is durable
 * without its line. */
void attempt_add(struct attempt *a, const struct entry *en);
void attempt_pack(struct attempt *a, uint32_t pack, const uint8_t sum[SEAL_ID]);

#endif
