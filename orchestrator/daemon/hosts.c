/* The vault is asked, never guessed: what the catalog keeps of hosts and points is a copy for listing and for the scheduler,
 * and a wrong one costs at most a full where an incremental would have done. */
#include "hosts.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "witness.h"

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

static struct js *ask(struct daemon *d, const char *op, const char *host, const char *list, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", op);
    if (host) js_set_str(q, "host", host);
    if (control_call(&d->control, q, &a, e) < 0) return NULL;
    const struct js *items = js_get(a, list);
    return items ? js_copy(items) : js_array();
}

struct js *hosts_points(struct daemon *d, const char *host, struct err *e) {
    return ask(d, "points", host, "points", e);
}

/* The newest complete point; a partial one does not count as a reached objective. */
static void last_point(struct host *h, const struct js *points) {
    for (size_t i = js_count(points); i-- > 0;) {
        const struct js *p = js_at(points, i);
        if (strcmp(js_str(p, "state", ""), "complete") != 0) continue;
        h->last_point = js_int(p, "point", 0);
        h->last_walk_ns = hosts_time(p, "walk_start");
        h->last_time_ns = hosts_time(p, "time");
        snprintf(h->last_state, sizeof h->last_state, "complete");
        return;
    }
}

static int sync_host(struct daemon *d, const struct js *item, bool all, struct err *e) {
    struct host h = {.points = js_int(item, "points", 0), .enrolled_ns = hosts_time(item, "enrolled")}, old;
    snprintf(h.name, sizeof h.name, "%s", js_str(item, "host", ""));
    snprintf(h.host_id, sizeof h.host_id, "%s", js_str(item, "host_id", ""));
    snprintf(h.system, sizeof h.system, "%s", js_str(item, "system", ""));
    snprintf(h.state, sizeof h.state, "%s", js_str(item, "state", ""));
    if (!text_name_ok(h.name)) return err_set(e, ZE_PROTO, "vault control", _("a host without a proper name"));
    db_begin(d->db);
    bool known = catalog_host_get(d->db, h.name, &old);
    db_abort(d->db);
    if (h.points > 0 && (all || !known || old.points != h.points || !old.last_walk_ns)) {
        CLEANUP_JS struct js *points = hosts_points(d, h.name, e);
        if (!points) return -1;
        last_point(&h, points);
    }
    db_begin(d->db);
    catalog_host_put(d->db, &h);
    return db_commit(d->db, e);
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

int hosts_sync(struct daemon *d, bool all, struct err *e) {
    CLEANUP_JS struct js *hosts = ask_hosts(d, e);
    int rc = hosts ? 0 : -1;
    for (size_t i = 0; i < js_count(hosts); i++) {
        struct err why = ERR_INIT;
        /* One host whose list cannot be had does not hide the others. */
        if (sync_host(d, js_at(hosts, i), all, &why) < 0 && rc == 0) rc = -1, *e = why;
    }
    return rc;
}
