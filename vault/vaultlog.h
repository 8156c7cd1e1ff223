/**
 * The vault's own log (FORMAT.md §8): what concerns all hosts: who may approve, when the clock jumped, who confirmed it. It
 * may be empty. The view stands in struct vault and is read again before each use; where it cannot be read, time is in
 * doubt and nobody can approve, while backups and restores go on.
 */
#ifndef VAULT_VAULTLOG_H
#define VAULT_VAULTLOG_H

#include "wire/record.h"

struct vault;

struct vault_log {
    uint64_t next;
    uint8_t head[SEAL_HASH];
    uint8_t key; /* the place of the key that signed the last record (wire/keychain.h) */
    int64_t last_sure, last_flagged; /* latest times: of certain records; of uncertain ones that nobody has confirmed */
    struct approver_list approvers;
    struct rec_witness witness; /* the latest; n 0: none */
    int64_t witnessed;          /* when */
    bool jumped, confirmed, broken;
    uint64_t ends_at; /* this less one is known to be the end: nothing comes after it */
    uint64_t time_n, confirm_n,
        answered; /* the latest time record; the latest confirm and the time record it answers */
    int64_t jumped_at, confirmed_time;
    char why[256];
};

/** vaultlog_refresh(v, e): read what others have added into v->log. On error it is broken until a refresh succeeds; ZE_LOGGAP: a
 * record is lost and another comes after it. */
int vaultlog_refresh(struct vault *v, struct err *e) MUST_CHECK;
/** vaultlog_load: record ${n}; to be released with record_free. ZE_MISSING when there is none. */
int vaultlog_load(struct vault *v, uint64_t n, struct record *r, struct err *e) MUST_CHECK;
/** vaultlog_append(v, r, e): like log_append (log.h): 0 durable, 1 somebody else was faster, judge anew. */
int vaultlog_append(struct vault *v, struct record *r, struct err *e) MUST_CHECK;

/** vaultlog_doubtful: a jump of the clock stands unconfirmed, or the log cannot be read. vaultlog_time: vault time as far as
 * this log knows: the greater of the clock and the last logged time. */
bool vaultlog_doubtful(const struct vault_log *l);
int64_t vaultlog_time(const struct vault *v);

#endif
