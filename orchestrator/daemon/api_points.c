/* Points of all hosts, newest first, as the catalog knows them. What protects each is asked for one host or point. */
#include "api.h"
#include "hosts.h"
#include "lists.h"

struct js *api_points_all(struct api_call *c, struct err *e) {
    struct err stale = ERR_INIT;
    struct page page;
    struct filter f;
    char next[100];
    if (api_page(c, &page, e) < 0 || filter_of(c, &f, e) < 0) return NULL;
    int rc = hosts_fresh(c->d, &stale);
    struct js *j = js_object(), *list = js_array();
    js_set(j, "points", list);
    if (rc < 0) js_set_str(j, "stale", stale.msg);
    db_begin(c->d->db);
    rc = list_points(c->d->db, &f, &page, list, next, e);
    if (*next) js_set_str(j, "next", next);
    if (rc < 0) db_abort(c->d->db);
    if (rc == 0 && db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}
