/* Points as rows. A host is known at a certain length of its log; while the vault names the same length, nothing is asked
 * or written for it. */
#include "catalog_points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosts.h"

static int64_t number(struct db_rows *r, int64_t none) {
    int64_t n = db_next(r) ? db_int(r, 0) : none;
    db_done(r);
    return n;
}

bool points_same(struct db *d, const struct js *item) {
    int64_t records = js_int(item, "records", -1);
    return records > 0 &&
        number(db_query(d, "SELECT 1 FROM hosts WHERE name=? AND records=? AND points=? AND state=? AND system=?", "siiss",
                   js_str(item, "host", ""), records, js_int(item, "points", 0), js_str(item, "state", ""),
                   js_str(item, "system", "")),
            0) == 1;
}

int64_t points_last(struct db *d, const char *host) {
    return number(db_query(d, "SELECT point FROM points WHERE host=? ORDER BY point DESC LIMIT 1", "s", host), 0);
}

/* Labels in one word each, with commas. */
static void words(const struct js *list, char *out, size_t cap) {
    size_t n = 0;
    *out = 0;
    for (size_t i = 0; i < js_count(list) && n < cap; i++) {
        const char *s = js_text(js_at(list, i));
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "," : "", s ? s : "");
    }
}

int64_t points_learn(struct db *d, const char *host, const struct js *list) {
    char labels[600];
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *p = js_at(list, i);
        words(js_get(p, "labels"), labels, sizeof labels);
        db_exec(d,
            "INSERT OR REPLACE INTO points(" POINT_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", "siisssiiiiii", host,
            js_int(p, "point", 0), hosts_time(p, "time"), js_str(p, "kind", ""), labels, js_str(p, "state", ""),
            js_int(p, "files", 0), js_int(p, "bytes", 0), js_int(p, "bytes_read", 0), js_int(p, "bytes_sent", 0),
            js_int(p, "bytes_stored", 0), hosts_time(p, "walk_start"));
    }
    return number(db_query(d, "SELECT count(*) FROM points WHERE host=?", "s", host), 0);
}

void points_forget(struct db *d, const char *host) { db_exec(d, "DELETE FROM points WHERE host=?", "s", host); }

/* A partial one does not count as a reached objective. */
void points_newest(struct db *d, struct host *h) {
    struct db_rows *r = db_query(d,
        "SELECT point,walk_ns,time_ns FROM points WHERE host=? AND state='complete' ORDER BY point DESC LIMIT 1", "s",
        h->name);
    if (db_next(r)) {
        h->last_point = db_int(r, 0), h->last_walk_ns = db_int(r, 1), h->last_time_ns = db_int(r, 2);
        snprintf(h->last_state, sizeof h->last_state, "complete");
    }
    db_done(r);
}

void points_learned(struct db *d, const char *host, int64_t records) {
    db_exec(d, "UPDATE hosts SET records=? WHERE name=?", "is", records, host);
}

struct js *points_row(struct db_rows *r) {
    static const char *const numbers[] = {"files", "bytes", "bytes_read", "bytes_sent", "bytes_stored"};
    struct js *j = js_object(), *labels = js_array();
    char text[600], *rest = text, *word;
    snprintf(text, sizeof text, "%s", db_text(r, 4));
    while ((word = strsep(&rest, ",")))
        if (*word) js_push_str(labels, word);
    js_set_str(j, "host", db_text(r, 0));
    js_set_int(j, "point", db_int(r, 1));
    js_set_time(j, "time", db_int(r, 2));
    js_set_str(j, "kind", db_text(r, 3));
    js_set(j, "labels", labels);
    js_set_str(j, "state", db_text(r, 5));
    for (int i = 0; i < 5; i++) js_set_int(j, numbers[i], db_int(r, 6 + i));
    js_set_time(j, "walk_start", db_int(r, 11));
    return j;
}
