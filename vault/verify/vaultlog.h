/** The vault's own log (FORMAT.md §8): who may approve, and when the clock was in doubt. It may be absent. */
#ifndef VERIFY_VAULTLOG_H
#define VERIFY_VAULTLOG_H

#include "record.h"

/** vaultlog_check(v, e): read and check it into v->vlog; what is wrong is reported. <0 only without memory. */
int vaultlog_check(struct verify *v, struct err *e) MUST_CHECK;
void vaultlog_free(struct vault_log *l);

/** vaultlog_confirmed: whether it has a confirm with this body. */
bool vaultlog_confirmed(const struct vault_log *l, const uint8_t *body, size_t n);

#endif
