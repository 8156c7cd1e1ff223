/** How a rollback becomes a restore (restores.h). Inside the caller's transaction. */
#ifndef DAEMON_MIGRATIONS_RESTORE_H
#define DAEMON_MIGRATIONS_RESTORE_H

#include "migrations.h"

/** migration_restore(d, m, e): begin the restore that facts.rollback asks for; its number, or <0. */
int64_t migration_restore(struct daemon *d, struct migration *m, struct err *e);
/** migration_restore_state(d, id, text, cap): 1: everything was restored, 0: not yet, <0: it failed, and ${why} says
 * so. */
int migration_restore_state(struct daemon *d, int64_t id, struct err *why);
/** migration_rto_s(d, m, drill): seconds that the way back takes for what is pinned: as the system's last green drill has measured
 * it, whose number is ${drill}; else (0) as the last restores have; -1: nothing was measured yet, or nothing is pinned. */
int64_t migration_rto_s(struct daemon *d, const struct migration *m, int64_t *drill);

#endif
