/* Records are the only truth, and each of those that matter has a second copy: whichever of the two is whole mends the
 * other. The copy stays where it is until the record is durable again, so at no instant are both absent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "kept.h"
#include "scrub.h"

enum { GAP_MAX = 4096 };
#define LEFT_NS NS_PER_DAY /* what an unfinished write of that age left is nobody's */

struct numbers {
    uint64_t end, count; /* one more than the highest */
};

static int number_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct numbers *l = arg;
    char *end;
    unsigned long long n = strtoull(name, &end, 16);
    if (strlen(name) != 16 || *end || n == UINT64_MAX) return 0;
    if (n + 1 > l->end) l->end = n + 1;
    l->count++;
    return 0;
}

struct chain {
    const char *dir, *kept;
    uint8_t head[SEAL_HASH];
    bool head_known;
};

/* Bytes of record ${n} from ${store}: whole, of this log, and continuing it where the one before is known. */
static int record_judge(struct scrub *s, struct store *store, const char *name, uint64_t n, const struct chain *c,
    struct buf *raw, struct record *r, struct err *e) {
    buf_reset(raw);
    *r = (struct record){0};
    int rc = store_load(store, name, ZB_RECORD_MAX, raw, e);
    scrub_read(s, raw->len);
    if (rc == 0) rc = keychain_decode(r, raw->p, raw->len, s->v->header.id, &s->v->keys, e);
    if (rc < 0) return rc;
    bool own = n == 0 && r->type == REC_HOST;
    if (r->n != n || (s->id_known && !own && memcmp(r->host_id, s->host_id, SEAL_ID) != 0))
        rc = err_set(e, ZE_DAMAGED, name, _("it is another record"));
    else if (c->head_known && memcmp(r->prev, c->head, SEAL_HASH) != 0)
        rc = err_set(e, ZE_DAMAGED, name, _("it does not continue its log"));
    if (rc < 0) record_free(r);
    return rc;
}

static int point_add(struct scrub *s, struct record *r, struct err *e) {
    if (s->points_n == s->points_cap) {
        size_t cap = s->points_cap ? s->points_cap * 2 : 64;
        void *p = realloc(s->points, cap * sizeof *s->points);
        if (!p) return err_set(e, ZE_NOMEM, s->host, _("no memory for the list of points"));
        s->points = p, s->points_cap = cap;
    }
    struct scrub_point *p = &s->points[s->points_n++];
    *p = (struct scrub_point){.point = r->commit.point, .n = r->n, .used = r->commit.used, .used_n = r->commit.used_n};
    memcpy(p->generation, r->commit.generation, SEAL_ID);
    r->commit.used = NULL, r->commit.used_n = 0;
    if (s->begun && r->commit.begin_n == s->begin_n) s->begun = false;
    return 0;
}

/* What judging packs needs of it. */
static int record_note(struct scrub *s, struct record *r, struct err *e) {
    if (!s->id_known) memcpy(s->host_id, r->host_id, SEAL_ID), s->id_known = true;
    if (r->type == REC_BEGIN) {
        s->begun = true, s->begin_n = r->n, s->begun_first = r->begin.first_pack;
        memcpy(s->begun_generation, r->begin.generation, SEAL_ID);
    }
    if (r->type == REC_ABANDON && r->abandon.begin_n == s->begin_n) s->begun = false;
    for (size_t i = 0; r->type == REC_REMOVE && i < s->points_n; i++)
        if (s->points[i].point == r->remove.point) s->points[i].removed = true;
    return r->type == REC_COMMIT ? point_add(s, r, e) : 0;
}

/* The other place: 1 when it was mended by ${good}, or is as it should be; 0 when it is not. */
static int copy_mend(struct scrub *s, const char *name, const struct buf *good, struct err *e) {
    struct buf have;
    struct err why = ERR_INIT;
    buf_init(&have, ZB_RECORD_MAX);
    int rc = store_load(&s->v->store, name, ZB_RECORD_MAX, &have, &why);
    bool same = rc == 0 && have.len == good->len && memcmp(have.p, good->p, good->len) == 0;
    scrub_read(s, have.len);
    buf_free(&have);
    if (same) return 1;
    if (rc < 0 && why.id == ZE_NOTFOUND) return store_put_new(&s->v->store, name, good->p, good->len, e) < 0 ? -1 : 1;
    return heal_object(s, name, good, e);
}

/* The record is damaged or absent: from its copy, or from the other vault; there the copy is made first, so that at no
 * instant this vault has less of it than before. */
static int record_heal(struct scrub *s, const char *name, const char *kept, uint64_t n, const struct chain *c,
    struct buf *raw, struct record *r, struct err *e) {
    struct err ignored = ERR_INIT;
    int rc = -1;
    if (c->kept && record_judge(s, &s->v->store, kept, n, c, raw, r, &ignored) == 0) rc = 0;
    else if (s->from.fd >= 0 && record_judge(s, &s->from, name, n, c, raw, r, &ignored) == 0) rc = 0;
    if (rc < 0) return 0;
    rc = c->kept ? copy_mend(s, kept, raw, &ignored) : 1;
    if (rc == 1) rc = heal_object(s, name, raw, &ignored);
    return rc == 1 ? 1 : 2; /* 2: it is not mended, but what it says is known */
}

static int record_one(struct scrub *s, struct chain *c, uint64_t n, struct buf *raw, struct err *e) {
    char name[STORE_NAME_MAX], kept[STORE_NAME_MAX] = "";
    struct record r;
    struct err why = ERR_INIT;
    snprintf(name, sizeof name, "%.200s/%016llx", c->dir, (unsigned long long)n);
    if (c->kept) snprintf(kept, sizeof kept, "%.200s/%016llx", c->kept, (unsigned long long)n);
    damage_mark(&s->damage, name);
    damage_mark(&s->damage, kept);
    int rc = 0, known = record_judge(s, &s->v->store, name, n, c, raw, &r, &why) == 0, healed = 0;
    if (!known) healed = record_heal(s, name, kept, n, c, raw, &r, e), known = healed > 0;
    bool bad = why.id != ZE_NONE && healed != 1;
    if (bad) rc = scrub_found(s, name, DAMAGE_WHOLE, &why, e);
    if (known && c->kept && kept_type(r.type) && rc == 0) {
        int copy = copy_mend(s, kept, raw, e);
        if (copy == 0)
            err_set(&why, ZE_DAMAGED, kept, _("the second copy is damaged")),
                rc = scrub_found(s, kept, DAMAGE_WHOLE, &why, e);
        if (copy < 0) rc = -1;
    }
    if (known && rc == 0) rc = record_note(s, &r, e);
    if (known) memcpy(c->head, r.hash, SEAL_HASH), record_free(&r);
    c->head_known = known;
    damage_sweep(&s->damage);
    scrub_object(s, bad);
    return rc;
}

int scrub_records(struct scrub *s, const char *dir, const char *kept, struct err *e) {
    struct numbers l = {0};
    struct chain c = {.dir = dir, .kept = kept, .head_known = true}; /* the first continues zeros */
    struct buf raw;
    int64_t old = s->v->clock->now_ns(s->v->clock) - LEFT_NS; /* records are written in an instant */
    /* What one of the two is mended by, and what goes because the other is there, must not go away itself. */
    if (store_settle(&s->v->store, dir, e) < 0 || (kept && store_settle(&s->v->store, kept, e) < 0)) return -1;
    if (store_sweep_old(&s->v->store, dir, old, e) < 0) return -1;
    if (kept && store_sweep_old(&s->v->store, kept, old, e) < 0) return -1;
    if (store_list(&s->v->store, dir, number_add, &l, e) < 0) return -1;
    if (kept && store_list(&s->v->store, kept, number_add, &l, e) < 0) return -1;
    if (l.end > l.count + GAP_MAX) l.end = l.count + GAP_MAX; /* a stray name must not keep us for ever */
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = 0;
    for (uint64_t n = 0; n < l.end && rc == 0; n++) rc = record_one(s, &c, n, &raw, e);
    s->records = l.end;
    buf_free(&raw);
    return rc;
}

/* Only what was removed: the points that came since are not this round's. */
bool scrub_removed(struct scrub *s, const struct scrub_point *p) {
    char dir[STORE_NAME_MAX], name[STORE_NAME_MAX];
    struct chain c = {.dir = dir};
    struct record r;
    struct buf raw;
    struct err end = ERR_INIT;
    snprintf(dir, sizeof dir, "hosts/%s/log", s->host);
    buf_init(&raw, ZB_RECORD_MAX);
    for (;; s->records++) {
        snprintf(name, sizeof name, "%.200s/%016llx", dir, (unsigned long long)s->records);
        if (record_judge(s, &s->v->store, name, s->records, &c, &raw, &r, &end) < 0) break;
        for (size_t i = 0; r.type == REC_REMOVE && i < s->points_n; i++)
            if (s->points[i].point == r.remove.point) s->points[i].removed = true;
        record_free(&r);
    }
    buf_free(&raw);
    return p->removed;
}
