/**
 * What a host's log said up to record N, kept in keeper/logs/HOST for the next process. Derivable: losing it costs the time
 * of reading the log once. It is bound to the vault, the host and the hash of record N, and is ignored where the store has
 * another record N, or none.
 *
 * What it does not do: look at the records before N again. Whoever reads one of them for what it says (a commit for its
 * used pages or its root) checks it then; damage of the others is found by scrub and zaibei-verify, which read everything
 * and never this file.
 */
#ifndef VAULT_LOG_CACHE_H
#define VAULT_LOG_CACHE_H

#include "log.h"

/** log_cache_load(l): fill ${l}, which has vault and host only, with what is kept; as it was when that is absent, damaged,
 * of another version or of another log. log_cache_save(l): keep it, if enough was read since (64 records) and the log
 * has no gap. Neither fails: without the file everything is read. */
void log_cache_load(struct host_log *l);
void log_cache_save(struct host_log *l);

#endif
