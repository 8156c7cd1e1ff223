/** A vault directory that a test writes itself, by FORMAT.md, with one point of the host web. */
#ifndef TESTS_RESTORE_VAULT_H
#define TESTS_RESTORE_VAULT_H

#include "wire/manifest.h"
#include "wire/pack.h"

extern char dir[64], target[96], kit[96]; /* the test's own directory, and out/ and kit in it */
extern uint8_t generation[SEAL_ID];
extern struct gen_keys *keys;
extern struct sealer *sealer;
extern struct err e;

/** Between vault_begin and vault_end: put_segment seals one, add adds an entry in order. A test may put pages itself and
 * set root.top. */
void vault_begin(void);
void vault_end(void);
struct seg_addr put_segment(uint8_t kind, const void *in, uint32_t n);
void add(struct entry *en, const char *path);
void write_file(const char *name, const void *p, size_t n);
extern struct page_writer page;
extern struct root root;

/** raw_entry: any entry under any path into the bytes of a page; raw_page: such a page, with any count. */
void raw_entry(struct buf *page_bytes, struct entry *en, const void *path, size_t n);
struct seg_addr raw_page(uint8_t level, uint64_t count, const struct buf *entries);

/** Contents: pieces of small[], which put_segment has put at data_at; a sparse file; one with extent pages. */
extern uint8_t small[5000], large[2621440], sparse[4096 + (1 << 20) + 100];
extern struct seg_addr data_at;
void content(uint8_t *p, size_t n, uint32_t seed);
void digest(struct entry *en, const uint8_t *p, const struct extent *x, size_t x_n);
void add_small(const char *path, uint8_t flags, uint32_t offset, uint32_t len);
void add_sparse(const char *path);
void add_large(const char *path);
/** One of everything. */
void whole_vault(void);

/** spoil(pack, at): flip a bit of a stored pack (from its end when negative). */
void spoil(uint32_t pack, long at);
void spoil_segment(uint32_t pack, uint32_t slot);

#endif
