#include "migrations_restore.h"

#include <stdio.h>

#include "base/i18n.h"

int64_t migration_restore(struct daemon *d, struct migration *m, struct err *e) {
    return err_set(e, ZE_ROLLBACKFAILED, m->name, _("no restores"));
}
int migration_restore_state(struct daemon *d, int64_t id, struct err *why) {
    return err_set(why, ZE_ROLLBACKFAILED, "", _("no restores"));
}
int64_t migration_rto_s(struct daemon *d, const struct migration *m) { return -1; }
