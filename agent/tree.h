/**
 * Building the manifest of a point: entries in, pages out (FORMAT.md §6). Unchanged pages have the identity they had, so they
 * are found again and not sent. Memory: one page for each level.
 */
#ifndef AGENT_TREE_H
#define AGENT_TREE_H

#include "upload.h"
#include "used.h"
#include "wire/manifest.h"

struct tree;

struct tree *tree_new(struct upload *u, struct used *used, struct ids *ids, const struct gen_keys *k,
    const uint8_t host_key[SEAL_KEY]); /* NULL without memory */
void tree_free(struct tree *t);

/** tree_add(t, en, e): the next entry, in the order of paths. Counts entries, files and bytes. */
int tree_add(struct tree *t, const struct entry *en, struct err *e) MUST_CHECK;

/** tree_finish(t, root, e): flush all pages; fill level, top, entries, files and bytes of ${root}. */
int tree_finish(struct tree *t, struct root *root, struct err *e) MUST_CHECK;

/** tree_ino_key(out, host_key, ino): the key under which ids knows the page that holds the large file with this inode. */
void tree_ino_key(uint8_t out[SEAL_ID], const uint8_t host_key[SEAL_KEY], uint64_t ino);

#endif
