/* One pass over a file in chunks of 1 MiB aligned to file offsets. For each chunk: where is data and where holes, read the
 * data, hash its blocks (the leaves serve digest, signature, identity and comparison at once), then filer_chunk.c decides. */
#include "filer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrs.h"
#include "base/i18n.h"
#include "filer_internal.h"
#include "sys/file.h"
#include "wrap/many.h"

enum { SIG_MIN = FILE_SMALL, RETRY_MAX = 64 << 20, TRIES = 3 };
static const uint64_t SIG_MAX = 256ull << 30; /* its signature would have 600 MB */
static const uint64_t READ_MAX = 16ull << 40; /* what is larger is a hole, and could be so large that it never ends */

static uint8_t shift_of(uint64_t size) { return size <= (4ull << 30) ? 12 : size <= (16ull << 30) ? 13 : 14; }

/* ---- where the holes are ---- */

/* The data ranges of the chunk; SEEK_DATA is only asked for files that have a hole at all. */
static void find_ranges(struct filer *f, struct chunk *c, int fd, bool sparse) {
    uint64_t off = c->off;
    uint32_t len = c->len;
    c->ranges_n = 0;
    if (!sparse) {
        c->ranges[c->ranges_n++] = (struct range){0, len};
        return;
    }
    for (uint64_t at = off; at < off + len;) {
        off_t data = watch_seek(f->watch, fd, (off_t)at, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= off + len) {
            if (data < 0 && errno != ENXIO) break; /* the file system cannot tell: all is data */
            return;
        }
        off_t hole = watch_seek(f->watch, fd, data, SEEK_HOLE);
        uint64_t end = hole < 0 || (uint64_t)hole > off + len ? off + len : (uint64_t)hole;
        if (end <= (uint64_t)data) break; /* it is being changed under us */
        c->ranges[c->ranges_n++] = (struct range){(uint32_t)((uint64_t)data - off), (uint32_t)(end - (uint64_t)data)};
        if (c->ranges_n == RANGES_MAX - 1) break;
        at = end;
        if (at == off + len) return;
    }
    uint32_t from = c->ranges_n ? c->ranges[c->ranges_n - 1].at + c->ranges[c->ranges_n - 1].len : 0;
    c->ranges[c->ranges_n++] = (struct range){from, len - from};
}

/* Whether block [a, b) of the chunk has any data. */
static bool has_data(const struct chunk *c, uint32_t a, uint32_t b) {
    for (size_t i = 0; i < c->ranges_n; i++)
        if (c->ranges[i].at < b && c->ranges[i].at + c->ranges[i].len > a) return true;
    return false;
}

/* ---- reading and hashing one chunk ---- */

/* Read the data of the chunk, zeros elsewhere. 0, or -1 with errno; *ended when the file ended early. */
static int read_chunk(struct filer *f, struct chunk *c, int fd, bool *ended) {
    bool whole = c->ranges_n == 1 && c->ranges[0].len == c->len;
    bool none = !c->ranges_n && f->zeros_shift == f->shift && c->len % (1u << f->shift) == 0;
    if (!whole && !none) memset(c->p, 0, c->len); /* of whole blocks in holes the bytes are never looked at */
    for (size_t i = 0; i < c->ranges_n; i++) {
        struct range *r = &c->ranges[i];
        ssize_t got = watch_read(f->watch, fd, c->p + r->at, r->len, (off_t)(c->off + r->at));
        if (got < 0) return -1;
        f->bytes_read += (uint64_t)got;
        if ((uint32_t)got < r->len) {
            memset(c->p + r->at + got, 0, r->len - (uint32_t)got);
            *ended = true;
        }
    }
    return 0;
}

/* Hash and weak sum of a whole block of zeros, such as holes are made of. */
static void know_zeros(struct filer *f) {
    if (f->zeros_shift == f->shift) return;
    uint8_t *zeros = calloc(1, (size_t)1 << f->shift);
    if (!zeros) return;
    f->zeros_shift = f->shift;
    f->zeros_weak = rdiff_weak(zeros, (size_t)1 << f->shift);
    seal_hash(f->zeros, zeros, (size_t)1 << f->shift);
    free(zeros);
}

/* In a worker, or by the caller. Of the filer only what stays as it is for the whole file is read. */
static void hash_chunk(struct task *t, struct sealer *s) {
    struct chunk *c = (struct chunk *)t;
    const struct filer *f = c->f;
    uint32_t bl = 1u << f->shift;
    (void)s;
    struct message m[ZB_SEGMENT_MAX >> 12];
    size_t m_n = 0;
    c->blocks_n = 0;
    for (uint32_t at = 0; at < c->len; at += bl) {
        struct block *b = &c->blocks[c->blocks_n++];
        b->leaf.len = c->len - at < bl ? c->len - at : bl;
        b->data = has_data(c, at, at + b->leaf.len);
        bool zeros = !b->data && b->leaf.len == bl && f->zeros_shift == f->shift;
        if (zeros) memcpy(b->leaf.hash, f->zeros, SEAL_HASH);
        else m[m_n++] = (struct message){.p = c->p + at, .n = b->leaf.len, .hash = b->leaf.hash};
        if (f->sig) b->weak = zeros ? f->zeros_weak : rdiff_weak(c->p + at, b->leaf.len);
    }
    hash_many(m, m_n);
}

/* Digest and signature go in the order of the file. */
static void note_chunk(struct filer *f, const struct chunk *c) {
    for (size_t i = 0; i < c->blocks_n; i++) {
        const struct block *b = &c->blocks[i];
        digest_block(&f->digest, b->data ? b->leaf.hash : NULL);
        sig_writer_row(f->sig, b->weak, b->leaf.hash);
    }
}

/* ---- small files ---- */

static int store_small(struct filer *f, uint32_t size, const struct entry *old, struct entry *en, struct err *e) {
    digest_final(&f->digest, en->digest);
    if (old && old->type == ENT_FILE && old->size == size && old->block_shift == f->shift &&
        memcmp(old->digest, en->digest, SEAL_HASH) == 0 && !(old->flags & EF_XPAGES)) {
        bool whole = true;
        for (size_t i = 0; i < old->extents_n; i++)
            if (!old->extents[i].hole && upload_damaged(f->s.upload, old->extents[i].addr)) whole = false;
        for (size_t i = 0; whole && i < old->extents_n; i++)
            if (extents_add(&f->x, &old->extents[i], e) < 0) return -1;
        if (whole) return 0;
    }
    const struct chunk *c = f->c;
    struct leaf leaves[FILE_SMALL >> 12];
    bool plain = c->ranges_n == 1 && c->ranges[0].len == size;
    for (size_t i = 0; plain && i < c->blocks_n; i++) leaves[i] = c->blocks[i].leaf;
    uint32_t at = 0;
    for (size_t i = 0; i < c->ranges_n; i++) {
        const struct range *r = &c->ranges[i];
        if (extents_hole(&f->x, r->at - at, e) < 0) return -1;
        if (filer_new_data(f, c->p + r->at, r->len, plain ? leaves : NULL, plain ? c->blocks_n : 0, e) < 0) return -1;
        at = r->at + r->len;
    }
    return extents_hole(&f->x, size - at, e);
}

/* ---- a whole file, once ---- */

struct pass {
    bool ended, unreadable;
    int error; /* errno of an unreadable file */
};

/* Read the next chunk and have it hashed: by a worker when others follow, which is then read meanwhile, and when there is
 * something to hash. */
static void read_next(struct filer *f, int fd, bool sparse, struct chunk *c, struct pass *p) {
    find_ranges(f, c, fd, sparse);
    c->hashed = (c->off == 0 && c->len == f->size) || !c->ranges_n;
    if (read_chunk(f, c, fd, &p->ended) < 0) {
        p->unreadable = true, p->error = errno;
        return;
    }
    if (c->hashed) hash_chunk(&c->task, NULL);
    else line_give(&f->line, &c->task);
}

static void until_hashed(struct filer *f, const struct chunk *c) {
    while (!c->hashed)
        for (struct task *t = line_take(&f->line, 1); t; t = t->next) ((struct chunk *)t)->hashed = true;
}

static int store_next(struct filer *f, struct chunk *c, struct err *e) {
    until_hashed(f, c);
    f->c = c;
    note_chunk(f, c);
    if (f->s.progress) {
        f->s.progress->bytes += c->len;
        progress_step(f->s.progress);
    }
    if (f->s.cancelled && f->s.cancelled(f->s.cancelled_arg)) return err_set(e, ZE_CANCELLED, NULL, "backup");
    return f->size >= FILE_SMALL ? filer_store_chunk(f, e) : 0;
}

/* All chunks in order, at most CHUNKS between being read and being stored. What cannot be read ends it. */
static int all_chunks(struct filer *f, int fd, bool sparse, struct pass *p, struct err *e) {
    uint64_t n = (f->size + ZB_SEGMENT_MAX - 1) / ZB_SEGMENT_MAX, read = 0, stored = 0;
    for (;;) {
        while (read < n && read - stored < CHUNKS && !p->ended && !p->unreadable) {
            struct chunk *c = &f->chunks[read % CHUNKS];
            c->off = read * ZB_SEGMENT_MAX;
            c->len = f->size - c->off < ZB_SEGMENT_MAX ? (uint32_t)(f->size - c->off) : ZB_SEGMENT_MAX;
            read_next(f, fd, sparse, c, p);
            if (!p->unreadable) read++;
        }
        if (stored == read) return 0;
        if (store_next(f, &f->chunks[stored++ % CHUNKS], e) < 0) return -1;
    }
}

static int one_pass(struct filer *f, int fd, const struct stat *st, const struct entry *old, struct entry *en, struct pass *p,
    struct err *e) {
    uint64_t size = (uint64_t)st->st_size;
    off_t hole = size ? watch_seek(f->watch, fd, 0, SEEK_HOLE) : -1; /* blocks are no guide: they count extent trees and xattrs too */
    bool sparse = hole >= 0 && (uint64_t)hole < size;
    struct basis basis = {.sig = -1};
    int rc = -1;
    bool has_old = old && old->type == ENT_FILE && old->size;
    f->shift = has_old ? old->block_shift : shift_of(size);
    if (size < FILE_SMALL) f->shift = 12;
    digest_init(&f->digest, f->shift, size);
    extents_begin(&f->x);
    filer_delta_reset(f);
    f->size = size, f->copied = 0;
    if (size >= FILE_SMALL && has_old && f->shift == old->block_shift) {
        if (basis_open(&basis, old, f->s.fetch, f->s.sealer, f->s.keys, f->s.sigfd, e) < 0) goto out;
        int damaged = filer_basis_damaged(f, &basis, e);
        if (damaged < 0) goto out;
        if (!damaged) f->basis = &basis;
    }
    f->sig = size >= SIG_MIN && size <= SIG_MAX ? sig_writer_open(f->s.sigfd, 1u << f->shift) : NULL;
    know_zeros(f);
    if (all_chunks(f, fd, sparse, p, e) < 0) goto out;
    if (filer_delta_end(f, e) < 0) goto out;
    rc = 0;
    if (p->unreadable || p->ended) goto out;
    if (size && size < FILE_SMALL) rc = store_small(f, (uint32_t)size, old, en, e);
    else digest_final(&f->digest, en->digest);
    if (rc == 0) rc = extents_end(&f->x, en, e);
    en->size = size, en->block_shift = f->shift;
    if (rc == 0) sig_writer_keep(f->sig, en->digest), f->sig = NULL;
out:
    while (line_take(&f->line, 1)) continue;
    sig_writer_drop(f->sig);
    f->sig = NULL, f->basis = NULL;
    filer_delta_reset(f);
    basis_close(&basis);
    return rc;
}

static bool same_times(const struct stat *a, const struct stat *b) {
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What is read again carries the times of the new attempt, and is read once more by the next run. */
static void set_times(struct entry *en, const struct stat *st) {
    attrs_times(en, st);
    en->flags |= EF_RACY;
}

int filer_store(struct filer *f, int fd, struct watch *watch, const struct stat *st, const struct entry *old,
    struct entry *en, struct err *e) {
    struct stat before = *st, after;
    f->watch = watch;
    if ((uint64_t)st->st_size > READ_MAX) {
        errno = EFBIG;
        watch_err(e, _("reading failed"));
        return FILED_UNREADABLE;
    }
    if (!watch && st->st_size >= FILE_SMALL) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (int tries = 1;; tries++) {
        struct pass p = {0};
        if (one_pass(f, fd, &before, old, en, &p, e) < 0) return -1;
        if (p.unreadable) {
            errno = p.error;
            watch_err(e, _("reading failed"));
            return FILED_UNREADABLE;
        }
        if (watch_stat(f->watch, fd, &after) < 0) {
            watch_err(e, "fstat");
            return FILED_UNREADABLE;
        }
        bool grew = after.st_size > before.st_size, same = after.st_size == before.st_size && same_times(&before, &after);
        if (!p.ended && (same || grew)) {
            if (grew) en->flags |= EF_RACY; /* stored up to its size at open: read again next time */
            return FILED;
        }
        if (p.ended || (tries < TRIES && before.st_size < RETRY_MAX)) {
            if (tries >= 2 * TRIES) { /* it shrinks faster than it is read */
                err_set(e, ZE_IO, NULL, _("it shrinks while it is read"));
                return FILED_UNREADABLE;
            }
            before = after;
            set_times(en, &after);
            continue;
        }
        en->flags |= EF_CHANGED;
        return FILED;
    }
}

uint64_t filer_copied(const struct filer *f) { return f->copied; }

uint64_t filer_bytes_read(const struct filer *f) { return f->bytes_read; }

struct filer *filer_new(const struct filer_setup *s, struct err *e) {
    struct filer *f = calloc(1, sizeof *f);
    bool ok = f != NULL;
    if (ok) {
        f->s = *s;
        f->line.pool = s->pool;
        extents_init(&f->x, s->upload, s->used);
    }
    for (size_t i = 0; ok && i < CHUNKS; i++) {
        struct chunk *c = &f->chunks[i];
        *c = (struct chunk){.task.run = hash_chunk, .f = f, .memory = malloc(TAIL_MAX + ZB_SEGMENT_MAX)};
        c->blocks = calloc(ZB_SEGMENT_MAX >> 12, sizeof *c->blocks);
        ok = c->memory && c->blocks;
        if (ok) c->p = c->memory + TAIL_MAX;
    }
    if (ok) return f;
    filer_free(f);
    err_set(e, ZE_NOMEM, NULL, "filer");
    return NULL;
}

void filer_free(struct filer *f) {
    if (!f) return;
    filer_delta_free_window(f);
    extents_free(&f->x);
    for (size_t i = 0; i < CHUNKS; i++) {
        free(f->chunks[i].memory);
        free(f->chunks[i].blocks);
    }
    free(f);
}
