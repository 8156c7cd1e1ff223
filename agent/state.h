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

/** state_pin(c, e): write vault.pub and ssh_host.pub. state_enrol(c, e): write ids; 1 when the host was enrolled already. */
int state_pin(const struct config *c, struct err *e) MUST_CHECK;
int state_enrol(const struct config *c, struct err *e) MUST_CHECK;
bool state_enrolled(const struct config *c);

#endif
