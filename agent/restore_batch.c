/* A batch of files: their extents are sorted by segment, each segment is fetched and opened once and written wherever
 * it belongs; workers open segments, write those that go to one file, and read large files back (restore_ahead.h), so pieces come in
 * nearly that order. Memory is bounded by the batch's limits, whatever the size or number of files. A file is finished as soon as
 * its last piece is written, so at most BATCH_FDS are open. A segment that is missing or damaged costs the files that need it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "sys/file.h"

enum { WORTH_ASKING = 16 << 10 }; /* workers, for less than this */

int batch_grow(void *p, size_t *cap, size_t want, size_t size, struct err *e) {
    void **array = p;
    if (want <= *cap) return 0;
    size_t n = *cap ? *cap : 64;
    while (n < want) n *= 2;
    void *q = reallocarray(*array, n, size);
    if (!q) return err_set(e, ZE_NOMEM, NULL, _("a batch of files"));
    *array = q, *cap = n;
    return 0;
}

static const char *path_of(const struct batch *b, const struct item *it) {
    return (const char *)b->keep.p + it->path_at;
}

int batch_extents(struct run *r, uint32_t item, const struct extent *x, size_t n, uint64_t at, struct err *e) {
    struct batch *b = &r->batch;
    if (batch_grow(&b->jobs, &b->jobs_cap, b->jobs_n + n, sizeof *b->jobs, e) < 0) return -1;
    for (size_t i = 0; i < n; at += x[i++].len) {
        if (x[i].hole) continue;
        b->jobs[b->jobs_n++] =
            (struct job){.addr = x[i].addr, .item = item, .offset = x[i].offset, .len = (uint32_t)x[i].len, .at = at};
        b->items[item].pending++;
    }
    return 0;
}

static bool full(const struct batch *b, const struct entry *en) {
    return b->items_n >= BATCH_ITEMS || b->links_n >= BATCH_ITEMS || b->jobs_n + en->extents_n > BATCH_JOBS ||
        b->extents_n + en->extents_n > BATCH_JOBS || b->keep.len > BATCH_KEEP ||
        (b->items_n && b->bytes + en->size > BATCH_BYTES);
}

static int keep_path(struct batch *b, const char *path, size_t n, size_t *at, struct err *e) {
    *at = b->keep.len;
    buf_put(&b->keep, path, n);
    buf_u8(&b->keep, 0);
    return buf_ok(&b->keep) ? 0 : err_set(e, ZE_NOMEM, NULL, _("a batch of files"));
}

int batch_add_file(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct batch *b = &r->batch;
    if (full(b, en) && batch_flush(r, e) < 0) return -1;
    if (batch_grow(&b->items, &b->items_cap, b->items_n + 1, sizeof *b->items, e) < 0) return -1;
    struct item *it = &b->items[b->items_n];
    *it = (struct item){.path_len = n,
        .size = en->size,
        .group = en->link_group,
        .block_shift = en->block_shift,
        .fd = -1,
        .linked = en->flags & EF_HARDLINK,
        .large = en->flags & EF_XPAGES,
        .over = r->over,
        .extents_at = b->extents_n,
        .extents_n = en->extents_n};
    memcpy(it->digest, en->digest, SEAL_HASH);
    if (keep_path(b, path, n, &it->path_at, e) < 0 || attrs_take(&it->attrs, en, &b->keep, e) < 0) return -1;
    if (batch_grow(&b->extents, &b->extents_cap, b->extents_n + en->extents_n, sizeof *b->extents, e) < 0) return -1;
    if (en->extents_n) memcpy(b->extents + b->extents_n, en->extents, en->extents_n * sizeof *en->extents);
    b->extents_n += en->extents_n;
    b->items_n++;
    b->bytes += en->size;
    return batch_extents(r, (uint32_t)b->items_n - 1, en->extents, en->extents_n, 0, e);
}

int batch_add_link(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct batch *b = &r->batch;
    if ((b->links_n >= BATCH_ITEMS || b->keep.len > BATCH_KEEP) && batch_flush(r, e) < 0) return -1;
    if (batch_grow(&b->links, &b->links_cap, b->links_n + 1, sizeof *b->links, e) < 0) return -1;
    struct later_link *l = &b->links[b->links_n];
    *l = (struct later_link){.path_len = n, .group = en->link_group, .over = r->over};
    if (keep_path(b, path, n, &l->path_at, e) < 0) return -1;
    b->links_n++;
    return 0;
}

static int by_place(const void *x, const void *y) {
    const struct job *a = x, *b = y;
    if (a->addr.pack != b->addr.pack) return a->addr.pack < b->addr.pack ? -1 : 1;
    if (a->addr.slot != b->addr.slot) return a->addr.slot < b->addr.slot ? -1 : 1;
    if (a->item != b->item) return a->item < b->item ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* Sort the jobs and list their distinct segments. */
static int arrange(struct batch *b, struct err *e) {
    if (b->jobs_n) qsort(b->jobs, b->jobs_n, sizeof *b->jobs, by_place);
    if (batch_grow(&b->addrs, &b->addrs_cap, b->jobs_n, sizeof *b->addrs, e) < 0) return -1;
    if (batch_grow(&b->first_job, &b->first_cap, b->jobs_n + 1, sizeof *b->first_job, e) < 0) return -1;
    b->addrs_n = 0;
    for (size_t i = 0; i < b->jobs_n; i++) {
        struct seg_addr a = b->jobs[i].addr;
        if (b->addrs_n && b->addrs[b->addrs_n - 1].pack == a.pack && b->addrs[b->addrs_n - 1].slot == a.slot) continue;
        b->first_job[b->addrs_n] = i;
        b->addrs[b->addrs_n++] = a;
    }
    b->first_job[b->addrs_n] = b->jobs_n;
    return 0;
}

static int fail_item(struct run *r, struct item *it, const struct err *why, struct err *e) {
    if (it->failed) return 0;
    it->failed = true;
    if (!it->pinned) file_drop(r, it); /* a worker may write to it still */
    return run_problem(r, path_of(&r->batch, it), it->path_len, why, e);
}

static int hashed(struct run *r, struct item *it, struct reading *f, int rc, const struct err *why, struct err *e) {
    uint8_t got[SEAL_HASH];
    it->hashing = false;
    if (rc < 0) return fail_item(r, it, why, e);
    digest_final(&f->digest, got);
    return file_finish(r, it, got, e);
}

int batch_stretch(void *arg, const struct reading *f, int rc, const struct err *why, struct err *e) {
    struct run *r = arg;
    struct item *it = f->arg;
    struct reading own = *f;
    if (!it->large) return hashed(r, it, &own, rc, why, e);
    file_large_hashed(r->large, f, rc, why);
    return 0;
}

/* A file whose last piece was written: hash what is there. Workers are for what takes longer than asking them. */
static int complete(struct run *r, struct item *it, struct err *e) {
    struct err why = ERR_INIT;
    struct reading f = {.fd = file_fd(r, it, &why), .shift = it->block_shift, .end = it->size, .x = r->batch.extents + it->extents_at,
        .n = it->extents_n, .arg = it};
    if (f.fd < 0) return fail_item(r, it, &why, e);
    if (r->q->compared) return file_finish(r, it, it->digest, e);
    digest_init(&f.digest, it->block_shift, it->size);
    it->hashing = it->size >= WORTH_ASKING && it->size <= BATCH_BYTES && ahead_hash(r->ahead, &f);
    return it->hashing ? 0 : hashed(r, it, &f, file_hash(r, &f, &why), &why, e);
}

static int write_job(struct run *r, const struct job *j, const struct opened_segment *s, struct err *e) {
    struct item *it = &r->batch.items[j->item];
    struct err why = ERR_INIT;
    bool by_worker = s->fd >= 0;
    it->pending--;
    if (it->failed) return 0;
    if (r->q->progress && it->whole) r->q->progress->bytes += j->len;
    if (it->whole) return file_counted(r, it), 0;
    int fd = by_worker ? s->fd : file_fd(r, it, &why);
    int rc = by_worker ? s->written : fd < 0 ? -1 : piece_write(s, j->offset, j->len, fd, j->at, &why);
    if (rc < 0) return fail_item(r, it, by_worker ? &s->why : &why, e);
    if (r->q->progress) r->q->progress->bytes += j->len;
    return it->pending == 0 && !it->large ? complete(r, it, e) : 0;
}

static int bad_segment(void *arg, size_t i, const struct err *why) {
    struct run *r = arg;
    struct batch *b = &r->batch;
    for (size_t k = b->first_job[i]; k < b->first_job[i + 1]; k++) {
        struct item *it = &b->items[b->jobs[k].item];
        it->pending--;
        if (fail_item(r, it, why, &r->fatal) < 0) return -1;
    }
    return 0;
}

int batch_segment(void *arg, const struct opened_segment *s, struct err *e) {
    struct run *r = arg;
    struct batch *b = &r->batch;
    struct item *it = &b->items[b->jobs[b->first_job[s->i]].item];
    it->pinned -= s->fd >= 0;
    if (it->failed && !it->pinned) file_drop(r, it);
    if (s->have < 0) {
        if (bad_segment(r, s->i, &s->why) == 0) return 0;
        *e = r->fatal;
        return -1;
    }
    for (size_t k = b->first_job[s->i]; k < b->first_job[s->i + 1]; k++)
        if (write_job(r, &b->jobs[k], s, e) < 0) return -1;
    progress_step(r->q->progress);
    return 0;
}

int batch_pieces(void *arg, const struct opened_segment *s, struct err *e) {
    const struct run *r = arg;
    const struct batch *b = &r->batch;
    int rc = 0;
    for (size_t k = b->first_job[s->i]; rc == 0 && k < b->first_job[s->i + 1]; k++)
        rc = piece_write(s, b->jobs[k].offset, b->jobs[k].len, s->fd, b->jobs[k].at, e);
    return rc;
}

/* Whether a worker may write what is needed of segment ${i}: much of one file, which is not made whole there. */
static bool by_worker(const struct run *r, size_t i) {
    const struct batch *b = &r->batch;
    const struct job *j = &b->jobs[b->first_job[i]], *last = &b->jobs[b->first_job[i + 1] - 1];
    const struct item *it = &b->items[j->item];
    uint64_t bytes = 0;
    if (last->item != j->item || it->failed || whole_fits(r, it)) return false;
    for (const struct job *k = j; k <= last && bytes < WORTH_ASKING; k++) bytes += k->len;
    return bytes >= WORTH_ASKING;
}

static int have_segment(void *arg, size_t i, const uint8_t *sealed, size_t len, struct err *e) {
    struct run *r = arg;
    struct batch *b = &r->batch;
    struct item *it = &b->items[b->jobs[b->first_job[i]].item];
    struct err ignored = ERR_INIT;
    if (run_cancelled(r, e) < 0) return -1;
    int fd = by_worker(r, i) ? file_fd(r, it, &ignored) : -1; /* what is wrong with it will be met again, and told, by write_job */
    it->pinned += fd >= 0;
    return ahead_open(r->ahead, i, b->addrs[i], fd, sealed, len, e);
}

int batch_write(struct run *r, struct err *e) {
    struct batch *b = &r->batch;
    if (arrange(b, e) < 0) return -1;
    r->fatal = (struct err)ERR_INIT;
    int rc = b->addrs_n ? fetch_sealed(r->s->fetch, gen_keys_generation(r->o->keys), b->addrs, b->addrs_n, have_segment,
                              bad_segment, r, e)
                        : 0;
    if (rc == 0) rc = ahead_segments(r->ahead, e);
    if (rc < 0) ahead_drop(r->ahead); /* nobody writes to what is dropped */
    if (rc < 0 && r->fatal.id != ZE_NONE) *e = r->fatal;
    b->jobs_n = 0;
    return rc;
}

static int make_links(struct run *r, struct err *e) {
    struct batch *b = &r->batch;
    for (size_t i = 0; i < b->links_n; i++) {
        struct later_link *l = &b->links[i];
        const char *path = (const char *)b->keep.p + l->path_at;
        const struct group *g = groups_find(&r->groups, l->group);
        struct err why = ERR_INIT;
        int rc = g && g->ino ? node_link(r, g, l->over, path, l->path_len, &why)
                             : err_set(&why, ZE_PARTIAL, NULL, _("the file it is one more name of was not restored"));
        if (rc == 0) r->out->files++;
        if (rc == 1) r->out->already++;
        if (rc < 0 && run_problem(r, path, l->path_len, &why, e) < 0) return -1;
    }
    return 0;
}

static void reset(struct batch *b) {
    b->items_n = b->jobs_n = b->extents_n = b->links_n = b->addrs_n = 0;
    b->bytes = 0;
    buf_reset(&b->keep);
}

int batch_flush(struct run *r, struct err *e) {
    struct batch *b = &r->batch;
    for (size_t i = 0; i < b->items_n; i++) { /* empty files and those that are one hole */
        struct item *it = &b->items[i];
        if (it->pending == 0 && !it->large && complete(r, it, e) < 0) return -1;
    }
    if (batch_write(r, e) < 0 || ahead_all(r->ahead, e) < 0) return -1;
    if (make_links(r, e) < 0) return -1;
    reset(b);
    return 0;
}

void batch_drop(struct run *r) {
    ahead_drop(r->ahead);
    for (size_t i = 0; i < r->batch.items_n; i++) file_drop(r, &r->batch.items[i]);
    reset(&r->batch);
}

void batch_free(struct batch *b) {
    free(b->items);
    free(b->jobs);
    free(b->extents);
    free(b->links);
    free(b->addrs);
    free(b->first_job);
    buf_free(&b->keep);
}
