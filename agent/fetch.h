/**
 * Getting plaintext back: from the local copy of meta packs where there is one, from the vault otherwise, or straight
 * from a vault directory (restoring with the kit on a machine that has lost everything). Sources are one struct fetch,
 * so that listing, restoring and the next backup use the same code.
 */
#ifndef AGENT_FETCH_H
#define AGENT_FETCH_H

#include "session.h"
#include "wire/manifest.h"
#include "wire/segment.h"

struct fetch;

/**
 * fetch_sealed(f, generation, addrs, n, each, arg, e):
 * Fetch ${n} sealed data segments, in the order given, never from the local copies; requests are pipelined (at most 4 MiB ahead). ${each} gets index,
 * sealed bytes and length for each; what it returns below 0 ends the call. A segment that is absent or damaged calls
 * ${bad} (index, error) if set and goes on, else ends the call with that error.
 */
int fetch_sealed(struct fetch *f, const uint8_t generation[SEAL_ID], const struct seg_addr *addrs, size_t n,
    int (*each)(void *arg, size_t i, const uint8_t *sealed, size_t len, struct err *e),
    int (*bad)(void *arg, size_t i, const struct err *why), void *arg, struct err *e) MUST_CHECK;

/** fetch_one(f, sealer, keys, kind, addr, out, e): fetch and open one segment into ${out} (reset first; at most
 * ZB_SEGMENT_MAX). Meta segments come from the local cache when it holds them unharmed. */
int fetch_one(struct fetch *f, struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr,
    struct buf *out, struct err *e) MUST_CHECK;

/** fetch_over_session(s): from an open session, with the local cache of ${s}'s config. fetch_over_store(dir, host):
 * from the store below a vault directory, no processes, no rights asked: the holder of the disk. Both NULL without
 * memory. */
struct fetch *fetch_over_session(struct session *s);
struct fetch *fetch_over_store(const char *vault_dir, const char *host);
void fetch_free(struct fetch *f);

/** fetch_count(f): segments, and their sealed bytes, that the vault or its store has given so far. */
struct fetch_count {
    uint64_t segments, bytes;
} fetch_count(const struct fetch *f);

/** fetch_lacked(f): whether fetch_one has met a segment that is absent or damaged. */
bool fetch_lacked(const struct fetch *f);

/** Walking a manifest in order without holding it: next gives 1 and an entry (valid until the next call), 0 at the
 * end. */
struct manifest_walk;
/** ${first}: start at this path (NULL: from the beginning), skipping pages before it without fetching them. */
struct manifest_walk *manifest_walk_new(struct fetch *f, const struct gen_keys *k, const struct root *root,
    const char *first, size_t first_len);
int manifest_walk_next(struct manifest_walk *w, struct entry *en, struct err *e) MUST_CHECK;
/** manifest_walk_tolerate(w, bad, arg): pages that are damaged or missing are left out from now on: ${bad} hears that
 * ${entries} entries (as far as is known) from ${path} on are lost, and why; what it returns below 0, with ${e}, ends
 * the walk. Without it the walk ends at the first. */
typedef int (*manifest_bad)(
    void *arg, const uint8_t *path, size_t n, uint64_t entries, const struct err *why, struct err *e);
void manifest_walk_tolerate(struct manifest_walk *w, manifest_bad bad, void *arg);
void manifest_walk_free(struct manifest_walk *w);

#endif
