/* The recovery of a plan that was checked, in numbers and in order: who is after nobody comes first, and so on. There
 * is no circle, so that the greatest rank is less than the number of hosts. */
#include <stdlib.h>
#include <string.h>

#include "plan/form.h"
#include "plan/recovery.h"
#include "wrap/json.h"

static unsigned rank_of(const struct recovery *r, const struct recovery_host *h) {
    unsigned rank = 0;
    for (size_t i = 0; i < js_count(h->after); i++) {
        const struct recovery_host *before = recovery_find(r, js_text(js_at(h->after, i)));
        if (before && before->rank + 1 > rank) rank = before->rank + 1;
    }
    return rank;
}

static int by_rank(const void *a, const void *b) {
    const struct recovery_host *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->written < y->written ? -1 : x->written > y->written;
}

int recovery_level(const struct js *recovery) {
    const char *said = js_str(recovery, "drill_level", NULL);
    const struct js *checks = js_get(recovery, "checks");
    int least = 0;
    for (size_t i = 0; i < js_count(checks); i++) {
        int level = atoi(js_str(js_at(checks, i), "level", "2"));
        if (!least || level < least) least = level;
    }
    return said ? atoi(said) : least ? least : 1;
}

void recovery_read(const struct js *recovery, struct recovery *out) {
    const struct js *hosts = js_get(recovery, "hosts");
    *out = (struct recovery){.drill_level = recovery_level(recovery)};
    if (!form_span(js_str(recovery, "drill_every", ""), &out->drill_every_s))
        out->drill_every_s = RECOVERY_DRILL_EVERY_S;
    for (size_t i = 0; i < js_count(hosts) && i < RECOVERY_HOSTS_MAX; i++) {
        const struct js *j = js_at(hosts, i);
        out->hosts[out->hosts_n++] = (struct recovery_host){.host = js_str(j, "host", ""),
            .json = j,
            .after = js_get(j, "after"),
            .freeze = js_get(j, "freeze"),
            .written = (unsigned)i};
    }
    for (size_t round = 0; round < out->hosts_n; round++)
        for (size_t i = 0; i < out->hosts_n; i++) out->hosts[i].rank = rank_of(out, &out->hosts[i]);
    qsort(out->hosts, out->hosts_n, sizeof *out->hosts, by_rank);
}

const struct recovery_host *recovery_find(const struct recovery *r, const char *host) {
    for (size_t i = 0; i < r->hosts_n; i++)
        if (!strcmp(r->hosts[i].host, host)) return &r->hosts[i];
    return NULL;
}
