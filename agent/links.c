/* A chained hash table by link group. An entry leaves when all its names have been seen. */
#include <stdlib.h>
#include <string.h>

#include "backup_internal.h"

enum { CHAINS = 4096, BUDGET = 16 << 20 };

struct link {
    struct link *next;
    uint64_t group, more;
    struct entry en;
    size_t bytes;
};

struct links {
    struct link *chain[CHAINS];
    size_t bytes;
};

struct links *links_new(void) {
    return calloc(1, sizeof(struct links));
}

static void drop(struct links *l, struct link **at) {
    struct link *k = *at;
    *at = k->next;
    l->bytes -= k->bytes;
    free(k->en.extents);
    free(k->en.xpages);
    free(k);
}

void links_free(struct links *l) {
    if (!l) return;
    for (size_t i = 0; i < CHAINS; i++)
        while (l->chain[i]) drop(l, &l->chain[i]);
    free(l);
}

static struct link **find(struct links *l, uint64_t group) {
    struct link **at = &l->chain[(group * 0x9e3779b97f4a7c15ull) >> 52];
    while (*at && (*at)->group != group) at = &(*at)->next;
    return at;
}

bool links_find(struct links *l, uint64_t group, struct entry *en) {
    struct link **at = find(l, group);
    if (!*at) return false;
    const struct entry *o = &(*at)->en;
    if (en->size != o->size || en->mtime_s != o->mtime_s || en->mtime_ns != o->mtime_ns || en->ctime_s != o->ctime_s ||
        en->ctime_ns != o->ctime_ns)
        return false; /* it changed between two of its names */
    en->block_shift = o->block_shift, en->xpage_shift = o->xpage_shift;
    memcpy(en->digest, o->digest, SEAL_HASH);
    en->flags |= o->flags & (EF_XPAGES | EF_CHANGED | EF_RACY);
    en->extents = o->extents, en->extents_n = o->extents_n, en->xpages = o->xpages, en->xpages_n = o->xpages_n;
    return true;
}

void links_put(struct links *l, uint64_t group, const struct entry *en, uint64_t more) {
    struct link **at = find(l, group);
    size_t x = en->extents_n * sizeof *en->extents, p = en->xpages_n * sizeof *en->xpages;
    if (*at) {
        if (--(*at)->more == 0) drop(l, at);
        return;
    }
    struct link *k = more && l->bytes + x + p + sizeof *k < BUDGET ? calloc(1, sizeof *k) : NULL;
    if (!k) return;
    k->group = group, k->more = more, k->bytes = x + p + sizeof *k, k->en = *en;
    k->en.extents = malloc(x + 1), k->en.xpages = malloc(p + 1);
    if (!k->en.extents || !k->en.xpages) {
        free(k->en.extents), free(k->en.xpages), free(k);
        return;
    }
    if (x) memcpy(k->en.extents, en->extents, x);
    if (p) memcpy(k->en.xpages, en->xpages, p);
    *at = k;
    l->bytes += k->bytes;
}
