/* Users over the API: what a security administrator does. */
#include <stdlib.h>
#include <string.h>

#include "api_people.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"

struct js *api_users(struct api_call *c, struct err *e) {
    struct page page;
    if (api_people_on(c, e) < 0 || api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "users", list);
    db_begin(c->d->db);
    size_t n;
    struct user *u = user_list(c->d->db, page.after, page.limit + 1, &n);
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) js_push(list, api_user_json(&u[i], daemon_now(c->d)));
    if (n > (size_t)page.limit) js_set_str(j, "next", u[page.limit - 1].name);
    free(u);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

static int take_expires(const struct js *body, struct user *u, struct err *e) {
    if (!js_has(body, "expires")) return 0;
    const char *s = js_str(body, "expires", "");
    u->expires_ns = *s ? hosts_time(body, "expires") : 0;
    return *s && !u->expires_ns ? err_set(e, ZE_USAGE, s, _("expected a time such as 2027-01-31T00:00:00Z")) : 0;
}

/* What of an account others may set: the members that the body has. */
static int take_account(const struct js *body, struct user *u, struct err *e) {
    unsigned roles = u->roles;
    if (api_copy_text(body, "full_name", u->full_name, sizeof u->full_name, e) < 0 ||
        api_copy_text(body, "department", u->department, sizeof u->department, e) < 0 || take_expires(body, u, e) < 0 ||
        (js_has(body, "roles") && api_roles_take(js_get(body, "roles"), &roles, e) < 0) || may_roles(roles, e) < 0)
        return -1;
    u->roles = roles;
    return 0;
}

static struct js *account_detail(const struct user *u) {
    struct js *j = js_object();
    js_set_str(j, "full_name", u->full_name);
    js_set_str(j, "department", u->department);
    js_set(j, "roles", api_roles_json(u->roles));
    js_set_time(j, "expires", u->expires_ns);
    return j;
}

struct js *api_user_add(struct api_call *c, struct err *e) {
    int64_t now = daemon_now(c->d);
    struct user u = {.created_ns = now}, old;
    if (api_people_on(c, e) < 0 || api_take_name(c->body, &u, e) < 0 || take_account(c->body, &u, e) < 0 ||
        people_password_set(&u, js_str(c->body, "password", ""), now, e) < 0)
        return NULL;
    u.must_change = true;
    db_begin(c->d->db);
    bool exists = user_get(c->d->db, u.name, &old);
    if (!exists) {
        user_put(c->d->db, &u);
        audit_add(c->d->db, now, c->who->name, "user.add", u.name, account_detail(&u));
    }
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (exists) return err_set(e, ZE_EXISTS, u.name, _("there is a user of this name")), NULL;
    c->status = 201;
    return api_user_json(&u, now);
}

struct js *api_user_show(struct api_call *c, struct err *e) {
    struct user u;
    if (api_people_on(c, e) < 0) return NULL;
    db_begin(c->d->db);
    bool found = user_get(c->d->db, c->arg[0], &u);
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!found) return err_set(e, ZE_NOTFOUND, c->arg[0], _("no such user")), NULL;
    return api_user_json(&u, daemon_now(c->d));
}

/* A change by a security administrator: ${change} edits the account as it is in this transaction, so that no other change of
 * it is undone. Its sessions and tokens end where they might say more than the account does now; one security administrator
 * remains; nobody does it to themselves. */
static struct js *change(struct api_call *c, const char *act, bool ends,
    int (*edit)(struct api_call *, struct user *, struct err *), struct err *e) {
    struct user u;
    int64_t now = daemon_now(c->d);
    if (api_people_on(c, e) < 0) return NULL;
    db_begin(c->d->db);
    int rc = user_get(c->d->db, c->arg[0], &u) ? 0 : err_set(e, ZE_NOTFOUND, c->arg[0], _("no such user"));
    if (rc == 0 && u.id == c->who->id) rc = err_set(e, ZE_OWNROLES, u.name, "%s", act);
    if (rc < 0 || edit(c, &u, e) < 0) return db_abort(c->d->db), NULL;
    user_put(c->d->db, &u);
    if (ends) credential_end_all(c->d->db, u.id, 0, true);
    audit_add(c->d->db, now, c->who->name, act, u.name, account_detail(&u));
    if (!user_keepers(c->d->db, now, 0)) {
        db_abort(c->d->db);
        return err_set(e, ZE_LASTADMIN, u.name, _("nobody else could manage users")), NULL;
    }
    return db_commit(c->d->db, e) < 0 ? NULL : api_user_json(&u, now);
}

static int edit_account(struct api_call *c, struct user *u, struct err *e) { return take_account(c->body, u, e); }
static int edit_disable(struct api_call *c, struct user *u, struct err *e) { return u->disabled = true, 0; }
static int edit_enable(struct api_call *c, struct user *u, struct err *e) {
    return u->disabled = false, u->failures = 0, 0;
}
static int edit_unlock(struct api_call *c, struct user *u, struct err *e) { return u->failures = 0, 0; }

static int edit_password(struct api_call *c, struct user *u, struct err *e) {
    if (people_password_set(u, js_str(c->body, "password", ""), daemon_now(c->d), e) < 0) return -1;
    u->must_change = true, u->failures = 0;
    return 0;
}

static int edit_totp(struct api_call *c, struct user *u, struct err *e) {
    u->has_totp = u->has_new = false;
    return 0;
}

struct js *api_user_set(struct api_call *c, struct err *e) {
    return change(c, "user.set", true, edit_account, e);
}
struct js *api_user_disable(struct api_call *c, struct err *e) {
    return change(c, "user.disable", true, edit_disable, e);
}
struct js *api_user_enable(struct api_call *c, struct err *e) {
    return change(c, "user.enable", false, edit_enable, e);
}
struct js *api_user_unlock(struct api_call *c, struct err *e) {
    return change(c, "user.unlock", false, edit_unlock, e);
}
struct js *api_user_password(struct api_call *c, struct err *e) {
    return change(c, "user.password", true, edit_password, e);
}
struct js *api_user_totp(struct api_call *c, struct err *e) {
    return change(c, "user.codes-reset", true, edit_totp, e);
}
