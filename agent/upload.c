/* The sending side. A job is one segment: filled by the caller's thread, sealed by a worker (pool.h), sent by the caller's thread
 * when it next needs a free job; so the stream has one owner and needs no lock. A pack is closed when all its segments are
 * sent. The address is given before sealing (it is part of the associated data), so a packed segment has its address while
 * it is still being filled. What was sealed is hashed by the caller's thread, several at a time.
 *
 * If interrupted here: the vault has whole packs that it acknowledged, and spool files that it forgets; the local copy of a
 * meta pack gets its name only after the acknowledgement, since pack numbers that were never stored are used again. */
#include "upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "limiter.h"
#include "metacopy.h"
#include "wire/pack.h"
#include "wrap/many.h"

enum { JOBS = 8, PACK_FULL = 64 << 20, LEAVES_MAX = 16384, WHOLE_PIECE = 256 << 10, LEAF = 4096,
    META_EVERY = 8, WORTH_CLOSING = 1 << 20 };
static const int64_t PACK_AGE_NS = 120ll * 1000000000;

struct job {
    struct task task; /* first: a task is its job */
    struct upload *u;
    uint8_t kind, identity[SEAL_HASH], hash[SEAL_HASH];
    struct seg_addr addr;
    uint64_t counter;
    uint32_t n;
    int out_len; /* <0: sealing failed */
    struct err err;
    uint8_t *in, *out;
};

struct open_pack {
    bool open;
    uint32_t pack, next_slot, under_way;
    uint64_t bytes;
    int64_t opened_ns;
    uint8_t sum[SEAL_ID]; /* of the segments that were sent (attempt.h) */
};

struct upload {
    struct upload_setup s;
    struct job jobs[JOBS];
    struct task *idle;
    struct line line;

    struct open_pack pack[3]; /* by PACK_META, PACK_DATA */
    uint32_t next_pack, unacked, data_closed;
    bool meta_due; /* the meta pack is to be closed, when the vault has had time to place the data pack before it */
    uint64_t counter;
    struct job *packed; /* the packed segment being filled */
    struct leaf *leaves;
    size_t leaves_n;
    struct metacopy *copy; /* of the open meta pack */
    struct err failed;
};

static unsigned class_of(uint8_t kind) { return kind <= SEG_PACKED ? PACK_DATA : PACK_META; }

/* In a worker. */
static void seal_job(struct task *t, struct sealer *s) {
    struct job *j = (struct job *)t;
    const struct upload_setup *set = &j->u->s;
    j->out_len = segment_seal(s, set->keys, j->kind, j->addr, set->epoch, j->counter, j->identity, j->in, j->n, j->out, &j->err);
}

/* ---- the stream ---- */

static int fail(struct upload *u, struct err *e) {
    if (u->failed.id == ZE_NONE && e) u->failed = *e;
    return -1;
}

static int failed_before(struct upload *u, struct err *e) {
    if (u->failed.id == ZE_NONE) return 0;
    if (e) *e = u->failed;
    return -1;
}

static int take_ack(struct upload *u, struct err *e) {
    uint32_t pack;
    if (session_ack(u->s.session, &pack, e) < 0) return -1;
    if (!u->unacked) return err_set(e, ZE_PROTO, "PACK_DONE", _("not expected"));
    u->unacked--;
    return u->s.cachefd < 0 ? 0 : metacopy_keep(u->s.cachefd, pack, e);
}

static int send_job(struct upload *u, struct job *j, struct err *e) {
    if (j->out_len < 0) {
        *e = j->err;
        return -1;
    }
    uint8_t head[8 + 2 * SEAL_HASH];
    struct buf h = {.p = head, .cap = sizeof head, .max = sizeof head};
    buf_u32(&h, j->addr.pack);
    buf_u32(&h, j->addr.slot);
    buf_put(&h, j->identity, SEAL_HASH);
    buf_put(&h, j->hash, SEAL_HASH);
    if (frames_put(&u->s.session->f, F_SEG, head, h.len, j->out, (size_t)j->out_len, e) < 0) return -1;
    limiter_pace(u->s.session->cfg->limiter, h.len + (size_t)j->out_len);
    if (class_of(j->kind) == PACK_META && u->copy)
        metacopy_add(u->copy, j->addr.slot, j->identity, j->hash, j->out, (size_t)j->out_len);
    struct open_pack *p = &u->pack[class_of(j->kind)];
    attempt_sum(p->sum, j->addr.slot, j->identity, j->hash);
    p->under_way--;
    return 0;
}

static void hash_done(struct task *list) {
    struct message m[JOBS];
    size_t n = 0;
    for (struct task *t = list; t; t = t->next) {
        struct job *j = (struct job *)t;
        if (j->out_len >= 0) m[n++] = (struct message){.p = j->out, .n = (size_t)j->out_len, .hash = j->hash};
    }
    hash_many(m, n);
}

/* Send what the workers have finished. With ${wait}: half of what may be under way, for hashes are cheaper together, or all that is. */
static int send_done(struct upload *u, bool wait, struct err *e) {
    struct task *list = line_take(&u->line, wait ? JOBS / 2 : 0);
    int rc = 0;
    hash_done(list);
    while (list) {
        struct task *t = list;
        list = t->next;
        if (rc == 0 && send_job(u, (struct job *)t, e) < 0) rc = fail(u, e);
        t->next = u->idle;
        u->idle = t;
    }
    while (rc == 0 && u->unacked && (u->s.session->acks_n || frames_ready(&u->s.session->f)))
        if (take_ack(u, e) < 0) rc = fail(u, e);
    return rc;
}

static struct job *take_idle(struct upload *u, struct err *e) {
    if (failed_before(u, e) < 0) return NULL;
    if (send_done(u, false, e) < 0) return NULL;
    while (!u->idle)
        if (send_done(u, true, e) < 0) return NULL;
    struct task *t = u->idle;
    u->idle = t->next;
    return (struct job *)t;
}

static void give(struct upload *u, struct job *j) {
    j->counter = u->counter++;
    line_give(&u->line, &j->task);
}

/* ---- packs ---- */

static int flush_packed(struct upload *u, struct err *e);

static int close_pack(struct upload *u, unsigned class, struct err *e) {
    struct open_pack *p = &u->pack[class];
    if (!p->open) return 0;
    while (p->under_way)
        if (send_done(u, true, e) < 0) return -1;
    uint8_t no[4] = {(uint8_t)p->pack, (uint8_t)(p->pack >> 8), (uint8_t)(p->pack >> 16), (uint8_t)(p->pack >> 24)};
    if (u->s.attempt) attempt_pack(u->s.attempt, p->pack, p->sum);
    if (frames_put(&u->s.session->f, F_PACK_CLOSE, no, sizeof no, NULL, 0, e) < 0) return fail(u, e);
    if (class == PACK_META && u->copy) {
        metacopy_close(u->copy);
        u->copy = NULL;
    }
    p->open = false;
    u->unacked++;
    if (class == PACK_META) return 0;
    bool late = u->meta_due; /* data packs are closed before they are half full: the line is slow */
    u->meta_due = ++u->data_closed % META_EVERY == 0;
    return late ? close_pack(u, PACK_META, e) : 0;
}

static int open_pack(struct upload *u, unsigned class, struct err *e) {
    struct open_pack *p = &u->pack[class];
    struct buf b;
    buf_init(&b, 16);
    *p = (struct open_pack){.open = true, .pack = u->next_pack++};
    if (u->s.clock) p->opened_ns = u->s.clock->mono_ns(u->s.clock);
    buf_u32(&b, p->pack);
    buf_u8(&b, (uint8_t)class);
    int rc = frames_put_buf(&u->s.session->f, F_PACK_OPEN, &b, e);
    buf_free(&b);
    if (rc < 0) return fail(u, e);
    if (class == PACK_META && u->s.cachefd >= 0) {
        struct pack_header h = {.kind = PACK_META, .pack = p->pack};
        memcpy(h.system_id, u->s.session->cfg->ids.system_id, SEAL_ID);
        memcpy(h.host_id, u->s.session->cfg->ids.host_id, SEAL_ID);
        memcpy(h.generation, gen_keys_generation(u->s.keys), SEAL_ID);
        u->copy = metacopy_open(u->s.cachefd, &h);
    }
    return 0;
}

static bool pack_is_old(const struct upload *u, const struct open_pack *p) {
    return u->s.clock && p->bytes >= WORTH_CLOSING && u->s.clock->mono_ns(u->s.clock) - p->opened_ns > PACK_AGE_NS;
}

/* An address for a segment of ${n} bytes in an open pack with room. */
static int new_addr(struct upload *u, unsigned class, uint32_t n, struct seg_addr *addr, struct err *e) {
    struct open_pack *p = &u->pack[class];
    if (p->open && (p->bytes + n + SEG_EXTRA > PACK_FULL || p->next_slot == ZB_PACK_SLOTS_MAX || pack_is_old(u, p))) {
        if (class == PACK_DATA && u->packed && flush_packed(u, e) < 0) return -1;
        if (close_pack(u, class, e) < 0) return -1;
    }
    if (!p->open && open_pack(u, class, e) < 0) return -1;
    *addr = (struct seg_addr){p->pack, p->next_slot++};
    p->bytes += n + SEG_EXTRA;
    p->under_way++;
    if (!u->meta_due || class != PACK_DATA || p->bytes < PACK_FULL / 2) return 0;
    u->meta_due = false;
    return close_pack(u, PACK_META, e);
}

/* ---- segments ---- */

bool upload_damaged(const struct upload *u, struct seg_addr a) {
    size_t lo = 0, hi = u->s.damaged_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct slot_ref *d = &u->s.damaged[mid];
        if (d->pack == a.pack && d->slot == a.slot) return true;
        if (d->pack < a.pack || (d->pack == a.pack && d->slot < a.slot)) lo = mid + 1;
        else hi = mid;
    }
    return false;
}

int upload_find(struct upload *u, const uint8_t identity[SEAL_HASH], struct seg_addr *addr, struct err *e) {
    int rc = ids_find(u->s.ids, identity, addr, e);
    return rc == 1 && upload_damaged(u, *addr) ? 0 : rc;
}

int upload_segment(struct upload *u, uint8_t kind, const uint8_t identity[SEAL_HASH], const void *p, uint32_t n,
    struct seg_addr *addr, struct err *e) {
    int rc = upload_find(u, identity, addr, e);
    if (rc) return rc;
    struct job *j = take_idle(u, e);
    if (!j) return -1;
    if (new_addr(u, class_of(kind), n, &j->addr, e) < 0) return fail(u, e);
    j->kind = kind, j->n = n;
    memcpy(j->identity, identity, SEAL_HASH);
    memcpy(j->in, p, n);
    *addr = j->addr;
    give(u, j);
    return ids_put(u->s.ids, identity, *addr, e);
}

int upload_meta(struct upload *u, uint8_t kind, const void *p, uint32_t n, struct seg_addr *addr, struct err *e) {
    struct leaf leaf = {.len = n};
    uint8_t identity[SEAL_HASH];
    seal_hash(leaf.hash, p, n);
    segment_identity(u->s.keys, identity, kind, n, &leaf, 1);
    return upload_segment(u, kind, identity, p, n, addr, e);
}

static int flush_packed(struct upload *u, struct err *e) {
    struct job *j = u->packed;
    if (!j) return 0;
    u->packed = NULL;
    u->pack[PACK_DATA].bytes -= ZB_SEGMENT_MAX - j->n;
    segment_identity(u->s.keys, j->identity, SEG_PACKED, j->n, u->leaves, u->leaves_n);
    struct seg_addr addr = j->addr;
    uint8_t identity[SEAL_HASH];
    memcpy(identity, j->identity, SEAL_HASH);
    give(u, j);
    return ids_put(u->s.ids, identity, addr, e);
}

static int begin_packed(struct upload *u, struct err *e) {
    struct job *j = take_idle(u, e);
    if (!j) return -1;
    if (new_addr(u, PACK_DATA, ZB_SEGMENT_MAX, &j->addr, e) < 0) return fail(u, e);
    j->kind = SEG_PACKED, j->n = 0;
    u->packed = j, u->leaves_n = 0;
    return 0;
}

static void add_leaves(struct upload *u, const uint8_t *p, size_t n, const struct leaf *leaves, size_t leaves_n) {
    if (leaves) {
        memcpy(u->leaves + u->leaves_n, leaves, leaves_n * sizeof *leaves);
        u->leaves_n += leaves_n;
        return;
    }
    struct message m[ZB_SEGMENT_MAX / LEAF];
    size_t m_n = 0;
    for (size_t at = 0; at < n; at += LEAF) {
        struct leaf *l = &u->leaves[u->leaves_n++];
        l->len = (uint32_t)(n - at < LEAF ? n - at : LEAF);
        m[m_n++] = (struct message){.p = p + at, .n = l->len, .hash = l->hash};
    }
    hash_many(m, m_n);
}

ssize_t upload_append(struct upload *u, const uint8_t *p, size_t n, const struct leaf *leaves, size_t leaves_n,
    struct seg_addr *addr, uint32_t *offset, struct err *e) {
    if (failed_before(u, e) < 0) return -1;
    size_t room = u->packed ? ZB_SEGMENT_MAX - u->packed->n : 0, need = leaves ? leaves_n : n / LEAF + 1;
    if (u->packed && (!room || (n > room && n <= WHOLE_PIECE) || u->leaves_n + need > LEAVES_MAX)) {
        if (flush_packed(u, e) < 0) return fail(u, e);
        room = 0;
    }
    if (!u->packed) {
        if (begin_packed(u, e) < 0) return -1;
        room = ZB_SEGMENT_MAX;
    }
    if (n > room) n = room, leaves = NULL;
    add_leaves(u, p, n, leaves, leaves_n);
    struct job *j = u->packed;
    memcpy(j->in + j->n, p, n);
    *addr = j->addr, *offset = j->n;
    j->n += (uint32_t)n;
    return (ssize_t)n;
}

int upload_finish(struct upload *u, struct err *e) {
    if (failed_before(u, e) < 0) return -1;
    if (flush_packed(u, e) < 0 || close_pack(u, PACK_DATA, e) < 0 || close_pack(u, PACK_META, e) < 0) return fail(u, e);
    if (frames_flush(&u->s.session->f, e) < 0) return fail(u, e);
    while (u->unacked)
        if (take_ack(u, e) < 0) return fail(u, e);
    return 0;
}

uint32_t upload_next_pack(const struct upload *u) { return u->next_pack; }

/* ---- life ---- */

struct upload *upload_new(const struct upload_setup *s, struct err *e) {
    struct upload *u = calloc(1, sizeof *u);
    if (!u) {
        err_set(e, ZE_NOMEM, NULL, "upload");
        return NULL;
    }
    u->s = *s;
    u->next_pack = s->first_pack;
    u->line.pool = s->pool;
    bool ok = (u->leaves = calloc(LEAVES_MAX + ZB_SEGMENT_MAX / LEAF + 1, sizeof *u->leaves));
    for (unsigned i = 0; ok && i < JOBS; i++) {
        struct job *j = &u->jobs[i];
        *j = (struct job){.task = {.next = u->idle, .run = seal_job}, .u = u, .in = malloc(ZB_SEGMENT_MAX), .out = malloc(ZB_SEALED_MAX)};
        u->idle = &j->task;
        ok = j->in && j->out;
    }
    if (ok) return u;
    err_set(e, ZE_NOMEM, NULL, "upload");
    upload_free(u);
    return NULL;
}

void upload_free(struct upload *u) {
    if (!u) return;
    while (line_take(&u->line, 1)) continue;
    for (unsigned i = 0; i < JOBS; i++) {
        if (u->jobs[i].in) seal_wipe(u->jobs[i].in, ZB_SEGMENT_MAX);
        free(u->jobs[i].in);
        free(u->jobs[i].out);
    }
    if (u->copy) metacopy_drop(u->copy);
    free(u->leaves);
    free(u);
}
