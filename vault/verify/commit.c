/* One commit record: the point. All that restoring needs stands in it, so nothing but this body is kept of the log. */
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { USED_PAGES_MAX = 1 << 20, LABELS_SANE = 64 };

static bool used_parse(struct commit *c, struct rd *r) {
    uint64_t n = rd_vu(r);
    if (n > USED_PAGES_MAX || n * 36 > r->left) return false;
    if (!(c->used = calloc(n ? n : 1, sizeof *c->used))) return false;
    for (c->used_n = 0; c->used_n < n; c->used_n++) {
        struct used_name *u = &c->used[c->used_n];
        u->page = rd_u32(r);
        rd_copy(r, u->hash, 32);
        if (c->used_n && u->page <= u[-1].page) return false;
    }
    return rd_ok(r);
}

/* Stepping over the slots tells where they end and that they are well-formed. */
static bool slots_parse(struct commit *c, struct rd *r) {
    struct key none = {.kind = KEY_NONE};
    struct err e;
    uint8_t unused[32];
    c->slots = r->p;
    size_t left = r->left;
    if (key_open(&none, r, unused, &e) < 0) return false;
    c->slots_len = left - r->left;
    return true;
}

bool commit_parse(struct commit *c, const uint8_t *body, size_t n) {
    *c = (struct commit){.body = malloc(n ? n : 1)};
    if (!c->body) return false;
    memcpy(c->body, body, n);
    struct rd r = rd_of(c->body, n);
    size_t len;
    c->begin_n = rd_u64(&r);
    c->point = rd_u32(&r);
    rd_copy(&r, c->generation, 16);
    c->kind = rd_u8(&r);
    c->parent = rd_u32(&r);
    c->epoch = rd_u64(&r);
    rd_copy(&r, c->upload, 16);
    rd_copy(&r, c->system_id, 16);
    rd_blob(&r, &len, 4096); /* ticket */
    uint64_t labels = rd_vu(&r);
    for (uint64_t i = 0; i < labels && i < LABELS_SANE; i++) rd_blob(&r, &len, 4096);
    rd_take(&r, 32); /* plan hash */
    uint8_t state = rd_u8(&r);
    c->complete = state == 1;
    rd_take(&r, 8); /* start of the walk */
    c->retain_until = (int64_t)rd_u64(&r);
    c->files = rd_u64(&r);
    c->bytes = rd_u64(&r);
    rd_take(&r, 3 * 8); /* bytes read, sent, stored */
    c->root = rd_blob(&r, &c->root_len, n);
    bool ok = rd_ok(&r) && used_parse(c, &r) && slots_parse(c, &r) && labels <= LABELS_SANE && c->point &&
        (c->kind == POINT_FULL || c->kind == POINT_INCREMENTAL) && (state == 1 || state == 2);
    if (!ok) commit_free(c);
    return ok;
}

void commit_free(struct commit *c) {
    free(c->body);
    free(c->used);
    *c = (struct commit){0};
}
