/* The audit over the API: lists for people, lines for those who compute it again, and zaibeid's own verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "audit.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

enum { LINES = 1000 };

static int moment(struct api_call *c, const char *key, int64_t def, int64_t *out, struct err *e) {
    const char *s = http_query(c->r, key);
    *out = def;
    if (!s || civil_time_get(s, out)) return 0;
    return err_set(e, ZE_USAGE, key, _("a time like 2026-11-22T01:02:03Z"));
}

static const char *text_of(struct api_call *c, const char *key) {
    const char *s = http_query(c->r, key);
    return s ? s : "";
}

/* One record as it stands in its line, with its hash. */
static struct js *record_json(struct db_rows *r, struct err *e) {
    const char *line = db_text(r, 1);
    char hex[2 * SEAL_HASH + 1] = "";
    size_t n;
    const void *hash = db_blob(r, 2, &n);
    struct js *j = js_parse(line, strlen(line), "audit", e);
    if (j && n == SEAL_HASH) text_hex(hex, hash, n);
    if (j) js_set_str(j, "hash", hex);
    return j;
}

/* Newest first; ${after} is the number of the last one that was seen. */
struct js *api_audit(struct api_call *c, struct err *e) {
    int64_t since, until, last = 0;
    struct page page;
    char cursor[24];
    if (api_page(c, &page, e) < 0 || moment(c, "since", 0, &since, e) < 0 ||
        moment(c, "until", INT64_MAX, &until, e) < 0)
        return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "records", list);
    db_begin(c->d->db);
    struct db_rows *r = db_query(c->d->db,
        "SELECT n,line,hash FROM audit WHERE n<?1 AND time_ns>=?2 AND time_ns<?3 AND (?4='' OR who=?4) AND "
        "(?5='' OR act=?5 OR substr(act,1,length(?5)+1)=?5||'.') AND (?6='' OR object=?6) ORDER BY n DESC LIMIT ?7",
        "iiisssi", page.number ? page.number : INT64_MAX, since, until, text_of(c, "who"), text_of(c, "act"),
        text_of(c, "object"), page.limit);
    struct js *one = NULL;
    while (db_next(r) && (one = record_json(r, e))) js_push(list, one), last = db_int(r, 0);
    db_done(r);
    int rc = db_commit(c->d->db, e);
    snprintf(cursor, sizeof cursor, "%lld", (long long)last);
    if ((int64_t)js_count(list) == page.limit && last > 1) js_set_str(j, "next", cursor);
    if (rc == 0 && !e->id) return j;
    js_free(j);
    return NULL;
}

/* Lines "HASH RECORD" in their order, after record ${after}: what FORMAT §11 calls an export, a page at a time. */
struct js *api_audit_export(struct api_call *c, struct err *e) {
    struct page page;
    int64_t n = 0;
    char hex[2 * SEAL_HASH + 1], cursor[24];
    uint8_t zero[SEAL_HASH] = {0};
    if (api_page(c, &page, e) < 0) return NULL;
    int64_t after = page.number;
    struct js *j = js_object(), *lines = js_array();
    text_hex(hex, c->d->audit_key.pub, SEAL_SIGN_PUB);
    js_set_str(j, "key", hex);
    js_set(j, "lines", lines);
    db_begin(c->d->db);
    struct db_rows *r = db_query(
        c->d->db, "SELECT n,line,hash FROM audit WHERE n>=? ORDER BY n LIMIT ?", "ii", after, (int64_t)LINES + 1);
    text_hex(hex, zero, sizeof zero);
    if (!after) js_set_str(j, "previous", hex);
    while (db_next(r)) {
        size_t len;
        const void *hash = db_blob(r, 2, &len);
        text_hex(hex, hash, len == SEAL_HASH ? len : 0);
        n = db_int(r, 0);
        if (n == after) js_set_str(j, "previous", hex);
        else {
            size_t size = sizeof hex + strlen(db_text(r, 1)) + 1;
            CLEANUP_FREE char *line = malloc(size);
            if (line) snprintf(line, size, "%s %s", hex, db_text(r, 1)), js_push_str(lines, line);
        }
    }
    db_done(r);
    snprintf(cursor, sizeof cursor, "%lld", (long long)n);
    if (js_count(lines) >= LINES) js_set_str(j, "next", cursor);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_audit_verify(struct api_call *c, struct err *e) {
    struct audit_verdict v;
    char hex[2 * SEAL_SIGN_PUB + 1];
    if (audit_verify(c->d->db, c->d->audit_key.pub, &v, e) < 0) return NULL;
    struct js *j = js_object();
    text_hex(hex, c->d->audit_key.pub, SEAL_SIGN_PUB);
    js_set_str(j, "verdict", v.first_bad ? "changed" : "whole");
    js_set_int(j, "records", v.records);
    js_set_int(j, "checkpoints", v.checkpoints);
    js_set_str(j, "key", hex);
    if (v.first_bad) js_set_int(j, "first_bad", v.first_bad), js_set_str(j, "why", v.why);
    return j;
}
