/**
 * What is sent: segments into packs, packs to the vault (PROTOCOL.md §2, FORMAT.md §4, §5).
 *
 * One thread (the caller's) owns the stream; workers (pool.h) compress, seal, decode again and hash. The number of segments
 * under way is fixed, so memory is (about 25 MiB) and a slow vault slows the reading. Data and meta segments go to
 * different packs; what is in an open pack is sent again after an interruption, so a pack is also closed when it has been open
 * for two minutes (a slow line), and the meta pack after every eighth data pack, when the next one is half full. A copy of each
 * meta pack stays in the local cache once the vault has acknowledged it, never before.
 */
#ifndef AGENT_UPLOAD_H
#define AGENT_UPLOAD_H

#include <sys/types.h>

#include "attempt.h"
#include "ids.h"
#include "pool.h"
#include "session.h"
#include "sys/clock.h"
#include "wire/segment.h"

struct upload;

struct upload_setup {
    struct session *session;
    struct pool *pool; /* outlives the upload */
    const struct gen_keys *keys;
    struct ids *ids;
    int cachefd; /* directory for meta packs of this generation, or -1: none are kept */
    struct attempt *attempt; /* is told of each pack that is sent; may be NULL */
    struct clock *clock;     /* may be NULL: packs are closed when they are full only */
    uint64_t epoch;
    uint32_t first_pack;
    const struct slot_ref *damaged; /* segments not to be used again, ascending */
    size_t damaged_n;
};

/** upload_new(s, e): NULL with ${e}. upload_free waits for what is with the workers, and forgets it. */
struct upload *upload_new(const struct upload_setup *s, struct err *e);
void upload_free(struct upload *u);

/** upload_damaged(u, a): whether the vault said at begin that this segment is damaged. */
bool upload_damaged(const struct upload *u, struct seg_addr a);

/** upload_find(u, identity, addr, e): 1 and its address when a segment is stored already and unharmed, else 0. */
int upload_find(struct upload *u, const uint8_t identity[SEAL_HASH], struct seg_addr *addr, struct err *e) MUST_CHECK;

/** upload_segment(u, kind, identity, p, n, addr, e): store a segment of any kind but SEG_PACKED, unless it is stored
 * already (1 then, else 0). ${p} may be used again at once. Errors stick: every later call fails. */
int upload_segment(struct upload *u, uint8_t kind, const uint8_t identity[SEAL_HASH], const void *p, uint32_t n,
    struct seg_addr *addr, struct err *e) MUST_CHECK;

/** upload_meta(u, kind, p, n, addr, e): the same with the identity of a meta segment, computed here. */
int upload_meta(struct upload *u, uint8_t kind, const void *p, uint32_t n, struct seg_addr *addr, struct err *e) MUST_CHECK;

/**
 * upload_append(u, p, n, leaves, leaves_n, addr, offset, e):
 * Put (part of) a piece into the packed segment that is being filled: a piece of at most 256 KiB goes in whole. ${leaves}
 * are the hashes of its 4 KiB blocks if the caller has them, else NULL. Return the bytes taken (> 0), or <0.
 */
ssize_t upload_append(struct upload *u, const uint8_t *p, size_t n, const struct leaf *leaves, size_t leaves_n,
    struct seg_addr *addr, uint32_t *offset, struct err *e) MUST_CHECK;

/** upload_finish(u, e): everything sent, all packs closed and acknowledged. upload_next_pack: the first pack number that
 * was not used. */
int upload_finish(struct upload *u, struct err *e) MUST_CHECK;
uint32_t upload_next_pack(const struct upload *u);

#endif
