/* The figures of a drill. The worker's own verdict is taken only where it is bad news: that all is well follows from the events
 * alone, each of which must be there. */
#include "drill/measure.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/text.h"

enum { MS = 1000000 };
static const int64_t MOST = (int64_t)1 << 53; /* bytes or files of a drill */

static const char *const verdicts[] = {"green", "red", "cancelled", "failed"};
static const char *const goals[] = {"met", "missed", "no-target", "unmeasured"};
static const char *const causes[] = {
    "", "red", "not-compared", "not-asked", "egress-open", "left-over", "control", "worker"};

const char *drill_verdict_name(enum drill_verdict v) { return verdicts[v]; }
const char *drill_goal_name(enum drill_goal g) { return goals[g]; }
const char *drill_cause_name(enum drill_cause c) { return causes[c]; }

int drill_verdict_of(const char *name) {
    for (int i = 0; i < 4; i++)
        if (!strcmp(verdicts[i], name)) return i;
    return -1;
}

int64_t drill_time_ns(const char *s) {
    int64_t ns, fraction = 0;
    if (!s || !civil_time_get(s, &ns)) return 0;
    const char *dot = strchr(s, '.');
    size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;
    for (size_t i = 0; i < 9; i++) fraction = fraction * 10 + (i < digits ? dot[1 + i] - '0' : 0);
    return ns + fraction;
}

void drill_time_set(struct js *j, const char *key, int64_t ns) {
    char text[40];
    text_time(text, ns);
    if (ns) snprintf(text + 19, sizeof text - 19, ".%03dZ", (int)(ns / MS % 1000));
    js_set_str(j, key, ns ? text : NULL);
}

int64_t drill_number(const struct js *j, const char *key, int64_t def) {
    uint64_t n;
    const char *s = js_str(j, key, NULL);
    return !s ? js_int(j, key, def) : text_u64(s, INT64_MAX, &n) ? (int64_t)n : def;
}

static bool is(const struct js *j, const char *key, const char *value) { return !strcmp(js_str(j, key, ""), value); }

static bool is_phase(const struct js *ev, const char *phase, const char *state) {
    return is(ev, "event", "phase") && is(ev, "phase", phase) && is(ev, "state", state);
}

static void set_cause(struct drill_measure *m, enum drill_cause c, const char *host, const char *phase, const char *name,
    const char *detail) {
    m->cause = c;
    snprintf(m->host, sizeof m->host, "%s", host);
    snprintf(m->phase, sizeof m->phase, "%s", phase);
    text_escape(m->name, sizeof m->name, name, strlen(name));
    text_escape(m->detail, sizeof m->detail, detail, strlen(detail));
}

static void cause_of(struct drill_measure *m, const struct js *j) {
    set_cause(m, CAUSE_RED, js_str(j, "host", ""), js_str(j, "phase", ""), js_str(j, "name", ""), js_str(j, "detail", ""));
}

static const struct js *find_end(const struct js *events) {
    for (size_t i = js_count(events); i-- > 0;)
        if (is(js_at(events, i), "event", "end")) return js_at(events, i);
    return NULL;
}

static bool found_ok(const struct js *events, const char *phase, const char *host, const char *name) {
    bool found = false;
    for (size_t i = 0; i < js_count(events); i++)
        found |= is_phase(js_at(events, i), phase, "ok") && is(js_at(events, i), "host", host) && is(js_at(events, i), "name", name);
    return found;
}

/* What a green drill must have shown and this one has not. */
static void look_for_gaps(const struct drill_request *q, const struct js *events, struct drill_measure *m) {
    size_t asked = 0;
    for (size_t i = 0; i < js_count(q->hosts); i++) {
        const char *host = js_str(js_at(q->hosts, i), "host", "");
        if (!found_ok(events, "content", host, "")) return set_cause(m, CAUSE_NOT_COMPARED, host, "content", "", "");
    }
    for (size_t i = 0; i < js_count(q->checks); i++) {
        const struct js *c = js_at(q->checks, i);
        const char *name = js_str(c, "name", ""), *host = js_str(c, "host", "");
        if (drill_number(c, "level", 2) > q->level) continue;
        if (!found_ok(events, "check", host, name)) return set_cause(m, CAUSE_NOT_ASKED, host, "check", name, "");
        asked++;
    }
    if (q->level > 1 && !asked) set_cause(m, CAUSE_NOT_ASKED, "", "check", "", ""); /* that nothing was red shows nothing */
}

static void judge(const struct drill_request *q, const struct js *events, struct drill_measure *m) {
    const struct js *end = find_end(events), *left = js_get(end, "left");
    m->verdict = DRILL_RED;
    for (size_t i = 0; i < js_count(events); i++)
        if (is(js_at(events, i), "event", "phase") && is(js_at(events, i), "state", "red")) return cause_of(m, js_at(events, i));
    if (is(end, "verdict", "red")) return cause_of(m, js_get(end, "first_red"));
    m->verdict = DRILL_CANCELLED;
    if (is(end, "verdict", "cancelled")) return;
    m->verdict = DRILL_FAILED;
    if (!is(end, "verdict", "green"))
        return set_cause(m, CAUSE_WORKER, "", "", js_str(end, "object", ""), js_str(end, "message", ""));
    m->verdict = DRILL_RED;
    if (js_str(end, "control", NULL)) set_cause(m, CAUSE_CONTROL, "", "", js_str(end, "control", ""), "");
    else if (!is(end, "egress", "closed") && (q->level > 1 || is(end, "egress", "open")))
        set_cause(m, CAUSE_EGRESS, "", "egress", "", "");
    else if (js_count(left))
        set_cause(m, CAUSE_LEFT, "", "teardown", js_str(js_at(left, 0), "what", ""), js_str(js_at(left, 0), "name", ""));
    else look_for_gaps(q, events, m);
    if (m->cause == CAUSE_NONE) m->verdict = DRILL_GREEN;
}

static enum drill_goal goal_of(int64_t ms, int64_t target_s) {
    return !target_s ? GOAL_NO_TARGET : ms < 0 ? GOAL_UNMEASURED : ms <= target_s * 1000 ? GOAL_MET : GOAL_MISSED;
}

static void measure_rto(const struct drill_request *q, const struct js *events, struct drill_measure *m) {
    static const char *const counts[] = {"content", "start", "check"};
    int64_t last = 0;
    m->rto_ms = -1;
    for (size_t i = 0; i < js_count(events); i++)
        for (int p = 0; p < 3; p++) {
            int64_t at = is_phase(js_at(events, i), counts[p], "ok") ? drill_time_ns(js_str(js_at(events, i), "at", "")) : 0;
            if (at > last) last = at;
        }
    /* What ended before it was asked for was timed by a clock that somebody has set: that is no short time, it is none. */
    if (m->verdict == DRILL_GREEN && last > q->requested_ns) m->rto_ms = last / MS - q->requested_ns / MS;
    m->rto = goal_of(m->rto_ms, q->rto_target_s);
    if (m->verdict == DRILL_RED && q->rto_target_s) m->rto = GOAL_MISSED; /* the system did not come back */
}

/* The worker reads the start of the walk from the sealed root; before it has, what the vault says of it counts. Both are by the
 * host's clock: one that is ahead would make its point younger than it is, so a walk began no later than the vault had its point. */
static int64_t walk_of(const struct js *told, const struct js *h) {
    int64_t walk = drill_time_ns(js_str(told, js_str(h, "host", ""), NULL)), kept = drill_time_ns(js_str(h, "committed", NULL));
    if (!walk) walk = drill_time_ns(js_str(h, "walk_start", NULL));
    return kept && walk - kept >= (int64_t)1000 * MS ? kept : walk; /* the vault tells whole seconds */
}

void drill_walks(struct js *hosts, const struct js *events) {
    const struct js *told = js_get(find_end(events), "walk_starts");
    for (size_t i = 0; i < js_count(hosts); i++) drill_time_set(js_at(hosts, i), "walk_start", walk_of(told, js_at(hosts, i)));
}

static void measure_rpo(const struct drill_request *q, const struct js *events, struct drill_measure *m) {
    const struct js *told = js_get(find_end(events), "walk_starts");
    int64_t from = q->incident_ns ? q->incident_ns : q->requested_ns;
    m->rpo_ms = js_count(q->hosts) ? 0 : -1;
    for (size_t i = 0; i < js_count(q->hosts) && m->rpo_ms >= 0; i++) {
        const struct js *h = js_at(q->hosts, i);
        int64_t walk = walk_of(told, h);
        int64_t ms = !walk ? -1 : from > walk ? from / MS - walk / MS : 0;
        if (ms >= 0 && ms < m->rpo_ms) continue;
        m->rpo_ms = ms;
        snprintf(m->rpo_host, sizeof m->rpo_host, "%s", js_str(h, "host", ""));
    }
    m->rpo = goal_of(m->rpo_ms, q->rpo_target_s);
}

/* Hosts are restored side by side: bytes of all of them, from the first beginning to the last end. */
static void measure_pace(const struct js *events, struct drill_measure *m) {
    int64_t begin = 0, end = 0;
    for (size_t i = 0; i < js_count(events); i++) {
        const struct js *ev = js_at(events, i);
        bool fetch = is_phase(ev, "fetch", "begin"), restore = is_phase(ev, "restore", "begin");
        bool ok = is_phase(ev, "restore", "ok");
        int64_t at = drill_time_ns(js_str(ev, "at", "")), bytes = js_int(ev, "bytes", 0), files = js_int(ev, "files", 0);
        if ((fetch || restore) && at && (!begin || at < begin)) begin = at;
        if (!ok || bytes < 0 || files < 0 || bytes > MOST - m->bytes || files > MOST - m->files) continue;
        m->bytes += bytes, m->files += files;
        if (at > end) end = at;
    }
    if (!begin || end < begin) return;
    m->restore_ms = (end - begin) / MS;
    int64_t ms = m->restore_ms ? m->restore_ms : 1;
    m->bytes_per_s = m->bytes / ms * 1000 + m->bytes % ms * 1000 / ms;
}

void drill_measure(const struct drill_request *q, const struct js *events, struct drill_measure *m) {
    *m = (struct drill_measure){.cause = CAUSE_NONE};
    judge(q, events, m);
    measure_rto(q, events, m);
    measure_rpo(q, events, m);
    measure_pace(events, m);
}
