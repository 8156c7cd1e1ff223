/* Level 4: see machine.h. */
#include "base/i18n.h"
#include "worker_levels.h"

int worker_machines(struct worker *w, struct err *e) {
    return err_set(e, ZE_DRILLFAILED, w->q->id, _("this program was built without machines (level 4)"));
}
