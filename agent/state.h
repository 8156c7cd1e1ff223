/**
 * The agent's state directory (config.h): small files with what was pinned at enrolment. Each is written durably; the file
 * `ids` comes last, and the host is enrolled if and only if it exists.
 */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include "config.h"

/** state_open(c, make, e): open c->state as c->statefd; with ${make} make it (0700) where missing. ZE_NOTFOUND. */
int state_open(struct config *c, bool make, struct err *e) MUST_CHECK;

/** state_secret(c, name, make, out, e): 32 secret bytes from the file ${name} into new secret memory; with ${make} a missing
 * file is made from fresh randomness. ZE_DAMAGED when it has another length. */
int state_secret(struct config *c, const char *name, bool make, uint8_t **out, struct err *e) MUST_CHECK;

/** state_load(c, e): everything else: ids, vault.pub, and for SSH ssh_host.pub. ZE_NOTFOUND: not enrolled. */
int state_load(struct config *c, struct err *e) MUST_CHECK;

/** state_key_fits(c, e): 0 when c->host_key is the key of the enrolment; else ZE_DAMAGED: what it sealed no kit would open. */
int state_key_fits(const struct config *c, struct err *e) MUST_CHECK;

/** state_pin(c, e): write vault.pub and ssh_host.pub. state_enrol(c, e): write ids; 1 when the host was enrolled already. */
int state_pin(const struct config *c, struct err *e) MUST_CHECK;
int state_pin_vault(const struct config *c, struct err *e) MUST_CHECK; /* only vault.pub */
int state_enrol(const struct config *c, struct err *e) MUST_CHECK;
bool state_enrolled(const struct config *c);

/** state_lock(c, e): a descriptor that holds the state until it is closed; ZE_BUSY while a run has it. */
int state_lock(const struct config *c, struct err *e) MUST_CHECK;

/** The upload ids that the vault may have heard and whose end is not known here (file `upload`). state_pending(c, id):
 * whether ${id} is one. state_pending_add(c, id, e): before BEGIN; state_pending_drop(c, id): BEGIN was refused, it will
 * never be heard of again; state_pending_only(c, id): the vault has begun it, so no earlier one can be committed any
 * more. The latter two only tidy up and do not fail. state_pending_clear(c): the receipt is written. */
enum { PENDING_MAX = 16 };
bool state_pending(const struct config *c, const uint8_t id[SEAL_ID]);
int state_pending_add(const struct config *c, const uint8_t id[SEAL_ID], struct err *e) MUST_CHECK;
void state_pending_drop(const struct config *c, const uint8_t id[SEAL_ID]);
void state_pending_only(const struct config *c, const uint8_t id[SEAL_ID]);
void state_pending_clear(const struct config *c);

/** state_forget(c): remove all that is only remembered: caches, pending uploads. What is left of it costs time only. */
void state_forget(const struct config *c);

#endif
