/* The order of the check: vault header, systems, then host by host the log, the packs of each generation, and the
 * points. What one host or pack has wrong is collected and the next is looked at. A point is judged last, when it
 * is known which segments of its generation are whole. */
#include "verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "header.h"
#include "keys.h"
#include "point.h"
#include "vaultlog.h"
#include "wrap/seal.h"

/* One point: what it uses is there, and with a key what it holds is right. */
static int point_judge(struct verify *v, struct generation *g, const struct commit *c, struct slot_set *used,
    struct known *known, struct err *e) {
    used_check(v, g, c, used);
    v->report->seen.points++;
    return v->key.kind == KEY_NONE ? 0 : point_check(v, g, c, used, known, e);
}

static int points_judge(struct verify *v, struct generation *g, struct log *l, struct err *e) {
    struct known known = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->n; i++) {
        struct commit *c = &l->commit[i];
        struct slot_set used = {0};
        if (c->removed || memcmp(c->generation, g->id, 16) != 0) continue;
        rc = used_load(v, g, c, &used, e);
        if (rc == 0) rc = point_judge(v, g, c, &used, &known, e);
        slot_set_free(&used);
    }
    struct contents c = {.known = known};
    contents_free(&c);
    return rc;
}

static struct generation generation_of(const struct log *l, const uint8_t id[16]) {
    struct generation g = {.ids_known = l->host_known && l->system_known};
    snprintf(g.host, sizeof g.host, "%s", l->host);
    memcpy(g.id, id, 16);
    memcpy(g.host_id, l->host_id, 16);
    memcpy(g.system_id, l->system_id, 16);
    return g;
}

static int generation_judge(struct verify *v, struct log *l, const uint8_t id[16], struct err *e) {
    struct generation g = generation_of(l, id);
    int rc = generation_list(v, &g, e);
    if (rc == 0) rc = generation_check(v, &g, NULL, e);
    if (rc == 0) rc = points_judge(v, &g, l, e);
    generation_free(&g);
    return rc;
}

/* Only one point: its packs and nothing else. */
static int one_point(struct verify *v, struct log *l, struct err *e) {
    struct commit *c = log_point(l, v->only_point);
    char object[96];
    snprintf(object, sizeof object, "%s/%" PRIu32, l->host, v->only_point);
    if (!c && v->report->findings) return 0;
    if (!c || c->removed)
        return err_set(e, ZE_NOPOINT, object, "%s", c ? _("it was removed") : _("the host's log does not have it"));
    struct generation g = generation_of(l, c->generation);
    struct slot_set used = {0};
    struct known known = {0};
    int rc = generation_list(v, &g, e);
    if (rc == 0) rc = used_load(v, &g, c, &used, e);
    if (rc == 0) rc = generation_check(v, &g, &used, e);
    if (rc == 0) rc = point_judge(v, &g, c, &used, &known, e);
    struct contents contents = {.known = known};
    contents_free(&contents);
    slot_set_free(&used);
    generation_free(&g);
    return rc;
}

static bool generation_listed(const struct names *names, const uint8_t id[16]) {
    char hex[33];
    text_hex(hex, id, 16);
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->name[i], hex) == 0) return true;
    return false;
}

/* Generations that lie in the store, then those that a point names and the store does not have. */
static int generations_judge(struct verify *v, struct log *l, struct err *e) {
    char dir[OBJECT_NAME_MAX];
    uint8_t id[16];
    struct names names;
    struct err why;
    snprintf(dir, sizeof dir, "hosts/%s/packs", l->host);
    if (store_list(&v->store, dir, &names, &why) < 0) report_err(v->report, &why, 0);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (strlen(names.name[i]) == 32 && text_unhex(id, 16, names.name[i])) rc = generation_judge(v, l, id, e);
    for (size_t i = 0; rc == 0 && i < l->n; i++) {
        bool first = !l->commit[i].removed && !generation_listed(&names, l->commit[i].generation);
        for (size_t k = 0; first && k < i; k++)
            first = l->commit[k].removed || memcmp(l->commit[k].generation, l->commit[i].generation, 16) != 0;
        if (first) rc = generation_judge(v, l, l->commit[i].generation, e);
    }
    names_free(&names);
    return rc;
}

/* authentic: the vault's key and a head of this host were known before. */
static bool host_anchored(struct verify *v, const struct log *l) {
    struct anchor_head *a = anchor_head_of(&v->anchor, l->host);
    if (a && !a->seen) {
        char dir[OBJECT_NAME_MAX];
        snprintf(dir, sizeof dir, "hosts/%s/log", l->host);
        report_add(
            v->report, ZE_ROLLEDBACK, dir, 0, _("record %" PRIu64 ", which the anchor names, is not there"), a->n);
        return false;
    }
    return a && v->signatures && keys_known(v, v->anchor.pub) >= 0;
}

static int host_check(struct verify *v, const char *host, bool *authentic, struct err *e) {
    struct log l;
    report_host(v->report, host);
    report_phase(v->report, _("checking"), 0);
    uint64_t before = v->report->findings;
    keys_of_host(v, host);
    int rc = log_check(v, host, &l, e);
    v->report->seen.hosts++;
    bool anchored = host_anchored(v, &l);
    if (rc == 0) rc = v->only_point ? one_point(v, &l, e) : generations_judge(v, &l, e);
    bool bad = v->report->findings > before;
    report_host(v->report, host);
    if (l.records)
        report_head(v->report, host, l.head, l.head_hash, bad ? "damaged" : anchored ? "authentic" : "self-consistent");
    if (!anchored) *authentic = false;
    log_free(&l);
    return rc;
}

/* Every name that has a log or second copies of one, ascending. */
static int hosts_list(const struct verify *v, struct names *names, struct err *e) {
    struct names kept;
    if (store_list(&v->store, "hosts", names, e) < 0) return -1;
    if (store_list(&v->store, "kept", &kept, e) < 0) return names_free(names), -1;
    for (size_t i = 0, k; i < kept.n; i++) {
        for (k = 0; k < names->n && strcmp(names->name[k], kept.name[i]) != 0;) k++;
        if (k == names->n && names_add(names, kept.name[i]) < 0) {
            names_free(names), names_free(&kept);
            return err_set(e, ZE_NOMEM, "kept", "hosts");
        }
    }
    names_free(&kept);
    return 0;
}

/* The vault's own log, as the host VAULT_LOG; without records there is nothing to be anchored. */
static int own_log_check(struct verify *v, bool *authentic, struct err *e) {
    struct vault_log *l = &v->vlog;
    struct anchor_head *a = anchor_head_of(&v->anchor, VAULT_LOG);
    uint64_t before = v->report->findings;
    if (vaultlog_check(v, e) < 0) return -1;
    if (a && !a->seen)
        report_add(
            v->report, ZE_ROLLEDBACK, "log", 0, _("record %" PRIu64 ", which the anchor names, is not there"), a->n);
    bool bad = v->report->findings > before;
    bool anchored = a && v->signatures && keys_known(v, v->anchor.pub) >= 0;
    if (l->records && !anchored) *authentic = false;
    report_host(v->report, "");
    if (l->records)
        report_head(v->report, VAULT_LOG, l->head, l->head_hash,
            bad ? "damaged" : anchored ? "authentic" : "self-consistent");
    return 0;
}

static int hosts_check(struct verify *v, const char *only, bool *authentic, struct err *e) {
    struct names names;
    int rc = hosts_list(v, &names, e);
    bool found = false;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (!text_name_ok(names.name[i]) || (only && strcmp(names.name[i], only) != 0)) continue;
        found = true;
        rc = host_check(v, names.name[i], authentic, e);
    }
    if (rc == 0 && only && !found) rc = err_set(e, ZE_NOTFOUND, only, _("the vault has no such host"));
    for (size_t i = 0; rc == 0 && !only && i < v->anchor.n; i++) {
        bool there = strcmp(v->anchor.head[i].host, VAULT_LOG) == 0;
        for (size_t k = 0; k < names.n; k++) there = there || strcmp(names.name[k], v->anchor.head[i].host) == 0;
        if (!there)
            report_add(v->report, ZE_ROLLEDBACK, v->anchor.head[i].host, 0, "%s",
                _("the anchor names a host that is not there"));
    }
    names_free(&names);
    return rc;
}

int verify_run(const struct verify_opts *o, struct report *r, struct err *e) {
    struct verify v = {.store = {.fd = -1}, .report = r, .only_point = o->point};
    bool authentic = true;
    char of_receipt[64];
    const char *host = o->host;
    int rc = -1;
    if (seal_init(e) < 0 || key_load(&v.key, o->kit, o->host_key, e) < 0 || anchor_load(&v.anchor, o->anchor, e) < 0 ||
        store_open(&v.store, o->vault, e) < 0 || header_check(&v, e) < 0)
        goto out;
    keys_learn(&v);
    if (v.anchor.given && v.signatures && keys_known(&v, v.anchor.pub) < 0)
        report_add(r, ZE_VAULTKEY, "vault", 0, "%s", _("its key is not the one that the anchor names"));
    if (o->receipt) {
        if (receipt_find(&v, o->receipt, of_receipt, &v.only_point, e) < 0) goto out;
        host = of_receipt;
    }
    systems_check(&v);
    rc = own_log_check(&v, &authentic, e);
    if (rc == 0) rc = hosts_check(&v, host, &authentic, e);
    if (rc == 0) {
        char key[64];
        b64_encode(key, sizeof key, keys_now(&v), 32);
        const char *verdict = r->findings ? "damaged" : v.anchor.given && authentic ? "authentic" : "self-consistent";
        report_summary(r, o->vault, key, verdict, v.key.kind != KEY_NONE);
    } else report_host(r, "");
out:
    key_free(&v.key);
    vaultlog_free(&v.vlog);
    free(v.anchor.head);
    store_close(&v.store);
    return rc;
}
