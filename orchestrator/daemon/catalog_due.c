/* The rows of due; see the header for why a row may be too early and never too late. */
#include "catalog_due.h"

#include <stdio.h>

int due_list(struct db *d, int64_t now_s, struct due *list, int n) {
    int found = 0;
    struct db_rows *r = db_query(
        d, "SELECT plan,since_s,host FROM due WHERE at_s<=? ORDER BY at_s, plan LIMIT ?", "ii", now_s, (int64_t)n);
    while (found < n && db_next(r)) {
        struct due *x = &list[found++];
        *x = (struct due){.since_s = db_int(r, 1), .host = db_int(r, 2)};
        snprintf(x->plan, sizeof x->plan, "%s", db_text(r, 0));
    }
    db_done(r);
    return found;
}

void due_put(struct db *d, const char *plan, int64_t at_s, const char *basis) {
    db_exec(d, "INSERT OR REPLACE INTO due(plan,at_s,basis) VALUES(?,?,?)", "sis", plan, at_s, basis);
}

void due_part(struct db *d, const struct due *x) {
    db_exec(d, "UPDATE due SET since_s=?, host=? WHERE plan=?", "iis", x->since_s, x->host, x->plan);
}

void due_drop(struct db *d, const char *plan) { db_exec(d, "DELETE FROM due WHERE plan=?", "s", plan); }

void due_again(struct db *d, const char *basis, int64_t now_s) {
    db_exec(d, "UPDATE due SET at_s=min(at_s,?2), host=0 WHERE basis<>?1", "si", basis, now_s);
}
