/* The chain from its first exported record to the last: each hash over the hash before and the line, each number one more, each
 * checkpoint signed. What a chain cannot show by itself (an end that was cut off, an older state put back, two histories), the
 * vault's witnesses show: heads in its own log, which the orchestrator cannot take back. */
#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "header.h"
#include "keys.h"
#include "vaultlog.h"
#include "wrap/json.h"
#include "wrap/seal.h"

enum { LINE_CAP = 1 << 20, HEX_CAP = 65 };

struct areading {
    FILE *in;
    char *line;
    struct verify v; /* of the vault, where one was named */
    struct report *report;
    uint8_t key[32], hash[32];
    uint64_t n, first, checkpoints; /* n: of the last record that fits */
    bool keyed, bad;
};

static void wrong(struct areading *a, enum err_id id, uint64_t n, const char *what) {
    char object[64];
    snprintf(object, sizeof object, _("audit record %" PRIu64), n);
    report_add(a->report, id, object, 0, "%s", what);
    a->bad |= id == ZE_AUDITBAD;
}

/* The next line without its end: 1; 0 at the end; -1 when it is too long, is not whole, or cannot be read. */
static int next_line(struct areading *a) {
    size_t n = 0;
    int c;
    while ((c = getc_unlocked(a->in)) != EOF && c != '\n') {
        if (n == LINE_CAP - 1 || !c) return -1;
        a->line[n++] = (char)c;
    }
    a->line[n] = 0;
    return c == '\n' ? 1 : n || ferror(a->in) ? -1 : 0;
}

/* "zaibei-audit 1 KEY FIRST PREVIOUS" */
static int head_read(struct areading *a, const char *file, struct err *e) {
    char key[HEX_CAP], previous[HEX_CAP], number[24], rest;
    unsigned version;
    if (next_line(a) != 1) return err_set(e, ZE_USAGE, file, _("not an export of an audit"));
    int got = sscanf(a->line, "zaibei-audit %u %64s %23s %64s%c", &version, key, number, previous, &rest);
    if (got >= 1 && version > 1) return err_set(e, ZE_NEWER, file, _("version %u is newer than this program"), version);
    if (got != 4 || version != 1 || !text_unhex(a->key, 32, key) || !text_unhex(a->hash, 32, previous) ||
        !text_u64(number, INT64_MAX, &a->first) || !a->first)
        return err_set(e, ZE_USAGE, file, _("not an export of an audit"));
    static const uint8_t zero[32];
    if (a->first == 1 && memcmp(a->hash, zero, 32) != 0)
        wrong(a, ZE_AUDITBAD, 1, _("it claims to have a record before the first"));
    a->n = a->first - 1;
    return 0;
}

static bool checkpoint_good(const struct areading *a, const struct js *detail) {
    static const char domain[] = "zaibei audit checkpoint";
    char hex[HEX_CAP], text[128];
    uint8_t sig[SEAL_SIG];
    text_hex(hex, a->hash, 32);
    memcpy(text, domain, sizeof domain);
    int n = snprintf(text + sizeof domain, sizeof text - sizeof domain, "%" PRIu64 " %s", a->n, hex);
    return js_int(detail, "n", 0) == (int64_t)a->n && !strcmp(js_str(detail, "hash", ""), hex) &&
        text_unhex(sig, sizeof sig, js_str(detail, "sig", "")) &&
        sign_check(sig, a->key, text, sizeof domain + (size_t)n);
}

/* Judge the line as record n + 1, and take it as the last one; NULL when it fits. */
static const char *record_wrong(struct areading *a) {
    struct err ignored = ERR_INIT;
    struct hash_state h;
    uint8_t said[32], hash[32];
    char *line = a->line + 65;
    if (strlen(a->line) < 66 || a->line[64] != ' ') return _("malformed");
    a->line[64] = 0;
    if (!text_unhex(said, 32, a->line)) return _("malformed");
    hash_init(&h, NULL);
    hash_update(&h, a->hash, 32);
    hash_update(&h, line, strlen(line));
    hash_final(&h, hash);
    CLEANUP_JS struct js *j = js_parse(line, strlen(line), "audit", &ignored);
    if (memcmp(said, hash, 32) != 0) return _("its hash does not follow from the record before");
    if (!j || js_int(j, "n", 0) != (int64_t)a->n + 1) return _("it is another record than its place says");
    bool checkpoint = !strcmp(js_str(j, "act", ""), "audit.checkpoint");
    if (checkpoint && !checkpoint_good(a, js_get(j, "detail")))
        return _("the signature of this checkpoint does not hold");
    a->checkpoints += checkpoint;
    memcpy(a->hash, hash, 32);
    a->n++;
    return NULL;
}

/* The witnesses of record n; ${a} stands behind it. */
static void compare(struct areading *a, size_t *at) {
    const struct vault_log *l = &a->v.vlog;
    for (size_t i = *at; i < l->witness_n; i++) {
        const struct witness *w = &l->witness[i];
        if (memcmp(w->key, a->key, 32) != 0 || w->n > a->n) continue;
        if (w->n == a->n && memcmp(w->hash, a->hash, 32) != 0)
            wrong(a, ZE_AUDITFORK, a->n, _("the vault has seen another record of this number"));
        if (i == *at) ++*at;
    }
}

static void records_read(struct areading *a) {
    size_t at = 0;
    int got;
    while (!a->bad && (got = next_line(a)) != 0) {
        const char *what = got < 0 ? _("malformed") : record_wrong(a);
        if (what) wrong(a, ZE_AUDITBAD, a->n + 1, what);
        else compare(a, &at);
    }
}

/* What the vault has seen and the export does not have; true when it has seen this audit at all. */
static bool beyond(struct areading *a) {
    const struct vault_log *l = &a->v.vlog;
    uint64_t most = 0;
    bool seen = false;
    for (size_t i = 0; i < l->witness_n; i++) {
        bool mine = memcmp(l->witness[i].key, a->key, 32) == 0;
        seen |= mine;
        if (mine && l->witness[i].n > most) most = l->witness[i].n;
        if (!mine && i && memcmp(l->witness[i].key, l->witness[i - 1].key, 32) != 0)
            wrong(a, ZE_AUDITFORK, l->witness[i].n, _("the vault has seen an audit with another key"));
    }
    if (!a->bad && most > a->n)
        wrong(a, ZE_AUDITFORK, most, _("the vault has seen this record; the audit ends before it"));
    if (!seen) wrong(a, ZE_AUDITFORK, a->n, _("the vault has never seen this audit"));
    return seen;
}

static int vault_read(struct areading *a, const struct audit_opts *o, struct err *e) {
    if (anchor_load(&a->v.anchor, o->anchor, e) < 0 || store_open(&a->v.store, o->vault, e) < 0 ||
        header_check(&a->v, e) < 0)
        return -1;
    keys_learn(&a->v);
    if (a->v.anchor.given && a->v.signatures && keys_known(&a->v, a->v.anchor.pub) < 0)
        report_add(a->report, ZE_VAULTKEY, "vault", 0, "%s", _("its key is not the one that the anchor names"));
    return vaultlog_check(&a->v, e);
}

static int judge(struct areading *a, const struct audit_opts *o, struct err *e) {
    uint8_t key[32];
    if (o->key && !text_unhex(key, 32, o->key)) return err_set(e, ZE_USAGE, "--audit-key", _("64 hex digits"));
    if (head_read(a, o->file, e) < 0 || (o->vault && vault_read(a, o, e) < 0)) return -1;
    if (o->key && memcmp(key, a->key, 32) != 0)
        wrong(a, ZE_AUDITFORK, a->n, _("its key is not the one that was named"));
    records_read(a);
    bool seen = o->vault && beyond(a);
    bool trusted = o->key || (seen && a->v.anchor.given);
    report_audit(a->report, o->file, a->first, a->n, a->checkpoints, a->hash,
        a->report->findings ? "changed"
            : trusted       ? "authentic"
                            : "self-consistent");
    return 0;
}

int audit_run(const struct audit_opts *o, struct report *r, struct err *e) {
    struct areading a = {.v = {.store = {.fd = -1}, .report = r}, .report = r};
    int rc = -1;
    bool mine = !o->in && strcmp(o->file, "-") != 0;
    if (!(a.line = malloc(LINE_CAP))) return err_set(e, ZE_NOMEM, o->file, "line");
    a.in = o->in ? o->in : mine ? fopen(o->file, "re") : stdin;
    if (!a.in) err_sys(e, o->file, _("cannot be opened"));
    else if (seal_init(e) == 0) rc = judge(&a, o, e);
    if (a.in && mine) fclose(a.in);
    free(a.line);
    vaultlog_free(&a.v.vlog);
    free(a.v.anchor.head);
    store_close(&a.v.store);
    return rc;
}
