/** Packs and used pages (FORMAT.md §5, §7): all that can be checked without a key. */
#ifndef VERIFY_PACK_H
#define VERIFY_PACK_H

#include "log.h"

enum { PACK_META = 1, PACK_DATA = 2, PACK_HEADER = 64, PACK_ROW = 76, PACK_TRAILER = 48 };

/** A set of slots of one pack: slot s is bit s & 7 of byte s >> 3. */
struct slots {
    uint32_t pack;
    uint8_t *bits;
    uint32_t len;
};

struct slot_set {
    struct slots *of; /* ascending by pack */
    size_t n;
};

struct pack_row {
    uint32_t slot, offset, len;
    uint8_t hash[32];
};

struct pack_index {
    uint8_t kind;
    struct pack_row *row; /* ascending by slot */
    uint32_t n;
    uint64_t bytes; /* of all segments */
};

/** A pack as it was found: which of its slots are there and whole. */
struct pack {
    uint32_t number;
    uint8_t revision, kind; /* kind 0: unreadable */
    struct slots good;
    int finding; /* of the report, -1: nothing is wrong */
};

/** A generation of a host, as far as it lies in the store. Zero it before the first use. */
struct generation {
    char host[64];
    uint8_t id[16];
    uint8_t host_id[16], system_id[16];
    bool ids_known;    /* the host's log told the two ids */
    struct pack *pack; /* ascending by number */
    size_t n;
};

/** pack_object(v, g, p, name, size, e): open a pack that was listed, its name into ${name}. A collection may work beside us,
 * so it may be there as a later revision by now (p->revision says which), or be gone: ZE_MISSING. */
enum { REVISIONS_AHEAD = 4 };
int pack_object(struct verify *v, const struct generation *g, struct pack *p, char name[OBJECT_NAME_MAX],
    uint64_t *size, struct err *e) MUST_CHECK;

/** slots_has, slot_set_find: of what is not there, false and NULL. */
bool slots_has(const struct slots *s, uint32_t slot);
const struct slots *slot_set_find(const struct slot_set *s, uint32_t pack);
void slot_set_free(struct slot_set *s);

/** generation_list(v, g, e): find its packs, the highest revision of each; nothing is read yet. Host and id are set
 * by the caller. <0 without memory. */
int generation_list(struct verify *v, struct generation *g, struct err *e) MUST_CHECK;
void generation_free(struct generation *g);
struct pack *generation_pack(const struct generation *g, uint32_t number);
void pack_name(char name[OBJECT_NAME_MAX], const struct generation *g, const struct pack *p);

/** generation_check(v, g, only, e): check those packs that ${only} names (NULL: all): header, trailer, index, and
 * the hash of each segment. Damage becomes findings. <0 without memory. */
int generation_check(struct verify *v, struct generation *g, const struct slot_set *only, struct err *e) MUST_CHECK;

/** pack_index_load(fd, name, size, g, p, ix, e): header, trailer and index of one pack, checked. pack_index_free. */
int pack_index_load(int fd, const char *name, uint64_t size, const struct generation *g, const struct pack *p,
    struct pack_index *ix, struct err *e) MUST_CHECK;
void pack_index_free(struct pack_index *ix);

/** used_load(v, g, c, set, e): what the point ${c} uses, from its used pages; a page that is missing or damaged is
 * a finding that affects the point, and the rest is loaded. <0 without memory. */
int used_load(struct verify *v, const struct generation *g, const struct commit *c, struct slot_set *set,
    struct err *e) MUST_CHECK;

/** used_check(v, g, c, set): every used segment must have been found whole. */
void used_check(struct verify *v, struct generation *g, const struct commit *c, const struct slot_set *set);

#endif
