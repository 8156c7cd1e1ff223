/**
 * Users, what they log in with, and what was asked before, in the catalog. Everything works inside the caller's transaction.
 *
 * Nothing here lets anybody in who reads the file: passwords are Argon2id, tokens BLAKE2b hashes of random bytes, the secrets of
 * one-time codes sealed (secrets.h).
 */
#ifndef DAEMON_CATALOG_PEOPLE_H
#define DAEMON_CATALOG_PEOPLE_H

#include "people/may.h"
#include "wrap/db.h"
#include "wrap/seal.h"
#include "wrap/totp.h"

enum { TOTP_SEALED = SEAL_NONCE + TOTP_SECRET + SEAL_TAG };

struct user {
    int64_t id;                                                              /* 0: not in the catalog yet */
    char name[64], full_name[128], department[256], password[SEAL_PASSWORD]; /* password: "" lets nobody in */
    unsigned roles;
    bool disabled, must_change, has_totp, has_new;
    uint8_t totp[TOTP_SEALED], totp_new[TOTP_SEALED]; /* in use; shown, and not confirmed yet */
    int64_t totp_step, password_ns, expires_ns, failures, failed_ns, created_ns, login_ns; /* expires_ns 0: never */
};

bool user_get(struct db *d, const char *name, struct user *u);
bool user_by_id(struct db *d, int64_t id, struct user *u);
/** user_put: write every field; a new one gets its id. */
void user_put(struct db *d, struct user *u);
/** user_list(db, after, limit, n): by name, those after ${after}; an array to be freed. */
struct user *user_list(struct db *d, const char *after, int64_t limit, size_t *n);
/** user_keepers(db, now_ns, but): how many people but user ${but} can act as security administrator. */
int64_t user_keepers(struct db *d, int64_t now_ns, int64_t but);

/** A session (from a login) or an API token (made in a session). */
struct credential {
    int64_t id, user, created_ns, expires_ns, idle_ns, used_ns; /* idle_ns 0: no such limit */
    bool session;
    unsigned roles;
    char label[64], owner[64]; /* owner: the user's name, when read */
};
bool credential_find(struct db *d, const uint8_t hash[SEAL_HASH], struct credential *c);
int64_t credential_add(struct db *d, const struct credential *c, const uint8_t hash[SEAL_HASH]);
void credential_used(struct db *d, int64_t id, int64_t now_ns);
/** credential_end: one; credential_end_all: those of a user but ${but}, sessions alone or tokens too. Both forget what is
 * over since ${now_ns}. */
void credential_end(struct db *d, int64_t id);
void credential_end_all(struct db *d, int64_t user, int64_t but, bool tokens);
void credential_forget(struct db *d, int64_t now_ns);
/** credential_list(db, user, after, limit, n): API tokens by number, of one user or (0) of all; to be freed. */
struct credential *credential_list(struct db *d, int64_t user, int64_t after, int64_t limit, size_t *n);

/** Failures from a source ("uid 1000"). */
void source_get(struct db *d, const char *source, int64_t *failures, int64_t *failed_ns);
void source_put(struct db *d, const char *source, int64_t failures, int64_t failed_ns);

/** The departments a plan's name and a host belong to. reach_put: after a version of a plan came into force. */
void reach_put(struct db *d, const char *plan, const char *department, const char *const *hosts, size_t n);
bool reach_plan(struct db *d, const char *plan, const char *department);
bool reach_host(struct db *d, const char *host, const char *department);

/** Idempotency keys: what was asked under one, and the answer (status 0: none yet). idem_begin: false when it is new and
 * now taken down. */
struct idem {
    uint8_t hash[SEAL_HASH];
    int status;
    char *answer; /* to be freed */
};
bool idem_begin(
    struct db *d, const char *who, const char *key, const uint8_t hash[SEAL_HASH], int64_t now_ns, struct idem *was);
/** idem_end: keep the answer; status 0: forget the key, so that it may be tried again. */
void idem_end(struct db *d, const char *who, const char *key, int status, const char *answer);

#endif
