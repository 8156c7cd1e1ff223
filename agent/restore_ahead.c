/* Two kinds of tasks on one line. What comes back is brought to the restore at once. Its callback may have more hashed, which waits
 * for nothing, and nothing opened, which may wait: so nothing waits for itself. */
#include "restore_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "sys/file.h"

enum { WORKERS = 2, OPENING = 6, HASHING = 8 };
_Static_assert(ZB_SEALED_MAX >= READING_WINDOW, "what was sealed gives way to what is read back");

struct opening {
    struct task task; /* first */
    struct ahead *a;
    struct opened_segment s;
    size_t len;
    uint8_t kind, *sealed, *plain;
};

struct hashing {
    struct task task; /* first */
    struct reading f;
    uint8_t *window;
    int rc;
    struct err why;
};

struct ahead {
    struct ahead_setup s;
    pthread_mutex_t writing;
    struct pool *pool;
    struct line line;
    struct opening opening[OPENING];
    struct hashing hashing[HASHING];
    struct task *idle_opening, *idle_hashing;
    unsigned segments; /* under way */
    uint8_t kind;      /* of the data segment that was met last */
    bool dropping;
};

/* ---- in a worker ---- */

/* Data segments are of one of two kinds, which an extent does not tell; the seal does. */
static int open_either(struct opening *o, struct sealer *sealer) {
    const struct gen_keys *keys = o->a->s.keys;
    int n = segment_open(sealer, keys, o->kind, o->s.addr, o->sealed, o->len, o->plain, &o->s.why);
    if (n >= 0) return n;
    o->kind = o->kind == SEG_FILE ? SEG_PACKED : SEG_FILE;
    return segment_open(sealer, keys, o->kind, o->s.addr, o->sealed, o->len, o->plain, &o->s.why);
}

int piece_write(const struct opened_segment *s, uint32_t offset, uint32_t len, int fd, uint64_t at, struct err *e) {
    size_t have = (size_t)s->have;
    if (offset > have || len > have - offset)
        return err_set(e, ZE_DAMAGED, NULL, _("pack %08x slot %u holds less than the manifest says"), s->addr.pack, s->addr.slot);
    return file_pwrite_all(fd, s->plain + offset, len, (off_t)at) < 0 ? err_sys(e, NULL, _("writing it")) : 0;
}

/* One at a time: it is one file nearly always, and the kernel lets one write to it while the others spin for their turn. */
static int write_pieces(struct ahead *a, struct opened_segment *s) {
    pthread_mutex_lock(&a->writing);
    int rc = a->s.pieces(a->s.arg, s, &s->why);
    pthread_mutex_unlock(&a->writing);
    return rc;
}

static void open_run(struct task *t, struct sealer *sealer) {
    struct opening *o = (struct opening *)t;
    o->s.have = open_either(o, sealer);
    if (o->s.have < 0) return;
    if (o->s.fd >= 0) o->s.written = write_pieces(o->a, &o->s);
    else o->a->s.inside(o->a->s.arg, &o->s, o->sealed);
}

static void hash_run(struct task *t, struct sealer *sealer) {
    struct hashing *h = (struct hashing *)t;
    (void)sealer;
    h->why = (struct err)ERR_INIT;
    h->rc = reading_hash(&h->f, h->window, NULL, NULL, &h->why);
}

/* ---- reading back ---- */

/* Extents seen as a sequence of ranges, asked with rising positions: is [at, at + n) wholly in holes? */
struct ranges {
    const struct extent *x;
    size_t n, i;
    uint64_t start; /* of x[i] in the file */
};

static bool in_hole(struct ranges *g, uint64_t at, uint64_t n) {
    while (g->i < g->n && g->start + g->x[g->i].len <= at) g->start += g->x[g->i++].len;
    uint64_t start = g->start;
    for (size_t i = g->i; i < g->n && start < at + n; start += g->x[i++].len)
        if (!g->x[i].hole) return false;
    return true;
}

int reading_hash(struct reading *f, uint8_t *window, int (*cancelled)(void *arg, struct err *e), void *arg,
    struct err *e) {
    struct ranges g = {.x = f->x, .n = f->n, .start = f->at};
    uint64_t at = f->at, have = 0, have_end = 0; /* the part of the file that is in the window */
    struct leaves leaves;
    leaves_begin(&leaves, &f->digest);
    for (uint64_t blocks = 0; at < f->end; blocks++) {
        uint64_t left = f->end - at, len = left < 1ull << f->shift ? left : 1ull << f->shift;
        if (in_hole(&g, at, len)) {
            if (blocks % 65536 == 0 && cancelled && cancelled(arg, e) < 0) return -1;
            leaves_hole(&leaves);
        } else {
            if (at + len > have_end) {
                leaves_end(&leaves);
                ssize_t got = file_pread_full(f->fd, window, left < READING_WINDOW ? (size_t)left : READING_WINDOW, (off_t)at);
                if (got < 0) return err_sys(e, NULL, _("reading it back"));
                if (cancelled && cancelled(arg, e) < 0) return -1;
                have = at, have_end = at + (uint64_t)got;
                if (have_end < at + len) return err_set(e, ZE_IO, NULL, _("it is shorter than what was written"));
            }
            leaves_block(&leaves, window + (at - have), len);
        }
        at += len;
    }
    leaves_end(&leaves);
    return 0;
}

/* ---- in the thread of the restore ---- */

static int bring_segment(struct ahead *a, struct opening *o, struct err *e) {
    int rc = 0;
    a->segments--;
    a->kind = o->kind;
    if (!a->dropping) rc = a->s.segment(a->s.arg, &o->s, e);
    o->task.next = a->idle_opening;
    a->idle_opening = &o->task;
    return rc;
}

static int bring_stretch(struct ahead *a, struct hashing *h, struct err *e) {
    struct hashing was = *h;
    h->task.next = a->idle_hashing;
    a->idle_hashing = &h->task;
    return a->dropping ? 0 : a->s.stretch(a->s.arg, &was.f, was.rc, &was.why, e);
}

/* Bring what is finished; after the first error the others only become free. */
static int bring(struct ahead *a, bool wait, struct err *e) {
    int rc = 0;
    for (struct task *next, *t = line_take(&a->line, wait); t; t = next) {
        next = t->next;
        if (rc < 0) a->dropping = true;
        int one = t->run == open_run ? bring_segment(a, (struct opening *)t, e) : bring_stretch(a, (struct hashing *)t, e);
        if (rc == 0) rc = one;
    }
    if (rc < 0) a->dropping = true;
    return rc;
}

int ahead_open(struct ahead *a, size_t i, struct seg_addr addr, int fd, const uint8_t *sealed, size_t len, struct err *e) {
    if (bring(a, false, e) < 0) return -1;
    while (!a->idle_opening)
        if (bring(a, true, e) < 0) return -1;
    struct opening *o = (struct opening *)a->idle_opening;
    if (len > ZB_SEALED_MAX) return err_set(e, ZE_INTERNAL, NULL, _("a segment of %zu bytes"), len);
    a->idle_opening = o->task.next;
    o->s = (struct opened_segment){.i = i, .addr = addr, .fd = fd, .plain = o->plain, .why = ERR_INIT};
    o->len = len, o->kind = a->kind;
    memcpy(o->sealed, sealed, len);
    a->segments++;
    line_give(&a->line, &o->task);
    return 0;
}

bool ahead_hash(struct ahead *a, const struct reading *f) {
    struct hashing *h = (struct hashing *)a->idle_hashing;
    if (!h) return false;
    a->idle_hashing = h->task.next;
    h->f = *f;
    line_give(&a->line, &h->task);
    return true;
}

int ahead_segments(struct ahead *a, struct err *e) {
    int rc = 0;
    while (rc == 0 && a->segments) rc = bring(a, true, e);
    return rc;
}

int ahead_all(struct ahead *a, struct err *e) {
    int rc = 0;
    while (rc == 0 && a->line.busy) rc = bring(a, true, e);
    return rc;
}

void ahead_drop(struct ahead *a) {
    struct err ignored = ERR_INIT;
    a->dropping = true;
    while (a->line.busy) (void)!bring(a, true, &ignored);
    a->dropping = false;
}

/* ---- life ---- */

static bool buffers(struct ahead *a) {
    for (size_t i = 0; i < OPENING; i++) {
        struct opening *o = &a->opening[i];
        *o = (struct opening){.task = {.next = a->idle_opening, .run = open_run}, .a = a};
        o->sealed = malloc(ZB_SEALED_MAX), o->plain = malloc(ZB_SEGMENT_MAX);
        if (!o->sealed || !o->plain) return false;
        a->idle_opening = &o->task;
    }
    for (size_t i = 0; i < HASHING; i++) {
        struct hashing *h = &a->hashing[i];
        *h = (struct hashing){.task = {.next = a->idle_hashing, .run = hash_run}, .window = malloc(READING_WINDOW)};
        if (!h->window) return false;
        a->idle_hashing = &h->task;
    }
    return true;
}

struct ahead *ahead_new(const struct ahead_setup *s, struct err *e) {
    struct ahead *a = calloc(1, sizeof *a);
    if (!a) return err_set(e, ZE_NOMEM, NULL, _("restoring")), NULL;
    a->s = *s, a->kind = SEG_FILE;
    pthread_mutex_init(&a->writing, NULL);
    a->pool = pool_new(WORKERS, e);
    a->line.pool = a->pool;
    if (a->pool && buffers(a)) return a;
    if (a->pool) err_set(e, ZE_NOMEM, NULL, _("restoring"));
    ahead_free(a);
    return NULL;
}

void ahead_free(struct ahead *a) {
    if (!a) return;
    if (a->pool) ahead_drop(a);
    pool_free(a->pool);
    for (size_t i = 0; i < OPENING; i++) {
        if (a->opening[i].plain) seal_wipe(a->opening[i].plain, ZB_SEGMENT_MAX);
        if (a->opening[i].sealed) seal_wipe(a->opening[i].sealed, READING_WINDOW);
        free(a->opening[i].sealed);
        free(a->opening[i].plain);
    }
    for (size_t i = 0; i < HASHING; i++) free(a->hashing[i].window);
    pthread_mutex_destroy(&a->writing);
    free(a);
}
