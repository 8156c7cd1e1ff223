/* A record of a drill, read by its description and not by the code that wrote it. The signature is over the record's bytes as they
 * stand between a head of fixed length and the last brace. A signature only says who wrote it; so the verdict, RTO and RPO are
 * computed again from the phases and hosts that stand in it: zaibeid's own mistake would show too. */
#include "drill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "wrap/json.h"
#include "wrap/seal.h"

static const char head[] = "{\"schema_version\":1,\"message_type\":\"drill-record\",\"key\":\"";
static const char middle[] = "\",\"sig\":\"", before[] = "\",\"record\":", domain[] = "zaibei drill record";
enum { KEY_AT = sizeof head - 1, SIG_AT = KEY_AT + 64 + sizeof middle - 1, RECORD_AT = SIG_AT + 128 + sizeof before - 1 };

struct dreading {
    struct report *report;
    const char *file;
    char *bytes; /* of the file, after room for the domain */
    size_t n;    /* of the file */
    uint8_t key[32];
    struct js *record;
};

static void wrong(struct dreading *d, const char *what) { report_add(d->report, ZE_RECORDBAD, d->file, 0, "%s", what); }

static int load(struct dreading *d, FILE *in, struct err *e) {
    size_t got, cap = DRILL_BYTES_MAX + 1;
    if (!(d->bytes = malloc(sizeof domain + cap + 1))) return err_set(e, ZE_NOMEM, d->file, "record");
    char *at = d->bytes + sizeof domain;
    while (d->n < cap && (got = fread(at + d->n, 1, cap - d->n, in)) > 0) d->n += got;
    if (ferror(in)) return err_sys(e, d->file, _("cannot be read"));
    at[d->n] = 0;
    if (d->n > DRILL_BYTES_MAX || memchr(at, 0, d->n) || d->n < RECORD_AT + 4 || strncmp(at, "{\"schema_version\":", 18) != 0)
        return err_set(e, ZE_USAGE, d->file, _("not the record of a drill"));
    if (strncmp(at, head, 19) != 0) return err_set(e, ZE_NEWER, d->file, _("a newer form of record"));
    return strncmp(at, head, KEY_AT) == 0 ? 0 : err_set(e, ZE_USAGE, d->file, _("not the record of a drill"));
}

/* The bytes between head and brace, signed by the key that stands before them. */
static int signature(struct dreading *d, struct err *e) {
    char *file = d->bytes + sizeof domain, key[65], sig_hex[129];
    uint8_t sig[SEAL_SIG];
    snprintf(key, sizeof key, "%.64s", file + KEY_AT), snprintf(sig_hex, sizeof sig_hex, "%.128s", file + SIG_AT);
    if (!text_unhex(d->key, 32, key) || strncmp(file + KEY_AT + 64, middle, sizeof middle - 1) != 0 ||
        !text_unhex(sig, SEAL_SIG, sig_hex) || strncmp(file + SIG_AT + 128, before, sizeof before - 1) != 0 ||
        strcmp(file + d->n - 2, "}\n") != 0)
        return err_set(e, ZE_USAGE, d->file, _("not the record of a drill"));
    size_t n = d->n - 2 - RECORD_AT;
    struct err why = ERR_INIT;
    d->record = js_parse(file + RECORD_AT, n, d->file, &why);
    char *from = file + RECORD_AT - sizeof domain; /* the head is not needed any more */
    memcpy(from, domain, sizeof domain);
    if (!sign_check(sig, d->key, from, sizeof domain + n)) wrong(d, _("its signature does not hold"));
    if (!js_is_object(d->record)) return err_set(e, ZE_USAGE, d->file, _("not the record of a drill"));
    if (js_int(d->record, "record_version", 0) > 1) return err_set(e, ZE_NEWER, d->file, _("a newer form of record"));
    return 0;
}

/* ---- computed again ---- */

static bool is(const struct js *j, const char *key, const char *value) { return strcmp(js_str(j, key, ""), value) == 0; }

/* RFC 3339 with milliseconds, in ms; 0: none. */
static int64_t ms_of(const char *s) {
    int64_t ns;
    unsigned fraction = 0;
    if (!s || !civil_time_get(s, &ns)) return 0;
    if (strlen(s) > 23 && sscanf(s + 19, ".%3uZ", &fraction) != 1) fraction = 0;
    return ns / 1000000 + fraction;
}

static bool phase_ok(const struct js *phases, const char *phase, const char *host, const char *name) {
    bool found = false;
    for (size_t i = 0; i < js_count(phases); i++) {
        const struct js *p = js_at(phases, i);
        found |= is(p, "phase", phase) && is(p, "state", "ok") && is(p, "host", host) && is(p, "name", name);
    }
    return found;
}

static int64_t level_of(const struct js *check) {
    const char *s = js_str(check, "level", NULL);
    return s ? strtol(s, NULL, 10) : js_int(check, "level", 2);
}

/* A green record shows that everything was judged and nothing was red. */
static const char *not_green(const struct js *r) {
    const struct js *phases = js_get(r, "phases"), *hosts = js_get(r, "hosts"), *checks = js_get(r, "checks");
    int64_t level = js_int(r, "level", 0), asked = 0;
    for (size_t i = 0; i < js_count(phases); i++)
        if (is(js_at(phases, i), "state", "red")) return _("it says green, and one of its phases is red");
    for (size_t i = 0; i < js_count(hosts); i++)
        if (!phase_ok(phases, "content", js_str(js_at(hosts, i), "host", ""), ""))
            return _("it says green, and the content of a host was not compared");
    for (size_t i = 0; i < js_count(checks); i++) {
        const struct js *c = js_at(checks, i);
        if (level_of(c) > level) continue;
        if (!phase_ok(phases, "check", js_str(c, "host", ""), js_str(c, "name", "")))
            return _("it says green, and a check was not asked");
        asked++;
    }
    if (level > 1 && !asked) return _("it says green, and a check was not asked");
    if (js_count(js_get(r, "left")) || js_has(r, "control")) return _("it says green, and it was spoilt or left something over");
    if (!is(r, "egress", "closed") && (level > 1 || is(r, "egress", "open")))
        return _("it says green, and the way out was not closed");
    return js_count(hosts) ? NULL : _("it says green, and names no host");
}

static void verdict(struct dreading *d) {
    const struct js *r = d->record, *phases = js_get(r, "phases");
    bool red = false;
    for (size_t i = 0; i < js_count(phases); i++) red |= is(js_at(phases, i), "state", "red");
    const char *what = is(r, "verdict", "green") ? not_green(r)
        : red && !is(r, "verdict", "red")        ? _("one of its phases is red, and it does not say so")
                                                 : NULL;
    if (what) wrong(d, what);
}

static const char *goal_word(int64_t ms, int64_t target_s) {
    return ms < 0 ? "unmeasured" : target_s >= (ms + 999) / 1000 ? "met" : "missed";
}

static void goal(struct dreading *d, const char *key, int64_t ms, const char *what) {
    const struct js *g = js_get(d->record, key);
    int64_t target = js_int(g, "target_s", 0);
    if (js_int(g, "ms", -1) != ms || (target && !is(g, "verdict", goal_word(ms, target)))) wrong(d, what);
}

static void rto(struct dreading *d) {
    static const char *const counts[] = {"content", "start", "check"};
    const struct js *phases = js_get(d->record, "phases");
    int64_t last = 0, from = ms_of(js_str(d->record, "requested", NULL));
    for (size_t i = 0; i < js_count(phases); i++)
        for (int k = 0; k < 3; k++) {
            const struct js *p = js_at(phases, i);
            int64_t at = is(p, "phase", counts[k]) && is(p, "state", "ok") ? ms_of(js_str(p, "end", NULL)) : 0;
            if (at > last) last = at;
        }
    goal(d, "rto", last > from ? last - from : -1, _("its RTO does not follow from its phases"));
}

static void rpo(struct dreading *d) {
    const struct js *hosts = js_get(d->record, "hosts");
    int64_t from = ms_of(js_str(d->record, "incident", NULL)), worst = 0;
    if (!from) from = ms_of(js_str(d->record, "requested", NULL));
    for (size_t i = 0; i < js_count(hosts); i++) {
        int64_t walk = ms_of(js_str(js_at(hosts, i), "walk_start", NULL));
        if (!walk) return;
        if (from - walk > worst) worst = from - walk;
    }
    if (js_count(hosts)) goal(d, "rpo", worst, _("its RPO does not follow from its restore points"));
}

static int run(struct dreading *d, FILE *in, const char *key_hex, struct err *e) {
    uint8_t key[32];
    if (key_hex && !text_unhex(key, 32, key_hex)) return err_set(e, ZE_USAGE, "--key", _("64 hex digits"));
    if (load(d, in, e) < 0 || signature(d, e) < 0) return -1;
    if (key_hex && memcmp(key, d->key, 32) != 0) wrong(d, _("its key is not the one that was named"));
    verdict(d);
    if (is(d->record, "verdict", "green")) rto(d);
    rpo(d);
    report_drill(d->report, d->file, js_int(d->record, "drill", 0), js_str(d->record, "system", ""),
        js_str(d->record, "verdict", ""),
        d->report->findings ? "changed"
            : key_hex       ? "authentic"
                            : "self-consistent");
    return 0;
}

int drill_run(const struct drill_opts *o, struct report *r, struct err *e) {
    struct dreading d = {.report = r, .file = o->file};
    bool mine = !o->in && strcmp(o->file, "-") != 0;
    FILE *in = o->in ? o->in : mine ? fopen(o->file, "re") : stdin;
    int rc = in ? seal_init(e) : err_sys(e, o->file, _("cannot be opened"));
    if (rc == 0) rc = run(&d, in, o->key, e);
    if (in && mine) fclose(in);
    js_free(d.record);
    free(d.bytes);
    return rc;
}
