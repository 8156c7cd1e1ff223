/** What somebody sees of hosts and jobs, page by page, inside the caller's transaction. A filter that is "" holds for all. */
#ifndef DAEMON_LISTS_H
#define DAEMON_LISTS_H

#include "api.h"

struct filter {
    const char *department, *host, *plan, *state, *system;
};

/** filter_of(c): from the query, and the caller's department. */
struct filter filter_of(const struct api_call *c);

/** list_hosts: names after page->after, sorted; list_jobs: numbers before page->number (0: the newest), newest first;
 * at most limit + 1 of either, so that the caller sees whether there is more. Arrays to be freed. */
char (*list_hosts(struct db *d, const struct filter *f, const struct page *page, size_t *n))[64];
int64_t *list_jobs(struct db *d, const struct filter *f, const struct page *page, size_t *n);

/** list_states: put the number of visible jobs in each state into ${out}. */
void list_states(struct db *d, const struct filter *f, struct js *out);

#endif
