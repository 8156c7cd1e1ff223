/* The facts and arrays of struct host_log as they are in memory, behind a header that names their layout and has a hash of
 * everything: written without fsync, so what a power cut leaves may be anything, and is then nothing. Nobody who could
 * write this file needs to: it lies beside the vault's key. That record N still has the hash of that time shows that the
 * store was not put back to an older state, since each record names the hash of the one before it.
 *
 * Writers replace the file by rename; two at once may spoil it for the next reader, who then reads the log. */
#include "log_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

/* LAYOUT: raise it with every change of what the facts or elements mean that does not change their sizes. */
enum { LAYOUT = 1, WORTH = 64, ARRAYS = 5, CACHE_MAX = 64 << 20 };
enum { FACTS = offsetof(struct host_log, system), FACTS_LEN = offsetof(struct host_log, begins) - FACTS };

struct cache_head {
    uint8_t hash[SEAL_HASH]; /* of all that follows */
    char magic[8], host[64];
    uint8_t vault[SEAL_ID];
    uint32_t layout, facts, size[ARRAYS];
    uint64_t n[ARRAYS];
};

struct array {
    void **p;
    size_t *n, *cap, size;
};

static void arrays_of(struct host_log *l, struct array a[ARRAYS]) {
    a[0] = (struct array){(void **)&l->begins, &l->begins_n, &l->begins_cap, sizeof *l->begins};
    a[1] = (struct array){(void **)&l->commits, &l->commits_n, &l->commits_cap, sizeof *l->commits};
    a[2] = (struct array){(void **)&l->pins, &l->pins_n, &l->pins_cap, sizeof *l->pins};
    a[3] = (struct array){(void **)&l->collects, &l->collects_n, &l->collects_cap, sizeof *l->collects};
    a[4] = (struct array){(void **)&l->kept, &l->kept_n, &l->kept_cap, sizeof *l->kept};
}

/* All of the header but hash and counts, as it must be. */
static void head_make(struct cache_head *h, struct host_log *l, const struct array a[ARRAYS]) {
    memset(h, 0, sizeof *h);
    memcpy(h->magic, "ZBLOG", 5);
    snprintf(h->host, sizeof h->host, "%s", l->host);
    memcpy(h->vault, l->v->header.id, SEAL_ID);
    h->layout = LAYOUT, h->facts = FACTS_LEN;
    for (int i = 0; i < ARRAYS; i++) h->size[i] = (uint32_t)a[i].size;
}

static void name_of(const struct host_log *l, char out[STORE_NAME_MAX], const char *end) {
    snprintf(out, STORE_NAME_MAX, "keeper/logs/%s%s", l->host, end);
}

/* Whether the file is whole and of this log; ${h} gets its header. */
static bool head_right(struct host_log *l, const struct array a[ARRAYS], const struct buf *b, struct cache_head *h) {
    struct cache_head want;
    uint8_t hash[SEAL_HASH];
    uint64_t len = sizeof *h + FACTS_LEN;
    if (b->len < len) return false;
    memcpy(h, b->p, sizeof *h);
    head_make(&want, l, a);
    memcpy(want.n, h->n, sizeof want.n);
    memcpy(want.hash, h->hash, SEAL_HASH);
    if (memcmp(&want, h, sizeof want) != 0) return false;
    seal_hash(hash, b->p + SEAL_HASH, b->len - SEAL_HASH);
    if (memcmp(hash, h->hash, SEAL_HASH) != 0) return false;
    for (int i = 0; i < ARRAYS; i++) {
        if (h->n[i] > b->len / a[i].size) return false;
        len += h->n[i] * a[i].size;
    }
    return len == b->len;
}

/* The last record of that time, or its second copy, is in the store as it was. */
static bool log_goes_on(struct host_log *l) {
    struct buf raw;
    struct err ignored = ERR_INIT;
    uint8_t hash[SEAL_HASH];
    buf_init(&raw, ZB_RECORD_MAX);
    bool same = l->next && log_load(l, l->next - 1, NULL, &raw, &ignored) == 0;
    if (same) seal_hash(hash, raw.p, raw.len);
    buf_free(&raw);
    return same && memcmp(hash, l->head, SEAL_HASH) == 0;
}

static bool take(struct host_log *l, const struct array a[ARRAYS], const struct buf *b) {
    struct cache_head h;
    if (!head_right(l, a, b, &h)) return false;
    const uint8_t *at = b->p + sizeof h;
    memcpy((uint8_t *)l + FACTS, at, FACTS_LEN);
    at += FACTS_LEN;
    for (int i = 0; i < ARRAYS; i++) {
        if (!h.n[i]) continue;
        if (!(*a[i].p = malloc(h.n[i] * a[i].size))) return false;
        *a[i].n = *a[i].cap = h.n[i];
        memcpy(*a[i].p, at, h.n[i] * a[i].size);
        at += h.n[i] * a[i].size;
    }
    l->cached = l->next;
    return log_goes_on(l);
}

void log_cache_load(struct host_log *l) {
    struct array a[ARRAYS];
    struct buf b;
    struct err ignored = ERR_INIT;
    struct host_log empty = {.v = l->v};
    char name[STORE_NAME_MAX];
    memcpy(empty.host, l->host, sizeof empty.host);
    arrays_of(l, a);
    name_of(l, name, "");
    buf_init(&b, CACHE_MAX);
    if (file_load(l->v->fd, name, CACHE_MAX, &b, &ignored) == 0 && !take(l, a, &b)) {
        log_free(l);
        *l = empty;
    }
    buf_free(&b);
}

static bool put(const struct host_log *l, const struct buf *b) {
    char name[STORE_NAME_MAX], fresh[STORE_NAME_MAX];
    name_of(l, name, "");
    name_of(l, fresh, ".new"); /* no host has a dot in its name */
    (void)!mkdirat(l->v->fd, "keeper/logs", 0700);
    unlinkat(l->v->fd, fresh, 0);
    CLEANUP_FD int fd = openat(l->v->fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    /* If interrupted here, a part of a file that the next writer replaces. */
    return fd >= 0 && file_write_all(fd, b->p, b->len) == 0 && renameat(l->v->fd, fresh, l->v->fd, name) == 0;
}

void log_cache_save(struct host_log *l) {
    struct array a[ARRAYS];
    struct cache_head h;
    struct buf b;
    if (l->gaps || l->next < l->cached + WORTH) return;
    arrays_of(l, a);
    head_make(&h, l, a);
    for (int i = 0; i < ARRAYS; i++) h.n[i] = *a[i].n;
    buf_init(&b, CACHE_MAX);
    buf_put(&b, &h, sizeof h);
    buf_put(&b, (uint8_t *)l + FACTS, FACTS_LEN);
    for (int i = 0; i < ARRAYS; i++)
        if (h.n[i]) buf_put(&b, *a[i].p, h.n[i] * a[i].size);
    if (buf_ok(&b)) seal_hash(b.p, b.p + SEAL_HASH, b.len - SEAL_HASH);
    if (buf_ok(&b) && put(l, &b)) l->cached = l->next;
    buf_free(&b);
}
