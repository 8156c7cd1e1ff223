/* Reading a host's log in order. A record that is missing or damaged is one finding; the check goes on behind it,
 * where only what depends on it (the chain at that place, the begin of a commit) is not judged. A commit counts
 * only when its own signature holds, so damage can take points away, never add one. */
#include "log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/seal.h"

enum { REC_HOST = 1, REC_BEGIN, REC_COMMIT, REC_ABANDON, REC_LEASE, REC_PIN, REC_REMOVE, REC_TIME, REC_REVOKE };
enum { RECORD_HEAD = 76, RECORD_SIG = 64 };

struct reading {
    struct verify *v;
    struct log *l;
    const char *name; /* of the record being read */
    bool broken;      /* something before it is missing or damaged */
    bool linked;      /* prev is the hash of the record before it */
    uint8_t prev[32];
    int64_t time;
    struct {
        uint64_t n, epoch;
        uint32_t point, parent;
        uint8_t kind, generation[16], upload[16];
        bool open;
    } begin;
    uint64_t epoch;
};

struct recd {
    uint8_t type;
    uint64_t n;
    int64_t time;
    const uint8_t *prev, *host_id, *body, *sig;
    size_t body_len, signed_len;
};

static void wrong(struct reading *d, uint32_t point, const char *what) {
    report_add(d->v->report, ZE_DAMAGED, d->name, point, "%s", what);
}

static bool signature_ok(struct verify *v, const uint8_t *p, size_t n, const uint8_t *sig) {
    static const char domain[] = "zaibei log record";
    struct buf b;
    buf_init(&b, n + 64);
    buf_put(&b, domain, sizeof domain);
    buf_put(&b, v->vault_id, 16);
    buf_put(&b, p, n);
    bool ok = buf_ok(&b) && sign_check(sig, v->vault_pub, b.p, b.len);
    buf_free(&b);
    return ok;
}

/* What is wrong with the bytes of record ${n} by themselves, or NULL. */
static const char *record_parse(
    struct reading *d, struct recd *rec, uint64_t n, const uint8_t *p, size_t len, enum err_id *id) {
    struct rd r = rd_of(p, len);
    const uint8_t *magic = rd_take(&r, 4);
    *id = ZE_DAMAGED;
    if (!magic || memcmp(magic, "ZBLR", 4) != 0) return _("not a log record");
    uint16_t version = rd_u16(&r);
    if (rd_ok(&r) && version > 1) return *id = ZE_NEWER, _("its version is newer than this program");
    rec->type = rd_u8(&r);
    rd_u8(&r);
    rec->n = rd_u64(&r);
    rec->prev = rd_take(&r, 32);
    rec->time = (int64_t)rd_u64(&r);
    rec->host_id = rd_take(&r, 16);
    rec->body_len = rd_u32(&r);
    rec->body = rd_take(&r, rec->body_len);
    rec->signed_len = len - r.left;
    rec->sig = rd_take(&r, RECORD_SIG);
    if (!rd_ok(&r)) return *id = ZE_TRUNCATED, _("it ends too early");
    if (!rd_end(&r) || version != 1) return _("malformed");
    if (d->v->signatures && !signature_ok(d->v, p, rec->signed_len, rec->sig))
        return _("the vault's signature does not hold");
    if (rec->n != n) return _("it is another record than its name says");
    return NULL;
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
    c.n = rec->n;
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

static void check_point_of(struct reading *d, const struct recd *rec, struct rd r) {
    uint32_t point = rd_u32(&r);
    struct commit *c = log_point(d->l, point);
    if (!rd_ok(&r) || (!c && !d->broken)) wrong(d, 0, _("it names no point"));
    else if (c && rec->type == REC_REMOVE) c->removed = true;
}

static int record_judge(struct reading *d, const struct recd *rec, struct err *e) {
    struct rd body = rd_of(rec->body, rec->body_len);
    if (!rec->host_id || !rec->prev) return err_set(e, ZE_INTERNAL, NULL, "a record without its head");
    if (!d->l->host_known) memcpy(d->l->host_id, rec->host_id, 16), d->l->host_known = true;
    else if (memcmp(d->l->host_id, rec->host_id, 16) != 0) wrong(d, 0, _("it is of another host"));
    if (d->linked && memcmp(rec->prev, d->prev, 32) != 0) wrong(d, 0, _("it does not follow the record before it"));
    if (rec->time < d->time) wrong(d, 0, _("its vault time goes back"));
    d->time = rec->time;
    if (rec->n == 0 && rec->type != REC_HOST) wrong(d, 0, _("a log begins with a host record"));
    switch (rec->type) {
    case REC_HOST: check_host(d, body); break;
    case REC_BEGIN: check_begin(d, rec, body); break;
    case REC_COMMIT: return check_commit(d, rec, e);
    case REC_ABANDON: d->begin.open = d->begin.open && rd_u64(&body) != d->begin.n; break;
    case REC_PIN:
    case REC_REMOVE: check_point_of(d, rec, body); break;
    default: break; /* lease, time, revoke, and types that are newer than this program */
    }
    return 0;
}

static int record_check(struct reading *d, uint64_t n, struct buf *b, struct err *e) {
    struct recd rec = {0};
    struct err why;
    enum err_id id;
    struct anchor_head *anchor = anchor_head_of(&d->v->anchor, d->l->host);
    d->v->report->seen.records++;
    d->l->head = n;
    if (store_load(&d->v->store, d->name, ZB_RECORD_MAX, b, &why) < 0) {
        report_err(d->v->report, &why, 0);
        d->broken = true, d->linked = false;
        return 0;
    }
    report_step(d->v->report, b->len);
    seal_hash(d->l->head_hash, b->p, b->len);
    if (anchor && anchor->n == n) {
        anchor->seen = true;
        if (memcmp(anchor->hash, d->l->head_hash, 32) != 0)
            report_add(d->v->report, ZE_ROLLEDBACK, d->name, 0, "%s", _("it is not the record that the anchor names"));
    }
    const char *what = record_parse(d, &rec, n, b->p, b->len, &id);
    if (what) {
        report_add(d->v->report, id, d->name, 0, "%s", what);
        d->broken = true, d->linked = false;
        return 0;
    }
    if (!d->linked && n == 0) d->linked = true;
    int rc = record_judge(d, &rec, e);
    memcpy(d->prev, d->l->head_hash, 32);
    d->linked = true;
    return rc;
}

static bool record_number(const char *name, uint64_t *n) {
    uint8_t be[8];
    if (strlen(name) != 16 || !text_unhex(be, 8, name)) return false;
    *n = 0;
    for (int i = 0; i < 8; i++) *n = *n << 8 | be[i];
    return strspn(name, "0123456789abcdef") == 16;
}

int log_check(struct verify *v, const char *host, struct log *l, struct err *e) {
    *l = (struct log){0};
    buf_init(&l->slots, ZB_RECORD_MAX);
    snprintf(l->host, sizeof l->host, "%s", host);
    struct reading d = {.v = v, .l = l, .time = INT64_MIN};
    char dir[OBJECT_NAME_MAX], name[OBJECT_NAME_MAX];
    snprintf(dir, sizeof dir, "hosts/%s/log", host);
    struct names names;
    struct err why;
    if (store_list(&v->store, dir, &names, &why) < 0) return report_err(v->report, &why, 0), 0;
    struct buf b;
    buf_init(&b, ZB_RECORD_MAX);
    uint64_t next = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        uint64_t n;
        if (!record_number(names.name[i], &n)) continue;
        snprintf(name, sizeof name, "hosts/%s/log/%016" PRIx64, l->host, n);
        d.name = name;
        if (n > next) {
            report_add(v->report, ZE_MISSING, dir, 0, _("records %" PRIu64 " to %" PRIu64 " are missing"), next, n - 1);
            d.broken = true, d.linked = false;
        }
        rc = record_check(&d, n, &b, e);
        l->records++;
        next = n + 1;
    }
    for (size_t i = 0; i < l->n && l->slots.len; i++)
        l->commit[i].later = l->slots.p, l->commit[i].later_len = l->slots.len;
    buf_free(&b);
    names_free(&names);
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
    buf_free(&l->slots);
    *l = (struct log){0};
}
