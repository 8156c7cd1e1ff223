/* Building the extents of a file. Going over 64 extents turns what was collected into pages and feeds it again. */
#include "extents.h"

#include <stdlib.h>
#include <string.h>

enum { STRETCHES_MAX = 64 << 10 };
static const uint64_t RANGE = (uint64_t)1 << XPAGE_SHIFT;

void extents_init(struct extents *x, struct upload *u, struct used *used) {
    *x = (struct extents){.u = u, .used = used};
    buf_init(&x->page, ZB_SEGMENT_MAX);
}

void extents_begin(struct extents *x) { x->n = x->pages_n = x->stretch_n = 0, x->at = 0, x->paged = false; }

void extents_free(struct extents *x) {
    free(x->x);
    free(x->pages);
    free(x->stretch);
    buf_free(&x->page);
}

static int grow(void *arrayp, size_t n, size_t *cap, size_t size, struct err *e) {
    if (n < *cap) return 0;
    size_t want = *cap ? *cap * 2 : 128;
    void *p = reallocarray(*(void **)arrayp, want, size);
    if (!p) return err_set(e, ZE_NOMEM, NULL, "extents");
    *(void **)arrayp = p, *cap = want;
    return 0;
}

static bool continues(const struct extent *a, const struct extent *b) {
    if (a->hole || b->hole) return a->hole && b->hole;
    return a->addr.pack == b->addr.pack && a->addr.slot == b->addr.slot && a->offset + a->len == b->offset;
}

static int push(struct extents *x, const struct extent *one, struct err *e) {
    if (x->n && continues(&x->x[x->n - 1], one)) {
        x->x[x->n - 1].len += one->len;
        return 0;
    }
    if (grow(&x->x, x->n, &x->cap, sizeof *x->x, e) < 0) return -1;
    x->x[x->n++] = *one;
    return 0;
}

/* Whether the stretch is one segment of its own; ${at} is the file offset of the first extent. */
static bool is_whole(const struct extents *x, uint64_t at, const struct stretch *s) {
    for (size_t i = 0; i < x->n && at <= s->off; at += x->x[i++].len)
        if (at == s->off) return !x->x[i].hole && x->x[i].offset == 0 && x->x[i].len == s->len;
    return false;
}

/* Take the stretches below file offset ${end} off the list, those that are made of pieces into ${out}. */
static void take_stretches(struct extents *x, uint64_t from, uint64_t end, struct stretches *out) {
    size_t n = 0;
    out->known = 0;
    for (; n < x->stretch_n && x->stretch[n].off < end; n++) {
        const struct stretch *s = &x->stretch[n];
        if (s->off < from || is_whole(x, from, s)) continue;
        unsigned i = (unsigned)(s->off / STRETCH % STRETCHES);
        out->known |= 1ull << i;
        memcpy(out->id[i], s->id, SEAL_ID);
    }
    x->stretch_n -= n;
    if (n && x->stretch_n) memmove(x->stretch, x->stretch + n, x->stretch_n * sizeof *x->stretch);
}

static int flush_page(struct extents *x, struct err *e) {
    if (!x->n) return 0;
    struct stretches s;
    uint64_t from = (x->at - 1) / RANGE * RANGE;
    take_stretches(x, from, from + RANGE, &s);
    if (grow(&x->pages, x->pages_n, &x->pages_cap, sizeof *x->pages, e) < 0) return -1;
    buf_reset(&x->page);
    if (xpage_put(&x->page, x->x, x->n, &s, e) < 0) return -1;
    struct seg_addr *a = &x->pages[x->pages_n++];
    if (upload_meta(x->u, SEG_EXTENTS, x->page.p, (uint32_t)x->page.len, a, e) < 0) return -1;
    x->n = 0;
    return used_mark(x->used, *a, e);
}

static int push_paged(struct extents *x, struct extent one, struct err *e) {
    while (one.len) {
        uint64_t room = RANGE - x->at % RANGE;
        struct extent part = one;
        if (part.len > room) part.len = room;
        if (push(x, &part, e) < 0) return -1;
        x->at += part.len;
        one.len -= part.len, one.offset += (uint32_t)part.len;
        if (x->at % RANGE == 0 && flush_page(x, e) < 0) return -1;
    }
    return 0;
}

static int turn_paged(struct extents *x, struct err *e) {
    size_t n = x->n;
    struct extent *all = malloc(n * sizeof *all);
    if (!all) return err_set(e, ZE_NOMEM, NULL, "extents");
    memcpy(all, x->x, n * sizeof *all);
    x->n = 0, x->at = 0, x->paged = true;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) rc = push_paged(x, all[i], e);
    free(all);
    return rc;
}

int extents_add(struct extents *x, const struct extent *one, struct err *e) {
    if (!one->len) return 0;
    if (!one->hole && used_mark(x->used, one->addr, e) < 0) return -1;
    if (x->paged) return push_paged(x, *one, e);
    if (push(x, one, e) < 0) return -1;
    x->at += one->len;
    return x->n > EXTENTS_INLINE_MAX ? turn_paged(x, e) : 0;
}

int extents_data(struct extents *x, struct seg_addr a, uint32_t offset, uint64_t len, struct err *e) {
    return extents_add(x, &(struct extent){.len = len, .addr = a, .offset = offset}, e);
}

int extents_hole(struct extents *x, uint64_t len, struct err *e) {
    return extents_add(x, &(struct extent){.len = len, .hole = true}, e);
}

int extents_stretch(struct extents *x, uint64_t off, uint32_t len, const uint8_t identity[SEAL_HASH], struct err *e) {
    if (x->stretch_n == STRETCHES_MAX) return 0; /* a very long match that librsync has not told yet: it only costs later */
    if (grow(&x->stretch, x->stretch_n, &x->stretch_cap, sizeof *x->stretch, e) < 0) return -1;
    struct stretch *s = &x->stretch[x->stretch_n++];
    s->off = off, s->len = len;
    memcpy(s->id, identity, SEAL_ID);
    return 0;
}

/* Whether something is worth an extent page although there are few extents. */
static bool has_pieces(const struct extents *x) {
    for (size_t i = 0; i < x->stretch_n; i++)
        if (!is_whole(x, 0, &x->stretch[i])) return true;
    return false;
}

int extents_end(struct extents *x, struct entry *en, struct err *e) {
    if (!x->paged && has_pieces(x) && turn_paged(x, e) < 0) return -1;
    if (x->paged && flush_page(x, e) < 0) return -1;
    en->flags = (uint8_t)(x->paged ? en->flags | EF_XPAGES : en->flags & ~EF_XPAGES);
    en->xpage_shift = XPAGE_SHIFT;
    en->extents = x->x, en->extents_n = x->paged ? 0 : x->n;
    en->xpages = x->pages, en->xpages_n = x->paged ? x->pages_n : 0;
    return 0;
}
