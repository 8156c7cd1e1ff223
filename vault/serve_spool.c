/* Packs on their way in. serve writes header, segments, index and trailer of a pack into a file that the keeper made for
 * it and asks the keeper to place it; it hashes nothing but header and index, since the keeper believes none of it. The
 * file for the next pack is asked for before that, so that the next one comes in while this one is placed. If
 * interrupted, the file is gone with its last descriptor. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "serve.h"
#include "sys/file.h"

static void pack_release(struct spool_pack *p) {
    if (!p->used) return;
    if (p->fd >= 0) close(p->fd);
    buf_free(&p->rows);
    p->used = false;
}

void spool_forget(struct serve *s) {
    for (int i = 0; i < OPEN_PACKS; i++) {
        pack_release(&s->open[i]);
        if (s->spare[i] >= 0) close(s->spare[i]);
        s->spare[i] = -1;
    }
}

/* Have a file for the next pack of a kind. */
static int spare_get(struct serve *s, uint8_t kind, struct err *e) {
    struct rd a = {0};
    int *spare = &s->spare[kind - PACK_META];
    if (*spare >= 0) return 0;
    if (keeper_ask(s, K_SPOOL, &kind, 1, F_OKAY, &a, e) < 0) return -1;
    *spare = keeper_fd(s, e);
    return *spare < 0 ? -1 : 0;
}

static struct spool_pack *pack_of(struct serve *s, uint32_t pack) {
    for (int i = 0; i < OPEN_PACKS; i++)
        if (s->open[i].used && s->open[i].header.pack == pack) return &s->open[i];
    return NULL;
}

int serve_pack_open(struct serve *s, struct rd *r, struct err *e) {
    uint32_t pack = rd_u32(r);
    uint8_t kind = rd_u8(r), head[PACK_HEADER];
    if (!rd_end(r) || (kind != PACK_META && kind != PACK_DATA)) return serve_malformed(s, e);
    struct spool_pack *p = &s->open[kind - PACK_META]; /* one of each kind */
    if (p->used || pack != s->next_pack) return err_set(e, ZE_PROTO, s->host, _("pack %u cannot be opened now"), pack);
    if (spare_get(s, kind, e) < 0) return -1;
    *p = (struct spool_pack){
        .used = true, .at = PACK_HEADER, .header = {.kind = kind, .pack = pack}, .fd = s->spare[kind - PACK_META]};
    s->spare[kind - PACK_META] = -1;
    memcpy(p->header.system_id, s->system_id, SEAL_ID);
    memcpy(p->header.host_id, s->host_id, SEAL_ID);
    memcpy(p->header.generation, s->generation, SEAL_ID);
    buf_init(&p->rows, (size_t)ZB_PACK_SLOTS_MAX * PACK_ROW);
    pack_header_put(head, &p->header);
    if (file_write_all(p->fd, head, sizeof head) < 0) return err_sys(e, _("the vault"), _("writing to its spool"));
    s->next_pack++;
    return 0;
}

int serve_seg(struct serve *s, struct rd *r, struct err *e) {
    struct pack_row row;
    uint32_t pack = rd_u32(r);
    row.slot = rd_u32(r);
    rd_copy(r, row.identity, SEAL_HASH);
    rd_copy(r, row.hash, SEAL_HASH);
    struct spool_pack *p = pack_of(s, pack);
    if (!rd_ok(r) || !p || !r->left || r->left > ZB_SEALED_MAX) return serve_malformed(s, e);
    if (row.slot >= ZB_PACK_SLOTS_MAX || p->count >= ZB_PACK_SLOTS_MAX) return serve_malformed(s, e);
    size_t index = (size_t)(p->count + 1) * PACK_ROW + PACK_TRAILER;
    if (p->at + r->left + index > ZB_PACK_MAX) return err_set(e, ZE_PROTO, s->host, _("pack %u is too large"), pack);
    row.offset = p->at, row.len = (uint32_t)r->left;
    uint8_t *at = buf_reserve(&p->rows, PACK_ROW);
    if (!at) return err_set(e, ZE_NOMEM, s->host, _("no memory for an index"));
    pack_row_put(at, &row);
    if (file_write_all(p->fd, r->p, r->left) < 0) return err_sys(e, _("the vault"), _("writing to its spool"));
    p->rows.len += PACK_ROW;
    p->at += row.len, p->count++;
    return 0;
}

static int by_slot(const void *a, const void *b) {
    struct pack_row x, y;
    pack_row_get(&x, a);
    pack_row_get(&y, b);
    return x.slot < y.slot ? -1 : x.slot > y.slot;
}

/* Segments come in any order; the index rises. A slot that came twice is found by the keeper's check of the index. */
static int pack_finish(struct spool_pack *p, struct err *e) {
    struct pack_trailer t = {.index_at = p->at, .count = p->count};
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER];
    struct hash_state h;
    qsort(p->rows.p, p->count, PACK_ROW, by_slot);
    pack_header_put(head, &p->header);
    hash_init(&h, NULL);
    hash_update(&h, head, sizeof head);
    hash_update(&h, p->rows.p, p->rows.len);
    hash_final(&h, t.hash);
    pack_trailer_put(tail, &t);
    if (file_write_all(p->fd, p->rows.p, p->rows.len) < 0 || file_write_all(p->fd, tail, sizeof tail) < 0)
        return err_sys(e, _("the vault"), _("writing to its spool"));
    return 0;
}

int serve_pack_close(struct serve *s, struct rd *r, struct err *e) {
    uint32_t pack = rd_u32(r);
    struct spool_pack *p = pack_of(s, pack);
    struct buf b;
    if (!rd_end(r) || !p) return serve_malformed(s, e);
    if (!p->count) return err_set(e, ZE_PROTO, s->host, _("pack %u is empty"), pack);
    if (pack_finish(p, e) < 0 || spare_get(s, p->header.kind, e) < 0) return -1;
    buf_init(&b, 16);
    buf_u32(&b, pack);
    buf_u8(&b, p->header.kind);
    int rc = keeper_send(s, K_PLACE, b.p, b.len, e);
    buf_free(&b);
    if (rc < 0) return rc;
    pack_release(p);
    s->placing = true;
    return 0;
}
