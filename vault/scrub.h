/**
 * Reading everything again, without keys: headers, log records, second copies, used pages, packs with each segment. It
 * goes round: the cursor keeper/scrub says where the next slice goes on, so it may be ended at any instruction. What is
 * found is kept (damage.h) and handed to the next backup; a damaged object is replaced where a whole copy of it is at
 * hand, and moved to store/quarantine/, never deleted.
 */
#ifndef VAULT_SCRUB_H
#define VAULT_SCRUB_H

#include "damage.h"
#include "log.h"
#include "packs.h"

enum { SCRUB_MIB_S = 16 }; /* what keep reads a second when keeper/settings says nothing */

struct scrub_sum {
    uint64_t bytes, objects, damaged, healed, busy; /* busy: not replaced, since a session of the host is at work */
};

struct scrub_opts {
    uint64_t rate;         /* bytes a second; 0: no limit */
    int64_t slice_ns;      /* end after so long; 0: at the end of the round */
    bool all;              /* a new round, whatever the cursor says */
    const char *heal_from; /* another directory of this vault, or NULL */
    void (*pause)(void *arg, int64_t ns);
    bool (*tick)(
        void *arg, const char *host, const struct scrub_sum *sum); /* after each object; false ends the slice */
    void *arg;
};

/**
 * scrub_run(v, o, sum, e):
 * Go on with the round. Return 1 when it is complete, 0 when the slice is over before that, <0 with ${e} when it cannot
 * go on; damage is no error: it is counted in ${sum} and kept. One at a time: ZE_BUSY (wait: scrub_lock).
 */
int scrub_run(struct vault *v, const struct scrub_opts *o, struct scrub_sum *sum, struct err *e) MUST_CHECK;
/** scrub_lock(v, wait, e): the descriptor of the lock that whoever calls scrub_run holds. */
int scrub_lock(struct vault *v, bool wait, struct err *e) MUST_CHECK;

struct scrub_cursor {
    uint64_t round;
    int64_t started, finished; /* of this round; of the one before */
    char host[64];             /* the host to go on with; empty: the first */
    uint8_t generation[SEAL_ID];
    uint64_t pack; /* packs of generations below, and of this one below this number, are done */
};
/** scrub_cursor_load: an absent or damaged one is the beginning. */
int scrub_cursor_load(struct vault *v, struct scrub_cursor *c, struct err *e) MUST_CHECK;
int scrub_cursor_save(struct vault *v, const struct scrub_cursor *c, struct err *e) MUST_CHECK;

/* ---- its parts ---- */

struct scrub_point {
    uint32_t point;
    bool removed;
    uint8_t generation[SEAL_ID];
    struct used_ref *used; /* owned */
    size_t used_n;
    uint64_t n;
};

struct scrub {
    struct vault *v;
    const struct scrub_opts *o;
    struct scrub_sum *sum;
    struct scrub_cursor at;
    int64_t began, saved; /* monotonic */
    uint64_t saved_bytes;
    struct store from; /* heal from: fd -1 when there is none */
    bool over, left;   /* the slice is; and something of the round is left */
    /* the host at hand; empty for the vault itself */
    char host[64];
    uint8_t host_id[SEAL_ID];
    bool id_known;
    struct damage_list damage;
    struct scrub_point *points;
    size_t points_n, points_cap;
    uint64_t records; /* of its log, as it was when the points were collected; removals are followed from there */
    bool begun; /* an upload that is neither committed nor superseded: its packs are needed */
    uint8_t begun_generation[SEAL_ID];
    uint64_t begin_n;
    uint32_t begun_first;
    struct pack_list packs;
    uint8_t *segment;
};

/** scrub_read(s, n): so many bytes were read: keep to the rate. scrub_object(s): an object was judged.
 * scrub_moved(s): the cursor was: only then may a slice be over, so that the shortest one gets on. */
void scrub_read(struct scrub *s, uint64_t n);
void scrub_object(struct scrub *s, bool damaged);
void scrub_moved(struct scrub *s);
/** scrub_save(s, e): findings and cursor, when the last time is long enough ago. */
int scrub_save(struct scrub *s, struct err *e) MUST_CHECK;
/** scrub_found(s, object, slot, why, e): note it, if ${why} is about the object; else <0 with ${e}: no judgement was
 * possible. */
int scrub_found(struct scrub *s, const char *object, uint32_t slot, const struct err *why, struct err *e) MUST_CHECK;

/** scrub_records(s, dir, kept, e): the records of a log, their second copies (${kept} NULL: it has none); collects the
 * points of the host. scrub_used: used pages, and whether the packs that they name exist. scrub_packs: every pack, from
 * the cursor on; 1 when the slice ended before the last one. scrub_unused: drop findings that no point needs, and
 * note the points of the others. */
int scrub_records(struct scrub *s, const char *dir, const char *kept, struct err *e) MUST_CHECK;
int scrub_used(struct scrub *s, struct err *e) MUST_CHECK;
/** scrub_removed(s, p): whether the point has been removed by now: what it alone needed may be collected at any moment since. */
bool scrub_removed(struct scrub *s, const struct scrub_point *p);
int scrub_packs(struct scrub *s, struct err *e) MUST_CHECK;
int scrub_unused(struct scrub *s, struct err *e) MUST_CHECK;

/** pack_judge(s, store, name, generation, pack, x, bad, arg, e): read all of a pack. Each segment that is damaged is
 * given to ${bad}; <0 with ${why} when header or index are. ${x} is released by the caller when it returns 0. */
int pack_judge(struct scrub *s, struct store *store, const char *name, const uint8_t generation[SEAL_ID], uint32_t pack,
    struct pack_index *x, int (*bad)(void *arg, uint32_t slot, const struct err *why, struct err *e), void *arg,
    struct err *why, struct err *e) MUST_CHECK;

/**
 * heal_object(s, name, good, e): put ${good} in the place of a damaged or absent small object. heal_load: the bytes of
 * that object in the other vault, ZE_NOTFOUND without one. heal_pack: a whole copy of the pack from the other vault as
 * the next revision, or as it is there when ${absent}; of the generation in s->packs. 1 healed, 0 not possible, <0
 * error.
 */
int heal_object(struct scrub *s, const char *name, const struct buf *good, struct err *e) MUST_CHECK;
int heal_load(struct scrub *s, const char *name, size_t max, struct buf *out, struct err *e) MUST_CHECK;
int heal_pack(struct scrub *s, const struct pack_item *it, bool absent, struct err *e) MUST_CHECK;
/** heal_open(s, dir, e): the store of another directory of the same vault. */
int heal_open(struct scrub *s, const char *dir, struct err *e) MUST_CHECK;

#endif
