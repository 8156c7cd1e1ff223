/* Logins, one's own account and tokens over the API. Secrets come in bodies and leave in answers, once; neither is ever logged or put
 * into a record. */
#include "people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_people.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "secrets.h"

int api_people_on(const struct api_call *c, struct err *e) {
    if (c->d->cfg->people_off) return err_set(e, ZE_PEOPLEOFF, c->d->cfg->file, "people: off");
    return 0;
}

struct js *api_roles_json(unsigned roles) {
    struct js *list = js_array();
    for (unsigned i = 0; i < ROLES; i++)
        if (roles & 1U << i) js_push_str(list, role_name(1U << i));
    return list;
}

int api_roles_take(const struct js *list, unsigned *roles, struct err *e) {
    *roles = 0;
    for (size_t i = 0; i < js_count(list); i++) {
        const char *word = js_text(js_at(list, i));
        unsigned role = word ? role_of(word) : 0;
        if (!role)
            return err_set(e, ZE_USAGE, word ? word : "roles",
                _("not a role: applicant, office, system-administrator, security-administrator or auditor"));
        *roles |= role;
    }
    return 0;
}

static const char *state_of(const struct user *u, int64_t now_ns) {
    if (u->disabled) return "disabled";
    return u->expires_ns && now_ns >= u->expires_ns ? "expired" : "active";
}

struct js *api_user_json(const struct user *u, int64_t now_ns) {
    struct js *j = js_object();
    js_set_str(j, "user", u->name);
    js_set_str(j, "full_name", u->full_name);
    js_set_str(j, "department", *u->department ? u->department : NULL);
    js_set(j, "roles", api_roles_json(u->roles));
    js_set_str(j, "state", state_of(u, now_ns));
    js_set_bool(j, "codes", u->has_totp);
    js_set_bool(j, "must_change", u->must_change);
    js_set_int(j, "failures", u->failures);
    js_set_time(j, "created", u->created_ns);
    js_set_time(j, "last_login", u->login_ns);
    js_set_time(j, "password_set", u->password_ns);
    js_set_time(j, "expires", u->expires_ns);
    return j;
}

static struct js *caller_json(const struct caller *c) {
    struct js *j = js_object(), *setup = js_array();
    js_set_str(j, "user", c->p.name);
    js_set_str(j, "department", *c->p.department ? c->p.department : NULL);
    js_set(j, "roles", api_roles_json(c->held));
    if (c->setup_password) js_push_str(setup, "password");
    if (c->setup_code) js_push_str(setup, "code");
    js_set(j, "setup", setup);
    return j;
}

/* ---- before and after logging in ---- */

struct js *api_health(struct api_call *c, struct err *e) {
    struct js *j = js_object();
    js_set_bool(j, "ok", true);
    return j;
}

struct js *api_login(struct api_call *c, struct err *e) {
    char token[TOKEN_TEXT];
    struct caller who;
    int64_t expires;
    if (api_people_on(c, e) < 0) return NULL;
    const char *password = js_str(c->body, "password", "");
    if (strlen(password) > PASSWORD_MAX) return err_set(e, ZE_LOGIN, "", _("not let in")), NULL;
    if (people_login(c->d, c->r->source, js_str(c->body, "user", ""), password, js_str(c->body, "code", ""), token,
            &who, &expires, &c->retry_after_s, e) < 0)
        return NULL;
    struct js *j = caller_json(&who);
    js_set_str(j, "token", token);
    js_set_time(j, "expires", expires);
    seal_wipe(token, sizeof token);
    return j;
}

struct js *api_logout(struct api_call *c, struct err *e) {
    if (api_people_on(c, e) < 0 || people_logout(c->d, c->caller, e) < 0) return NULL;
    return js_object();
}

struct js *api_self(struct api_call *c, struct err *e) {
    return caller_json(c->caller);
}

int api_copy_text(const struct js *body, const char *key, char *out, size_t cap, struct err *e) {
    const char *s = js_str(body, key, out);
    size_t n = strlen(s);
    if (n >= cap || !text_is_utf8(s, n)) return err_set(e, ZE_USAGE, key, _("at most %zu bytes of text"), cap - 1);
    if (s != out) memcpy(out, s, n + 1);
    return 0;
}

int api_take_name(const struct js *body, struct user *u, struct err *e) {
    const char *name = js_str(body, "user", "");
    bool taken = !strcmp(name, "zaibeid") || !strcmp(name, "local");
    if (!text_name_ok(name) || taken) return err_set(e, ZE_USAGE, name, _("not a user name: a-z, 0-9 and -"));
    snprintf(u->name, sizeof u->name, "%s", name);
    return 0;
}

struct js *api_first_user(struct api_call *c, struct err *e) {
    struct user u = {.id = 0};
    if (api_people_on(c, e) < 0 || api_take_name(c->body, &u, e) < 0 ||
        api_copy_text(c->body, "full_name", u.full_name, sizeof u.full_name, e) < 0 ||
        people_first(c->d, js_str(c->body, "code", ""), &u, js_str(c->body, "password", ""), e) < 0)
        return NULL;
    c->status = 201;
    return api_user_json(&u, daemon_now(c->d));
}

/* The account is read again when the new password is there, since that takes its time: what others changed meanwhile stays, and
 * whoever proved a password that was replaced meanwhile has proved nothing. */
struct js *api_self_password(struct api_call *c, struct err *e) {
    struct user u, next;
    int64_t now = daemon_now(c->d);
    if (api_people_on(c, e) < 0) return NULL;
    if (!c->caller->session) return err_set(e, ZE_ROLE, c->who->name, _("a token cannot change the password")), NULL;
    db_begin(c->d->db);
    bool known = user_by_id(c->d->db, c->who->id, &next);
    if (db_commit(c->d->db, e) < 0) return NULL;
    char proved[sizeof next.password];
    strcpy(proved, next.password);
    const char *old = js_str(c->body, "old", ""), *new = js_str(c->body, "new", "");
    if (people_proof(c->d, c->caller, old, &c->retry_after_s, e) < 0) return NULL;
    if (!strcmp(new, old)) return err_set(e, ZE_WEAK, c->who->name, _("it is the old one")), NULL;
    if (!known || people_password_set(&next, new, now, e) < 0) return NULL;
    db_begin(c->d->db);
    if (!user_by_id(c->d->db, c->who->id, &u) || strcmp(u.password, proved) != 0) {
        db_abort(c->d->db);
        return err_set(e, ZE_LOGIN, c->who->name, _("the present password is another")), NULL;
    }
    strcpy(u.password, next.password);
    u.password_ns = now, u.must_change = false;
    user_put(c->d->db, &u);
    credential_end_all(c->d->db, u.id, c->caller->credential, false);
    audit_add(c->d->db, now, u.name, "user.password", u.name, NULL);
    return db_commit(c->d->db, e) < 0 ? NULL : api_user_json(&u, now);
}

/* A new secret for codes: shown once, in force when a code proves that it was taken over. */
struct js *api_self_totp(struct api_call *c, struct err *e) {
    struct user u;
    uint8_t secret[TOTP_SECRET];
    char text[TOTP_TEXT], uri[300];
    if (api_people_on(c, e) < 0) return NULL;
    seal_random(secret, sizeof secret);
    db_begin(c->d->db);
    bool known = user_by_id(c->d->db, c->who->id, &u), late = u.has_totp;
    if (known && !late && c->caller->session) {
        secrets_seal(c->d, u.id, secret, u.totp_new);
        u.has_new = true;
        user_put(c->d->db, &u);
        audit_add(c->d->db, daemon_now(c->d), u.name, "user.codes-asked", u.name, NULL);
    }
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!c->caller->session) return err_set(e, ZE_ROLE, u.name, _("a token cannot set up codes")), NULL;
    if (late)
        return err_set(e, ZE_EXISTS, u.name, _("codes are set up; another security administrator can reset them")),
               NULL;
    totp_text(text, secret);
    snprintf(uri, sizeof uri, "otpauth://totp/zaibei:%s?secret=%s&issuer=zaibei", u.name, text);
    struct js *j = js_object();
    js_set_str(j, "secret", text);
    js_set_str(j, "uri", uri);
    seal_wipe(text, sizeof text), seal_wipe(uri, sizeof uri), seal_wipe(secret, sizeof secret);
    return j;
}

struct js *api_self_totp_confirm(struct api_call *c, struct err *e) {
    struct user u;
    uint8_t secret[TOTP_SECRET];
    int64_t now = daemon_now(c->d);
    if (api_people_on(c, e) < 0) return NULL;
    db_begin(c->d->db);
    bool asked = user_by_id(c->d->db, c->who->id, &u) && u.has_new && c->caller->session &&
        secrets_unseal(c->d, u.id, u.totp_new, secret);
    int64_t step = asked ? totp_check(secret, now / NS_PER_S, 0, js_str(c->body, "code", "")) : 0;
    seal_wipe(secret, sizeof secret);
    if (step) {
        memcpy(u.totp, u.totp_new, sizeof u.totp);
        memset(u.totp_new, 0, sizeof u.totp_new);
        u.has_totp = true, u.has_new = false, u.totp_step = step;
        user_put(c->d->db, &u);
        audit_add(c->d->db, now, u.name, "user.codes", u.name, NULL);
    }
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!step) return err_set(e, ZE_LOGIN, u.name, asked ? _("the code is wrong") : _("no codes were asked for")), NULL;
    return api_user_json(&u, now);
}

/* ---- API tokens ---- */

static struct js *token_json(const struct credential *k) {
    struct js *j = js_object();
    js_set_int(j, "token_id", k->id);
    js_set_str(j, "user", k->owner);
    js_set_str(j, "name", k->label);
    js_set(j, "roles", api_roles_json(k->roles));
    js_set_time(j, "created", k->created_ns);
    js_set_time(j, "expires", k->expires_ns);
    js_set_time(j, "used", k->used_ns);
    return j;
}

struct js *api_tokens(struct api_call *c, struct err *e) {
    struct page page;
    char last[24] = "0";
    int64_t user = may_act(c->who->roles, ACT_USER_READ) && http_query(c->r, "all") ? 0 : c->who->id;
    if (api_people_on(c, e) < 0 || api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "tokens", list);
    db_begin(c->d->db);
    size_t n;
    struct credential *k = credential_list(c->d->db, user, page.number, page.limit + 1, &n);
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) {
        js_push(list, token_json(&k[i]));
        snprintf(last, sizeof last, "%lld", (long long)k[i].id);
    }
    if (n > (size_t)page.limit) js_set_str(j, "next", last);
    free(k);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_token_new(struct api_call *c, struct err *e) {
    char text[TOKEN_TEXT];
    unsigned roles = c->who->roles;
    int64_t id;
    if (api_people_on(c, e) < 0 ||
        (js_has(c->body, "roles") && api_roles_take(js_get(c->body, "roles"), &roles, e) < 0) ||
        people_token(
            c->d, c->caller, js_str(c->body, "name", ""), roles, js_int(c->body, "expires_s", 0), text, &id, e) < 0)
        return NULL;
    struct js *j = js_object();
    js_set_int(j, "token_id", id);
    js_set_str(j, "token", text);
    js_set(j, "roles", api_roles_json(roles));
    c->status = 201;
    seal_wipe(text, sizeof text);
    return j;
}

struct js *api_token_revoke(struct api_call *c, struct err *e) {
    uint64_t id = 0;
    if (api_people_on(c, e) < 0) return NULL;
    bool number = text_u64(c->arg[0], INT64_MAX, &id), found = false;
    int64_t user = may_act(c->who->roles, ACT_USER_MANAGE) ? 0 : c->who->id;
    size_t n = 0;
    db_begin(c->d->db);
    struct credential *k = number && id ? credential_list(c->d->db, user, (int64_t)id - 1, 1, &n) : NULL;
    if (n && k[0].id == (int64_t)id) {
        found = true;
        credential_end(c->d->db, k[0].id);
        audit_add(c->d->db, daemon_now(c->d), c->who->name, "token.revoke", c->arg[0], NULL);
    }
    free(k);
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!found) return err_set(e, ZE_NOTFOUND, c->arg[0], _("no such token")), NULL;
    return js_object();
}
