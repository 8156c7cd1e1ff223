/**
 * Logging in, and the rules of accounts. Each function is its own transaction, with its record in the audit; passwords are
 * judged outside of transactions, since that takes time. On an error nothing but the count of failures has changed.
 */
#ifndef DAEMON_PEOPLE_H
#define DAEMON_PEOPLE_H

#include "catalog_people.h"
#include "daemon.h"

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 256, TOKEN_TEXT = 80, FIRST_CODE_S = 900, TOKEN_DAYS_MAX = 366 };

/** Who is at the other end: the principal, and what it came with. */
struct caller {
    struct principal p; /* roles 0 while the account is not ready: nothing but ACT_SELF is allowed then */
    int64_t credential; /* 0: people are off */
    unsigned held;      /* the user's roles, of which p.roles may be a part */
    bool session, setup_password, setup_code;
};

/**
 * people_login(d, source, name, password, code, token, c, expires_ns, e):
 * A new session; its text goes to ${token}, which is kept nowhere. ${code} may be "" where no code is set up. ZE_LOGIN, whatever
 * of the three is wrong; ZE_LOCKED with the seconds in ${wait_s}.
 */
int people_login(struct daemon *d, const char *source, const char *name, const char *password, const char *code,
    char token[TOKEN_TEXT], struct caller *c, int64_t *expires_ns, int *wait_s, struct err *e) MUST_CHECK;

/** people_who: whom a token's text stands for; ZE_NOLOGIN. */
int people_who(struct daemon *d, const char *token, struct caller *c, struct err *e) MUST_CHECK;
int people_logout(struct daemon *d, const struct caller *c, struct err *e) MUST_CHECK;

/** people_token(d, c, label, roles, expires_s, text, id, e): an API token with a part of the caller's roles; from a session only. */
int people_token(struct daemon *d, const struct caller *c, const char *label, unsigned roles, int64_t expires_s,
    char text[TOKEN_TEXT], int64_t *id, struct err *e) MUST_CHECK;

/** people_first(d, code, u, password, e): the first security administrator, by the code of `zaibeid first-user`. */
int people_first(struct daemon *d, const char *code, struct user *u, const char *password, struct err *e) MUST_CHECK;
/** people_first_code(dir, now_ns, out, e): write the hash of a new code beside the catalog, readable for its owner only. The
 * program on the machine calls this, not the daemon. */
int people_first_code(const char *state_dir, int64_t now_ns, char out[40], struct err *e) MUST_CHECK;

/** people_password_set: judge and hash; ZE_WEAK. people_failed: count a failure of somebody who is logged in already. */
int people_password_set(struct user *u, const char *password, int64_t now_ns, struct err *e) MUST_CHECK;
int people_proof(struct daemon *d, const struct caller *c, const char *password, int *wait_s, struct err *e) MUST_CHECK;

/** people_ready: what an account still lacks before its roles count. */
void people_ready(const struct config *cfg, const struct user *u, int64_t now_ns, bool *password, bool *code);

#endif
