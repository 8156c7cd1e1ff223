/* A hash table of hard-link groups; open addressing, at most half full. Group numbers come from a manifest, so they are
 * mixed before use, and names that share a number but not their content come back as files of their own; so do further
 * groups when the table is full: memory is bounded whatever a manifest says. */
#include <stdlib.h>
#include <string.h>

#include "restore_internal.h"

static struct group *probe(struct group *slot, size_t cap, uint64_t id) {
    uint64_t h = (id ^ (id >> 31)) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 20) & (cap - 1);
    while (slot[i].used && slot[i].id != id) i = (i + 1) & (cap - 1);
    return &slot[i];
}

struct group *groups_find(const struct groups *g, uint64_t id) {
    if (!g->cap) return NULL;
    struct group *s = probe(g->slot, g->cap, id);
    return s->used ? s : NULL;
}

static bool grow(struct groups *g) {
    size_t cap = g->cap ? g->cap * 2 : 256;
    struct group *slot = calloc(cap, sizeof *slot);
    if (!slot) return false;
    for (size_t i = 0; i < g->cap; i++)
        if (g->slot[i].used) *probe(slot, cap, g->slot[i].id) = g->slot[i];
    free(g->slot);
    g->slot = slot, g->cap = cap;
    return true;
}

/* Type, and what it holds or leads to. */
static uint64_t mark_of(const struct groups *g, const struct entry *en) {
    uint8_t out[SEAL_HASH];
    uint64_t mark;
    struct buf b;
    buf_init(&b, 8192);
    buf_u8(&b, en->type);
    buf_u32(&b, en->dev_major);
    buf_u32(&b, en->dev_minor);
    buf_u64(&b, en->size);
    buf_put(&b, en->digest, SEAL_HASH);
    if (en->target_len) buf_put(&b, en->target, en->target_len);
    seal_mac(out, g->key, b.p, b.len);
    buf_free(&b);
    memcpy(&mark, out, sizeof mark);
    return mark;
}

int groups_add(struct groups *g, const struct entry *en, const char *path, size_t n) {
    if (g->n >= GROUPS_MAX || g->paths.len + n > GROUPS_PATHS) return 0;
    if (2 * (g->n + 1) > g->cap && !grow(g)) return 0;
    struct group *s = probe(g->slot, g->cap, en->link_group);
    uint32_t at = (uint32_t)g->paths.len;
    buf_put(&g->paths, path, n);
    if (!buf_ok(&g->paths)) {
        g->paths.bad = false;
        return 0;
    }
    g->n += !s->used;
    *s = (struct group){
        .id = en->link_group, .mark = mark_of(g, en), .path_at = at, .path_len = (uint32_t)n, .used = true};
    return 1;
}

bool groups_fit(const struct groups *g, const struct group *group, const struct entry *en) {
    return group->mark == mark_of(g, en);
}

void groups_init(struct groups *g) {
    buf_init(&g->paths, GROUPS_PATHS);
    seal_random(g->key, sizeof g->key);
}

void groups_free(struct groups *g) {
    free(g->slot);
    buf_free(&g->paths);
}
