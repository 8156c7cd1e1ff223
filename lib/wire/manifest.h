/**
 * The manifest (FORMAT.md §6): entries, extents, pages and the root, as structs and bytes. No I/O and no keys here.
 *
 * Decoders accept hostile bytes (they may come from a vault with a valid key, from a bug, or from a fuzzer): every
 * length is checked, paths are relative without empty, "." and ".." components, entries of a page strictly ascend,
 * extents add up to the size, offsets stay inside a segment. What fails is ZE_DAMAGED, a newer version ZE_NEWER.
 */
#ifndef WIRE_MANIFEST_H
#define WIRE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/segment.h"
#include "wrap/many.h"

enum entry_type { ENT_FILE = 1, ENT_DIR = 2, ENT_LINK = 3, ENT_FIFO = 4, ENT_CHAR = 5, ENT_BLOCK = 6 };
enum entry_flag {
    EF_HARDLINK = 1, EF_CHANGED = 2, EF_ANCESTOR = 4, EF_XATTRS = 8, EF_XPAGES = 16, EF_RACY = 32, EF_KEPT = 64, EF_EXT = 128,
};
enum { EXTENTS_INLINE_MAX = 64, XPAGE_SHIFT = 26, EXT_FILE_FLAGS = 1 };
enum { PAGE_MIN_ENTRIES = 4, PAGE_MIN_REFS = 4, PAGE_MAX_BYTES = 32 << 10 };

struct extent {
    uint64_t len;
    struct seg_addr addr; /* meaningless for a hole */
    uint32_t offset;      /* within the segment's plaintext */
    bool hole;
};

struct xattr {
    const uint8_t *name, *value;
    size_t name_len, value_len;
};

/**
 * One entry. For encoding the pointers are the caller's. After decoding path, target, xattrs and ext point into the
 * decoder's page (see page_iter) and extents/xpages into its arrays: valid until the next step.
 */
struct entry {
    const uint8_t *path;
    size_t path_len;
    uint8_t type, flags;
    uint32_t mode, uid, gid; /* mode: 07777 */
    int64_t mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
    uint64_t ino, link_group; /* link_group with EF_HARDLINK */
    size_t xattrs_n;
    struct xattr *xattrs; /* ascending by name */
    bool has_file_flags;
    uint32_t file_flags; /* FS_IOC_GETFLAGS, with EF_EXT */
    const uint8_t *target; /* ENT_LINK */
    size_t target_len;
    uint32_t dev_major, dev_minor;
    uint64_t size; /* ENT_FILE from here */
    uint8_t block_shift, xpage_shift;
    uint8_t digest[SEAL_HASH];
    size_t extents_n;
    struct extent *extents; /* without EF_XPAGES */
    size_t xpages_n;
    struct seg_addr *xpages; /* with EF_XPAGES */
};

/** path_cmp(a, an, b, bn): the order of the manifest: bytewise, '/' lowest. */
int path_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
/** path_ok(p, n): relative, no empty, "." or ".." component, no NUL; the empty path (the root directory) is ok. */
bool path_ok(const uint8_t *p, size_t n);
/** path_below(p, n, dir, dn): whether ${p} is ${dir} or below it; everything is below the empty path. */
bool path_below(const uint8_t *p, size_t n, const uint8_t *dir, size_t dn);

/** Building one page: begin, add entries (or refs) in rising order, finish. The bytes are in ${b}. */
struct page_writer {
    struct buf body;    /* what follows the count */
    struct buf last;    /* path of the last entry or ref */
    struct buf first;   /* path of the first one */
    uint8_t level;
    uint64_t count, entries; /* of this page; entries below it */
};
void page_writer_init(struct page_writer *w, uint8_t level);
void page_writer_free(struct page_writer *w);
void page_writer_reset(struct page_writer *w);
int page_add_entry(struct page_writer *w, const struct entry *en, struct err *e) MUST_CHECK;
/** page_takes(en): whether an entry fits into a page; a file in very many extent pages may not. */
bool page_takes(const struct entry *en);
int page_add_ref(struct page_writer *w, const uint8_t *path, size_t n, struct seg_addr addr, uint64_t entries,
    struct err *e) MUST_CHECK;
/** page_full(w, h): whether the page ends after what was added last, ${h} being its page-cut hash. */
bool page_full(const struct page_writer *w, const uint8_t h[SEAL_HASH]);
/** page_finish(w, out): the page's plaintext into ${out} (reset first); ZE_INTERNAL when above ZB_SEGMENT_MAX. */
int page_finish(const struct page_writer *w, struct buf *out, struct err *e) MUST_CHECK;

/** Reading a page: init checks the head; next gives 1 and the entry or ref, 0 at a right end, <0 on damage. */
struct page_ref {
    const uint8_t *path; /* valid until the next step */
    size_t path_len;
    struct seg_addr addr;
    uint64_t entries;
};
struct page_iter {
    struct rd r;
    uint8_t level;
    uint64_t left;
    struct buf path; /* of the current item */
    bool started;
    struct extent *extents; /* grown as needed, owned */
    struct seg_addr *xpages;
    struct xattr *xattrs;
    size_t extents_cap, xpages_cap, xattrs_cap;
    const char *object;
};
int page_iter_init(struct page_iter *it, const void *p, size_t n, const char *object, struct err *e) MUST_CHECK;
void page_iter_free(struct page_iter *it); /* also after a failed init; init again may reuse a freed iterator */
int page_next_entry(struct page_iter *it, struct entry *en, struct err *e) MUST_CHECK;
int page_next_ref(struct page_iter *it, struct page_ref *ref, struct err *e) MUST_CHECK;

/** For the MiB stretches of an extent page that are made of pieces: the start of the identity they would have as one segment,
 * so that they are recognised when the signature is lost. Bit i of known: id[i] is set. */
enum { STRETCH = 1 << 20, STRETCHES = 1 << (XPAGE_SHIFT - 20) };
struct stretches {
    uint64_t known;
    uint8_t id[STRETCHES][SEAL_ID];
};

/** Extent pages (kind 4). Putting appends to ${out}. Getting: extents whose lengths add up to ${len}, else ZE_DAMAGED.
 * ${s} may be NULL. */
int xpage_put(struct buf *out, const struct extent *x, size_t n, const struct stretches *s, struct err *e) MUST_CHECK;
int xpage_get(const void *p, size_t n, uint64_t len, struct extent **x, size_t *x_cap, size_t *x_n, struct stretches *s,
    const char *object, struct err *e) MUST_CHECK;

/** The root (FORMAT §6). root_put appends to ${out}. Decoded paths are owned; root_free releases. */
struct root {
    uint8_t level;
    struct seg_addr top;
    uint64_t entries, files, bytes;
    int64_t walk_start;
    char host_name[256];
    size_t paths_n;
    char **paths;
    bool has_facts, has_runlist;
    struct seg_addr facts, runlist;
};
int root_put(struct buf *out, const struct root *r, struct err *e) MUST_CHECK;
int root_get(struct root *r, const void *p, size_t n, struct err *e) MUST_CHECK;
void root_free(struct root *r);

/** The file digest (FORMAT §6): feed the leaf of each block in order, NULL for a block that lies wholly in a hole. */
struct digest {
    struct hash_state h;
};
void digest_init(struct digest *d, uint8_t block_shift, uint64_t size);
void digest_block(struct digest *d, const uint8_t *leaf);
void digest_final(struct digest *d, uint8_t out[SEAL_HASH]);

/** The same from the blocks themselves, hashed many at once: leaves_begin, then each block in order by leaves_block (its bytes stay
 * as they are until leaves_end) or leaves_hole; leaves_end, before the bytes change and before digest_final. */
enum { LEAVES = 64 };
struct leaves {
    struct digest *d;
    size_t n;
    struct message m[LEAVES];
    uint8_t leaf[LEAVES][SEAL_HASH];
};
void leaves_begin(struct leaves *l, struct digest *d);
void leaves_block(struct leaves *l, const void *p, size_t n);
void leaves_hole(struct leaves *l);
void leaves_end(struct leaves *l);

#endif
