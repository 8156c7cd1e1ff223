/* Which host comes after which. The recovery is of the whole system, what is restored may be a part of it: an old system point has
 * not the host that came later, a migration may move two of three. So whom a host waits for is looked for through those in between;
 * each host of the recovery is visited once, which ends it and bounds the list. */
#include <string.h>

#include "base/i18n.h"
#include "plan/recovery.h"
#include "restores.h"

_Static_assert((int)RECOVERY_HOSTS_MAX <= (int)RESTORE_ITEMS_MAX, "an item may wait for all hosts of a recovery");

static int index_of(const struct restore_wish *w, const char *host) {
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->items[i].host, host)) return (int)i;
    return -1;
}

static void wait_for(const struct restore_wish *w, struct restore_want *x, const struct recovery *r,
    const struct recovery_host *h, bool seen[RECOVERY_HOSTS_MAX]) {
    for (size_t i = 0; i < js_count(h->after); i++) {
        const struct recovery_host *before = recovery_find(r, js_text(js_at(h->after, i)));
        if (!before || seen[before - r->hosts]) continue;
        seen[before - r->hosts] = true;
        if (index_of(w, before->host) >= 0) x->after[x->after_n++] = before->host;
        else wait_for(w, x, r, before, seen);
    }
}

void restore_order(struct restore_wish *w, const struct js *recovery) {
    struct recovery r;
    recovery_read(recovery, &r);
    for (size_t i = 0; i < w->n; i++) {
        bool seen[RECOVERY_HOSTS_MAX] = {false};
        const struct recovery_host *h = recovery_find(&r, w->items[i].host);
        w->items[i].after_n = 0;
        if (h) wait_for(w, &w->items[i], &r, h, seen);
    }
}

/* Whether all can come up: take away what waits for nothing that is left, until nothing is. */
int restore_order_check(const struct restore_wish *w, struct err *e) {
    bool done[RESTORE_ITEMS_MAX] = {false};
    for (size_t round = 0; round < w->n; round++)
        for (size_t i = 0; i < w->n; i++) {
            bool free_of = true;
            for (size_t a = 0; a < w->items[i].after_n; a++) {
                int before = index_of(w, w->items[i].after[a]);
                if (before < 0)
                    return err_set(e, ZE_USAGE, w->items[i].after[a], _("it is not among what is restored"));
                free_of = free_of && done[before];
            }
            done[i] = done[i] || free_of;
        }
    for (size_t i = 0; i < w->n; i++)
        if (!done[i]) return err_set(e, ZE_USAGE, w->items[i].host, _("hosts wait for each other"));
    return 0;
}
