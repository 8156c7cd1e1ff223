/** What the handlers of drills share. */
#ifndef DAEMON_API_DRILLS_H
#define DAEMON_API_DRILLS_H

#include "api.h"
#include "catalog_drills.h"

/** api_drill_find(c, x, e): the drill that the path names; the caller frees it. ZE_NOTFOUND. api_drill_json: as lists show it. */
int api_drill_find(struct api_call *c, struct drill *x, struct err *e) MUST_CHECK;
struct js *api_drill_json(const struct drill *x);

#endif
