/* The file is a row of entries: hash, length, bytes. It is read whole, and replaced by rename without fsync: what a power cut
 * leaves is entries whose hash fits, and others, which are passed over. */
#include "small.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

enum { ENTRY = SEAL_HASH + 4 };

struct entry {
    size_t at; /* of its hash, in all */
    uint32_t len;
    bool used;
};

struct small {
    struct vault *v;
    char host[64];
    struct buf all; /* the entries as in the file, and new ones after them */
    struct entry *entry;
    size_t n, cap, sorted; /* the first ${sorted} are by hash; those after them came now */
};

static bool entry_add(struct small *s, size_t at, uint32_t len, bool used) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        void *p = realloc(s->entry, cap * sizeof *s->entry);
        if (!p) return false;
        s->entry = p, s->cap = cap;
    }
    s->entry[s->n++] = (struct entry){at, len, used};
    return true;
}

static int entry_cmp(const void *a, const void *b, void *all) {
    const uint8_t *p = all;
    return memcmp(p + ((const struct entry *)a)->at, p + ((const struct entry *)b)->at, SEAL_HASH);
}

static void entries_find(struct small *s) {
    struct rd r = rd_of(s->all.p, s->all.len);
    while (r.left >= ENTRY) {
        size_t at = s->all.len - r.left;
        rd_take(&r, SEAL_HASH);
        uint32_t len = rd_u32(&r);
        if (!rd_take(&r, len) || len > SMALL_OBJECT || !entry_add(s, at, len, false)) break;
    }
    if (s->n) qsort_r(s->entry, s->n, sizeof *s->entry, entry_cmp, s->all.p);
    s->sorted = s->n;
}

static void name_of(const struct small *s, char out[128], const char *end) {
    snprintf(out, 128, "keeper/small/%s%s", s->host, end);
}

struct small *small_open(struct vault *v, const char *host) {
    struct small *s = calloc(1, sizeof *s);
    struct err ignored = ERR_INIT;
    char name[128];
    if (!s) return NULL;
    s->v = v;
    snprintf(s->host, sizeof s->host, "%s", host);
    buf_init(&s->all, SMALL_FILE);
    name_of(s, name, "");
    if (file_load(v->fd, name, SMALL_FILE, &s->all, &ignored) < 0) buf_reset(&s->all);
    entries_find(s);
    return s;
}

static struct entry *entry_find(struct small *s, const uint8_t hash[SEAL_HASH]) {
    size_t lo = 0, hi = s->sorted;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = memcmp(s->all.p + s->entry[mid].at, hash, SEAL_HASH);
        if (d == 0) return &s->entry[mid];
        if (d < 0) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

static bool has_hash(const uint8_t *p, size_t n, const uint8_t hash[SEAL_HASH]) {
    uint8_t is[SEAL_HASH];
    seal_hash(is, p, n);
    return memcmp(is, hash, SEAL_HASH) == 0;
}

static void remember(struct small *s, const uint8_t hash[SEAL_HASH], const uint8_t *p, size_t n) {
    size_t at = s->all.len;
    if (n > SMALL_OBJECT || at + ENTRY + n > SMALL_FILE) return;
    buf_put(&s->all, hash, SEAL_HASH);
    buf_u32(&s->all, (uint32_t)n);
    buf_put(&s->all, p, n);
    if (!buf_ok(&s->all) || !entry_add(s, at, (uint32_t)n, true)) s->all.len = at, s->all.bad = false;
}

int small_load(struct small *s, struct store *store, const char *name, const uint8_t hash[SEAL_HASH], size_t max,
    struct buf *out, struct err *e) {
    struct entry *x = s ? entry_find(s, hash) : NULL;
    const uint8_t *p = x ? s->all.p + x->at + ENTRY : NULL;
    if (x && x->len <= max && has_hash(p, x->len, hash)) {
        x->used = true;
        buf_put(out, p, x->len);
        return buf_ok(out) ? 0 : err_set(e, ZE_NOMEM, name, _("no memory"));
    }
    size_t from = out->len;
    if (store_load(store, name, max, out, e) < 0) return -1;
    if (!has_hash(out->p + from, out->len - from, hash))
        return err_set(e, ZE_DAMAGED, name, _("its bytes are not those that are known by its hash"));
    if (s) remember(s, hash, out->p + from, out->len - from);
    return 0;
}

static bool put(struct small *s, bool all) {
    char name[128], fresh[128];
    struct buf b;
    name_of(s, name, "");
    name_of(s, fresh, ".new"); /* no host has a dot in its name */
    buf_init(&b, SMALL_FILE);
    for (size_t i = 0; i < s->n; i++)
        if (s->entry[i].used || !all) buf_put(&b, s->all.p + s->entry[i].at, ENTRY + s->entry[i].len);
    (void)!mkdirat(s->v->fd, "keeper/small", 0700);
    unlinkat(s->v->fd, fresh, 0);
    CLEANUP_FD int fd = openat(s->v->fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    /* If interrupted here, a part of a file that the next writer replaces. */
    bool done = fd >= 0 && buf_ok(&b) && file_write_all(fd, b.p, b.len) == 0 &&
        renameat(s->v->fd, fresh, s->v->fd, name) == 0;
    buf_free(&b);
    return done;
}

void small_close(struct small *s, bool all) {
    if (!s) return;
    size_t used = 0;
    for (size_t i = 0; i < s->n; i++) used += s->entry[i].used;
    if (s->n - s->sorted >= SMALL_WORTH || (all && used * 2 < s->n)) (void)!put(s, all);
    buf_free(&s->all);
    free(s->entry);
    free(s);
}
