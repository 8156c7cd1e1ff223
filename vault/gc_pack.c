/* One pack under collection: judging a revision, and writing the next one. A segment is moved only after its hash was
 * compared, so damage is never given a new, sound-looking home; the new revision is durable before anybody may delete
 * the old one, and means the same: the addresses of segments do not change. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "gc_internal.h"
#include "reserve.h"
#include "sys/file.h"

int gc_pack_open(struct host_log *log, const uint8_t generation[SEAL_ID], const struct pack_item *it,
    struct pack_index *x, char name[STORE_NAME_MAX], struct err *e) {
    pack_name(name, log->host, generation, it->pack, it->revision);
    *x = (struct pack_index){.rows = NULL};
    int fd = store_open_fd(&log->v->store, name, e);
    if (fd < 0) return -1;
    int rc = pack_index_read(fd, name, x, e);
    const struct pack_header *h = &x->header;
    bool right = rc == 0 && h->pack == it->pack && h->revision == it->revision &&
        memcmp(h->generation, generation, SEAL_ID) == 0 && memcmp(h->host_id, log->host_id, SEAL_ID) == 0;
    if (right) return fd;
    close(fd);
    if (rc < 0) return rc;
    pack_index_free(x);
    return err_set(e, ZE_DAMAGED, name, _("its header names another pack"));
}

/* The bytes of one segment into ${seg}, compared with their hash. */
static int segment_load(int fd, const struct pack_row *row, uint8_t *seg, const char *name, struct err *e) {
    uint8_t hash[SEAL_HASH];
    if (file_pread_full(fd, seg, row->len, row->offset) != (ssize_t)row->len)
        return err_set(e, ZE_TRUNCATED, name, _("slot %u cannot be read"), row->slot);
    seal_hash(hash, seg, row->len);
    return memcmp(hash, row->hash, SEAL_HASH) == 0 ? 0 : err_set(e, ZE_DAMAGED, name, _("slot %u is damaged"), row->slot);
}

int gc_pack_whole(int fd, const struct pack_index *x, const uint8_t live[GC_BITMAP], const char *name, struct err *e) {
    CLEANUP_FREE uint8_t *seg = malloc(ZB_SEALED_MAX);
    if (!seg) return err_set(e, ZE_NOMEM, name, _("no memory"));
    for (uint32_t slot = 0; slot < ZB_PACK_SLOTS_MAX; slot++) {
        struct pack_row row;
        if (!gc_bit(live, slot)) continue;
        if (!pack_index_find(x, slot, &row)) return err_set(e, ZE_MISSING, name, _("slot %u is not in it"), slot);
        if (segment_load(fd, &row, seg, name, e) < 0) return -1;
    }
    return 0;
}

struct rewriting {
    const struct pack_index *from;
    const uint8_t *live;
    const char *name; /* of the new revision */
    uint8_t *rows, *seg;
    uint32_t count;
    uint64_t at;
};

static int segments_move(int from, int to, struct rewriting *w, struct err *e) {
    w->count = 0, w->at = PACK_HEADER;
    for (uint32_t i = 0; i < w->from->trailer.count; i++) {
        struct pack_row row;
        pack_row_get(&row, w->from->rows + (size_t)i * PACK_ROW);
        if (!gc_bit(w->live, row.slot)) continue;
        if (segment_load(from, &row, w->seg, w->name, e) < 0) return -1;
        if (file_write_all(to, w->seg, row.len) < 0) return err_sys(e, w->name, "write");
        row.offset = (uint32_t)w->at;
        pack_row_put(w->rows + (size_t)w->count++ * PACK_ROW, &row);
        w->at += row.len;
    }
    return 0;
}

static int pack_write(int from, int to, struct rewriting *w, const struct pack_header *h, struct err *e) {
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER];
    struct pack_trailer t;
    struct hash_state s;
    pack_header_put(head, h);
    if (file_write_all(to, head, sizeof head) < 0) return err_sys(e, w->name, "write");
    if (segments_move(from, to, w, e) < 0) return -1;
    size_t rows = (size_t)w->count * PACK_ROW;
    t.index_at = w->at, t.count = w->count;
    hash_init(&s, NULL);
    hash_update(&s, head, sizeof head);
    hash_update(&s, w->rows, rows);
    hash_final(&s, t.hash);
    pack_trailer_put(tail, &t);
    if (file_write_all(to, w->rows, rows) < 0 || file_write_all(to, tail, sizeof tail) < 0)
        return err_sys(e, w->name, "write");
    return 0;
}

static int revision_put(struct store *s, int from, struct rewriting *w, const struct pack_header *h, struct err *e) {
    struct store_tmp t;
    if (store_tmp_open(s, w->name, &t, e) < 0) return -1;
    int rc = pack_write(from, t.fd, w, h, e);
    /* If interrupted here, a temporary file that the next sweep takes away: the old revision counts. */
    if (rc == 0) rc = store_tmp_put(s, &t, w->name, e);
    store_tmp_drop(s, &t);
    return rc == 1 ? err_set(e, ZE_EXISTS, w->name, _("it is there already")) : rc;
}

int gc_pack_rewrite(struct host_log *log, const uint8_t generation[SEAL_ID], int fd, const struct pack_index *x,
    const struct pack_item *it, const uint8_t live[GC_BITMAP], struct err *e) {
    char name[STORE_NAME_MAX];
    CLEANUP_FREE uint8_t *rows = malloc((size_t)x->trailer.count * PACK_ROW + 1), *seg = malloc(ZB_SEALED_MAX);
    struct rewriting w = {.from = x, .live = live, .name = name, .rows = rows, .seg = seg};
    struct pack_header h = x->header;
    h.revision = it->revision + 1u;
    pack_name(name, log->host, generation, it->pack, h.revision);
    if (!rows || !seg) return err_set(e, ZE_NOMEM, name, _("no memory"));
    int rc = revision_put(&log->v->store, fd, &w, &h, e);
    while (rc < 0 && e->id == ZE_NOSPACE && reserve_release(log->v, it->size / 2 + RESERVE_FOR_RECORD))
        rc = revision_put(&log->v->store, fd, &w, &h, e);
    return rc;
}
