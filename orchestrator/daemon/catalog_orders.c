/* Orders: what a person has to do by hand, and whether somebody has said that it is done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_life.h"

#define COLUMNS "id,version,opened_ns,done_ns,plan,department,kind,done_by,note"

static void read_row(struct db_rows *r, struct order *o) {
    *o =
        (struct order){.id = db_int(r, 0), .version = db_int(r, 1), .opened_ns = db_int(r, 2), .done_ns = db_int(r, 3)};
    snprintf(o->plan, sizeof o->plan, "%s", db_text(r, 4));
    snprintf(o->department, sizeof o->department, "%s", db_text(r, 5));
    snprintf(o->kind, sizeof o->kind, "%s", db_text(r, 6));
    snprintf(o->done_by, sizeof o->done_by, "%s", db_text(r, 7));
    snprintf(o->note, sizeof o->note, "%s", db_text(r, 8));
}

void order_add(struct db *d, const struct version *v, const char *kind, int64_t now_ns) {
    db_exec(d, "INSERT INTO orders(plan,version,department,kind,opened_ns) VALUES(?,?,?,?,?)", "sissi", v->name,
        v->version, v->department, kind, now_ns);
}

bool order_get(struct db *d, int64_t id, struct order *o) {
    struct db_rows *r = db_query(d, "SELECT " COLUMNS " FROM orders WHERE id=?", "i", id);
    bool found = db_next(r);
    if (found) read_row(r, o);
    db_done(r);
    return found;
}

void order_done(struct db *d, int64_t id, const char *who, const char *note, int64_t now_ns) {
    db_exec(d, "UPDATE orders SET done_ns=?, done_by=?, note=? WHERE id=?", "issi", now_ns, who, note, id);
}

struct order *orders_list(
    struct db *d, const char *plan, const char *department, bool open, int64_t after, int64_t limit, size_t *n) {
    struct order *list = NULL;
    size_t cap = 0;
    *n = 0;
    struct db_rows *r = db_query(d,
        "SELECT " COLUMNS " FROM orders WHERE (?1='' OR plan=?1) AND (?2='' OR department=?2) AND (?3=0 OR done_ns=0)"
        " AND id>?4 ORDER BY id LIMIT ?5",
        "ssiii", plan, department, (int64_t)open, after, limit);
    while (db_next(r)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            struct order *more = realloc(list, cap * sizeof *list);
            if (!more) break;
            list = more;
        }
        read_row(r, &list[(*n)++]);
    }
    db_done(r);
    return list;
}
