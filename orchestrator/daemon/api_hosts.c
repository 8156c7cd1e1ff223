/* Hosts, tokens and points over the API: all of it is the vault's, which is asked each time. When the vault cannot be asked,
 * the list of hosts is the catalog's copy and says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "lists.h"
#include "wire/token.h"
#include "witness.h"

static struct js *host_json(const struct host *h, int64_t now_ns) {
    struct js *j = js_object();
    js_set_str(j, "host", h->name);
    js_set_str(j, "host_id", h->host_id);
    js_set_str(j, "system", h->system);
    js_set_str(j, "state", *h->state ? h->state : "unknown");
    js_set_time(j, "enrolled", h->enrolled_ns);
    js_set_int(j, "points", h->points);
    js_set_time(j, "seen", h->seen_ns);
    js_set_str(j, "agent_version", h->agent_version);
    if (hosts_rpo_s(h, now_ns) >= 0) {
        js_set_int(j, "last_point", h->last_point);
        js_set_time(j, "last_time", h->last_time_ns);
        js_set_int(j, "rpo_s", hosts_rpo_s(h, now_ns));
    }
    return j;
}

struct js *api_hosts(struct api_call *c, struct err *e) {
    struct err stale = ERR_INIT;
    struct page page;
    struct filter f;
    int64_t now = daemon_now(c->d);
    if (api_page(c, &page, e) < 0 || filter_of(c, &f, e) < 0) return NULL;
    int rc = hosts_fresh(c->d, &stale);
    struct js *j = js_object(), *list = js_array();
    js_set(j, "hosts", list);
    if (rc < 0) js_set_str(j, "stale", stale.msg); /* the vault was not asked: what was known last */
    db_begin(c->d->db);
    size_t n;
    char(*names)[64] = list_hosts(c->d->db, &f, &page, &n);
    for (size_t i = 0; i < n && i < (size_t)page.limit; i++) {
        struct host h;
        char why[200];
        if (!catalog_host_get(c->d->db, names[i], &h)) continue;
        struct js *x = host_json(&h, now);
        if (witness_why(c->d->db, names[i], why)) js_set_str(x, "state", "behind"), js_set_str(x, "behind", why);
        js_push(list, x);
    }
    if (n > (size_t)page.limit) js_set_str(j, "next", names[page.limit - 1]);
    free(names);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

/* The place of the sshd, "user@host:port" or "user@[v6]:port". */
static bool split_ssh(const char *s, struct token *t) {
    const char *at = strrchr(s, '@'), *colon = strrchr(s, ':');
    uint64_t port = 22;
    if (!at || (colon && colon < at)) return false;
    bool v6 = at[1] == '[';
    const char *host = at + 1 + v6, *end = v6 ? strchr(host, ']') : colon ? colon : at + strlen(at);
    if (!end || end == host || (size_t)(end - host) >= sizeof t->host || (size_t)(at - s) >= sizeof t->user)
        return false;
    if (v6 && end[1] && end[1] != ':') return false;
    if (v6 && !end[1]) colon = NULL;
    if (colon && (!text_u64(colon + 1, 65535, &port) || !port)) return false;
    snprintf(t->user, sizeof t->user, "%.*s", (int)(at - s), s);
    snprintf(t->host, sizeof t->host, "%.*s", (int)(end - host), host);
    t->port = (unsigned)port;
    return true;
}

static bool take_key(const struct js *a, const char *key, uint8_t out[32]) {
    const char *s = js_str(a, key, "");
    return b64_decode(out, 32, s, strlen(s)) == 32;
}

struct js *api_host_token(struct api_call *c, struct err *e) {
    const struct config *cfg = c->d->cfg;
    const char *host = c->arg[0], *system = js_str(c->body, "system", "");
    int64_t expires = js_int(c->body, "expires_s", 86400);
    struct token t = {.port = 22};
    if (!text_name_ok(host)) return err_set(e, ZE_USAGE, host, _("not a host name: a-z, 0-9 and -")), NULL;
    if (!text_name_ok(system)) return err_set(e, ZE_USAGE, system, _("not a system name: a-z, 0-9 and -")), NULL;
    if (expires < 60 || expires > (int64_t)30 * 86400)
        return err_set(e, ZE_USAGE, host, _("a token may be valid from one minute to 30 days")), NULL;
    if (!cfg->ssh || !split_ssh(cfg->ssh, &t))
        return err_set(e, ZE_CONFIG, cfg->file, _("vault.ssh: expected user@host:port")), NULL;
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "token");
    js_set_str(q, "host", host);
    js_set_str(q, "system", system);
    js_set_int(q, "expires_s", expires);
    struct js *detail = js_object();
    js_set_str(detail, "system", system);
    js_set_int(detail, "expires_s", expires);
    if (api_record(c, "host.token", host, detail, e) < 0) return NULL;
    if (control_call(&c->d->control, q, &a, e) < 0) return NULL;
    memcpy(t.host_key, cfg->host_key, sizeof t.host_key);
    if (!take_key(a, "seed", t.seed) || !take_key(a, "vault_key", t.vault_key))
        return err_set(e, ZE_PROTO, "vault control", _("a token without its keys")), NULL;
    struct buf line;
    buf_init(&line, 4096);
    struct js *j = NULL;
    if (token_put(&line, &t, e) == 0) {
        j = js_object();
        js_set_str(j, "host", host);
        js_set_str(j, "system", system);
        js_set_str(j, "token", (char *)line.p);
        js_set_str(j, "expires", js_str(a, "expires", NULL));
        c->status = 201;
        daemon_log(c->d, _("an enrol token was made for host %s of system %s"), host, system);
    }
    if (line.p) seal_wipe(line.p, line.cap);
    buf_free(&line);
    seal_wipe(&t, sizeof t);
    return j;
}

static struct js *reason_of(struct api_call *c) {
    struct js *j = js_object();
    js_set_str(j, "reason", js_str(c->body, "reason", ""));
    return j;
}

struct js *api_host_revoke(struct api_call *c, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "revoke");
    js_set_str(q, "host", c->arg[0]);
    js_set_str(q, "reason", js_str(c->body, "reason", ""));
    if (api_record(c, "host.revoke.asked", c->arg[0], reason_of(c), e) < 0) return NULL;
    if (control_call(&c->d->control, q, &a, e) < 0) return NULL;
    atomic_store(&c->d->hosts_stale, true);
    int64_t now = daemon_now(c->d);
    db_begin(c->d->db);
    db_exec(c->d->db, "UPDATE hosts SET state='revoked' WHERE name=?", "s", c->arg[0]);
    audit_add(c->d->db, now, c->who->name, "host.revoke", c->arg[0], reason_of(c));
    if (db_commit(c->d->db, e) < 0) return NULL;
    daemon_log(c->d, _("host %s is revoked"), c->arg[0]);
    struct js *j = js_object();
    js_set_str(j, "host", c->arg[0]);
    js_set_str(j, "state", "revoked");
    return j;
}

struct js *api_points(struct api_call *c, struct err *e) {
    struct page page;
    if (api_page(c, &page, e) < 0) return NULL;
    CLEANUP_JS struct js *points = hosts_points(c->d, c->arg[0], e);
    if (!points) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "points", list);
    int64_t last = 0, left = page.limit;
    for (size_t i = 0; i < js_count(points); i++) {
        struct js *p = js_copy(js_at(points, i));
        if (js_int(p, "point", 0) <= page.number || left < 0) {
            js_free(p);
        } else if (!left--) {
            char next[24];
            snprintf(next, sizeof next, "%lld", (long long)last);
            js_set_str(j, "next", next);
            js_free(p);
        } else {
            last = js_int(p, "point", 0);
            js_set_str(p, "host", c->arg[0]);
            js_push(list, p);
        }
    }
    return j;
}

struct js *api_point_show(struct api_call *c, struct err *e) {
    CLEANUP_JS struct js *points = hosts_points(c->d, c->arg[0], e);
    if (!points) return NULL;
    uint64_t n;
    size_t count = js_count(points);
    bool latest = !strcmp(c->arg[1], "latest"), number = text_u64(c->arg[1], UINT32_MAX, &n);
    for (size_t i = count; i-- > 0;) {
        struct js *p = js_at(points, i);
        if (!latest && (!number || js_int(p, "point", -1) != (int64_t)n)) continue;
        struct js *found = js_copy(p);
        js_set_str(found, "host", c->arg[0]);
        return found;
    }
    char name[140];
    snprintf(name, sizeof name, "%s/%s", c->arg[0], c->arg[1]);
    err_set(e, ZE_NOTFOUND, name, _("no such restore point"));
    return NULL;
}
