/* One statement for each list; a host belongs to the departments of the plans that name it (reach), a job to its host's. */
#include "lists.h"

#include <stdio.h>
#include <stdlib.h>

#define MINE(column, n) "(?" #n "='' OR " column " IN (SELECT host FROM reach WHERE department=?" #n "))"

static const char *or_all(const char *s) { return s ? s : ""; }

struct filter filter_of(const struct api_call *c) {
    return (struct filter){.department = c->who->department,
        .host = or_all(http_query(c->r, "host")),
        .plan = or_all(http_query(c->r, "plan")),
        .state = or_all(http_query(c->r, "state")),
        .system = or_all(http_query(c->r, "system"))};
}

char (*list_hosts(struct db *d, const struct filter *f, const struct page *page, size_t *n))[64] {
    char(*names)[64] = calloc((size_t)page->limit + 1, sizeof *names);
    *n = 0;
    struct db_rows *r = db_query(d,
        "SELECT name FROM hosts WHERE name>?1 AND (?2='' OR state=?2) AND (?3='' OR system=?3) AND " MINE(
            "name", 4) " "
                       "ORDER BY name LIMIT ?5",
        "ssssi", page->after, f->state, f->system, f->department, page->limit + 1);
    while (names && db_next(r)) snprintf(names[(*n)++], sizeof *names, "%s", db_text(r, 0));
    db_done(r);
    return names;
}

int64_t *list_jobs(struct db *d, const struct filter *f, const struct page *page, size_t *n) {
    int64_t *ids = calloc((size_t)page->limit + 1, sizeof *ids);
    *n = 0;
    struct db_rows *r = db_query(d,
        "SELECT id FROM jobs WHERE (?1=0 OR id<?1) AND (?2='' OR host=?2) AND (?3='' OR plan=?3) AND (?4='' OR "
        "state=?4) "
        "AND " MINE("host", 5) " ORDER BY id DESC LIMIT ?6",
        "issssi", page->number, f->host, f->plan, f->state, f->department, page->limit + 1);
    while (ids && db_next(r)) ids[(*n)++] = db_int(r, 0);
    db_done(r);
    return ids;
}

void list_states(struct db *d, const struct filter *f, struct js *out) {
    struct db_rows *r =
        db_query(d, "SELECT state, count(*) FROM jobs WHERE " MINE("host", 1) " GROUP BY state", "s", f->department);
    while (db_next(r)) js_set_int(out, db_text(r, 0), db_int(r, 1));
    db_done(r);
}
