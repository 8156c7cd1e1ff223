/* An array of bitmaps by pack number, each as long as its highest used slot asks for. */
#include "used.h"

#include <stdlib.h>
#include <string.h>

#include "wire/pack.h"

struct bits {
    uint8_t *p;
    size_t len;
};

struct used {
    struct bits *pack;
    size_t n;
};

enum { PAGE_PACKS = 256 };

struct used *used_new(void) { return calloc(1, sizeof(struct used)); }

void used_free(struct used *u) {
    if (!u) return;
    for (size_t i = 0; i < u->n; i++) free(u->pack[i].p);
    free(u->pack);
    free(u);
}

static int grow_packs(struct used *u, uint32_t pack, struct err *e) {
    size_t n = ((size_t)pack / PAGE_PACKS + 1) * PAGE_PACKS;
    struct bits *p = reallocarray(u->pack, n, sizeof *p);
    if (!p) return err_set(e, ZE_NOMEM, NULL, "used set");
    memset(p + u->n, 0, (n - u->n) * sizeof *p);
    u->pack = p, u->n = n;
    return 0;
}

int used_mark(struct used *u, struct seg_addr a, struct err *e) {
    if (a.slot >= ZB_PACK_SLOTS_MAX || a.pack >= 1u << 26)
        return err_set(e, ZE_DAMAGED, NULL, "address %u.%u", a.pack, a.slot);
    if (a.pack >= u->n && grow_packs(u, a.pack, e) < 0) return -1;
    struct bits *b = &u->pack[a.pack];
    size_t need = a.slot / 8 + 1;
    if (need > b->len) {
        size_t len = (need + 15) & ~(size_t)15;
        uint8_t *p = realloc(b->p, len);
        if (!p) return err_set(e, ZE_NOMEM, NULL, "used set");
        memset(p + b->len, 0, len - b->len);
        b->p = p, b->len = len;
    }
    b->p[a.slot >> 3] |= (uint8_t)(1u << (a.slot & 7));
    return 0;
}

int used_mark_extents(struct used *u, const struct extent *x, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++)
        if (!x[i].hole && used_mark(u, x[i].addr, e) < 0) return -1;
    return 0;
}

uint32_t used_pages(const struct used *u) { return (uint32_t)(u->n / PAGE_PACKS); }

bool used_page(struct used *u, const uint8_t generation[SEAL_ID], uint32_t page, struct buf *out) {
    uint8_t *maps[PAGE_PACKS];
    size_t lens[PAGE_PACKS];
    bool any = false;
    for (size_t i = 0; i < PAGE_PACKS; i++) {
        struct bits *b = &u->pack[(size_t)page * PAGE_PACKS + i];
        lens[i] = b->len;
        while (lens[i] && !b->p[lens[i] - 1]) lens[i]--;
        maps[i] = lens[i] ? b->p : NULL;
        any = any || lens[i];
    }
    buf_reset(out);
    if (any) used_page_put(out, generation, page, maps, lens);
    return any;
}
