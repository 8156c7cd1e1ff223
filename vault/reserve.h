/**
 * Space that is kept for what wins space back: keeper/reserve, a file whose bytes are allocated and mean nothing. On a
 * full file system it gets smaller by what a removal or a collection needs, and it grows again when there is room.
 */
#ifndef VAULT_RESERVE_H
#define VAULT_RESERVE_H

#include "vault.h"

enum { RESERVE_FOR_RECORD = 1 << 20 };
#define RESERVE_BYTES ((uint64_t)64 << 20)

/** reserve_make(v): bring it to RESERVE_BYTES, or to a sixteenth of a smaller file system, when twice what is missing is
 * free; quietly not, otherwise. */
void reserve_make(struct vault *v);

/** reserve_release(v, bytes): let go of so much of it (a little more, or what is left): false when nothing was left. */
bool reserve_release(struct vault *v, uint64_t bytes);

#endif
