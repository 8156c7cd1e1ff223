/* One pass over log/. A list of approvers counts only when two of the list before allowed it, unless that had fewer than two:
 * the first ones are named by whoever administers the machine. Nothing in this log removes a point, so what is missing here
 * makes this program more cautious, never a point less. */
#include "vaultlog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "approve.h"
#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "wrap/seal.h"

enum { APPROVERS_MAX = 64 };

struct vreading {
    struct verify *v;
    struct vault_log *l;
    char name[64];
    bool linked;
    uint8_t prev[32];
    struct log_times times;
    unsigned key; /* the place of the key that signed the record before */
};

static void wrong(struct vreading *d, enum err_id id, const char *what) {
    report_add(d->v->report, id, d->name, 0, "%s", what);
}

/* Step over a list; how many are in it, -1: malformed. */
static int list_read(struct rd *r) {
    uint64_t n = rd_vu(r);
    if (n > APPROVERS_MAX) return -1;
    for (uint64_t i = 0; i < n; i++) {
        size_t len;
        rd_blob(r, &len, 4096);
        rd_blob(r, &len, 4096);
    }
    return rd_ok(r) ? (int)n : -1;
}

static int check_approvers(struct vreading *d, const struct recd *rec, struct err *e) {
    struct rd r = rd_of(rec->body, rec->body_len);
    const struct approver_list *before = d->l->n ? &d->l->list[d->l->n - 1] : NULL;
    int n = list_read(&r);
    if (n < 0) return wrong(d, ZE_DAMAGED, _("malformed")), 0;
    size_t len = rec->body_len - r.left;
    if (before && before->approvers >= 2) {
        uint8_t hash[32];
        char hex[65];
        seal_hash(hash, rec->body, len);
        text_hex(hex, hash, 32);
        const char *what = approvals_wrong(d->v, &r,
            &(struct consent){.action = "approvers", .objects = "-", .detail = hex, .time = rec->time, .by = before});
        if (what) return wrong(d, ZE_UNALLOWED, what), 0;
    }
    struct approver_list *more = realloc(d->l->list, (d->l->n + 1) * sizeof *more);
    uint8_t *body = malloc(len ? len : 1);
    if (more) d->l->list = more;
    if (!more || !body) return free(body), err_set(e, ZE_NOMEM, d->name, "log");
    memcpy(body, rec->body, len);
    more[d->l->n++] = (struct approver_list){rec->time, rec->uncertain, (unsigned)n, body, len};
    return 0;
}

static int check_confirm(struct vreading *d, const struct recd *rec, struct err *e) {
    struct rd r = rd_of(rec->body, rec->body_len);
    const struct approver_list *by = d->l->n ? &d->l->list[d->l->n - 1] : NULL;
    char when[32];
    int64_t at = (int64_t)rd_u64(&r);
    uint64_t answers = rd_u64(&r);
    text_time(when, at);
    if (!rd_ok(&r) || answers >= rec->n) return wrong(d, ZE_DAMAGED, _("malformed")), 0;
    const char *what = by && by->approvers >= 2
        ? approvals_wrong(d->v, &r,
              &(struct consent){.action = "confirm-clock", .objects = "-", .detail = when, .time = at, .by = by})
        : NULL;
    if (what) return wrong(d, ZE_UNALLOWED, what), 0;
    uint8_t(*more)[32] = realloc(d->l->confirm, (d->l->confirm_n + 1) * sizeof *more);
    if (!more) return err_set(e, ZE_NOMEM, d->name, "log");
    d->l->confirm = more;
    seal_hash(more[d->l->confirm_n++], rec->body, rec->body_len);
    return 0;
}

static int note_witness(struct vreading *d, const struct recd *rec, struct err *e) {
    struct rd r = rd_of(rec->body, rec->body_len);
    struct witness w = {.n = rd_u64(&r)};
    rd_copy(&r, w.hash, 32);
    rd_copy(&r, w.key, 32);
    if (!rd_ok(&r)) return wrong(d, ZE_DAMAGED, _("malformed")), 0;
    struct witness *more = realloc(d->l->witness, (d->l->witness_n + 1) * sizeof *more);
    if (!more) return err_set(e, ZE_NOMEM, d->name, "log");
    d->l->witness = more;
    more[d->l->witness_n++] = w;
    return 0;
}

bool vaultlog_confirmed(const struct vault_log *l, const uint8_t *body, size_t n) {
    uint8_t hash[32];
    seal_hash(hash, body, n);
    for (size_t i = 0; i < l->confirm_n; i++)
        if (memcmp(l->confirm[i], hash, 32) == 0) return true;
    return l->broken;
}

static void check_key(struct vreading *d, const struct recd *rec) {
    const struct approver_list *by = d->l->n ? &d->l->list[d->l->n - 1] : NULL;
    const char *what = keys_change_wrong(d->v, rec, by);
    if (what) wrong(d, ZE_UNALLOWED, what);
}

/* A key that only keys/ speaks of, while the log is whole: nobody allowed that. */
static void keys_compare(struct vreading *d) {
    for (unsigned i = 1; i < d->v->keys.n && !d->l->broken; i++)
        if (!d->v->keys.key[i].logged)
            report_add(d->v->report, ZE_UNALLOWED, "keys", 0, "%s", _("the vault's log does not know this key"));
}

static int record_judge(struct vreading *d, const struct recd *rec, struct err *e) {
    if (memcmp(rec->host_id, d->v->vault_id, 16) != 0) wrong(d, ZE_DAMAGED, _("it is a record of another log"));
    if (d->linked && memcmp(rec->prev, d->prev, 32) != 0)
        wrong(d, ZE_DAMAGED, _("it does not follow the record before it"));
    if (!times_follow(&d->times, rec)) wrong(d, ZE_DAMAGED, _("its vault time goes back"));
    const char *late = keys_late(d->v, rec, &d->key);
    if (late) wrong(d, ZE_OLDKEY, late);
    if (rec->type == REC_KEY) return check_key(d, rec), 0;
    if (rec->type == REC_WITNESS) return note_witness(d, rec, e);
    if (rec->type == REC_APPROVERS) return check_approvers(d, rec, e);
    return rec->type == REC_CONFIRM ? check_confirm(d, rec, e) : 0;
}

static void anchor_compare(struct vreading *d, uint64_t n) {
    struct anchor_head *a = anchor_head_of(&d->v->anchor, VAULT_LOG);
    if (!a || a->n != n) return;
    a->seen = true;
    if (memcmp(a->hash, d->l->head_hash, 32) != 0)
        wrong(d, ZE_ROLLEDBACK, _("it is not the record that the anchor names"));
}

static int record_check(struct vreading *d, uint64_t n, struct buf *b, struct err *e) {
    struct recd rec = {0};
    struct err why;
    enum err_id id;
    d->v->report->seen.records++;
    d->l->head = n, d->l->records++;
    const char *what = NULL;
    if (store_load(&d->v->store, d->name, ZB_RECORD_MAX, b, &why) < 0) what = why.msg, id = why.id;
    else {
        seal_hash(d->l->head_hash, b->p, b->len);
        anchor_compare(d, n);
        what = record_parse(d->v, &rec, n, b->p, b->len, &id);
    }
    if (what) {
        wrong(d, id, what);
        return d->l->broken = true, d->linked = false, 0;
    }
    int rc = record_judge(d, &rec, e);
    memcpy(d->prev, d->l->head_hash, 32);
    d->linked = true;
    return rc;
}

int vaultlog_check(struct verify *v, struct err *e) {
    struct vreading d = {.v = v, .l = &v->vlog, .linked = true};
    struct names names;
    struct err why;
    struct buf b;
    uint64_t next = 0;
    int rc = 0;
    if (!v->signatures) return v->vlog.broken = true, 0;
    if (store_list(&v->store, "log", &names, &why) < 0) return v->vlog.broken = true, report_err(v->report, &why, 0), 0;
    buf_init(&b, ZB_RECORD_MAX);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        uint64_t n;
        if (!record_number(names.name[i], &n)) continue;
        if (n > next) {
            report_add(
                v->report, ZE_MISSING, "log", 0, _("records %" PRIu64 " to %" PRIu64 " are missing"), next, n - 1);
            d.l->broken = true, d.linked = false;
        }
        snprintf(d.name, sizeof d.name, "log/%016" PRIx64, n);
        rc = record_check(&d, n, &b, e);
        next = n + 1;
    }
    buf_free(&b);
    names_free(&names);
    keys_compare(&d);
    return rc;
}

void vaultlog_free(struct vault_log *l) {
    for (size_t i = 0; i < l->n; i++) free(l->list[i].body);
    free(l->list);
    free(l->confirm);
    free(l->witness);
    *l = (struct vault_log){0};
}
