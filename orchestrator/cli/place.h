/** Where zaibei finds zaibeid: the socket of zaibeid.yaml, or a server over TLS. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "cli.h"
#include "wrap/http.h"

/** place_find(c, e): fill c->place, once: --server with --ca, else the configuration: a zaibeid.yaml, or, on a
 * machine that has none, a file with nothing but server: and ca:. ZE_CONFIG, ZE_NOTFOUND, ZE_USAGE. */
int place_find(struct cli *c, struct err *e) MUST_CHECK;

/** place_open(c, e): a client of it, or NULL. */
struct http *place_open(struct cli *c, struct err *e) MUST_CHECK;

#endif
