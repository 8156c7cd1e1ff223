/* Reading a host's log in order, with its second copies: where a record is missing or damaged its copy stands in for it.
 * Either is one finding; without a copy the check goes on behind it,
 * where only what depends on it (the chain at that place, the begin of a commit) is not judged. A commit counts
 * only when its own signature holds, so damage can take points away, never add one. */
#include "log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "protect.h"
#include "wrap/seal.h"

struct reading {
    struct verify *v;
    struct log *l;
    const char *name; /* of the record being read */
    bool broken;      /* something before it is missing or damaged */
    bool linked;      /* prev is the hash of the record before it */
    uint8_t prev[32];
    struct log_times times;
    struct {
        uint64_t n, epoch;
        uint32_t point, parent;
        uint8_t kind, generation[16], upload[16];
        bool open;
    } begin;
    uint64_t epoch;
    unsigned key; /* the place of the key that signed the record before */
};

static void wrong(struct reading *d, uint32_t point, const char *what) {
    report_add(d->v->report, ZE_DAMAGED, d->name, point, "%s", what);
}

static void check_host(struct reading *d, struct rd r) {
    char name[64], system[64], object[OBJECT_NAME_MAX];
    struct err why;
    uint64_t size;
    uint8_t system_id[16];
    rd_str(&r, name, sizeof name);
    rd_copy(&r, system_id, 16);
    if (!rd_ok(&r) || strcmp(name, d->l->host) != 0) wrong(d, 0, _("it names another host"));
    else if (d->l->system_known && memcmp(system_id, d->l->system_id, 16) != 0) wrong(d, 0, _("it is of another system"));
    memcpy(d->l->system_id, system_id, 16);
    d->l->system_known = rd_ok(&r);
    rd_str(&r, system, sizeof system);
    if (!rd_ok(&r) || !text_name_ok(system)) return wrong(d, 0, _("malformed"));
    snprintf(object, sizeof object, "systems/%s", system);
    SCOPE_FD int fd = store_object(&d->v->store, object, &size, &why);
    if (fd < 0) report_err(d->v->report, &why, 0);
    size_t suite;
    rd_blob(&r, &suite, 64);
    rd_take(&r, 32); /* ssh public key */
    buf_reset(&d->l->slots);
    if (rd_ok(&r)) buf_put(&d->l->slots, r.p, r.left);
}

static void check_begin(struct reading *d, const struct recd *rec, struct rd r) {
    d->begin.n = rec->n;
    d->begin.point = rd_u32(&r);
    rd_copy(&r, d->begin.generation, 16);
    d->begin.kind = rd_u8(&r);
    d->begin.parent = rd_u32(&r);
    d->begin.epoch = rd_u64(&r);
    rd_copy(&r, d->begin.upload, 16);
    if (!rd_ok(&r)) return wrong(d, 0, _("malformed"));
    if (d->begin.epoch <= d->epoch) wrong(d, 0, _("its epoch does not rise"));
    d->epoch = d->begin.epoch;
    d->begin.open = true;
}

static const char *commit_wrong(const struct reading *d, const struct commit *c) {
    const struct log *l = d->l;
    if (l->n && c->point <= l->commit[l->n - 1].point) return _("its point number does not rise");
    if (memcmp(c->system_id, l->system_id, 16) != 0) return _("it is of another system");
    if (d->broken) return NULL;
    if (!d->begin.open || c->begin_n != d->begin.n || c->point != d->begin.point || c->epoch != d->begin.epoch ||
        c->kind != d->begin.kind || c->parent != d->begin.parent ||
        memcmp(c->generation, d->begin.generation, 16) != 0 || memcmp(c->upload, d->begin.upload, 16) != 0)
        return _("it does not belong to the latest begin");
    if (!c->parent) return c->kind == POINT_FULL ? NULL : _("an incremental without a parent");
    for (size_t i = 0; i < l->n; i++)
        if (l->commit[i].point == c->parent && memcmp(l->commit[i].generation, c->generation, 16) == 0) return NULL;
    return _("its parent is no point of its generation");
}

static int check_commit(struct reading *d, const struct recd *rec, struct err *e) {
    struct commit c;
    if (!commit_parse(&c, rec->body, rec->body_len)) return wrong(d, 0, _("malformed")), 0;
    c.n = rec->n, c.time = rec->time, c.uncertain = rec->uncertain;
    if (!d->l->system_known) memcpy(d->l->system_id, c.system_id, 16), d->l->system_known = true;
    const char *what = commit_wrong(d, &c);
    if (what) wrong(d, c.point, what);
    d->begin.open = false;
    if (d->l->n && c.point <= d->l->commit[d->l->n - 1].point) return commit_free(&c), 0;
    struct commit *more = realloc(d->l->commit, (d->l->n + 1) * sizeof *more);
    if (!more) return commit_free(&c), err_set(e, ZE_NOMEM, d->name, "log");
    d->l->commit = more;
    d->l->commit[d->l->n++] = c;
    return 0;
}

static void check_point_of(struct reading *d, struct rd r) {
    uint32_t point = rd_u32(&r);
    struct commit *c = log_point(d->l, point);
    if (!rd_ok(&r) || (!c && !d->broken)) wrong(d, 0, _("it names no point"));
}

static int record_judge(struct reading *d, const struct recd *rec, struct err *e) {
    struct rd body = rd_of(rec->body, rec->body_len);
    if (!rec->host_id || !rec->prev) return err_set(e, ZE_INTERNAL, NULL, "a record without its head");
    if (!d->l->host_known) memcpy(d->l->host_id, rec->host_id, 16), d->l->host_known = true;
    else if (memcmp(d->l->host_id, rec->host_id, 16) != 0) wrong(d, 0, _("it is of another host"));
    if (d->linked && memcmp(rec->prev, d->prev, 32) != 0) wrong(d, 0, _("it does not follow the record before it"));
    if (!times_follow(&d->times, rec)) wrong(d, 0, _("its vault time goes back"));
    if (rec->n == 0 && rec->type != REC_HOST) wrong(d, 0, _("a log begins with a host record"));
    const char *late = keys_late(d->v, rec, &d->key);
    if (late) report_add(d->v->report, ZE_OLDKEY, d->name, 0, "%s", late);
    const char *mark = rec->type == REC_KEY ? keys_mark_wrong(d->v, rec) : NULL;
    if (mark) report_add(d->v->report, ZE_UNALLOWED, d->name, 0, "%s", mark);
    switch (rec->type) {
    case REC_HOST: check_host(d, body); break;
    case REC_BEGIN: check_begin(d, rec, body); break;
    case REC_COMMIT: return check_commit(d, rec, e);
    case REC_ABANDON: d->begin.open = d->begin.open && rd_u64(&body) != d->begin.n; break;
    case REC_PIN:
    case REC_REMOVE: check_point_of(d, body); break;
    default: break; /* lease, time, revoke, and types that are newer than this program */
    }
    return protect_note(d->v, d->l, d->name, rec, e);
}

/* Bytes of record ${n} that hold by themselves: from the log, else from the second copy. false: there are none. */
static bool record_load(struct reading *d, const char *name, uint64_t n, struct buf *b, struct recd *rec) {
    struct err why;
    enum err_id id;
    if (store_load(&d->v->store, name, ZB_RECORD_MAX, b, &why) < 0) return report_err(d->v->report, &why, 0), false;
    report_step(d->v->report, b->len);
    const char *what = record_parse(d->v, rec, n, b->p, b->len, &id);
    if (what) report_add(d->v->report, id, name, 0, "%s", what);
    return !what;
}

/* The record is there and whole: so must be its second copy, if it has one. */
static void copy_compare(struct reading *d, const char *copy, const struct buf *b) {
    struct buf c;
    struct err why;
    buf_init(&c, ZB_RECORD_MAX);
    if (store_load(&d->v->store, copy, ZB_RECORD_MAX, &c, &why) < 0) report_err(d->v->report, &why, 0);
    else if (c.len != b->len || memcmp(c.p, b->p, c.len) != 0)
        report_add(d->v->report, ZE_DAMAGED, copy, 0, "%s", _("it differs from the record whose copy it is"));
    buf_free(&c);
}

static void anchor_compare(struct reading *d, uint64_t n) {
    struct anchor_head *anchor = anchor_head_of(&d->v->anchor, d->l->host);
    if (!anchor || anchor->n != n) return;
    anchor->seen = true;
    if (memcmp(anchor->hash, d->l->head_hash, 32) != 0)
        report_add(d->v->report, ZE_ROLLEDBACK, d->name, 0, "%s", _("it is not the record that the anchor names"));
}

static int record_check(struct reading *d, uint64_t n, const char *copy, bool in_log, struct buf *b, struct err *e) {
    struct recd rec = {0};
    d->v->report->seen.records++;
    d->l->head = n;
    bool good = in_log && record_load(d, d->name, n, b, &rec);
    if (good && *copy) copy_compare(d, copy, b);
    if (!in_log)
        report_add(d->v->report, ZE_MISSING, d->name, 0, "%s", _("it is not there; its second copy stands in for it"));
    if (!good && *copy) good = record_load(d, copy, n, b, &rec);
    if (b->len) seal_hash(d->l->head_hash, b->p, b->len);
    if (b->len) anchor_compare(d, n);
    if (!good) return d->broken = true, d->linked = false, 0;
    if (!d->linked && n == 0) d->linked = true;
    int rc = record_judge(d, &rec, e);
    memcpy(d->prev, d->l->head_hash, 32);
    d->linked = true;
    return rc;
}

/* The next number of a sorted list of names from ${i} on; UINT64_MAX when there is none. */
static uint64_t number_at(const struct names *names, size_t *i) {
    uint64_t n;
    while (*i < names->n && !record_number(names->name[*i], &n)) ++*i;
    return *i < names->n ? n : UINT64_MAX;
}

/* Log and copies side by side, by number. */
static int records_check(
    struct reading *d, const char *dir, const struct names *log, const struct names *kept, struct err *e) {
    char name[OBJECT_NAME_MAX], copy[OBJECT_NAME_MAX];
    uint64_t next = 0;
    size_t i = 0, k = 0;
    int rc = 0;
    struct buf b;
    buf_init(&b, ZB_RECORD_MAX);
    for (;;) {
        uint64_t in_log = number_at(log, &i), in_kept = number_at(kept, &k), n = in_log < in_kept ? in_log : in_kept;
        if (rc < 0 || n == UINT64_MAX) break;
        snprintf(name, sizeof name, "hosts/%s/log/%016" PRIx64, d->l->host, n);
        copy[0] = 0;
        if (in_kept == n) snprintf(copy, sizeof copy, "kept/%s/%016" PRIx64, d->l->host, n), k++;
        d->name = name;
        if (n > next) {
            report_add(
                d->v->report, ZE_MISSING, dir, 0, _("records %" PRIu64 " to %" PRIu64 " are missing"), next, n - 1);
            d->broken = true, d->linked = false;
        }
        buf_reset(&b);
        rc = record_check(d, n, copy, in_log == n, &b, e);
        i += in_log == n;
        d->l->records++;
        next = n + 1;
    }
    buf_free(&b);
    return rc;
}

int log_check(struct verify *v, const char *host, struct log *l, struct err *e) {
    *l = (struct log){.floor_days = FLOOR_DAYS};
    buf_init(&l->slots, ZB_RECORD_MAX);
    snprintf(l->host, sizeof l->host, "%s", host);
    struct reading d = {.v = v, .l = l};
    char dir[OBJECT_NAME_MAX], copies[OBJECT_NAME_MAX];
    snprintf(dir, sizeof dir, "hosts/%s/log", host);
    snprintf(copies, sizeof copies, "kept/%s", host);
    struct names log, kept;
    struct err why;
    if (store_list(&v->store, dir, &log, &why) < 0) report_err(v->report, &why, 0), log = (struct names){0};
    if (store_list(&v->store, copies, &kept, &why) < 0) report_err(v->report, &why, 0), kept = (struct names){0};
    int rc = records_check(&d, dir, &log, &kept, e);
    for (size_t i = 0; i < l->n && l->slots.len; i++)
        l->commit[i].later = l->slots.p, l->commit[i].later_len = l->slots.len;
    names_free(&log);
    names_free(&kept);
    if (!l->records) report_add(v->report, ZE_MISSING, dir, 0, "%s", _("the host has no log"));
    return rc;
}

struct commit *log_point(struct log *l, uint32_t point) {
    for (size_t i = l->n; i-- > 0;)
        if (l->commit[i].point == point) return &l->commit[i];
    return NULL;
}

void log_free(struct log *l) {
    for (size_t i = 0; i < l->n; i++) commit_free(&l->commit[i]);
    free(l->commit);
    free(l->collect);
    buf_free(&l->slots);
    *l = (struct log){0};
}
