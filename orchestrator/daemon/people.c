/* Logging in. Whoever fails learns only that something was wrong; the work is the same whether or not the name exists. A
 * password is tried only where neither the account nor the source has to wait, so guesses are few whatever their number; and
 * what waits is not counted again, so nobody can be kept out for longer than the wait by somebody else's guesses.
 *
 * Tokens are 32 random bytes, of which the catalog keeps a hash: whoever reads the file cannot log in with it. */
#include "people.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "people/guard.h"
#include "secrets.h"

enum { USED_EVERY_S = 60, TOKEN_BYTES = 32, AHEAD_S = 7200 };
static const char session_head[] = "zbs1-", token_head[] = "zbt1-";

static void token_new(char text[TOKEN_TEXT], uint8_t hash[SEAL_HASH], bool session) {
    uint8_t raw[TOKEN_BYTES];
    seal_random(raw, sizeof raw);
    strcpy(text, session ? session_head : token_head);
    text_hex(text + 5, raw, sizeof raw);
    seal_hash(hash, raw, sizeof raw);
    seal_wipe(raw, sizeof raw);
}

static bool token_read(const char *text, uint8_t hash[SEAL_HASH]) {
    uint8_t raw[TOKEN_BYTES];
    bool head = !strncmp(text, session_head, 5) || !strncmp(text, token_head, 5);
    if (!head || strlen(text) != 5 + 2 * sizeof raw || !text_unhex(raw, sizeof raw, text + 5)) return false;
    seal_hash(hash, raw, sizeof raw);
    seal_wipe(raw, sizeof raw);
    return true;
}

void people_ready(const struct config *cfg, const struct user *u, int64_t now_ns, bool *password, bool *code) {
    int64_t kept_ns = cfg->password_days * 86400 * NS_PER_S;
    *password = u->must_change || (kept_ns && u->password_ns + kept_ns < now_ns);
    *code = may_needs_code(u->roles) && !u->has_totp;
}

static void caller_of(
    const struct config *cfg, const struct user *u, const struct credential *k, int64_t now_ns, struct caller *c) {
    *c = (struct caller){.credential = k->id, .held = u->roles, .session = k->session};
    people_ready(cfg, u, now_ns, &c->setup_password, &c->setup_code);
    c->p.id = u->id;
    c->p.roles = c->setup_password || c->setup_code ? 0 : u->roles & k->roles;
    snprintf(c->p.name, sizeof c->p.name, "%s", u->name);
    snprintf(c->p.department, sizeof c->p.department, "%s", u->department);
}

/* ---- who is it ---- */

int people_who(struct daemon *d, const char *token, struct caller *c, struct err *e) {
    uint8_t hash[SEAL_HASH];
    struct credential k;
    struct user u;
    int64_t now = daemon_now(d);
    if (!token_read(token, hash)) return err_set(e, ZE_NOLOGIN, "", _("this is not a token"));
    db_begin(d->db);
    bool good = credential_find(d->db, hash, &k) && user_by_id(d->db, k.user, &u);
    /* A session that was opened hours ahead, by a clock that was wrong, would last until its time came. */
    good = good && (!k.session || k.created_ns <= now + AHEAD_S * (int64_t)NS_PER_S);
    good = good && now < k.expires_ns && (!k.idle_ns || now < k.used_ns + k.idle_ns) && !u.disabled &&
        (!u.expires_ns || now < u.expires_ns);
    if (good && now - k.used_ns >= USED_EVERY_S * (int64_t)NS_PER_S) credential_used(d->db, k.id, now);
    if (db_commit(d->db, e) < 0) return -1;
    if (!good) return err_set(e, ZE_NOLOGIN, "", _("the token is unknown, has ended, or was revoked"));
    caller_of(d->cfg, &u, &k, now, c);
    return 0;
}

/* ---- failures ---- */

/* Seconds that the account and the source have to wait. */
static int64_t wait_of(const struct user *u, int64_t failures, int64_t failed_ns, int64_t now_ns) {
    int64_t a = guard_wait_s(u->failures, GUARD_USER_FREE, u->failed_ns / NS_PER_S, now_ns / NS_PER_S);
    int64_t b = guard_wait_s(failures, GUARD_SOURCE_FREE, failed_ns / NS_PER_S, now_ns / NS_PER_S);
    return a > b ? a : b;
}

static int locked(const char *name, int64_t wait, int *wait_s, struct err *e) {
    *wait_s = (int)wait;
    return err_set(e, ZE_LOCKED, name, _("wait %lld seconds"), (long long)wait);
}

/* Inside a transaction: count it. Names that do not exist leave no record, or anybody could fill the audit. */
static void failed(struct daemon *d, const char *source, struct user *u, int64_t source_failures) {
    int64_t now = daemon_now(d);
    if (*source) source_put(d->db, source, source_failures + 1, now);
    if (!u->id) return;
    u->failures++, u->failed_ns = now;
    user_put(d->db, u);
    struct js *detail = js_object();
    js_set_int(detail, "failures", u->failures);
    js_set_str(detail, "source", source);
    audit_add(d->db, now, u->name, "user.login-failed", u->name, detail);
}

/* Inside a transaction: the code is right, and was not used before. */
static bool code_taken(struct daemon *d, struct user *u, const char *code) {
    uint8_t secret[TOTP_SECRET];
    if (!u->has_totp) return true;
    if (!secrets_unseal(d, u->id, u->totp, secret)) return false;
    int64_t step = totp_check(secret, daemon_now(d) / NS_PER_S, u->totp_step, code);
    seal_wipe(secret, sizeof secret);
    if (step) u->totp_step = step;
    return step > 0;
}

static int64_t open_session(
    struct daemon *d, struct user *u, const char *source, int64_t now, char token[TOKEN_TEXT], struct credential *k) {
    uint8_t hash[SEAL_HASH];
    *k = (struct credential){.user = u->id, .session = true, .roles = u->roles, .created_ns = now, .used_ns = now};
    k->expires_ns = now + d->cfg->session_s * NS_PER_S;
    k->idle_ns = d->cfg->session_idle_s * NS_PER_S;
    token_new(token, hash, true);
    u->failures = 0, u->login_ns = now;
    user_put(d->db, u);
    credential_forget(d->db, now);
    k->id = credential_add(d->db, k, hash);
    struct js *detail = js_object();
    js_set_str(detail, "source", source);
    audit_add(d->db, now, u->name, "user.login", u->name, detail);
    return k->id;
}

int people_login(struct daemon *d, const char *source, const char *name, const char *password, const char *code,
    char token[TOKEN_TEXT], struct caller *c, int64_t *expires_ns, int *wait_s, struct err *e) {
    struct user u, before;
    struct credential k = {.id = 0};
    int64_t now = daemon_now(d), failures, failed_ns;
    db_begin(d->db);
    bool known = user_get(d->db, name, &before);
    source_get(d->db, source, &failures, &failed_ns);
    if (db_commit(d->db, e) < 0) return -1;
    int64_t wait = wait_of(&before, failures, failed_ns, now);
    if (wait) return locked(name, wait, wait_s, e);
    bool right = password_check(known ? before.password : "", password, strlen(password));
    db_begin(d->db); /* as the account is now, which may have changed while the password was checked */
    known = user_get(d->db, name, &u) && !strcmp(u.password, before.password);
    bool open = known && !u.disabled && (!u.expires_ns || now < u.expires_ns);
    right = right && open && code_taken(d, &u, code);
    if (!right) failed(d, source, &u, failures);
    else open_session(d, &u, source, now, token, &k);
    if (right && failures) source_put(d->db, source, 0, now);
    if (db_commit(d->db, e) < 0) return -1;
    if (!right) return err_set(e, ZE_LOGIN, name, _("not let in"));
    caller_of(d->cfg, &u, &k, now, c);
    *expires_ns = k.expires_ns;
    return 0;
}

int people_proof(struct daemon *d, const struct caller *c, const char *password, int *wait_s, struct err *e) {
    struct user u;
    int64_t now = daemon_now(d);
    db_begin(d->db);
    bool known = user_by_id(d->db, c->p.id, &u);
    if (db_commit(d->db, e) < 0) return -1;
    int64_t wait = wait_of(&u, 0, 0, now);
    if (wait) return locked(u.name, wait, wait_s, e);
    if (password_check(known ? u.password : "", password, strlen(password))) return 0;
    db_begin(d->db);
    if (user_by_id(d->db, c->p.id, &u)) failed(d, "", &u, 0);
    if (db_commit(d->db, e) < 0) return -1;
    return err_set(e, ZE_LOGIN, u.name, _("the present password is another"));
}

int people_logout(struct daemon *d, const struct caller *c, struct err *e) {
    db_begin(d->db);
    credential_end(d->db, c->credential);
    audit_add(d->db, daemon_now(d), c->p.name, "user.logout", c->p.name, NULL);
    return db_commit(d->db, e);
}

/* ---- API tokens ---- */

int people_token(struct daemon *d, const struct caller *c, const char *label, unsigned roles, int64_t expires_s,
    char text[TOKEN_TEXT], int64_t *id, struct err *e) {
    uint8_t hash[SEAL_HASH];
    char number[24];
    int64_t now = daemon_now(d);
    if (!c->session) return err_set(e, ZE_ROLE, c->p.name, _("a token cannot make tokens; log in"));
    if (!text_name_ok(label)) return err_set(e, ZE_USAGE, label, _("not a name: a-z, 0-9 and -"));
    if (!roles || (roles & ~c->p.roles))
        return err_set(e, ZE_ROLE, label, _("a token holds a part of one's own roles"));
    if (expires_s < 60 || expires_s > (int64_t)TOKEN_DAYS_MAX * 86400)
        return err_set(e, ZE_USAGE, label, _("a token may be valid from one minute to %d days"), TOKEN_DAYS_MAX);
    struct credential k = {.user = c->p.id, .roles = roles, .created_ns = now, .used_ns = now};
    k.expires_ns = now + expires_s * NS_PER_S;
    snprintf(k.label, sizeof k.label, "%s", label);
    token_new(text, hash, false);
    db_begin(d->db);
    *id = credential_add(d->db, &k, hash);
    snprintf(number, sizeof number, "%lld", (long long)*id);
    struct js *detail = js_object();
    js_set_str(detail, "label", label);
    js_set_int(detail, "roles", roles);
    js_set_time(detail, "expires", k.expires_ns);
    audit_add(d->db, now, c->p.name, "token.new", number, detail);
    return db_commit(d->db, e);
}

/* ---- passwords ---- */

int people_password_set(struct user *u, const char *password, int64_t now_ns, struct err *e) {
    size_t n = strlen(password), different = 0;
    bool seen[256] = {false};
    for (size_t i = 0; i < n; i++) {
        different += !seen[(uint8_t)password[i]];
        seen[(uint8_t)password[i]] = true;
    }
    if (n < PASSWORD_MIN || n > PASSWORD_MAX)
        return err_set(e, ZE_WEAK, u->name, _("%d to %d bytes are needed"), PASSWORD_MIN, PASSWORD_MAX);
    if (different < 5) return err_set(e, ZE_WEAK, u->name, _("it repeats a few characters"));
    if (strcasestr(password, u->name)) return err_set(e, ZE_WEAK, u->name, _("it contains the name"));
    if (!password_hash(u->password, password, n)) return err_set(e, ZE_NOMEM, u->name, "Argon2id");
    u->password_ns = now_ns, u->must_change = false;
    return 0;
}
