/* A receipt is a commit record that the vault gave to the host (FORMAT.md §8). It proves by itself, with the vault's key, that
 * there was such a point; here it must be the very record that the vault still has. A record has no host's name in it, only
 * the host's id, so the logs are looked through for the number and the hash. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "log.h"
#include "record.h"
#include "wrap/seal.h"

static int receipt_load(const char *file, struct buf *b, struct err *e) {
    struct store here = {.fd = AT_FDCWD};
    return store_load(&here, file, ZB_RECORD_MAX, b, e);
}

/* Whether the log or the second copies of ${host} have exactly these bytes as record ${n}. */
static bool host_has(struct verify *v, const char *host, uint64_t n, const struct buf *want) {
    static const char *const where[] = {"hosts/%s/log/%016" PRIx64, "kept/%s/%016" PRIx64};
    struct buf b;
    bool found = false;
    buf_init(&b, ZB_RECORD_MAX);
    for (int i = 0; i < 2 && !found; i++) {
        char name[OBJECT_NAME_MAX];
        struct err why;
        snprintf(name, sizeof name, where[i], host, n);
        found = store_load(&v->store, name, ZB_RECORD_MAX, &b, &why) == 0 && b.len == want->len &&
            memcmp(b.p, want->p, b.len) == 0;
    }
    buf_free(&b);
    return found;
}

static int host_find(struct verify *v, uint64_t n, const struct buf *b, char host[64], struct err *e) {
    static const char *const dirs[] = {"hosts", "kept"};
    for (int i = 0; i < 2; i++) {
        struct names names;
        if (store_list(&v->store, dirs[i], &names, e) < 0) return -1;
        bool found = false;
        for (size_t k = 0; k < names.n && !found; k++) {
            if (!text_name_ok(names.name[k]) || !host_has(v, names.name[k], n, b)) continue;
            found = true;
            snprintf(host, 64, "%s", names.name[k]);
        }
        names_free(&names);
        if (found) return 0;
    }
    return err_set(e, ZE_ROLLEDBACK, "hosts", _("no host's log has this receipt as its record %" PRIu64), n);
}

int receipt_find(struct verify *v, const char *file, char host[64], uint32_t *point, struct err *e) {
    struct buf b;
    struct recd rec = {0};
    struct commit c = {0};
    enum err_id id;
    buf_init(&b, ZB_RECORD_MAX);
    int rc = v->signatures ? receipt_load(file, &b, e)
                           : err_set(e, ZE_DAMAGED, "vault", _("without its header no receipt can be judged"));
    if (rc == 0) {
        struct rd r = rd_of(b.p, b.len);
        rd_take(&r, 8);
        const char *what = record_parse(v, &rec, rd_u64(&r), b.p, b.len, &id);
        if (!what && (rec.type != REC_COMMIT || !commit_parse(&c, rec.body, rec.body_len))) what = _("not a receipt");
        if (what) rc = err_set(e, id == ZE_NEWER ? id : ZE_RECEIPT, file, "%s", what);
    }
    if (rc == 0) rc = host_find(v, rec.n, &b, host, e);
    *point = c.point;
    commit_free(&c);
    buf_free(&b);
    return rc;
}
