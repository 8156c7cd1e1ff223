/** Where a vault is: ssh://user@host:port (an IPv6 address in brackets; port 22 when none is said) or dir:///path. */
#ifndef AGENT_ADDRESS_H
#define AGENT_ADDRESS_H

#include "config.h"

/** address_parse(c, text): fill ssh_user, ssh_host, ssh_port, or dir, and for dir:// the transport. -1 when it is no address;
 * names with blanks or control characters, or that begin with a dash, are none. */
int address_parse(struct config *c, const char *text) MUST_CHECK;

#endif
