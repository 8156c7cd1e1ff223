/* Who wrote the vault's last point? This machine shows the record of its own last point, and the vault tells its last
 * one. If they differ, the answer to a commit was lost on the way here, or another machine has this one's keys (a
 * clone), or this machine's state is older than what it did (rolled back). The first case is known by the upload id,
 * which was written down before the vault heard it. In the others nothing is written: points of two machines in one
 * line would be restored as one.
 *
 * If interrupted here: the receipt is replaced whole; until then the same judgement is made again. */
#include <string.h>

#include "base/i18n.h"
#include "session.h"
#include "state.h"
#include "sys/file.h"

struct last {
    struct session *s;
    uint32_t point;
    uint8_t upload[SEAL_ID];
    struct buf raw;
};

static int keep_last(void *arg, const struct record *rec, struct err *e) {
    struct last *l = arg;
    if (rec->n != l->s->last_n || memcmp(rec->hash, l->s->last_hash, SEAL_HASH) != 0) return 0;
    l->point = rec->commit.point;
    memcpy(l->upload, rec->commit.upload, SEAL_ID);
    buf_put(&l->raw, l->s->raw, l->s->raw_len);
    return buf_ok(&l->raw) ? 0 : err_set(e, ZE_NOMEM, l->s->cfg->vault, "record");
}

static int last_load(struct session *s, struct last *l, struct err *e) {
    *l = (struct last){.s = s};
    buf_init(&l->raw, ZB_RECORD_MAX);
    if (session_points(s, keep_last, l, e) < 0) return -1;
    return l->raw.len ? 0 : err_set(e, ZE_PROTO, s->cfg->vault, _("its list lacks its last restore point"));
}

static int receipt_set(struct session *s, const struct last *l, struct err *e) {
    if (file_replace(s->cfg->statefd, "receipt", l->raw.p, l->raw.len, 0600, e) < 0)
        return err_wrap(e, "%s", s->cfg->state);
    s->receipt = 1, s->own_n = s->last_n;
    memcpy(s->own_hash, s->last_hash, SEAL_HASH);
    return 0;
}

int session_judge(struct session *s, bool adopt, struct err *e) {
    struct last l;
    if (s->receipt == 2)
        return err_set(e, ZE_ROLLEDBACK, s->cfg->vault, _("it does not know the last restore point of this host"));
    if (!s->has_last || (s->receipt == 1 && s->last_n <= s->own_n)) return 0;
    int rc = last_load(s, &l, e);
    if (rc == 0 && !state_pending(s->cfg, l.upload))
        rc = err_set(e, ZE_CLONED, s->cfg->host,
            _("restore point %u is not of this machine, or is newer than its memory"), l.point);
    if (rc == 0 && adopt) rc = receipt_set(s, &l, e);
    buf_free(&l.raw);
    return rc;
}

int session_take_over(struct session *s, struct err *e) {
    struct last l;
    int rc = last_load(s, &l, e);
    if (rc == 0) rc = receipt_set(s, &l, e);
    buf_free(&l.raw);
    return rc;
}
