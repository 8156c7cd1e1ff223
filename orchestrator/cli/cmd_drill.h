/** What the commands of drills share. */
#ifndef CLI_CMD_DRILL_H
#define CLI_CMD_DRILL_H

#include "cli.h"

/** drill_ask_for(c, id, tail, e): GET /v1/drills/ID and ${tail}. drill_follow: print where it is until it has ended, then the drill;
 * its verdict as an exit code, or <0. drill_print: one drill, for people. */
struct js *drill_ask_for(struct cli *c, const char *id, const char *tail, struct err *e) MUST_CHECK;
int drill_follow(struct cli *c, const char *id, struct err *e) MUST_CHECK;
void drill_print(const struct js *j);

#endif
