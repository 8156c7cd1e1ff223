/* The decoders of zaibei-verify: pages, entries, extents, roots, commit records. The first byte chooses. */
#include "log.h"
#include "page.h"

/* faults: G3 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void page_run(const uint8_t *p, size_t n, uint8_t level) {
    struct page pg = {.left = 0};
    struct entry en = {0};
    struct ref ref;
    const char *what = page_open(&pg, p, n, level);
    while (!what && pg.left) {
        what = level ? page_ref(&pg, &ref) : page_entry(&pg, &en);
        struct rd r = en.refs;
        struct extent x;
        for (uint64_t i = 0; !what && !level && en.type == ENT_FILE && i < en.refs_n; i++) {
            if (en.flags & EF_XPAGES) addr_get(&r);
            else if (extent_next(&r, &x)) __builtin_trap(); /* page_entry found them good */
        }
    }
    page_path_free(&pg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct root root;
    struct commit c;
    if (size < 1) return 0;
    switch (data[0] & 3) {
    case 0: page_run(data + 1, size - 1, 0); break;
    case 1: page_run(data + 1, size - 1, 1); break;
    case 2: (void)!root_parse(&root, data + 1, size - 1); break;
    default:
        if (commit_parse(&c, data + 1, size - 1)) commit_free(&c);
    }
    return 0;
}
