/** Whom a plan names to be told: its technical contact and its other contacts. */
#ifndef DAEMON_CONTACTS_H
#define DAEMON_CONTACTS_H

#include "daemon.h"
#include "outbox.h"

/** contacts_of(d, plan, out): the mail addresses that the version in force names, separated by commas, each once; ""
 * where there is none. What only waits for approval tells nobody. Inside the caller's transaction. */
void contacts_of(struct daemon *d, const char *plan, char out[CONTACTS_MAX]);

#endif
