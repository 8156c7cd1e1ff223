/** What somebody sees of hosts, jobs and points, page by page, inside the caller's transaction. A filter that is "" holds for all. */
#ifndef DAEMON_LISTS_H
#define DAEMON_LISTS_H

#include "api.h"

struct filter {
    const char *department, *text, *host, *plan, *state, *system; /* text: part of a host's name */
    int64_t since_ns;
};

/** filter_of(c, f, e): from the query; who belongs to a department sees no other. */
int filter_of(const struct api_call *c, struct filter *f, struct err *e) MUST_CHECK;

/** list_hosts: names after page->after, sorted; list_jobs: numbers before page->number (0: the newest), newest first;
 * at most limit + 1 of either, so that the caller sees whether there is more. Arrays to be freed. */
char (*list_hosts(struct db *d, const struct filter *f, const struct page *page, size_t *n))[64];
int64_t *list_jobs(struct db *d, const struct filter *f, const struct page *page, size_t *n);

/** list_points: of all hosts, newest first, into ${list}; ${next} gets the place where the next page begins, or "". */
int list_points(struct db *d, const struct filter *f, const struct page *page, struct js *list, char next[100], struct err *e)
    MUST_CHECK;

/** list_states: put the number of visible jobs in each state into ${out}. */
void list_states(struct db *d, const struct filter *f, struct js *out);

#endif
