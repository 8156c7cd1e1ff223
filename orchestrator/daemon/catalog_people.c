/* Statements, and nothing that decides: what may be done is in people.c and gate.c. */
#include "catalog_people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDEM_KEPT_S = 86400 };
static const int64_t second = 1000000000;

#define USER                                                                                                       \
    "SELECT id,name,full_name,department,password,roles,disabled,must_change,totp,totp_new,totp_step,password_ns," \
    "expires_ns,failures,failed_ns,created_ns,login_ns FROM users "

static bool take_secret(struct db_rows *r, int column, uint8_t out[TOTP_SEALED]) {
    size_t n = 0;
    const void *p = db_blob(r, column, &n);
    if (n == TOTP_SEALED) memcpy(out, p, n);
    return n == TOTP_SEALED;
}

static bool read_user(struct db_rows *r, struct user *u) {
    *u = (struct user){.id = 0};
    if (!db_next(r)) return false;
    u->id = db_int(r, 0);
    snprintf(u->name, sizeof u->name, "%s", db_text(r, 1));
    snprintf(u->full_name, sizeof u->full_name, "%s", db_text(r, 2));
    snprintf(u->department, sizeof u->department, "%s", db_text(r, 3));
    snprintf(u->password, sizeof u->password, "%s", db_text(r, 4));
    u->roles = (unsigned)db_int(r, 5), u->disabled = db_int(r, 6) != 0, u->must_change = db_int(r, 7) != 0;
    u->has_totp = take_secret(r, 8, u->totp), u->has_new = take_secret(r, 9, u->totp_new);
    u->totp_step = db_int(r, 10), u->password_ns = db_int(r, 11), u->expires_ns = db_int(r, 12);
    u->failures = db_int(r, 13), u->failed_ns = db_int(r, 14);
    u->created_ns = db_int(r, 15), u->login_ns = db_int(r, 16);
    return true;
}

bool user_get(struct db *d, const char *name, struct user *u) {
    struct db_rows *r = db_query(d, USER "WHERE name=?", "s", name);
    bool found = read_user(r, u);
    db_done(r);
    return found;
}

bool user_by_id(struct db *d, int64_t id, struct user *u) {
    struct db_rows *r = db_query(d, USER "WHERE id=?", "i", id);
    bool found = read_user(r, u);
    db_done(r);
    return found;
}

void user_put(struct db *d, struct user *u) {
    if (!u->id) {
        db_exec(d, "INSERT INTO users(name,created_ns) VALUES(?,?)", "si", u->name, u->created_ns);
        u->id = db_last_id(d);
    }
    db_exec(d,
        "UPDATE users SET full_name=?,department=?,password=?,roles=?,disabled=?,must_change=?,totp=?,totp_new=?,"
        "totp_step=?,password_ns=?,expires_ns=?,failures=?,failed_ns=?,login_ns=? WHERE id=?",
        "sssiiibbiiiiiii", u->full_name, u->department, u->password, (int64_t)u->roles, (int64_t)u->disabled,
        (int64_t)u->must_change, (const void *)u->totp, u->has_totp ? sizeof u->totp : (size_t)0,
        (const void *)u->totp_new, u->has_new ? sizeof u->totp_new : (size_t)0, u->totp_step, u->password_ns,
        u->expires_ns, u->failures, u->failed_ns, u->login_ns, u->id);
}

struct user *user_list(struct db *d, const char *after, int64_t limit, size_t *n) {
    struct user *list = calloc((size_t)limit, sizeof *list);
    struct db_rows *r = db_query(d, USER "WHERE name>? ORDER BY name LIMIT ?", "si", after, limit);
    *n = 0;
    while (list && *n < (size_t)limit && read_user(r, &list[*n])) ++*n;
    db_done(r);
    return list;
}

int64_t user_keepers(struct db *d, int64_t now_ns, int64_t but) {
    struct db_rows *r = db_query(d,
        "SELECT count(*) FROM users WHERE id<>? AND roles&? AND NOT disabled AND password<>'' AND "
        "(expires_ns=0 OR expires_ns>?)",
        "iii", but, (int64_t)ROLE_SECURITY_ADMIN, now_ns);
    int64_t n = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return n;
}

/* ---- sessions and tokens ---- */

static bool read_credential(struct db_rows *r, struct credential *c) {
    *c = (struct credential){.id = 0};
    if (!db_next(r)) return false;
    c->id = db_int(r, 0), c->user = db_int(r, 1), c->session = db_int(r, 2) != 0;
    snprintf(c->label, sizeof c->label, "%s", db_text(r, 3));
    c->roles = (unsigned)db_int(r, 4), c->created_ns = db_int(r, 5), c->expires_ns = db_int(r, 6);
    c->idle_ns = db_int(r, 7), c->used_ns = db_int(r, 8);
    snprintf(c->owner, sizeof c->owner, "%s", db_text(r, 9));
    return true;
}

#define CREDENTIAL                                                                                            \
    "SELECT c.id,c.user,c.session,c.label,c.roles,c.created_ns,c.expires_ns,c.idle_ns,c.used_ns,u.name FROM " \
    "credentials c "                                                                                          \
    "JOIN users u ON u.id=c.user "

bool credential_find(struct db *d, const uint8_t hash[SEAL_HASH], struct credential *c) {
    struct db_rows *r = db_query(d, CREDENTIAL "WHERE c.hash=?", "b", (const void *)hash, (size_t)SEAL_HASH);
    bool found = read_credential(r, c);
    db_done(r);
    return found;
}

int64_t credential_add(struct db *d, const struct credential *c, const uint8_t hash[SEAL_HASH]) {
    db_exec(d,
        "INSERT INTO credentials(user,session,label,roles,created_ns,expires_ns,idle_ns,used_ns,hash) "
        "VALUES(?,?,?,?,?,?,?,?,?)",
        "iisiiiiib", c->user, (int64_t)c->session, c->label, (int64_t)c->roles, c->created_ns, c->expires_ns,
        c->idle_ns, c->used_ns, (const void *)hash, (size_t)SEAL_HASH);
    return db_last_id(d);
}

void credential_used(struct db *d, int64_t id, int64_t now_ns) {
    db_exec(d, "UPDATE credentials SET used_ns=? WHERE id=?", "ii", now_ns, id);
}

void credential_end(struct db *d, int64_t id) { db_exec(d, "DELETE FROM credentials WHERE id=?", "i", id); }

void credential_end_all(struct db *d, int64_t user, int64_t but, bool tokens) {
    db_exec(d, "DELETE FROM credentials WHERE user=? AND id<>? AND (session OR ?)", "iii", user, but, (int64_t)tokens);
}

void credential_forget(struct db *d, int64_t now_ns) {
    db_exec(d, "DELETE FROM credentials WHERE expires_ns<? OR (idle_ns AND used_ns+idle_ns<?)", "ii", now_ns, now_ns);
}

struct credential *credential_list(struct db *d, int64_t user, int64_t after, int64_t limit, size_t *n) {
    struct credential *list = calloc((size_t)limit, sizeof *list);
    struct db_rows *r =
        db_query(d, CREDENTIAL "WHERE NOT c.session AND (?1=0 OR c.user=?1) AND c.id>?2 ORDER BY c.id LIMIT ?3", "iii",
            user, after, limit);
    *n = 0;
    while (list && *n < (size_t)limit && read_credential(r, &list[*n])) ++*n;
    db_done(r);
    return list;
}

/* ---- failures, departments ---- */

void source_get(struct db *d, const char *source, int64_t *failures, int64_t *failed_ns) {
    struct db_rows *r = db_query(d, "SELECT failures,failed_ns FROM sources WHERE source=?", "s", source);
    bool found = db_next(r);
    *failures = found ? db_int(r, 0) : 0;
    *failed_ns = found ? db_int(r, 1) : 0;
    db_done(r);
}

void source_put(struct db *d, const char *source, int64_t failures, int64_t failed_ns) {
    db_exec(d, "INSERT OR REPLACE INTO sources(source,failures,failed_ns) VALUES(?,?,?)", "sii", source, failures,
        failed_ns);
    db_exec(d, "DELETE FROM sources WHERE failed_ns<?", "i", failed_ns - 86400 * second);
}

void reach_put(struct db *d, const char *plan, const char *department, const char *const *hosts, size_t n) {
    db_exec(d, "DELETE FROM reach WHERE plan=?", "s", plan);
    for (size_t i = 0; i < n; i++)
        db_exec(
            d, "INSERT OR REPLACE INTO reach(plan,host,department) VALUES(?,?,?)", "sss", plan, hosts[i], department);
}

static bool any(struct db_rows *r) {
    bool found = db_next(r);
    db_done(r);
    return found;
}

bool reach_plan(struct db *d, const char *plan, const char *department) {
    return any(db_query(d, "SELECT 1 FROM plans WHERE name=? AND department=? LIMIT 1", "ss", plan, department));
}

bool reach_host(struct db *d, const char *host, const char *department) {
    return any(db_query(d, "SELECT 1 FROM reach WHERE host=? AND department=? LIMIT 1", "ss", host, department));
}

/* ---- idempotency ---- */

bool idem_begin(
    struct db *d, const char *who, const char *key, const uint8_t hash[SEAL_HASH], int64_t now_ns, struct idem *was) {
    *was = (struct idem){.status = 0};
    db_exec(d, "DELETE FROM idempotency WHERE time_ns<?", "i", now_ns - IDEM_KEPT_S * second);
    struct db_rows *r = db_query(d, "SELECT hash,status,answer FROM idempotency WHERE who=? AND key=?", "ss", who, key);
    bool known = db_next(r);
    if (known) {
        size_t n;
        const void *p = db_blob(r, 0, &n);
        if (n == SEAL_HASH) memcpy(was->hash, p, n);
        was->status = (int)db_int(r, 1);
        was->answer = strdup(db_text(r, 2));
    }
    db_done(r);
    if (!known)
        db_exec(d, "INSERT INTO idempotency(who,key,hash,status,answer,time_ns) VALUES(?,?,?,0,'',?)", "ssbi", who, key,
            (const void *)hash, (size_t)SEAL_HASH, now_ns);
    return known;
}

void idem_end(struct db *d, const char *who, const char *key, int status, const char *answer) {
    if (status)
        db_exec(d, "UPDATE idempotency SET status=?,answer=? WHERE who=? AND key=?", "isss", (int64_t)status, answer,
            who, key);
    else db_exec(d, "DELETE FROM idempotency WHERE who=? AND key=?", "ss", who, key);
}
