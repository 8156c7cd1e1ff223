/* The record, and the one line that it is kept and handed out as. The signature is over the record's bytes as they stand in the
 * file, so no reader has to write JSON the way we do before it can check one. */
#include "drill/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { CONSOLE_MAX = 64 };

static struct js *goal(enum drill_goal g, int64_t ms, int64_t target_s, const char *host) {
    struct js *j = js_object();
    if (ms >= 0) js_set_int(j, "ms", ms);
    if (target_s) js_set_int(j, "target_s", target_s);
    js_set_str(j, "verdict", drill_goal_name(g));
    if (host && *host) js_set_str(j, "host", host);
    return j;
}

static struct js *cause(const struct drill_measure *m) {
    struct js *j = js_object();
    js_set_str(j, "what", drill_cause_name(m->cause));
    js_set_str(j, "host", m->host);
    js_set_str(j, "phase", m->phase);
    js_set_str(j, "name", m->name);
    js_set_str(j, "detail", m->detail);
    return j;
}

/* The messages of one kind, with these members; the last ${most} of them. */
static struct js *told(const struct js *events, const char *kind, const char *const keys[2], size_t most) {
    struct js *list = js_array();
    size_t n = 0;
    for (size_t i = 0; i < js_count(events); i++) n += !strcmp(js_str(js_at(events, i), "event", ""), kind);
    for (size_t i = 0; i < js_count(events); i++) {
        const struct js *ev = js_at(events, i);
        if (strcmp(js_str(ev, "event", ""), kind) != 0 || n-- > most) continue;
        struct js *j = js_object();
        for (int k = 0; k < 2; k++) js_set_str(j, keys[k], js_str(ev, keys[k], ""));
        js_push(list, j);
    }
    return list;
}

static void put_end(struct js *r, const struct js *events) {
    const struct js *end = NULL;
    for (size_t i = 0; i < js_count(events); i++)
        if (!strcmp(js_str(js_at(events, i), "event", ""), "end")) end = js_at(events, i);
    js_set_str(r, "egress", js_str(end, "egress", NULL));
    js_set(r, "left", js_get(end, "left") ? js_copy(js_get(end, "left")) : js_array());
    if (js_str(end, "control", NULL)) js_set_str(r, "control", js_str(end, "control", NULL));
}

struct js *drill_record(const struct js *facts, const struct drill_request *q, const struct js *events) {
    static const char *const adapted[] = {"host", "what"}, *const console[] = {"host", "text"};
    struct drill_measure m;
    struct js *r = js_copy(facts), *pace = js_object();
    drill_measure(q, events, &m);
    js_set_int(r, "record_version", 1);
    js_set_int(r, "level", q->level);
    drill_time_set(r, "requested", q->requested_ns);
    drill_time_set(r, "incident", q->incident_ns);
    js_set_str(r, "verdict", drill_verdict_name(m.verdict));
    if (m.cause) js_set(r, "cause", cause(&m));
    js_set(r, "rto", goal(m.rto, m.rto_ms, q->rto_target_s, NULL));
    js_set(r, "rpo", goal(m.rpo, m.rpo_ms, q->rpo_target_s, m.rpo_host));
    js_set_int(pace, "bytes", m.bytes);
    js_set_int(pace, "files", m.files);
    js_set_int(pace, "ms", m.restore_ms);
    js_set_int(pace, "bytes_per_s", m.bytes_per_s);
    js_set(r, "restore", pace);
    drill_walks(js_get(r, "hosts"), events);
    js_set(r, "phases", drill_phases(events));
    js_set(r, "adapted", told(events, "adapted", adapted, SIZE_MAX));
    js_set(r, "console", told(events, "console", console, CONSOLE_MAX));
    put_end(r, events);
    return r;
}

void drill_record_hash(const struct js *record, char out[2 * SEAL_HASH + 1]) {
    uint8_t hash[SEAL_HASH];
    char *text = js_dump(record);
    seal_hash(hash, text, strlen(text));
    text_hex(out, hash, sizeof hash);
    free(text);
}

char *drill_record_seal(const struct js *record, const uint8_t pub[SEAL_SIGN_PUB], const uint8_t sec[SEAL_SIGN_SEC]) {
    static const char domain[] = "zaibei drill record";
    uint8_t sig[SEAL_SIG];
    char key[2 * SEAL_SIGN_PUB + 1], hex[2 * SEAL_SIG + 1], *text = js_dump(record);
    size_t n = strlen(text), cap = n + sizeof domain + 400;
    char *out = malloc(cap);
    if (out) {
        memcpy(out, domain, sizeof domain); /* with its zero byte */
        memcpy(out + sizeof domain, text, n);
        sign_make(sig, sec, out, sizeof domain + n);
        text_hex(key, pub, SEAL_SIGN_PUB), text_hex(hex, sig, sizeof sig);
        snprintf(out, cap,
            "{\"schema_version\":1,\"message_type\":\"drill-record\",\"key\":\"%s\",\"sig\":\"%s\",\"record\":%s}\n", key,
            hex, text);
    }
    free(text);
    return out;
}
