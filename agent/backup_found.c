/* A large file whose name is new may be an old one: renamed, or the next of a series (dump-20261121.sql after dump-20261120.sql).
 * Whatever is found is only where to look for equal content; a wrong guess costs a look, never a byte. */
#include <stdlib.h>
#include <string.h>

#include "backup_internal.h"

/* Entries of one directory; how large a file is worth a guess; after how many guesses in vain there are no more in this run. */
enum { LOOKED_AT_MAX = 4096, WORTH_GUESSING = 1 << 20, GUESSES_IN_VAIN = 16 };

void found_init(struct found *f) {
    *f = (struct found){.has = false};
    buf_init(&f->page, ZB_SEGMENT_MAX);
}

void found_free(struct found *f) {
    page_iter_free(&f->it);
    buf_free(&f->page);
    manifest_walk_free(f->w);
}

/* The parent's entry of this path, when it is a file. */
static int found_entry(struct run *r, const uint8_t *path, size_t n, struct found *f, struct err *e) {
    f->w = manifest_walk_new(r->fetch, r->keys, &r->parent_root, (const char *)path, n);
    if (!f->w) return err_set(e, ZE_NOMEM, NULL, "manifest");
    int rc = manifest_walk_next(f->w, &f->en, e);
    f->has = rc == 1 && f->en.type == ENT_FILE && f->en.path_len == n && memcmp(f->en.path, path, n) == 0;
    return rc < 0 ? -1 : 0;
}

/* The parent's entry for a large file with this inode, wherever it was. What the index says is proved against the parent's
 * manifest, since the page may be that of an older point. */
static int find_renamed(struct run *r, const struct stat *st, struct found *f, struct err *e) {
    uint8_t key[SEAL_ID];
    struct seg_addr page;
    struct entry en;
    tree_ino_key(key, r->cfg->host_key, st->st_ino);
    int rc = ids_find(r->ids, key, &page, e);
    if (rc <= 0 || page.pack >= r->begin.begin.first_pack) return rc < 0 ? -1 : 0;
    if (fetch_one(r->fetch, r->sealer, r->keys, SEG_PAGE, page, &f->page, e) < 0 ||
        page_iter_init(&f->it, f->page.p, f->page.len, "manifest page", e) < 0 || f->it.level != 0) {
        *e = (struct err)ERR_INIT; /* an old page that is gone, or something else: no basis then */
        return 0;
    }
    while ((rc = page_next_entry(&f->it, &en, e)) == 1 && (en.type != ENT_FILE || en.ino != st->st_ino)) continue;
    if (rc <= 0) {
        *e = (struct err)ERR_INIT;
        return 0;
    }
    if (found_entry(r, en.path, en.path_len, f, e) < 0) return -1;
    f->has = f->has && f->en.ino == st->st_ino;
    return 0;
}

/* ---- a series ---- */

static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Equal but for digits, of which there are some. */
static bool alike(const uint8_t *a, size_t n, const uint8_t *b, size_t m) {
    bool some = false;
    size_t i = 0, k = 0;
    while (i < n && k < m) {
        if (digit(a[i]) && digit(b[k])) {
            some = true;
            while (i < n && digit(a[i])) i++;
            while (k < m && digit(b[k])) k++;
        } else if (a[i++] != b[k++]) {
            return false;
        }
    }
    return some && i == n && k == m;
}

static bool newer(const struct entry *a, int64_t s, uint32_t ns) {
    return a->mtime_s > s || (a->mtime_s == s && a->mtime_ns >= ns);
}

/* The path of the newest that is alike into ${best}; it begins like ours up to its first digit. */
static int look_beside(struct manifest_walk *w, const struct walk_item *item, size_t same, struct buf *best,
    struct err *e) {
    struct entry en;
    int64_t s = INT64_MIN;
    uint32_t ns = 0;
    int rc = 1;
    for (unsigned i = 0; i < LOOKED_AT_MAX && (rc = manifest_walk_next(w, &en, e)) == 1; i++) {
        if (en.path_len < same || memcmp(en.path, item->path, same) != 0) {
            if (path_cmp(en.path, en.path_len, item->path, same) < 0) continue;
            return 0;
        }
        bool here = !memchr(en.path + same, '/', en.path_len - same);
        if (!here || en.type != ENT_FILE || en.size < FILE_SMALL || !newer(&en, s, ns)) continue;
        if (!alike(en.path, en.path_len, item->path, item->path_len)) continue;
        s = en.mtime_s, ns = en.mtime_ns;
        buf_reset(best);
        buf_put(best, en.path, en.path_len);
        if (!buf_ok(best)) return err_set(e, ZE_NOMEM, NULL, "manifest");
    }
    return rc < 0 ? -1 : 0;
}

static int find_alike(struct run *r, const struct walk_item *item, struct found *f, struct err *e) {
    const uint8_t *slash = memrchr(item->path, '/', item->path_len);
    size_t same = slash ? (size_t)(slash - item->path) + 1 : 0;
    while (same < item->path_len && !digit(item->path[same])) same++;
    if (same == item->path_len) return 0;
    struct manifest_walk *w = manifest_walk_new(r->fetch, r->keys, &r->parent_root, (const char *)item->path, same);
    if (!w) return err_set(e, ZE_NOMEM, NULL, "manifest");
    struct buf best;
    buf_init(&best, 1 << 17);
    int rc = look_beside(w, item, same, &best, e);
    manifest_walk_free(w);
    if (rc == 0 && best.len) rc = found_entry(r, best.p, best.len, f, e);
    buf_free(&best);
    return rc;
}

int found_find(struct run *r, const struct walk_item *item, const struct stat *st, struct found *f, struct err *e) {
    if (find_renamed(r, st, f, e) < 0) return -1;
    if (f->has) return 0;
    if (st->st_size < WORTH_GUESSING || r->vain >= GUESSES_IN_VAIN) return 0;
    manifest_walk_free(f->w);
    f->w = NULL;
    f->guessed = true;
    return find_alike(r, item, f, e);
}

void found_told(struct run *r, const struct found *f, uint64_t used) {
    if (f->guessed && f->has) r->vain = used ? 0 : r->vain + 1;
}
