/* A hash table of hard-link groups; open addressing, at most half full. Group numbers come from a manifest, so they are
 * mixed before use. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
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

static int grow(struct groups *g, struct err *e) {
    size_t cap = g->cap ? g->cap * 2 : 256;
    struct group *slot = calloc(cap, sizeof *slot);
    if (!slot) return err_set(e, ZE_NOMEM, NULL, _("hard links"));
    for (size_t i = 0; i < g->cap; i++)
        if (g->slot[i].used) *probe(slot, cap, g->slot[i].id) = g->slot[i];
    free(g->slot);
    g->slot = slot, g->cap = cap;
    return 0;
}

int groups_add(struct groups *g, uint64_t id, const char *path, size_t n, struct err *e) {
    if (2 * (g->n + 1) > g->cap && grow(g, e) < 0) return -1;
    struct group *s = probe(g->slot, g->cap, id);
    if (!s->used) g->n++;
    *s = (struct group){.id = id, .path_at = g->paths.len, .path_len = n, .used = true};
    buf_put(&g->paths, path, n);
    return buf_ok(&g->paths) ? 0 : err_set(e, ZE_NOMEM, NULL, _("hard links"));
}

void groups_free(struct groups *g) {
    free(g->slot);
    buf_free(&g->paths);
}
