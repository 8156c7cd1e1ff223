/**
 * Reading pack files (FORMAT.md §5) straight from a directory: the local copies of meta packs, or the packs of a vault
 * directory. A struct packs keeps a few of them open; trailer and index are checked once, each segment by its hash.
 */
#ifndef AGENT_PACKFILE_H
#define AGENT_PACKFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/pack.h"
#include "wire/segment.h"

enum { PACKS_OPEN_MAX = 6 };

struct packfile {
    bool known; /* looked for; fd < 0: it is not there */
    uint8_t generation[SEAL_ID];
    uint32_t pack;
    int fd;
    struct buf rows; /* the raw index */
    uint64_t used;   /* for choosing which to close */
    char name[96];
};

struct packs {
    int dirfd;      /* holds one directory for each generation, named by its 32 hex digits */
    bool revisions; /* names are PACK.REVISION, the highest counts; else PACK alone */
    struct packfile open[PACKS_OPEN_MAX];
    uint64_t ticks;
};

/** packs_init(p, dirfd, revisions): ${dirfd} is taken over (-1: nothing is ever found). packs_free closes
 * everything. */
void packs_init(struct packs *p, int dirfd, bool revisions);
void packs_free(struct packs *p);

/**
 * packs_find(p, generation, addr, row, pf, e):
 * Look for a segment: 1 with ${row} and its file ${pf} (valid until the next call), 0 when pack or slot are not there,
 * <0 when the pack is damaged (ZE_DAMAGED, ZE_TRUNCATED, ZE_NEWER naming the file).
 */
int packs_find(struct packs *p, const uint8_t generation[SEAL_ID], struct seg_addr addr, struct pack_row *row,
    struct packfile **pf, struct err *e) MUST_CHECK;

/** packs_read(pf, row, out, e): the sealed bytes into ${out} (reset first), checked against the index: ZE_DAMAGED. */
int packs_read(const struct packfile *pf, const struct pack_row *row, struct buf *out, struct err *e) MUST_CHECK;

#endif
