/** Hosts and points as the vault tells them. These functions ask the vault and may block; no transaction may be open. */
#ifndef DAEMON_HOSTS_H
#define DAEMON_HOSTS_H

#include "daemon.h"

/** hosts_sync(d, all, e): bring the catalog's hosts and points up to date. Of a host whose log has grown the new points are
 * asked for; when ${all}, every point of every host. */
int hosts_sync(struct daemon *d, bool all, struct err *e) MUST_CHECK;

/** hosts_fresh(d, e): before the catalog's hosts or points are listed. A vault of some hundred hosts is asked each time, a
 * larger one by zaibeid's own loop when ten seconds have passed; <0: what is known may be old, ${e} says why. */
int hosts_fresh(struct daemon *d, struct err *e) MUST_CHECK;

/** hosts_points(d, host, e): the vault's list of points, oldest first, to be freed; NULL with ${e}. */
struct js *hosts_points(struct daemon *d, const char *host, struct err *e) MUST_CHECK;

/** hosts_time(j, key): a time of the vault's answers, RFC 3339 in UTC, in ns; 0 when it is absent or malformed. */
int64_t hosts_time(const struct js *j, const char *key);

/** hosts_rpo_s(h, now_ns): seconds since the start of the walk of the last complete point, or -1 when there is none. */
int64_t hosts_rpo_s(const struct host *h, int64_t now_ns);

#endif
