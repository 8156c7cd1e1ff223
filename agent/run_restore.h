/** What an offered restore may ask of this machine. Pure but for looking at links; see run_restore.c. */
#ifndef AGENT_RUN_RESTORE_H
#define AGENT_RUN_RESTORE_H

#include "config.h"
#include "wrap/json.h"

/** An offer as it came (PROTOCOL.md §4); the strings live as long as the JSON. */
struct run_offer {
    const char *restore, *item, *host, *target; /* target "": in place */
    uint8_t host_id[SEAL_ID];
    uint32_t point;
    int existing; /* enum restore_existing */
    bool needs_grant;
};

/** run_offer_parse(c, j, o, e): ZE_PROTO for what is none, ZE_NOROOT for a place where this machine lets no job restore, whatever
 * grant it has. Else o->needs_grant: it is of another host, or outside of restore_roots. ${o} has its strings in any case. */
int run_offer_parse(const struct config *c, const struct js *j, struct run_offer *o, struct err *e) MUST_CHECK;

/** run_path_plain: absolute, without empty, "." and ".." components. run_in_roots: really below one of restore_roots, with what
 * links there are. */
bool run_path_plain(const char *path);
bool run_in_roots(const struct config *c, const char *target);

#endif
