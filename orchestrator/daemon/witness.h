/**
 * The witness: how far the vault's logs had come when they were last seen, so that a vault that was put back to an earlier state
 * is noticed without any of its hosts. "." stands for the vault's own log, as in an anchor of zaibei-verify.
 */
#ifndef DAEMON_WITNESS_H
#define DAEMON_WITNESS_H

#include "daemon.h"
#include "wrap/json.h"

/** witness_known(db): {LOG: number of the last record seen}, for the request to the vault; in a transaction. */
struct js *witness_known(struct db *db);

/**
 * witness_look(d, asked, logs, e):
 * Compare ${logs}, [{"host", "records", "head", "known": the hash of the record that ${asked} (of witness_known) named, null
 * when it is absent}], with what was seen, and remember what has grown rightly. A log that is behind or other than it was is an alarm: logged, in the
 * audit, and told to people, and kept until it is again what it was or somebody accepts it. Logs that could not be read, and those
 * of which more was seen since ${asked}, are passed over.
 */
int witness_look(struct daemon *d, const struct js *asked, const struct js *logs, struct err *e) MUST_CHECK;

/** witness_why(db, host, why): whether there is an alarm, and its text; in a transaction. */
bool witness_why(struct db *db, const char *host, char why[200]);

/** witness_list(db): [{"log", "number", "hash", "behind": since when or null, "why"}]; in a transaction. */
struct js *witness_list(struct db *db);

/** witness_accept(db, host): forget what was seen of a log that is behind (NULL: of all of them), so that the next look takes
 * it as it is. How many there were; in a transaction. ${who} does it. */
int64_t witness_accept(struct db *db, const char *host, const char *who, int64_t now_ns);

#endif
