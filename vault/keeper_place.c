/* Placing a pack. The spool file belongs to serve too, which may be in the hands of a hostile host and may write to it
 * all the while: its index is read once and kept, and every segment is hashed while it is copied, so what lands in the
 * store is exactly what was checked. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "keeper.h"
#include "quota.h"
#include "sys/file.h"
#include "wrap/many.h"

static int by_offset(const void *a, const void *b) {
    const struct pack_row *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The rows in the order of the file: segments come in any order of slots. */
static struct pack_row *rows_by_offset(const struct pack_index *x) {
    struct pack_row *rows = calloc(x->trailer.count + 1, sizeof *rows);
    for (uint32_t i = 0; rows && i < x->trailer.count; i++) pack_row_get(&rows[i], x->rows + (size_t)i * PACK_ROW);
    if (rows) qsort(rows, x->trailer.count, sizeof *rows, by_offset);
    return rows;
}

enum { WRITEBACK = 8 << 20, RUN_SEGMENTS = 64 };

/* Segments that follow each other in the file, read, hashed and written together. */
struct run {
    uint8_t *bytes, hash[RUN_SEGMENTS][SEAL_HASH];
    struct message m[RUN_SEGMENTS];
};

/* The segments of ${rows}, which begin at ${at}: how many were copied, and their length to ${bytes}. */
static int run_copy(struct run *u, int from, int to, const struct pack_row *rows, uint32_t n, uint64_t at, size_t *bytes,
    const char *name, struct err *e) {
    uint32_t count = 0;
    for (*bytes = 0; count < n && count < RUN_SEGMENTS && *bytes + rows[count].len <= RUN_BYTES; *bytes += rows[count++].len) {
        if (rows[count].offset != at + *bytes) return err_set(e, ZE_DAMAGED, name, _("a gap before slot %u"), rows[count].slot);
        u->m[count] = (struct message){.p = u->bytes + *bytes, .n = rows[count].len, .hash = u->hash[count]};
    }
    ssize_t got = file_pread_full(from, u->bytes, *bytes, (off_t)at);
    for (uint32_t i = 0; i < count; i++)
        if (got < 0 || rows[i].offset + rows[i].len > at + (uint64_t)got)
            return err_set(e, ZE_TRUNCATED, name, _("slot %u cannot be read"), rows[i].slot);
    hash_many(u->m, count);
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(u->hash[i], rows[i].hash, SEAL_HASH) != 0)
            return err_set(e, ZE_DAMAGED, name, _("slot %u does not have the hash that was sent with it"), rows[i].slot);
    return file_write_all(to, u->bytes, *bytes) < 0 ? err_sys(e, name, "write") : (int)count;
}

/* Nothing may lie between segments that no hash covers, and no two may overlap. */
static int segments_copy(int from, int to, const struct pack_index *x, const char *name, struct err *e) {
    CLEANUP_FREE uint8_t *bytes = malloc(RUN_BYTES);
    CLEANUP_FREE struct run *u = malloc(sizeof *u);
    CLEANUP_FREE struct pack_row *rows = rows_by_offset(x);
    uint64_t at = PACK_HEADER, started = 0;
    if (!bytes || !u || !rows) return err_set(e, ZE_NOMEM, name, _("no memory"));
    u->bytes = bytes;
    for (uint32_t i = 0; i < x->trailer.count;) {
        size_t len;
        int n = run_copy(u, from, to, rows + i, x->trailer.count - i, at, &len, name, e);
        if (n < 0) return -1;
        i += (uint32_t)n, at += len;
        /* Let the disk begin while we hash: the fsync at the end finds little left to do. */
        if (at - started >= WRITEBACK) {
            (void)!sync_file_range(to, (off_t)started, WRITEBACK, SYNC_FILE_RANGE_WRITE);
            started += WRITEBACK;
        }
    }
    return at == x->trailer.index_at ? 0 : err_set(e, ZE_DAMAGED, name, _("a gap before its index"));
}

static int pack_copy(int from, int to, const struct pack_index *x, const char *name, struct err *e) {
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER];
    pack_header_put(head, &x->header);
    pack_trailer_put(tail, &x->trailer);
    if (file_write_all(to, head, sizeof head) < 0) return err_sys(e, name, "write");
    if (segments_copy(from, to, x, name, e) < 0) return -1;
    if (file_write_all(to, x->rows, (size_t)x->trailer.count * PACK_ROW) < 0 ||
        file_write_all(to, tail, sizeof tail) < 0)
        return err_sys(e, name, "write");
    return 0;
}

static int header_judge(
    struct keeper *k, const struct pack_header *h, uint32_t pack, uint8_t kind, const char *name, struct err *e) {
    bool right = h->pack == pack && h->kind == kind && h->revision == 0 &&
        memcmp(h->generation, k->begin.generation, SEAL_ID) == 0 && memcmp(h->host_id, k->log.host_id, SEAL_ID) == 0 &&
        memcmp(h->system_id, k->log.system_id, SEAL_ID) == 0;
    return right ? 0 : err_set(e, ZE_REFUSED, name, _("its header names another pack"));
}

/* The pack is there already: right when it is this one, for example when our answer was lost. */
static int same_pack(struct keeper *k, const char *name, const struct pack_index *x, struct err *e) {
    struct pack_index have;
    CLEANUP_FD int fd = store_open_fd(&k->v->store, name, e);
    if (fd < 0 || pack_index_read(fd, name, &have, e) < 0) return -1;
    bool same = memcmp(have.trailer.hash, x->trailer.hash, SEAL_HASH) == 0;
    pack_index_free(&have);
    return same ? 0 : err_set(e, ZE_EXISTS, name, _("another pack of this number is there"));
}

static int pack_put(struct keeper *k, int from, const struct pack_index *x, const char *name, struct err *e) {
    struct store_tmp t;
    if (store_tmp_open(&k->v->store, name, &t, e) < 0) return -1;
    int rc = pack_copy(from, t.fd, x, name, e);
    if (rc == 0) rc = store_tmp_put(&k->v->store, &t, name, e);
    store_tmp_drop(&k->v->store, &t);
    return rc == 1 ? same_pack(k, name, x, e) : rc;
}

/* The pack in the spool file into the store: its size into ${bytes}. */
static int spool_place(struct keeper *k, int fd, uint32_t pack, uint8_t kind, uint64_t *bytes, struct err *e) {
    char name[STORE_NAME_MAX];
    struct pack_index x;
    pack_name(name, k->host, k->begin.generation, pack, 0);
    if (pack_index_read(fd, name, &x, e) < 0) return -1;
    *bytes = x.trailer.index_at + (uint64_t)x.trailer.count * PACK_ROW + PACK_TRAILER;
    int rc = *bytes > ZB_PACK_MAX ? err_set(e, ZE_REFUSED, name, _("it is larger than %u bytes"), ZB_PACK_MAX)
                                  : header_judge(k, &x.header, pack, kind, name, e);
    if (rc == 0) rc = quota_place(k, *bytes, e);
    if (rc == 0) rc = pack_put(k, fd, &x, name, e);
    pack_index_free(&x);
    return rc;
}

/* A session that was stopped and outlived its lease adds nothing more. */
static int not_superseded(struct keeper *k, struct err *e) {
    if (log_refresh(&k->log, e) < 0) return -1;
    const struct log_begin *last = log_last_begin(&k->log);
    if (last->n != k->begin.n) return err_set(e, ZE_STALE, k->host, _("another upload was begun after this one"));
    return last->ended ? err_set(e, ZE_STALE, k->host, _("this upload was given up")) : 0;
}

int keeper_place(struct keeper *k, struct rd *r, struct err *e) {
    uint64_t bytes;
    uint32_t pack = rd_u32(r);
    uint8_t kind = rd_u8(r);
    if (!rd_end(r) || (kind != PACK_META && kind != PACK_DATA)) return keeper_malformed(k, e);
    if (!k->begun) return err_set(e, ZE_PROTO, k->host, _("a pack before BEGIN"));
    if (pack < k->begin.first_pack || pack > k->begin.first_pack + k->placed + 1)
        return err_set(e, ZE_REFUSED, k->host, _("pack %u is out of order"), pack);
    CLEANUP_FD int fd = spool_take(k, kind);
    if (fd < 0) return err_set(e, ZE_PROTO, k->host, _("a pack without a file"));
    if (not_superseded(k, e) < 0 || spool_place(k, fd, pack, kind, &bytes, e) < 0) return -1;
    /* If interrupted here, the pack is durable and not acknowledged: the next upload finds it. */
    k->placed++;
    buf_u32(&k->out, pack);
    buf_u64(&k->out, bytes);
    return F_PACK_DONE;
}
