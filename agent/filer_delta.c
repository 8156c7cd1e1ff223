/* A stretch that differs from the old version at the same offset. Three ways, the cheapest first: in step, the old version's blocks
 * that follow the last match are compared by their strong sums where they would be now; out of step, librsync is given a small piece
 * and asked where it matches, after which we are in step again; where several such pieces matched nothing it is left alone for a
 * while, since there it is ten times slower than sending.
 *
 * A block may lie across two chunks: what is too short to be told goes as a tail before the next chunk. */
#include <stdlib.h>
#include <string.h>

#include "filer_internal.h"

enum { WINDOW_BLOCKS = 128 << 10, SHORT_RUN = 4, PIECE_BLOCKS = 4, PIECE_MAX = 512 << 10, PROBE = 2 << 20 };
static const uint64_t BACKOFF_MIN = 8 << 20, BACKOFF_MAX = 128 << 20;

void filer_delta_free_window(struct filer *f) {
    delta_window_free(f->window);
    f->window = NULL, f->window_n = 0;
}

void filer_delta_reset(struct filer *f) {
    f->in_step = false, f->skew = 0, f->tail_n = 0;
    f->missed = 0, f->piece_len = 0, f->skip_until = 0, f->backoff = BACKOFF_MIN;
}

int filer_delta_end(struct filer *f, struct err *e) {
    size_t n = f->tail_n;
    f->tail_n = 0, f->in_step = false;
    return filer_new_data(f, f->tail, n, NULL, 0, e);
}

/* ---- in step ---- */

static bool row_is(struct filer *f, uint64_t old, const uint8_t *p, size_t n) {
    uint8_t hash[SEAL_HASH];
    const uint8_t *row = basis_rows(f->basis, old >> f->shift, 1);
    if (!row) return false;
    seal_hash(hash, p, n);
    return memcmp(row + 4, hash, SEAL_HASH) == 0;
}

/* One block at ${old} and here, ${n} bytes left: its length when it is the same; 0: it cannot be told; <0: it is not. */
static int64_t same_as(struct filer *f, uint64_t old, const uint8_t *p, uint32_t n, bool open_end) {
    uint64_t bl = 1ull << f->shift;
    if (old >= f->basis->size) return -1;
    uint64_t len = f->basis->size - old < bl ? f->basis->size - old : bl;
    if (n < len || (len < bl && open_end)) return 0; /* the old version's last block may only be the last of this one */
    if (len < bl && n != len) return -1;
    return row_is(f, old, p, len) ? (int64_t)len : -1;
}

/* Take what is in step, over single blocks that were changed and kept their length: the bytes taken. */
static int64_t step(struct filer *f, uint64_t off, const uint8_t *p, uint32_t n, bool open_end, struct err *e) {
    uint32_t at = 0, bl = 1u << f->shift;
    while (at < n && f->in_step) {
        uint32_t from = at;
        uint64_t old = off + at + (uint64_t)f->skew;
        int64_t len;
        while ((len = same_as(f, old + (at - from), p + at, n - at, open_end)) > 0) at += (uint32_t)len;
        if (at > from && filer_copy_old(f, old, p + from, at - from, e) < 0) return -1;
        if (len == 0) return at;
        old += at - from;
        f->in_step = n - at > bl && same_as(f, old + bl, p + at + bl, n - at - bl, open_end) > 0;
        if (!f->in_step) break;
        if (filer_new_data(f, p + at, bl, NULL, 0, e) < 0) return -1;
        at += bl;
    }
    return at;
}

/* ---- librsync over a piece ---- */

/* What is held is the piece from where the file's extents end so far. */
static int send_held(struct filer *f, struct err *e) {
    size_t n = f->held;
    f->held = 0;
    return filer_new_data(f, f->piece + (f->x.at - f->piece_off), n, NULL, 0, e);
}

static int delta_copy(void *arg, uint64_t at, uint64_t len, struct err *e) {
    struct filer *f = arg;
    uint64_t old = (f->window_first << f->shift) + at;
    if (send_held(f, e) < 0) return -1;
    if (old > f->basis->size || len > f->basis->size - old) return err_set(e, ZE_INTERNAL, "delta", "copy past the end");
    f->skew = (int64_t)(old - f->x.at);
    f->in_step = true;
    return filer_copy_old(f, old, f->piece + (f->x.at - f->piece_off), len, e);
}

static int delta_literal(void *arg, const uint8_t *p, size_t n, struct err *e) {
    (void)p, (void)e;
    ((struct filer *)arg)->held += n;
    return 0;
}

static int delta_bytes(void *arg, const uint8_t *p, size_t n, struct err *e) {
    return rdiff_delta_feed(&((struct filer *)arg)->parser, p, n, e);
}

/* Whether block ${mid} lies well within the window, or at its end where the old version ends too. */
static bool covers(const struct filer *f, uint64_t mid) {
    uint64_t quarter = WINDOW_BLOCKS / 4, end = f->window_first + f->window_n;
    return f->window && memcmp(f->window_of, f->basis->digest, SEAL_HASH) == 0 &&
        (!f->window_first || mid >= f->window_first + quarter) && (end == f->basis->rows || mid + quarter < end);
}

/* A window of the old signature around ${off} + skew; the last one is kept while it still covers the place. */
static bool have_window(struct filer *f, uint64_t off) {
    struct basis *b = f->basis;
    int64_t at = (int64_t)off + f->skew;
    uint64_t mid = at < 0 ? 0 : (uint64_t)at >> f->shift, half = WINDOW_BLOCKS / 2;
    if (covers(f, mid)) return true;
    uint64_t first = mid > half ? mid - half : 0;
    if (first + WINDOW_BLOCKS > b->rows) first = b->rows > WINDOW_BLOCKS ? b->rows - WINDOW_BLOCKS : 0;
    uint64_t n = b->rows - first < WINDOW_BLOCKS ? b->rows - first : WINDOW_BLOCKS;
    filer_delta_free_window(f);
    uint8_t head[RDIFF_SIG_HEAD], *rows = malloc((size_t)n * RDIFF_SIG_ROW);
    bool ok = rows != NULL;
    for (uint64_t i = 0; ok && i < n; i += 4096) {
        uint64_t k = n - i < 4096 ? n - i : 4096;
        const uint8_t *r = basis_rows(b, first + i, k);
        if (r) memcpy(rows + i * RDIFF_SIG_ROW, r, (size_t)k * RDIFF_SIG_ROW);
        else ok = false;
    }
    rdiff_sig_head_put(head, 1u << f->shift);
    if (ok) f->window = delta_window_new(head, rows, (size_t)n);
    free(rows);
    f->window_first = first, f->window_n = n;
    memcpy(f->window_of, b->digest, SEAL_HASH);
    return f->window != NULL;
}

/* The bytes of the piece that are stored. After a match that is up to its end, where we are in step; else all. */
static int64_t probe(struct filer *f, uint64_t off, const uint8_t *p, uint32_t n, struct err *e) {
    struct delta *d = have_window(f, off) ? delta_begin(f->window, delta_bytes, f) : NULL;
    if (!d) return err_set(e, ZE_NOMEM, NULL, "delta");
    f->parser = (struct rdiff_delta){.ops = {delta_copy, delta_literal, f}};
    f->piece = p, f->piece_off = off, f->held = 0, f->in_step = false;
    int rc = delta_feed(d, p, n, e);
    if (rc == 0) rc = delta_end(d, e);
    if (rc == 0) rc = rdiff_delta_ended(&f->parser, e);
    delta_free(d);
    if (rc == 0 && !f->in_step) rc = send_held(f, e);
    return rc < 0 ? -1 : (int64_t)(f->x.at - off);
}

/* Out of step at ${off}: the bytes stored. */
static int64_t search(struct filer *f, uint64_t off, const uint8_t *p, uint32_t n, struct err *e) {
    uint64_t skip = f->skip_until > off ? f->skip_until - off : 0;
    if (skip || n < 1u << f->shift) {
        if (skip && skip < n) n = (uint32_t)skip;
        f->in_step = false;
        return filer_new_data(f, p, n, NULL, 0, e) < 0 ? -1 : (int64_t)n;
    }
    uint32_t first = (uint32_t)PIECE_BLOCKS << f->shift, piece = f->piece_len > first ? f->piece_len : first;
    int64_t took = probe(f, off, p, n < piece ? n : piece, e);
    if (took < 0) return -1;
    f->piece_len = f->in_step ? first : piece * 2 < PIECE_MAX ? piece * 2 : PIECE_MAX;
    f->missed = f->in_step ? 0 : f->missed + (uint64_t)took;
    if (f->in_step) f->backoff = BACKOFF_MIN;
    if (f->missed < PROBE) return took;
    f->missed = 0;
    f->skip_until = off + (uint64_t)took + f->backoff;
    f->backoff = f->backoff * 2 < BACKOFF_MAX ? f->backoff * 2 : BACKOFF_MAX;
    return took;
}

/* ---- a stretch ---- */

int filer_changed(struct filer *f, uint64_t off, uint8_t *p, uint32_t n, bool open_end, struct err *e) {
    uint32_t bl = 1u << f->shift;
    bool alone = !open_end && !f->tail_n && !f->in_step;
    if (f->tail_n) { /* only at the start of a chunk, which has room before it */
        p -= f->tail_n, off -= f->tail_n, n += f->tail_n;
        memcpy(p, f->tail, f->tail_n);
        f->tail_n = 0;
    }
    if (!f->basis->rows || (alone && n <= SHORT_RUN * bl)) return filer_new_data(f, p, n, NULL, 0, e);
    while (n) {
        int64_t took = f->in_step ? step(f, off, p, n, open_end, e) : 0;
        if (took < 0) return -1;
        off += (uint64_t)took, p += took, n -= (uint32_t)took;
        if (n < 2 * bl && open_end) {
            memcpy(f->tail, p, n);
            f->tail_n = n;
            return 0;
        }
        if (!n) return 0;
        if ((took = search(f, off, p, n, e)) < 0) return -1;
        off += (uint64_t)took, p += took, n -= (uint32_t)took;
    }
    return 0;
}
