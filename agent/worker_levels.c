/* Levels 2 and 4. */
#include "worker.h"
int worker_levels(struct worker *w, struct err *e) { return err_set(e, ZE_DRILLFAILED, w->q->id, "not built yet"); }
