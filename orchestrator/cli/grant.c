/* Grants are made where the kit is: on the machine of the department's person. The daemon is believed in nothing: slots that it
 * made up do not open with the kit, those of another host give a key that the check beside them, or the worker's own, refuses;
 * and it sees of the keys what is sealed to the worker. It could name a public key of its own: whoever gives a grant trusts the
 * platform that shows the key, for these hosts and this week; FORMAT.md §12 says so. */
#include "grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wire/kit.h"
#include "wire/record.h"
#include "wire/segment.h"

static int slots_read(const struct js *j, const char *host, struct grant_host *g, struct key_slots *k, struct err *e) {
    const char *text = js_str(j, "slots", "");
    size_t n = strlen(text);
    uint8_t *raw = malloc(n + 1);
    if (!raw) return err_set(e, ZE_NOMEM, host, _("no memory"));
    int len = b64_decode(raw, n + 1, text, n);
    struct rd r = rd_of(raw, len > 0 ? (size_t)len : 0);
    key_slots_get(&r, k);
    bool ok = len > 0 && rd_end(&r) && text_unhex(g->host_id, sizeof g->host_id, js_str(j, "host_id", ""));
    free(raw);
    snprintf(g->host, sizeof g->host, "%s", host);
    return ok ? 0 : err_set(e, ZE_PROTO, host, _("key slots that cannot be read"));
}

static int host_open(const struct kit *kit, const struct key_slots *k, struct grant_host *g, struct err *e) {
    for (unsigned i = 0; i < k->n; i++) {
        uint8_t check[SEAL_ID];
        if (!seal_equal(k->slot[i].recipient, kit->pub, SEAL_KEY)) continue;
        if (!box_open(g->key, kit->pub, kit->sec, k->slot[i].sealed, sizeof k->slot[i].sealed))
            return err_set(e, ZE_DAMAGED, g->host, _("the key slot that is sealed to this kit does not open"));
        key_check(check, g->key);
        if (seal_equal(check, k->check, SEAL_ID)) return 0;
        return err_set(e, ZE_DAMAGED, g->host, _("the key in its slot is not that of the host"));
    }
    char digits[KIT_CHECKS];
    kit_checks(k, digits);
    return err_set(e, ZE_WRONGKEY, g->host, _("it is sealed to another kit: check digits %s"), digits);
}

static int gather(
    struct cli *c, const struct kit *kit, const char *const *hosts, size_t n, struct grant *g, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        char path[100];
        struct key_slots k = {.n = 0};
        snprintf(path, sizeof path, "/v1/hosts/%s/slots", hosts[i]);
        CLEANUP_JS struct js *j = cli_get(c, path, e);
        if (!j || slots_read(j, hosts[i], &g->hosts[i], &k, e) < 0 || host_open(kit, &k, &g->hosts[i], e) < 0)
            return -1;
        g->n++;
    }
    return 0;
}

static int seal_to(const struct grant *g, const char *public_key_b64, char **out, struct err *e) {
    uint8_t pub[SEAL_KEY];
    struct buf b;
    if (b64_decode(pub, sizeof pub, public_key_b64, strlen(public_key_b64)) != sizeof pub)
        return err_set(e, ZE_USAGE, public_key_b64, _("not a public key"));
    buf_init(&b, GRANT_MAX + SEAL_BOX_EXTRA);
    int rc = grant_seal(g, pub, &b, e);
    size_t cap = 4 * (b.len / 3 + 2);
    if (rc == 0 && !(*out = malloc(cap))) rc = err_set(e, ZE_NOMEM, g->id, _("no memory"));
    if (rc == 0) b64_encode(*out, cap, b.p, b.len);
    buf_free(&b);
    return rc;
}

int cli_grant(struct cli *c, const char *kit_file, const char *purpose, const char *id, const char *public_key_b64,
    const char *const *hosts, size_t n, int64_t until, char **grant_b64, struct err *e) {
    if (!n || n > GRANT_HOSTS_MAX) return err_set(e, ZE_USAGE, id, _("a grant names 1 to 64 hosts"));
    struct kit *kit = secret_alloc(sizeof *kit);
    struct grant *g = secret_alloc(sizeof *g);
    int rc = kit && g ? kit_load(kit, kit_file, e) : err_set(e, ZE_NOMEM, kit_file, _("no locked memory for a key"));
    if (rc == 0 && !kit->has_sec) rc = err_set(e, ZE_USAGE, kit_file, _("this is the public half of a kit only"));
    if (rc == 0) {
        grant_wipe(g); /* secret memory comes with a pattern in it */
        snprintf(g->purpose, sizeof g->purpose, "%s", purpose);
        snprintf(g->id, sizeof g->id, "%s", id);
        g->until = until;
        rc = gather(c, kit, hosts, n, g, e);
    }
    if (rc == 0) rc = seal_to(g, public_key_b64, grant_b64, e);
    secret_free(kit);
    secret_free(g);
    return rc;
}

int cli_kit_opens(struct cli *c, const char *kit_file, const char *host, struct err *e) {
    struct kit *kit = secret_alloc(sizeof *kit);
    struct grant *g = secret_alloc(sizeof *g);
    int rc = kit && g ? kit_load(kit, kit_file, e) : err_set(e, ZE_NOMEM, kit_file, _("no locked memory for a key"));
    if (rc == 0 && !kit->has_sec) rc = err_set(e, ZE_USAGE, kit_file, _("this is the public half of a kit only"));
    if (rc == 0) rc = gather(c, kit, &host, 1, g, e);
    secret_free(kit);
    secret_free(g);
    return rc;
}
