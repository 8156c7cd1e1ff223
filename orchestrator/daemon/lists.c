/* One statement for each list and way into it, since a filter that may be left out hides the index that would serve it:
 *
 *     host given            the index of that host
 *     few hosts in view     the indexes of those hosts; few: FEW at most
 *     plan, state given     theirs
 *     else                  from the newest on; what is passed over is little, since many hosts are in view
 *
 * In view (SCOPE): a host belongs to the departments of the plans that name it (reach), a job or point to its host's. */
#include "lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog_points.h"

enum { FEW = 200 };
enum way { BY_HOST, BY_SCOPE, BY_PLAN, BY_STATE, BY_ORDER };

/* ?1 a department, ?2 a text in the host's name; "" holds for all. The last are hosts that plans name and nobody enrolled. */
#define SCOPE                                                                                                     \
    "(SELECT host FROM reach WHERE ?1<>'' AND department=?1 AND instr(host,?2) UNION ALL "                        \
    "SELECT name FROM hosts WHERE ?1='' AND instr(name,?2) UNION ALL "                                            \
    "SELECT host FROM reach WHERE ?1='' AND instr(host,?2) AND NOT EXISTS(SELECT 1 FROM hosts WHERE name=host))"
#define IN_VIEW(column) "((?1='' AND ?2='') OR " column " IN " SCOPE ")"

static const char *or_all(const char *s) { return s ? s : ""; }

int filter_of(const struct api_call *c, struct filter *f, struct err *e) {
    const char *own = c->who->department, *since = http_query(c->r, "since");
    *f = (struct filter){.department = *own ? own : or_all(http_query(c->r, "department")),
        .text = or_all(http_query(c->r, "text")),
        .host = or_all(http_query(c->r, "host")),
        .plan = or_all(http_query(c->r, "plan")),
        .state = or_all(http_query(c->r, "state")),
        .system = or_all(http_query(c->r, "system"))};
    if (!since || civil_time_get(since, &f->since_ns)) return 0;
    return err_set(e, ZE_USAGE, "since", _("a time like 2026-11-22T01:02:03Z"));
}

static enum way way_of(struct db *d, const struct filter *f) {
    if (*f->host) return BY_HOST;
    if (*f->department || *f->text) {
        struct db_rows *r = db_query(
            d, "SELECT count(*) FROM (SELECT 1 FROM " SCOPE " LIMIT ?3)", "ssi", f->department, f->text, (int64_t)FEW + 1);
        int64_t n = db_next(r) ? db_int(r, 0) : 0;
        db_done(r);
        if (n <= FEW) return BY_SCOPE;
    }
    return *f->plan ? BY_PLAN : *f->state ? BY_STATE : BY_ORDER;
}

char (*list_hosts(struct db *d, const struct filter *f, const struct page *page, size_t *n))[64] {
    char(*names)[64] = calloc((size_t)page->limit + 1, sizeof *names);
    *n = 0;
    struct db_rows *r = db_query(d,
        "SELECT name FROM hosts WHERE name>?3 AND (?4='' OR state=?4) AND (?5='' OR system=?5) AND " IN_VIEW(
            "name") " ORDER BY name LIMIT ?6",
        "sssssi", f->department, f->text, page->after, f->state, f->system, page->limit + 1);
    while (names && db_next(r)) snprintf(names[(*n)++], sizeof *names, "%s", db_text(r, 0));
    db_done(r);
    return names;
}

#define JOBS(index, first)                                                                                       \
    "SELECT id FROM jobs " index " WHERE " first " AND id<?3 AND (?4='' OR host=?4) AND (?5='' OR plan=?5) AND " \
    "(?6='' OR state=?6) ORDER BY id DESC LIMIT ?7"
static const char *const jobs[] = {
    [BY_HOST] = JOBS("INDEXED BY jobs_by_host", "host=?4 AND " IN_VIEW("host")),
    [BY_SCOPE] = JOBS("INDEXED BY jobs_by_host", "host IN " SCOPE),
    [BY_PLAN] = JOBS("INDEXED BY jobs_by_plan", "plan=?5 AND " IN_VIEW("host")),
    [BY_STATE] = JOBS("INDEXED BY jobs_by_state", "state=?6 AND " IN_VIEW("host")),
    [BY_ORDER] = JOBS("NOT INDEXED", IN_VIEW("host")),
};

int64_t *list_jobs(struct db *d, const struct filter *f, const struct page *page, size_t *n) {
    int64_t *ids = calloc((size_t)page->limit + 1, sizeof *ids);
    *n = 0;
    struct db_rows *r = db_query(d, jobs[way_of(d, f)], "ssisssi", f->department, f->text,
        page->number ? page->number : INT64_MAX, f->host, f->plan, f->state, page->limit + 1);
    while (ids && db_next(r)) ids[(*n)++] = db_int(r, 0);
    db_done(r);
    return ids;
}

#define POINTS(index, first)                                                                                      \
    "SELECT " POINT_COLUMNS " FROM points " index " WHERE " first " AND time_ns>=?3 AND (time_ns,host,point)<(?4,?5,?6) " \
    "AND (?7='' OR host=?7) AND (?8='' OR state=?8) ORDER BY time_ns DESC, host DESC, point DESC LIMIT ?9"
static const char *const points[] = {
    [BY_HOST] = POINTS("NOT INDEXED", "host=?7 AND " IN_VIEW("host")),
    [BY_SCOPE] = POINTS("NOT INDEXED", "host IN " SCOPE),
    [BY_STATE] = POINTS("INDEXED BY points_by_state", "state=?8 AND " IN_VIEW("host")),
    [BY_ORDER] = POINTS("INDEXED BY points_by_time", IN_VIEW("host")),
};

/* "TIME.POINT.HOST", what next said: the place in the order of the list. */
static int take_place(const char *s, int64_t *time_ns, int64_t *point, char host[64], struct err *e) {
    long long time, number;
    int used = 0;
    *time_ns = INT64_MAX, *point = INT64_MAX, *host = 0;
    if (!*s) return 0;
    if (sscanf(s, "%19lld.%10lld.%n", &time, &number, &used) != 2 || !used || !text_name_ok(s + used))
        return err_set(e, ZE_USAGE, s, _("expected what next said"));
    *time_ns = time, *point = number;
    snprintf(host, 64, "%s", s + used);
    return 0;
}

int list_points(struct db *d, const struct filter *f, const struct page *page, struct js *list, char next[100], struct err *e) {
    int64_t time_ns, point, left = page->limit;
    char host[64];
    *next = 0;
    if (take_place(page->after, &time_ns, &point, host, e) < 0) return -1;
    struct filter own = *f;
    own.plan = ""; /* a point has none */
    struct db_rows *r = db_query(d, points[way_of(d, &own)], "ssiisissi", f->department, f->text, f->since_ns, time_ns, host,
        point, f->host, f->state, page->limit + 1);
    char place[100] = "";
    while (db_next(r)) {
        if (!left--) snprintf(next, 100, "%s", place);
        if (left < 0) break;
        js_push(list, points_row(r));
        snprintf(place, sizeof place, "%lld.%lld.%s", (long long)db_int(r, 2), (long long)db_int(r, 1), db_text(r, 0));
    }
    db_done(r);
    return 0;
}

void list_states(struct db *d, const struct filter *f, struct js *out) {
    struct db_rows *r = *f->department
        ? db_query(d, "SELECT state, count(*) FROM jobs INDEXED BY jobs_by_host WHERE host IN (SELECT host FROM reach WHERE "
                      "department=?1) GROUP BY state", "s", f->department)
        : db_query(d, "SELECT state, count(*) FROM jobs GROUP BY state", "");
    while (db_next(r)) js_set_int(out, db_text(r, 0), db_int(r, 1));
    db_done(r);
}
