/* What stands at the top of a vault: its header, signed by itself, and its systems. Without a header that holds, signatures
 * cannot be checked; all else can. */
#include "header.h"

#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "wrap/seal.h"

enum { HEADER_MAX = 4096 };

static bool signed_ok(
    const struct verify *v, const char *domain, bool with_id, const uint8_t *p, size_t n, const uint8_t *sig) {
    uint8_t text[HEADER_MAX + 64];
    struct buf b = {.p = text, .cap = sizeof text, .max = sizeof text};
    buf_put(&b, domain, strlen(domain) + 1);
    if (with_id) buf_put(&b, v->vault_id, 16);
    buf_put(&b, p, n);
    return buf_ok(&b) && keys_signer(v, sig, b.p, b.len) >= 0;
}

static int header_parse(struct verify *v, const char *name, const struct buf *b, struct err *e) {
    char suite[16];
    struct rd r = rd_of(b->p, b->len);
    const uint8_t *magic = rd_take(&r, 4);
    uint16_t version = rd_u16(&r);
    rd_u16(&r);
    rd_copy(&r, v->vault_id, 16);
    keys_begin(v, rd_take(&r, 32));
    rd_str(&r, suite, sizeof suite);
    rd_u64(&r);
    size_t signed_len = b->len - r.left;
    const uint8_t *sig = rd_take(&r, SEAL_SIG);
    if (magic && memcmp(magic, "ZBVT", 4) == 0 && version > 1)
        return err_set(e, ZE_NEWER, name, _("version %u is newer than this program"), version);
    if (!magic || memcmp(magic, "ZBVT", 4) != 0 || version != 1 || !rd_end(&r))
        report_add(v->report, ZE_DAMAGED, name, 0, "%s", _("malformed vault header"));
    else if (!signed_ok(v, "zaibei vault header", false, b->p, signed_len, sig))
        report_add(v->report, ZE_DAMAGED, name, 0, "%s", _("the vault's signature does not hold"));
    else if (strcmp(suite, "sodium") != 0)
        return err_set(e, ZE_NEWER, name, _("suite %s is not known to this program"), suite);
    else v->signatures = true;
    return 0;
}

/* The header, or its second copy where it is damaged; a vault from before there were copies has none. */
int header_check(struct verify *v, struct err *e) {
    struct buf b, copy;
    struct err why;
    int rc = 0;
    buf_init(&b, HEADER_MAX);
    buf_init(&copy, HEADER_MAX);
    if (store_load(&v->store, "vault", HEADER_MAX, &b, &why) < 0) report_err(v->report, &why, 0);
    else rc = header_parse(v, "vault", &b, e);
    bool good = v->signatures, there = store_load(&v->store, "vault.copy", HEADER_MAX, &copy, &why) == 0;
    if (!there && why.id != ZE_MISSING) report_err(v->report, &why, 0);
    if (rc == 0 && !good && there) rc = header_parse(v, "vault.copy", &copy, e);
    else if (good && there && (b.len != copy.len || memcmp(b.p, copy.p, b.len) != 0))
        report_add(v->report, ZE_DAMAGED, "vault.copy", 0, "%s", _("it differs from the header whose copy it is"));
    buf_free(&b);
    buf_free(&copy);
    return rc;
}

static const char *system_wrong(struct verify *v, const char *name, const struct buf *b, enum err_id *id) {
    char said[64], suite[16];
    struct rd r = rd_of(b->p, b->len);
    const uint8_t *magic = rd_take(&r, 4);
    *id = ZE_DAMAGED;
    if (!magic || memcmp(magic, "ZBSY", 4) != 0) return _("not a system");
    uint16_t version = rd_u16(&r);
    if (version > 1) return *id = ZE_NEWER, _("its version is newer than this program");
    rd_u16(&r);
    rd_take(&r, 16);
    rd_str(&r, said, sizeof said);
    rd_str(&r, suite, sizeof suite);
    size_t n = b->len - r.left;
    const uint8_t *sig = rd_take(&r, SEAL_SIG);
    if (!rd_end(&r) || version != 1) return _("malformed");
    if (strcmp(said, name) != 0) return _("it names another system");
    if (v->signatures && !signed_ok(v, "zaibei system", true, b->p, n, sig))
        return _("the vault's signature does not hold");
    return NULL;
}

void systems_check(struct verify *v) {
    struct names names;
    struct err why;
    struct buf b;
    if (store_list(&v->store, "systems", &names, &why) < 0) {
        report_err(v->report, &why, 0);
        return;
    }
    buf_init(&b, HEADER_MAX);
    for (size_t i = 0; i < names.n; i++) {
        char object[OBJECT_NAME_MAX];
        enum err_id id;
        if (!text_name_ok(names.name[i])) continue;
        snprintf(object, sizeof object, "systems/%s", names.name[i]);
        if (store_load(&v->store, object, HEADER_MAX, &b, &why) < 0) report_err(v->report, &why, 0);
        else {
            const char *what = system_wrong(v, names.name[i], &b, &id);
            if (what) report_add(v->report, id, object, 0, "%s", what);
        }
    }
    buf_free(&b);
    names_free(&names);
}
