/**
 * Trusted time: notices that the clock was moved. The vault remembers what the clock and the machine's uptime said last
 * (keeper/clock, a note); when the two no longer go together, that is a jump, and a time record of the vault's log puts
 * time in doubt until approvers confirm it.
 */
#ifndef VAULT_CLOCKWATCH_H
#define VAULT_CLOCKWATCH_H

#include "vault.h"

struct clock_reading {
    int64_t real, boot, offset; /* offset: real - boot when this boot was first seen, or after its last jump */
    char boot_id[64];
};

/** clock_read: what the clock says now. clock_jumped: why the way from ${was} to ${is} is a jump, for people and marked for
 * translation; NULL when it is none. Pure. */
struct clock_reading clock_read(struct clock *c);
const char *clock_jumped(const struct clock_reading *was, const struct clock_reading *is);

/** clockwatch(v, last, e): compare with ${last} (zero: with the note; one that is
 * not understood counts as a jump) and log a jump; the note is written at most once a
 * minute and after each jump. ${last} is what to hand in next time. To be called by the keeper every second or so, and
 * before anything is removed. */
int clockwatch(struct vault *v, struct clock_reading *last, struct err *e) MUST_CHECK;

#endif
