/**
 * The log of one host (FORMAT.md §8) as the keeper sees it: every record is read once, its signature and its place in
 * the chain are checked, and what decisions need is kept, also for the next process (log_cache.h). The store is the
 * truth: log_refresh reads what others have added. That old records are still what they were is for scrub to find.
 */
#ifndef VAULT_LOG_H
#define VAULT_LOG_H

#include "vault.h"

struct log_begin {
    uint64_t n, epoch;
    int64_t lease_until; /* as prolonged since */
    int64_t time;        /* of its record */
    uint32_t point, parent, first_pack;
    bool ended; /* an abandon record names it; a commit is found by its upload */
    uint8_t kind, generation[SEAL_ID], upload[SEAL_ID];
};

struct log_commit {
    uint64_t n, bytes_stored;
    uint32_t point;
    unsigned pins; /* records of pins of it */
    bool removed, uncertain;
    uint8_t state, generation[SEAL_ID], upload[SEAL_ID], hash[SEAL_HASH]; /* hash: of its record */
    int64_t time, retain_until, pinned, removed_at; /* pinned: the latest pin ends; 0 for none */
    int64_t confirmed;                              /* of an uncertain one: the true time of the confirm; 0: none yet */
};

struct log_pin {
    uint64_t n;
    uint32_t point;
    int64_t time, until;
};

/** The latest collection of a generation. */
struct log_collect {
    uint64_t counter;
    uint32_t next_pack;
    uint8_t generation[SEAL_ID];
};

struct host_log {
    struct vault *v;
    char host[64];
    uint64_t cached;     /* records that the cache file has (log_cache.h) */
    struct small *small; /* NULL, or as log_small has opened it */
    /* From here to begins: plain facts, which the cache file keeps byte for byte; and the elements of the arrays. */
    char system[64];
    uint8_t host_id[SEAL_ID], system_id[SEAL_ID], ssh_pub[SEAL_SIGN_PUB], head[SEAL_HASH];
    uint64_t host_n; /* the latest host record: the one that counts */
    uint8_t key;   /* the place of the key that signed the last record; never falls (wire/keychain.h) */
    uint64_t next; /* the number of the next record; 0: the host was never enrolled */
    uint64_t settled; /* those below are known to be durable */
    int64_t enrolled, last_time;
    int64_t last_sure, last_flagged; /* latest times: of certain records; of uncertain ones not confirmed here */
    uint64_t answered;               /* by the last confirm in this log: the time record of the vault's log */
    unsigned floor_days;             /* of the latest floor record; 0: none */
    unsigned gaps;                   /* records that are lost, copy and all */
    bool confirmed;
    bool revoked;
    uint32_t last_point; /* the highest number ever committed */
    struct log_begin *begins;
    struct log_commit *commits;
    struct log_pin *pins;
    struct log_collect *collects; /* one for each generation: the latest */
    uint64_t *kept;               /* the records that have a second copy (kept.h) */
    size_t begins_n, begins_cap, commits_n, commits_cap, pins_n, pins_cap, collects_n, collects_cap, kept_n, kept_cap;
};

/** log_open(l, v, host, e): read the log, as far as the cache does not know it; one without records is no error (l->next is 0). Records that are lost with
 * their copies are passed over and counted in l->gaps. log_free releases, also after a failed open. */
int log_open(struct host_log *l, struct vault *v, const char *host, struct err *e) MUST_CHECK;
int log_refresh(struct host_log *l, struct err *e) MUST_CHECK;
/** log_small: many commits of ${l} will be loaded: from here on, with their small objects gathered (small.h), until
 * log_small_end or log_free. ${all}: as of small_close. */
void log_small(struct host_log *l);
void log_small_end(struct host_log *l, bool all);
/** log_settle(l, e): before anybody is told what was read, or something goes because of it: it is durable now. */
int log_settle(struct host_log *l, struct err *e) MUST_CHECK;
void log_free(struct host_log *l);

/** log_load(l, n, r, raw, e): record ${n}, decoded and as stored (${raw} is reset first; it may be NULL, and so may
 * ${r}, which is released with record_free). Where it is absent or damaged its second copy (kept.h) stands in for it.
 * ZE_MISSING when there is none. A commit that was read before must be the same bytes. */
int log_load(struct host_log *l, uint64_t n, struct record *r, struct buf *raw, struct err *e) MUST_CHECK;

/**
 * log_append(l, r, raw, e):
 * Make ${r} the next record: number, chain, host, vault time and signature are filled in here; the bytes are in ${raw}.
 * Return 0 when it is durable; 1 when somebody else made that record: it has been read, judge anew; <0 on error.
 */
int log_append(struct host_log *l, struct record *r, struct buf *raw, struct err *e) MUST_CHECK;

/** log_mark(l, e): append the marks that are due: of the vault's latest confirm, of each key that has followed the one that signed the
 * last record here: 0 done, 1 the log has grown, <0. log_append does it before it appends. */
int log_mark(struct host_log *l, struct err *e) MUST_CHECK;

/** log_time(l, uncertain): vault time: the greater of the clock and the last logged time. ${uncertain}: the clock is
 * well behind that, or it has jumped and nobody has confirmed it. */
int64_t log_time(const struct host_log *l, bool *uncertain);

/** log_point: the commit of a point, also of a removed one; NULL. log_confirmed: the true time of the confirm that followed
 * an uncertain commit, 0 when there is none. log_collected: the counter of the generation's latest collect record, or 0. */
const struct log_commit *log_point(const struct host_log *l, uint32_t point);
int64_t log_confirmed(const struct host_log *l, const struct log_commit *c);
uint64_t log_collected(const struct host_log *l, const uint8_t generation[SEAL_ID]);

/** log_record_name: the object name of record ${n}. */
void log_record_name(const struct host_log *l, uint64_t n, char out[STORE_NAME_MAX]);

/** The latest begin, the latest existing point, a commit by upload; NULL when there is none. */
const struct log_begin *log_last_begin(const struct host_log *l);
const struct log_commit *log_last_point(const struct host_log *l);
const struct log_commit *log_upload(const struct host_log *l, const uint8_t upload[SEAL_ID]);

/** log_collect_of: the generation's latest collection, NULL when there was none. log_pending: the begin whose commit
 * would still count: the latest one, when it is neither committed nor abandoned; else NULL. */
const struct log_collect *log_collect_of(const struct host_log *l, const uint8_t generation[SEAL_ID]);
const struct log_begin *log_pending(const struct host_log *l);

/** hosts_each(v, each, arg, e): the name of every host that has a log, ascending. */
int hosts_each(
    struct vault *v, int (*each)(void *arg, const char *host, struct err *e), void *arg, struct err *e) MUST_CHECK;

#endif
