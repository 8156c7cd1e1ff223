/** The life of the audit in zaibeid: checked at the start, signed now and then, its head shown to the vault (PROTOCOL.md §5,
 * witness). */
#ifndef DAEMON_AUDIT_WITNESS_H
#define DAEMON_AUDIT_WITNESS_H

#include "daemon.h"

/** audit_begin(d, e): open the key, compute the chain again, record the start. A chain that was changed is said loudly,
 * recorded and shown by `zaibei status`, and work goes on: backups matter more. audit_end: record the stop, with a checkpoint. */
int audit_begin(struct daemon *d, struct err *e) MUST_CHECK;
void audit_end(struct daemon *d);

/** audit_tick(d, e): the checkpoint that is due. */
int audit_tick(struct daemon *d, struct err *e) MUST_CHECK;
/** audit_show(d, e): show the head to the vault and record what it answered; may block for as long as control does. When the
 * vault has seen another audit than this one (ZE_AUDITFORK) that is recorded, said and shown. */
int audit_show(struct daemon *d, struct err *e) MUST_CHECK;

#endif
