/**
 * The packs of one generation of a host, and the index of one pack. Used by the keeper (placing, committing, opening)
 * and by serve (getting segments from a descriptor that the keeper passed).
 */
#ifndef VAULT_PACKS_H
#define VAULT_PACKS_H

#include "store.h"
#include "wire/pack.h"

/** So much of a pack is read and hashed together, where segments are taken one after the other: a few of the largest. */
enum { RUN_BYTES = 4 << 20 };
_Static_assert(RUN_BYTES >= ZB_SEALED_MAX, "a run holds at least one segment");

struct pack_item {
    uint32_t pack, revision;
    uint64_t size;
};

struct pack_list {
    uint8_t generation[SEAL_ID];
    struct pack_item *item; /* ascending by pack, the highest revision of each */
    size_t n, cap;
    bool loaded;
};
/** pack_list_all: every revision, ascending by pack and revision. */
int pack_list_all(struct pack_list *l, struct store *s, const char *host, const uint8_t generation[SEAL_ID],
    struct err *e) MUST_CHECK;
/** pack_list_load(l, store, host, generation, e): what the store holds now. pack_list_find: NULL when it is not
 * there. */
int pack_list_load(struct pack_list *l, struct store *s, const char *host, const uint8_t generation[SEAL_ID],
    struct err *e) MUST_CHECK;
const struct pack_item *pack_list_find(const struct pack_list *l, uint32_t pack);
void pack_list_free(struct pack_list *l);

/** The name of a pack, and of the directory that holds a generation's packs (pack_dir). */
void pack_dir(char out[STORE_NAME_MAX], const char *host, const uint8_t generation[SEAL_ID]);
void pack_name(
    char out[STORE_NAME_MAX], const char *host, const uint8_t generation[SEAL_ID], uint32_t pack, uint32_t revision);

struct pack_index {
    struct pack_header header;
    struct pack_trailer trailer;
    uint8_t *rows; /* trailer.count × PACK_ROW bytes */
};
/**
 * pack_index_read(fd, object, x, e): header, trailer and rows of the pack in ${fd}, checked by the trailer's hash and
 * with every row inside the file; segments are not read. ZE_TRUNCATED, ZE_DAMAGED, ZE_NEWER naming ${object}; ${x}
 * needs no release then. pack_index_find: the row of a slot, false when it is not there.
 */
int pack_index_read(int fd, const char *object, struct pack_index *x, struct err *e) MUST_CHECK;
bool pack_index_find(const struct pack_index *x, uint32_t slot, struct pack_row *row);
void pack_index_free(struct pack_index *x);

#endif
