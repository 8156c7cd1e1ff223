/* The vault is asked, never guessed: what the catalog keeps of hosts and points is a copy for listing and for the scheduler,
 * and a wrong one costs at most a full where an incremental would have done. Of each host only what is new is asked: the points
 * above the last that is known, when its log is longer than it was. */
#include "hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "catalog_points.h"
#include "sys/file.h"
#include "witness.h"

enum { ASKED_EACH_TIME = 500, FRESH_S = 10, OLD_S = 900 };

int64_t hosts_time(const struct js *j, const char *key) {
    const char *s = js_str(j, key, "");
    unsigned year, month, day, h, m, sec;
    char z;
    int used = 0;
    if (sscanf(s, "%4u-%2u-%2uT%2u:%2u:%2u%n", &year, &month, &day, &h, &m, &sec, &used) != 6 || !used) return 0;
    if (s[used] == '.') used += 1 + (int)strspn(s + used + 1, "0123456789");
    if (sscanf(s + used, "%c", &z) != 1 || z != 'Z' || s[used + 1]) return 0;
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || h > 23 || m > 59 || sec > 60)
        return 0;
    int64_t of_day = (int64_t)h * 3600 + (int64_t)m * 60 + sec;
    return (civil_days(year, month, day) * 86400 + of_day) * NS_PER_S;
}

int64_t hosts_rpo_s(const struct host *h, int64_t now_ns) {
    if (!h->last_walk_ns) return -1;
    return now_ns > h->last_walk_ns ? (now_ns - h->last_walk_ns) / NS_PER_S : 0;
}

/* The points of a host that are numbered above ${after}. */
static struct js *ask_points(struct daemon *d, const char *host, int64_t after, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "points");
    js_set_str(q, "host", host);
    if (after) js_set_int(q, "after", after);
    if (control_call(&d->control, q, &a, e) < 0) return NULL;
    const struct js *points = js_get(a, "points");
    return points ? js_copy(points) : js_array();
}

struct js *hosts_points(struct daemon *d, const char *host, struct err *e) { return ask_points(d, host, 0, e); }

/* Take down what the vault said of a host, and its points: those above ${after} were asked for; 0: all of them. Where their
 * number is not the vault's (some were removed, or one more was made meanwhile) nothing says that all is known: 1. */
static int learn(struct daemon *d, struct host *h, const struct js *points, int64_t after, int64_t records, struct err *e) {
    db_begin(d->db);
    if (!after) points_forget(d->db, h->name);
    int64_t n = points_learn(d->db, h->name, points);
    points_newest(d->db, h);
    catalog_host_put(d->db, h);
    points_learned(d->db, h->name, n == h->points ? records : -1);
    return db_commit(d->db, e) < 0 ? -1 : n != h->points;
}

static int sync_host(struct daemon *d, const struct js *item, bool all, struct err *e) {
    struct host h = {.points = js_int(item, "points", 0), .enrolled_ns = hosts_time(item, "enrolled")};
    snprintf(h.name, sizeof h.name, "%s", js_str(item, "host", ""));
    snprintf(h.host_id, sizeof h.host_id, "%s", js_str(item, "host_id", ""));
    snprintf(h.system, sizeof h.system, "%s", js_str(item, "system", ""));
    snprintf(h.state, sizeof h.state, "%s", js_str(item, "state", ""));
    if (!text_name_ok(h.name)) return err_set(e, ZE_PROTO, "vault control", _("a host without a proper name"));
    db_begin(d->db);
    int64_t after = all ? 0 : points_last(d->db, h.name), records = js_int(item, "records", -1);
    db_abort(d->db);
    CLEANUP_JS struct js *points = h.points > 0 ? ask_points(d, h.name, after, e) : js_array();
    int rc = points ? learn(d, &h, points, h.points > 0 ? after : 0, records, e) : -1;
    if (rc != 1 || !after) return rc < 0 ? -1 : 0;
    CLEANUP_JS struct js *every = ask_points(d, h.name, 0, e);
    return every && learn(d, &h, every, 0, records, e) >= 0 ? 0 : -1;
}

/* The hosts, and last the vault's own log, each with how far it has come and the hash of the record that was seen last. */
static struct js *ask_hosts(struct daemon *d, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "hosts");
    db_begin(d->db);
    js_set(q, "known", witness_known(d->db));
    if (db_commit(d->db, e) < 0 || control_call(&d->control, q, &a, e) < 0) return NULL;
    struct js *hosts = js_get(a, "hosts") ? js_copy(js_get(a, "hosts")) : js_array();
    CLEANUP_JS struct js *logs = js_copy(hosts);
    if (js_get(a, "log")) js_push(logs, js_copy(js_get(a, "log")));
    if (witness_look(d, js_get(q, "known"), logs, e) == 0) return hosts;
    js_free(hosts);
    return NULL;
}

/* Those of whom the vault says something new; NULL without memory. */
static bool *changed(struct daemon *d, const struct js *hosts, bool all) {
    bool *list = calloc(js_count(hosts) + 1, sizeof *list);
    db_begin(d->db);
    for (size_t i = 0; list && i < js_count(hosts); i++) list[i] = all || !points_same(d->db, js_at(hosts, i));
    db_abort(d->db);
    return list;
}

int hosts_sync(struct daemon *d, bool all, struct err *e) {
    CLEANUP_JS struct js *hosts = ask_hosts(d, e);
    if (!hosts) return -1;
    CLEANUP_FREE bool *new = changed(d, hosts, all);
    int rc = new ? 0 : err_set(e, ZE_NOMEM, "zaibeid", "hosts");
    for (size_t i = 0; new && i < js_count(hosts); i++) {
        struct err why = ERR_INIT;
        /* One host whose list cannot be had does not hide the others. */
        if (new[i] && sync_host(d, js_at(hosts, i), all, &why) < 0 && rc == 0) rc = -1, *e = why;
    }
    if (rc == 0) atomic_store(&d->hosts_asked_ns, daemon_now(d));
    return rc;
}

int hosts_fresh(struct daemon *d, struct err *e) {
    db_begin(d->db);
    struct db_rows *r = db_query(d->db, "SELECT count(*) FROM hosts", "");
    int64_t n = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    db_abort(d->db);
    if (n <= ASKED_EACH_TIME) return hosts_sync(d, false, e);
    int64_t age_ns = daemon_now(d) - atomic_load(&d->hosts_asked_ns);
    if (age_ns > FRESH_S * (int64_t)NS_PER_S || age_ns < 0) atomic_store(&d->hosts_stale, true); /* the loop asks within its tick */
    if (age_ns < OLD_S * (int64_t)NS_PER_S) return 0;
    return err_set(e, ZE_UNREACHABLE, "vault control", _("it was not asked for more than %d seconds"), OLD_S);
}
