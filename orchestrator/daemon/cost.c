/* Sizes come from the host's own points where it has any: its last full, and the mean of its last incrementals. Else from the
 * disk on the form, shared out among the hosts, as if nothing compressed and a twentieth changed between two runs. */
#include "catalog_calendar.h"
#include "cost.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "hosts.h"
#include "plan/cost.h"

enum { INCREMENTALS = 30, CHANGED_PART = 20 };

struct sizes {
    int64_t full, incremental, rate; /* bytes; bytes a second of its last full, 0: unknown */
    const char *source;
};

static bool from_points(struct daemon *d, const char *host, struct sizes *s, struct err *e) {
    CLEANUP_JS struct js *points = hosts_points(d, host, e);
    int64_t sum = 0, n = 0;
    for (size_t i = js_count(points); i-- > 0;) {
        const struct js *p = js_at(points, i);
        bool full = !strcmp(js_str(p, "kind", ""), "full");
        if (full && !s->full) s->full = js_int(p, "bytes_stored", 0);
        if (!full && n < INCREMENTALS) sum += js_int(p, "bytes_stored", 0), n++;
    }
    if (!s->full) return false;
    s->incremental = n ? sum / n : s->full / CHANGED_PART;
    s->source = "points";
    return true;
}

static int64_t measured_rate(struct daemon *d, const char *host) {
    int64_t rate = 0;
    db_begin(d->db);
    struct db_rows *r = db_query(d->db,
        "SELECT bytes_sent, ended_ns-started_ns FROM jobs WHERE host=? AND kind='full' AND state='ok' AND bytes_sent>0 "
        "ORDER BY id DESC LIMIT 1",
        "s", host);
    if (db_next(r) && db_int(r, 1) > NS_PER_S) rate = db_int(r, 0) / (db_int(r, 1) / NS_PER_S);
    db_done(r);
    db_abort(d->db);
    return rate;
}

static void sizes_of(
    struct daemon *d, const struct plan *p, const char *host, bool *asked, struct sizes *s, struct err *e) {
    int64_t disk;
    *s = (struct sizes){.source = "unknown", .rate = measured_rate(d, host)};
    if (*asked) {
        struct err why = ERR_INIT;
        if (from_points(d, host, s, &why)) return;
        if (err_exit(&why) == ZB_EXIT_UNREACHABLE) *asked = false, *e = why; /* once is enough */
    }
    if (!cost_size(js_str(js_get(p->form, "resources"), "disk", ""), &disk)) return;
    s->full = disk / (int64_t)p->hosts_n, s->incremental = s->full / CHANGED_PART;
    s->source = "form";
}

/* Hosts of other plans in force: two plans may back up one host, but whoever approves must know. */
static bool elsewhere(struct daemon *d, const struct plan *p, const char *host) {
    db_begin(d->db);
    struct db_rows *r = db_query(d->db,
        "SELECT 1 FROM reach r JOIN plans p ON p.name=r.plan AND p.state IN ('active','suspended') "
        "WHERE r.host=? AND r.plan<>? LIMIT 1",
        "ss", host, p->name);
    bool found = db_next(r);
    db_done(r);
    db_abort(d->db);
    return found;
}

static void warn(struct js *list, const char *kind, const char *host) {
    struct js *w = js_object();
    js_set_str(w, "kind", kind);
    if (host) js_set_str(w, "host", host);
    js_push(list, w);
}

static struct js *host_cost(struct daemon *d, const struct plan *p, const char *host, const struct sizes *s,
    const struct cost_runs *runs, struct cost *total, struct js *warnings) {
    struct cost c;
    struct js *j = js_object();
    int64_t rate = p->limits.bandwidth ? (int64_t)p->limits.bandwidth : s->rate;
    if (s->rate && s->rate < rate) rate = s->rate;
    plan_cost(runs, s->full, s->incremental, &c);
    total->year_bytes += c.year_bytes, total->peak_bytes += c.peak_bytes;
    total->runs += c.runs, total->points += c.points;
    js_set_str(j, "host", host);
    js_set_str(j, "source", s->source);
    if (elsewhere(d, p, host)) warn(warnings, "host-in-other-plan", host);
    if (!s->full) return j;
    js_set_int(j, "full_bytes", s->full);
    js_set_int(j, "incremental_bytes", s->incremental);
    js_set_int(j, "year_bytes", c.year_bytes);
    if (!rate) return j;
    bool fits = s->full / rate <= (int64_t)p->schedule.window_len_min * 60;
    js_set_int(j, "full_s", s->full / rate);
    js_set_bool(j, "fits_window", fits);
    if (!fits) warn(warnings, "full-longer-than-window", host);
    return j;
}

/* The quota that holds at the vault for the system, else the one wished for; 0: none. */
static int64_t quota_of(struct daemon *d, const struct plan *p, const char **source) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    struct err ignored = ERR_INIT;
    int64_t bytes = 0;
    js_set_str(q, "op", "quota");
    if (control_call(&d->control, q, &a, &ignored) == 0) {
        const struct js *list = js_get(a, "systems");
        for (size_t i = 0; i < js_count(list); i++)
            if (!strcmp(js_str(js_at(list, i), "system", ""), p->system)) bytes = js_int(js_at(list, i), "quota", 0);
    }
    *source = "vault";
    if (bytes) return bytes;
    *source = "form";
    return cost_size(js_str(p->form, "quota", ""), &bytes) ? bytes : 0;
}

static void set_fits(
    struct daemon *d, const struct plan *p, const struct cost *c, int64_t fulls, struct js *j, struct js *w) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    struct err ignored = ERR_INIT;
    const char *source;
    int64_t quota = quota_of(d, p, &source);
    if (quota) {
        js_set_int(j, "quota_bytes", quota);
        js_set_str(j, "quota_source", source);
        js_set_bool(j, "fits_quota", c->peak_bytes <= quota);
        if (c->peak_bytes > quota) warn(w, "more-than-quota", NULL);
    }
    js_set_str(q, "op", "stat");
    if (control_call(&d->control, q, &a, &ignored) < 0) return;
    js_set_int(j, "free_bytes", js_int(a, "free", 0));
    js_set_bool(j, "fits_space", c->peak_bytes <= js_int(a, "free", 0));
    if (fulls > js_int(a, "free", 0)) warn(w, "fulls-do-not-fit-space", NULL);
    else if (c->peak_bytes > js_int(a, "free", 0)) warn(w, "more-than-free-space", NULL);
}

static int runs_of(struct daemon *d, const struct plan *p, struct cost_runs *r, struct err *e) {
    db_begin(d->db);
    struct workdays *t = catalog_workdays(d->db);
    db_abort(d->db);
    int rc = cost_runs(p, t, daemon_now(d) / NS_PER_S, r, e);
    workdays_free(t);
    return rc;
}

struct js *cost_json(struct daemon *d, const struct plan *p, struct err *e) {
    struct cost_runs runs;
    if (runs_of(d, p, &runs, e) < 0) return NULL;
    struct js *j = js_object(), *hosts = js_array(), *warnings = js_array();
    struct cost total = {.runs = 0};
    struct err stale = ERR_INIT;
    bool ask = p->backup;
    int64_t fulls = 0, incrementals = 0;
    size_t known = 0;
    for (size_t i = 0; p->backup && i < p->hosts_n; i++) {
        struct sizes s;
        sizes_of(d, p, p->hosts[i], &ask, &s, &stale);
        if (s.full) known++;
        fulls += s.full, incrementals += s.incremental;
        js_push(hosts, host_cost(d, p, p->hosts[i], &s, &runs, &total, warnings));
    }
    cost_runs_free(&runs);
    if (known < p->hosts_n && p->backup) warn(warnings, "size-unknown", NULL);
    js_set_str(j, "plan", p->name);
    js_set(j, "hosts", hosts);
    js_set_int(j, "full_bytes", fulls);
    js_set_int(j, "incremental_bytes", incrementals);
    js_set_int(j, "year_bytes", total.year_bytes);
    js_set_int(j, "peak_bytes", total.peak_bytes);
    js_set_int(j, "runs", total.runs);
    js_set_int(j, "points", total.points);
    js_set_int(j, "window_s", (int64_t)p->schedule.window_len_min * 60);
    if (p->backup && known) set_fits(d, p, &total, fulls, j, warnings);
    js_set(j, "warnings", warnings);
    if (stale.id) js_set_str(j, "stale", stale.msg);
    return j;
}
