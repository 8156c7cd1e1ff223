/**
 * The small objects of a host that are read again and again and never change (commit records, used pages), gathered in one
 * file, keeper/small/HOST: a thousand of them are one read then, not a thousand places on a disk. Each is known by the hash
 * of its bytes, which is compared at every use, so nothing in the file has to be trusted; losing it costs time only.
 */
#ifndef VAULT_SMALL_H
#define VAULT_SMALL_H

#include "vault.h"

enum { SMALL_OBJECT = 4096, SMALL_FILE = 24 << 20, SMALL_WORTH = 64 };

struct small;

/** small_open(v, host): what is there; NULL when there is no memory. To be given up with small_close; NULL is harmless to
 * all of these. */
struct small *small_open(struct vault *v, const char *host);

/**
 * small_load(s, store, name, hash, max, out, e):
 * The object ${name}, whose bytes have this hash, appended to ${out}, from the file or from the store; then it is
 * remembered, unless it is large (4 KiB) or there is enough (24 MiB). ZE_NOTFOUND, ZE_DAMAGED for other bytes.
 */
int small_load(struct small *s, struct store *store, const char *name, const uint8_t hash[SEAL_HASH], size_t max,
    struct buf *out, struct err *e) MUST_CHECK;

/** small_close(s, all): write the file anew if that is worth it (64 objects came, or half of it is of no use any more), and
 * release. ${all}: everything that is of use was loaded, so what was not may go. */
void small_close(struct small *s, bool all);

#endif
