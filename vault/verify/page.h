/** Pages of the manifest, entries, extents and the root (FORMAT.md §6), decoded from bytes that nobody vouches for. */
#ifndef VERIFY_PAGE_H
#define VERIFY_PAGE_H

#include "segment.h"

enum { ENT_FILE = 1, ENT_DIR, ENT_LINK, ENT_FIFO, ENT_CHAR, ENT_BLOCK };
enum { EF_HARDLINK = 1, EF_XATTRS = 8, EF_XPAGES = 16, EF_EXT = 128 };

struct entry {
    uint8_t type, flags;
    uint64_t size; /* files from here */
    uint8_t shift, xshift;
    const uint8_t *digest;
    const uint8_t
        *words; /* from the size to the end of the extents: equal words of one generation are equal contents */
    size_t words_len;
    struct rd refs; /* extents, or addresses of extent pages */
    uint64_t refs_n;
};

struct ref {
    struct addr at;
    uint64_t entries;
};

struct extent {
    uint64_t len, offset;
    struct addr at;
    bool hole;
};

struct page {
    struct rd r;
    uint8_t level;
    uint64_t left;
    struct buf path; /* of the entry or ref that was read last */
};

struct root {
    uint8_t level;
    struct addr top, facts, runlist;
    uint64_t entries, files, bytes;
    bool has_facts, has_runlist;
};

/** path_cmp: bytewise, '/' below every other byte. path_ok: relative, no empty, "." or ".." part, no NUL; "" is the
 * root. */
int path_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
bool path_ok(const uint8_t *p, size_t n);

/** All of these return NULL, or what is wrong, translated. page_path_free releases what page_open began. */
const char *page_open(struct page *pg, const uint8_t *p, size_t n, uint8_t level);
void page_path_free(struct page *pg);
const char *page_entry(struct page *pg, struct entry *en);
const char *page_ref(struct page *pg, struct ref *ref);
const char *page_end(const struct page *pg);
const char *extent_next(struct rd *r, struct extent *x);
const char *root_parse(struct root *root, const uint8_t *p, size_t n);

struct addr addr_get(struct rd *r);

#endif
