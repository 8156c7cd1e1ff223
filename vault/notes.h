/**
 * The vault's own small text files, `key value` a line: rights/HOST, tokens/HOST, tickets/HOST/TICKET,
 * grants/READER/SOURCE. They are
 * written by the keeper and by the administrator's commands, replaced atomically, and never by serve.
 */
#ifndef VAULT_NOTES_H
#define VAULT_NOTES_H

#include "vault.h"

struct rights {
    bool read_all, revoked;
    unsigned floor_days;
    uint64_t quota; /* bytes; 0: none */
};
/** rights_load: ZE_NOTFOUND when the host has none. rights_save makes or replaces the file. */
int rights_load(struct vault *v, const char *host, struct rights *r, struct err *e) MUST_CHECK;
int rights_save(struct vault *v, const char *host, const struct rights *r, struct err *e) MUST_CHECK;

struct enrolment {
    char system[64];
    int64_t expires;
    uint8_t pub[SEAL_SIGN_PUB];
};
int enrolment_load(struct vault *v, const char *host, struct enrolment *t, struct err *e) MUST_CHECK;
int enrolment_save(struct vault *v, const char *host, const struct enrolment *t, struct err *e) MUST_CHECK;
/** enrolment_drop: 1 when there was one, 0 when not. */
int enrolment_drop(struct vault *v, const char *host, struct err *e) MUST_CHECK;

struct ticket {
    struct labels labels;
    uint8_t plan_hash[SEAL_HASH];
    int64_t retain_until;
};
bool ticket_name_ok(const char *name);
int ticket_load(struct vault *v, const char *host, const char *name, struct ticket *t, struct err *e) MUST_CHECK;
int ticket_save(struct vault *v, const char *host, const char *name, const struct ticket *t, struct err *e) MUST_CHECK;
void ticket_drop(struct vault *v, const char *host, const char *name);

enum { READGRANT_MAX_S = 7 * 86400 };
struct readgrant { /* one host may read another's restore points, or more of its own, for a while */
    int64_t until; /* ns, vault time */
    char reason[128], who[128];
};
/** readgrant_load: ZE_NOTFOUND when there is none. readgrant_holds(g, now): it has begun to count and has not ended, and
 * could have been given now: a clock that was set back does not make one longer. */
int readgrant_load(
    struct vault *v, const char *reader, const char *source, struct readgrant *g, struct err *e) MUST_CHECK;
bool readgrant_holds(const struct readgrant *g, int64_t now);
int readgrant_save(
    struct vault *v, const char *reader, const char *source, const struct readgrant *g, struct err *e) MUST_CHECK;
int readgrant_drop(struct vault *v, const char *reader, const char *source, struct err *e) MUST_CHECK;

#endif
