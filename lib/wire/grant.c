/* Grants. The sealed box says nothing of its maker, and need not: only who has the recovery kit can put a host key into it
 * that opens anything, and a wrong key is told by the key check of the restore point. */
#include "wire/grant.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

static const char magic[4] = {'Z', 'B', 'G', 'R'};

void grant_wipe(struct grant *g) { seal_wipe(g, sizeof *g); }

int grant_seal(const struct grant *g, const uint8_t pub[SEAL_KEY], struct buf *out, struct err *e) {
    if (!g->n || g->n > GRANT_HOSTS_MAX) return err_set(e, ZE_USAGE, g->id, _("a grant names 1 to 64 hosts"));
    struct buf b;
    buf_init(&b, GRANT_MAX);
    uint8_t *sealed = NULL;
    if (buf_reserve(&b, GRANT_MAX)) { /* once, so that no copy of a key is left behind by growing */
        buf_put(&b, magic, sizeof magic);
        buf_u16(&b, 1);
        buf_u16(&b, 0);
        buf_str(&b, g->purpose);
        buf_str(&b, g->id);
        buf_u64(&b, (uint64_t)g->until);
        buf_vu(&b, g->n);
        for (unsigned i = 0; i < g->n; i++) {
            buf_str(&b, g->hosts[i].host);
            buf_put(&b, g->hosts[i].host_id, SEAL_ID);
            buf_put(&b, g->hosts[i].key, SEAL_KEY);
        }
        sealed = buf_ok(&b) ? buf_reserve(out, b.len + SEAL_BOX_EXTRA) : NULL;
    }
    if (sealed) box_seal(sealed, pub, b.p, b.len), out->len += b.len + SEAL_BOX_EXTRA;
    if (b.p) seal_wipe(b.p, b.cap);
    buf_free(&b);
    return sealed ? 0 : err_set(e, ZE_NOMEM, g->id, _("no memory for a grant"));
}

static bool decode(struct grant *g, const uint8_t *p, size_t n) {
    struct rd r = rd_of(p, n);
    const uint8_t *head = rd_take(&r, sizeof magic);
    if (!head || memcmp(head, magic, sizeof magic) != 0 || rd_u16(&r) != 1 || rd_u16(&r) != 0) return false;
    rd_str(&r, g->purpose, sizeof g->purpose);
    rd_str(&r, g->id, sizeof g->id);
    g->until = (int64_t)rd_u64(&r);
    uint64_t hosts = rd_vu(&r);
    if (!hosts || hosts > GRANT_HOSTS_MAX) return false;
    for (g->n = 0; g->n < hosts; g->n++) {
        rd_str(&r, g->hosts[g->n].host, sizeof g->hosts[g->n].host);
        rd_copy(&r, g->hosts[g->n].host_id, SEAL_ID);
        rd_copy(&r, g->hosts[g->n].key, SEAL_KEY);
    }
    return rd_end(&r);
}

static int judge(const struct grant *g, const char *purpose, const char *id, int64_t now_s, struct err *e) {
    if (strcmp(g->purpose, purpose) != 0 || strcmp(g->id, id) != 0)
        return err_set(e, ZE_GRANT, id, _("it was given for something else: %s %s"), g->purpose, g->id);
    if (g->until <= now_s) return err_set(e, ZE_GRANT, id, _("it has expired"));
    if (g->until - now_s > GRANT_LONGEST_S) return err_set(e, ZE_GRANT, id, _("it is valid for more than a week"));
    return 0;
}

int grant_open(struct grant *g, const uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY], const void *p, size_t n,
    const char *purpose, const char *id, int64_t now_s, struct err *e) {
    grant_wipe(g);
    if (n <= SEAL_BOX_EXTRA || n > GRANT_MAX + SEAL_BOX_EXTRA) return err_set(e, ZE_GRANT, id, _("it is malformed"));
    uint8_t *plain = secret_alloc(n - SEAL_BOX_EXTRA);
    if (!plain) return err_set(e, ZE_NOMEM, id, _("no locked memory for a grant"));
    int rc = 0;
    if (!box_open(plain, pub, sec, p, n)) rc = err_set(e, ZE_GRANT, id, _("it was not sealed to this worker"));
    else if (!decode(g, plain, n - SEAL_BOX_EXTRA)) rc = err_set(e, ZE_GRANT, id, _("it is malformed"));
    else rc = judge(g, purpose, id, now_s, e);
    secret_free(plain);
    if (rc < 0) grant_wipe(g);
    return rc;
}

const uint8_t *grant_key(const struct grant *g, const char *host, const uint8_t host_id[SEAL_ID]) {
    for (unsigned i = 0; i < g->n; i++)
        if (!strcmp(g->hosts[i].host, host) && !memcmp(g->hosts[i].host_id, host_id, SEAL_ID)) return g->hosts[i].key;
    return NULL;
}
