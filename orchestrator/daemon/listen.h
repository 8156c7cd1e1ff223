/** The API over the network, by TLS: the part `listen` of zaibeid.yaml. */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

#include "daemon.h"

struct listener;

/** listen_open(d, l, e): serve the API where zaibeid.yaml says so; *l is NULL where it does not. ZE_TLSFILES
 * (missing or unusable files, a key that others can read), ZE_BUSY, ZE_CONFIG. */
int listen_open(struct daemon *d, struct listener **l, struct err *e) MUST_CHECK;

/** listen_reload(l): read certificate and key again. With bad files, which are logged, the old ones stay in use.
 * Connections under way end; who is cut off asks again under the same key. listen_tick: each second.
 * NULL is fine for all. */
void listen_reload(struct listener *l);
void listen_tick(struct listener *l);
void listen_close(struct listener *l);

#endif
