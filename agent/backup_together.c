/* A run that is one of several, on several hosts: it waits for the others before it freezes, and once more before it
 * walks. What is frozen meanwhile is the guard's to thaw: in its time, whatever becomes of this process, the network
 * or the platform. */
#include <poll.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "hook_guard.h"

/* READY: how long for hosts that have not come for their job yet; FROZEN: for hosts that freeze. */
enum { ASK_MS = 1000, READY_S = 3600, FROZEN_S = 120 };

int run_thawed(const struct run *r, struct err *e) {
    return err_set(e, ZE_THAWED, r->cfg->host, _("after %u seconds, while its run was not over"), r->hold_s);
}

int run_together(struct run *r, bool frozen, struct err *e) {
    struct clock *c = r->q->clock;
    int64_t until = c->mono_ns(c) + (int64_t)(frozen ? FROZEN_S : READY_S) * 1000000000;
    if (!r->q->together) return 0;
    if (r->q->progress)
        progress_phase(
            r->q->progress, frozen ? N_("frozen, waiting for the other hosts") : N_("waiting for the other hosts"));
    for (;;) {
        if (run_stopped(r))
            return r->thawed ? run_thawed(r, e)
                             : err_set(e, ZE_CANCELLED, r->cfg->host, _("while it waited for the other hosts"));
        int rc = r->q->together(r->q->together_arg, frozen, e);
        if (rc != 0) return rc > 0 ? 0 : -1;
        if (c->mono_ns(c) >= until)
            return err_set(e, ZE_BARRIER, r->cfg->host, _("no answer within %d seconds"), frozen ? FROZEN_S : READY_S);
        poll(NULL, 0, ASK_MS);
    }
}
