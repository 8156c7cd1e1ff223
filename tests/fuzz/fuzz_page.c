/* Manifest pages and extent pages from anybody. What decodes as a leaf page must encode to a page that decodes again to
 * the same number of entries: whatever the reader lets through, the writer can say. */
#include <stdlib.h>
#include <string.h>

#include "wire/manifest.h"

/* faults: G3 G4 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void entries(struct page_iter *it, struct page_writer *w) {
    struct entry en;
    struct err e = ERR_INIT;
    int rc;
    while ((rc = page_next_entry(it, &en, &e)) == 1) {
        if (!path_ok(en.path, en.path_len)) abort();
        if (page_add_entry(w, &en, &e) < 0) return;
    }
    struct buf out;
    buf_init(&out, ZB_SEGMENT_MAX);
    struct page_iter again;
    if (rc == 0 && page_finish(w, &out, &e) == 0) {
        uint64_t n = 0;
        if (page_iter_init(&again, out.p, out.len, "again", &e) < 0) abort();
        while (page_next_entry(&again, &en, &e) == 1) n++;
        if (n != w->count) abort();
        page_iter_free(&again);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct page_iter it;
    struct page_writer w;
    struct page_ref ref;
    struct err e = ERR_INIT;
    struct extent *x = NULL;
    size_t cap = 0, n;
    page_writer_init(&w, 0);
    if (page_iter_init(&it, data, size, "page", &e) == 0) {
        if (it.level == 0) entries(&it, &w);
        else
            while (page_next_ref(&it, &ref, &e) == 1) continue;
    }
    page_iter_free(&it);
    page_writer_free(&w);
    if (xpage_get(data, size, 1u << 26, &x, &cap, &n, NULL, "page", &e) == 0) {
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++) sum += x[i].len;
        if (sum != 1u << 26) abort();
    }
    free(x);
    return 0;
}
