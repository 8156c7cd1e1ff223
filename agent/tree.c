/* One page writer for each level. A full page is stored and becomes a reference one level up; what is full there follows.
 * For large files the index also learns which page holds their inode: that is how a renamed file finds its old version. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "filer.h"

enum { LEVELS = 16 };

struct tree {
    struct upload *u;
    struct used *used;
    struct ids *ids;
    const struct gen_keys *keys;
    uint8_t ino_secret[SEAL_KEY];
    struct page_writer level[LEVELS];
    uint64_t flushed[LEVELS];
    struct buf page;
    uint64_t *inos; /* large files of the leaf page under way */
    size_t inos_n, inos_cap;
    uint64_t entries, files, bytes;
};

struct tree *tree_new(struct upload *u, struct used *used, struct ids *ids, const struct gen_keys *k,
    const uint8_t host_key[SEAL_KEY]) {
    struct tree *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->u = u, t->used = used, t->ids = ids, t->keys = k;
    seal_derive(t->ino_secret, host_key, "cache", "ino", 3);
    for (unsigned i = 0; i < LEVELS; i++) page_writer_init(&t->level[i], (uint8_t)i);
    buf_init(&t->page, ZB_SEGMENT_MAX);
    return t;
}

void tree_free(struct tree *t) {
    if (!t) return;
    for (int i = 0; i < LEVELS; i++) page_writer_free(&t->level[i]);
    buf_free(&t->page);
    free(t->inos);
    seal_wipe(t->ino_secret, sizeof t->ino_secret);
    free(t);
}

static void ino_key(uint8_t out[SEAL_ID], const uint8_t secret[SEAL_KEY], uint64_t ino) {
    uint8_t full[SEAL_HASH];
    seal_mac(full, secret, &ino, sizeof ino);
    memcpy(out, full, SEAL_ID);
}

void tree_ino_key(uint8_t out[SEAL_ID], const uint8_t host_key[SEAL_KEY], uint64_t ino) {
    uint8_t secret[SEAL_KEY];
    seal_derive(secret, host_key, "cache", "ino", 3);
    ino_key(out, secret, ino);
    seal_wipe(secret, sizeof secret);
}

static int note_inos(struct tree *t, struct seg_addr page, struct err *e) {
    for (size_t i = 0; i < t->inos_n; i++) {
        uint8_t key[SEAL_ID];
        ino_key(key, t->ino_secret, t->inos[i]);
        if (ids_put(t->ids, key, page, e) < 0) return -1;
    }
    return 0;
}

static int flush(struct tree *t, unsigned level, struct seg_addr *a, struct err *e) {
    struct page_writer *w = &t->level[level];
    if (page_finish(w, &t->page, e) < 0) return -1;
    int rc = upload_meta(t->u, SEG_PAGE, t->page.p, (uint32_t)t->page.len, a, e);
    if (rc < 0 || used_mark(t->used, *a, e) < 0) return -1;
    if (level == 0) {
        if (rc == 0 && note_inos(t, *a, e) < 0) return -1;
        t->inos_n = 0;
    }
    t->flushed[level]++;
    return 0;
}

/* Store the page of ${level} and refer to it one level up; do the same there when that page is full then. */
static int flush_up(struct tree *t, unsigned level, struct err *e) {
    for (;; level++) {
        struct page_writer *w = &t->level[level], *up = w + 1;
        struct seg_addr a;
        uint8_t h[SEAL_HASH];
        if (level + 1 == LEVELS) return err_set(e, ZE_INTERNAL, NULL, "manifest of %d levels", LEVELS);
        if (flush(t, level, &a, e) < 0) return -1;
        if (page_add_ref(up, w->first.p, w->first.len, a, w->entries, e) < 0) return -1;
        page_cut_hash(t->keys, h, w->first.p, w->first.len);
        page_writer_reset(w);
        if (!page_full(up, h)) return 0;
    }
}

static int note_ino(struct tree *t, uint64_t ino, struct err *e) {
    if (t->inos_n == t->inos_cap) {
        size_t cap = t->inos_cap ? t->inos_cap * 2 : 64;
        uint64_t *p = reallocarray(t->inos, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, NULL, "tree");
        t->inos = p, t->inos_cap = cap;
    }
    t->inos[t->inos_n++] = ino;
    return 0;
}

int tree_add(struct tree *t, const struct entry *en, struct err *e) {
    uint8_t h[SEAL_HASH];
    if (page_add_entry(&t->level[0], en, e) < 0) return -1;
    t->entries++;
    if (en->type == ENT_FILE) {
        t->files++, t->bytes += en->size;
        if (en->size >= FILE_SMALL && note_ino(t, en->ino, e) < 0) return -1;
    }
    page_cut_hash(t->keys, h, en->path, en->path_len);
    return page_full(&t->level[0], h) ? flush_up(t, 0, e) : 0;
}

int tree_finish(struct tree *t, struct root *root, struct err *e) {
    unsigned level = 0;
    /* Up to the lowest level whose page is the only one of its level: that is the top. */
    while (t->flushed[level] || t->level[level + 1].count) {
        if (t->level[level].count && flush_up(t, level, e) < 0) return -1;
        if (++level + 1 == LEVELS) return err_set(e, ZE_INTERNAL, NULL, "manifest of %d levels", LEVELS);
    }
    if (flush(t, level, &root->top, e) < 0) return -1;
    root->level = (uint8_t)level;
    root->entries = t->entries, root->files = t->files, root->bytes = t->bytes;
    return 0;
}
